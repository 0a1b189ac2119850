"""Index page of analyses: one HTML file beside the pictures that it shows."""

from collections.abc import Mapping, Sequence
from html import escape

from gan_lab.analysis.subject import Finding

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2.5rem }
p { max-width: 48rem } img { max-width: 100%; image-rendering: auto; border: 1px solid #ddd }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .15rem .8rem .15rem 0; text-align: left; border-bottom: 1px solid #eee; overflow-wrap: anywhere }
"""


def page(
    title: str, facts: Mapping[str, str], found: Mapping[str, tuple[str, Finding]], left_out: Mapping[str, str]
) -> str:
    """The page. It asks for nothing but the pictures, and all of its text is escaped: names are a stranger's.

    Args:
        title: what is analysed.
        facts: how, by name.
        found: for each analysis the name of its picture's file, and what it found.
        left_out: analyses that do not apply, and why.
    """
    sections = [f"<p>{' · '.join(f'<a href=#{escape(name)}>{escape(name)}</a>' for name in found)}</p>"]
    for name, (file, finding) in found.items():
        sections.append(f"<h2 id={escape(name)}>{escape(name.capitalize())}</h2>")
        sections.append(f'<a href="{escape(file)}"><img src="{escape(file)}" alt="{escape(name)}"></a>')
        sections.append(f"<p>{escape(finding.text)}</p>")
        if finding.table:
            sections.append(_table(finding.table))
    if left_out:
        items = "".join(f"<li>{escape(name)}: {escape(why)}</li>" for name, why in left_out.items())
        sections.append(f"<h2>Left out</h2><ul>{items}</ul>")
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(fact)}</td></tr>" for name, fact in facts.items())
    body = "\n".join([f"<h1>{escape(title)}</h1>", f"<table>{rows}</table>", *sections])
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *others = rows
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in others]
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
