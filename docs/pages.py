"""Pages of the site that are made at each build: the reference, and the top level's CONTRIBUTING and CHANGELOG.

A hook of mkdocs (see mkdocs.yml). It also turns links to sources, which lead into the repository, into links to pages.
"""

import re
from pathlib import Path

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gan_lab"
TOP = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for room in rooms():
        files.append(File.generated(config, f"reference/{room}.md", content=reference(room)))
    for page, source in TOP.items():
        text = (ROOT / source).read_text().replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    markdown = re.sub(r"\]\(\.\./gan_lab/([\w/]+)\.py\)", lambda match: f"]({place(match[1])})", markdown)
    return markdown.replace("](../CONTRIBUTING.md)", "](contributing.md)")


def rooms() -> list[str]:
    """Folders and single modules of the package, without those that only call a command of cli/."""
    modules = [path.stem for path in PACKAGE.glob("*.py") if "__main__" not in path.read_text()]
    folders = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    return sorted({*modules, *folders} - {"__init__", "version"})


def reference(room: str) -> str:
    """The room itself, then each of its modules under a heading of its own."""
    folder = PACKAGE / room
    parts = [f"---\ntitle: {room}\n---\n", shown(f"gan_lab.{room}", heading_level=1)]
    for path in sorted(folder.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if module != f"gan_lab.{room}":
            parts.append(shown(module))
    return "\n".join(parts)


def shown(module: str, heading_level: int = 2) -> str:
    """The block that makes mkdocstrings show a module; of a package its docstring, without what it imports."""
    lines = [f"::: {module}", "    options:", f"      heading_level: {heading_level}"]
    if (ROOT / module.replace(".", "/")).is_dir():
        lines.append("      members: false")
    return "\n".join(lines) + "\n"


def place(source: str) -> str:
    """Where the reference shows a source file, given by its path in the package without .py."""
    room = source.split("/")[0]
    return f"reference/{room}.md#gan_lab.{source.replace('/', '.')}"


class WithoutCopies(griffe.Extension):
    """Leaves out attributes that a constructor merely assigns: its signature shows them."""

    def on_class_members(self, *, cls: griffe.Class, **_: object) -> None:
        for name, attribute in list(cls.attributes.items()):
            if attribute.labels == {"instance-attribute"} and attribute.value and not attribute.docstring:
                del cls.members[name]
