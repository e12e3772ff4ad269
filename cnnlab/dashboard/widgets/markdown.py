"""This module makes what people typed safe to stand in Streamlit's Markdown and in a table that a spreadsheet may open."""

import re

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_BREAK = "\N{WORD JOINER}"


_FORMULA = tuple("=+-@＝＋－＠")


def cell(text: str) -> str:
    """Return `text` for a table: a spreadsheet that opens the table's download takes it for a word, never for a
    formula.
    """
    return _BREAK + text if text.startswith(_FORMULA) else text


def escape(text: str) -> str:
    """Return `text` on one line, to be shown letter by letter: no link, formula, icon, colour or HTML comes of it.

    Backslashes stop the parser; invisible word joiners stop what works on the parsed text afterwards (Streamlit's
    `:material/…:`, `:smile:` and `->`, and the bare addresses that GitHub's Markdown turns into links).
    """
    line = " ".join(text.split())
    broken = re.sub(r"([:@]|www|<(?=-)|-(?=[->]))", rf"\1{_BREAK}", line, flags=re.IGNORECASE)
    return _PUNCTUATION.sub(r"\\\1", broken)
