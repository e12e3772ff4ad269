"""Every sentence that cnnlab shows to people, with its place: `python -m tests.sentences [FOLDER …]`.

For reading them all in one go. A text counts as one to be read when it has three words; f-strings show {…} for what is
put in. Docstrings are left out.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEAST_WORDS = 3


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """The line and the words of each text for people in a module."""
    tree = ast.parse(source)
    inner: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner.add(node.value)  # a docstring
        if isinstance(node, ast.JoinedStr):
            inner.update(node.values)
    for node in ast.walk(tree):
        if node in inner:
            continue
        text = _text(node)
        if len(text.split()) >= LEAST_WORDS and any(letter.isalpha() for letter in text):
            yield node.lineno, " ".join(text.split())  # type: ignore[attr-defined]


def _text(node: ast.AST) -> str:
    """The text of a string, {…} standing for what an f-string puts in; "" for any other node."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "{…}" for part in node.values)
    return ""


def main() -> None:
    """Print the sentences of the folders asked for, else of the whole product."""
    for folder in sys.argv[1:] or ["cnnlab", "pages"]:
        place = ROOT / folder
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            for line, text in sorted(sentences(path.read_text())):
                print(f"{path.relative_to(ROOT)}:{line}: {text}")


if __name__ == "__main__":
    main()
