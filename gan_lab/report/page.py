"""HTML page in one file: template, style, scripts and data.

The page asks no network: its Content-Security-Policy forbids it, and lets only two scripts run, the lab's and Plotly's,
by their digests. Data are JSON in an element of their own, never code.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gan_lab.errors import UserError
from gan_lab.io.strict_json import finite

TEMPLATES = Path(__file__).parent / "templates"
DIGITS = 6  # of a number in a page
EXTRA = "pip install 'gan_lab[report]'"
ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def render(template: str, content: Mapping[str, Any], **words: Any) -> str:
    """The page of this template, with `words` in its text and `content` for its script.

    Raises:
        UserError: a package of the extra `report` is not installed.
    """
    check_packages()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    plotly, digest = _plotly()
    script = (TEMPLATES / "page.js").read_text()
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(template).render(
        words,
        policy=_policy(_digest(script.encode()), digest),
        style=(TEMPLATES / "page.css").read_text(),
        script=script,
        plotly=plotly,
        content=embedded(content),
    )


def check_packages() -> None:
    """Raises UserError where a package of the extra `report` is not installed."""
    for name in ("jinja2", "plotly"):
        if find_spec(name) is None:
            raise UserError(f"report: needs {EXTRA} (no package {name})")


def embedded(data: Any) -> str:
    """JSON that stays data inside an HTML element: no character of it can end the element or begin another.

    Numbers that JSON does not have (NaN, infinity) become null.
    """
    text = json.dumps(finite(data, DIGITS), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for character, escape in ESCAPED.items():
        text = text.replace(character, escape)
    return text


def _policy(*digests: str) -> str:
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    styles = "style-src 'unsafe-inline'"  # Plotly places its marks by style
    return (
        f"default-src 'none'; script-src {scripts}; {styles}; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _digest(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@cache
def _plotly() -> tuple[str, str]:
    """Plotly's script, compressed as a browser can undo it (zlib, base64), and its digest: 2 MB in place of 4.8."""
    spec = find_spec("plotly")
    assert spec is not None and spec.submodule_search_locations
    code = (Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js").read_bytes()
    return base64.b64encode(zlib.compress(code, 4)).decode(), _digest(code)
