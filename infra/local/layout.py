"""Compiles what an email looks like, infra/messages/email.mjml, into the HTML that runs: python -m infra.local.layout

MJML makes of few words the nested tables that mail clients understand. Done here and not in production, a sender needs
no compiler: decision 14.
"""

import re
from pathlib import Path

from mjml import mjml2html

from infra.local.template import ROOT

SOURCE = ROOT / "infra" / "messages" / "email.mjml"
COMPILED = SOURCE.with_suffix(".html")
_LEFT_OVER = re.compile(r"<(mj-[\w-]+)")
"""What the compiler does not know it leaves as it is, and no mail program shows it."""


def text(source: str | None = None) -> str:
    """The HTML, in lines of a length that a change can be read in. Raises `ValueError` for what is no MJML."""
    html = mjml2html(source or SOURCE.read_text(encoding="utf-8"), disable_comments=True, fonts={})
    if unknown := _LEFT_OVER.search(html):
        raise ValueError(f"MJML knows no <{unknown[1]}>")
    return html.replace("><t", ">\n<t").replace("></t", ">\n</t").replace("%}{%", "%}\n{%").rstrip() + "\n"


def write(file: Path = COMPILED) -> None:
    file.write_text(text(), encoding="utf-8")
    print(f"{file} is as {SOURCE.name} says: {len(text()):,} characters")


if __name__ == "__main__":
    write()
