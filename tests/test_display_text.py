"""Text that is made for people decides nothing: its words may be changed, or translated, and all works as before."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnnlab.app_config import PROJECT
from cnnlab.presets import PRESETS, named
from cnnlab.schema import SETTINGS

FOR_PEOPLE = {
    *("label", "title", "heading", "help", "message", "sentence", "sentences", "says", "summary", "reason", "note"),
    *("machine", "word", "words", "caption"),
}
"""Attributes whose value is shown to people."""
READING = {"startswith", "endswith", "partition", "rpartition", "split", "rsplit", "find", "index", "removeprefix"}
CHOICES = {"selectbox", "radio", "segmented_control", "pills", "multiselect", "select_slider"}
FILES = {PROJECT / "streamlit_app.py", *(PROJECT / "pages").glob("*.py"), *(PROJECT / "cnnlab").rglob("*.py")}


def decisions(tree: ast.AST) -> Iterator[str]:
    """The places where code compares, searches or looks up by text for people."""
    return (f"line {node.lineno}: {ast.unparse(node)}" for node in ast.walk(tree) if _decides(node))


def _decides(node: ast.AST) -> bool:
    match node:
        case ast.Compare():
            looked_at = [] if all(isinstance(way, ast.Is | ast.IsNot) for way in node.ops) else [node.left]
            return any(map(_for_people, looked_at and [*looked_at, *node.comparators]))
        case ast.Call(func=ast.Attribute(attr=way, value=text)) if way in READING:
            return isinstance(text, ast.Attribute) and _for_people(text)
        case ast.Call(func=ast.Attribute(attr=widget)) if widget in CHOICES:
            options = [*node.args[1:2], *(keyword.value for keyword in node.keywords if keyword.arg == "options")]
            return any(isinstance(each, ast.Constant) and _for_people(each) for o in options for each in ast.walk(o))
        case ast.Subscript(slice=key) | ast.DictComp(key=key):
            return isinstance(key, ast.Attribute) and _for_people(key)
    return False


def _for_people(node: ast.AST) -> bool:
    """An attribute that is shown, or a constant that is a sentence or begins like one."""
    if isinstance(node, ast.Attribute):
        return node.attr in FOR_PEOPLE and ast.unparse(node) != "picture.label"  # that is the number of a class
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value.strip()
        return " " in text or (text[:1].isupper() and not text.isupper())
    return False


@pytest.mark.parametrize("path", sorted(FILES), ids=lambda path: str(path.relative_to(PROJECT)))
def test_nothing_is_decided_by_words(path: Path) -> None:
    """No comparison with, search in or look-up by what people read; a choice is made among things, not their names."""
    assert list(decisions(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "code",
    [
        'answer.machine.startswith("NVIDIA")',
        'row.label == "conv1"',
        'what == "Continue"',
        '"is damaged" in fault',
        "columns[setting.label]",
        "{setting.label: 1 for setting in settings}",
        'st.segmented_control("How", ["Grid", "Random"], default="Grid")',
    ],
)
def test_such_code_would_be_found(code: str) -> None:
    """Each kind that has stood here once."""
    assert list(decisions(ast.parse(code)))


def test_what_things_are_found_by_is_unique() -> None:
    """Streamlit tells the columns and rows of a table apart by their headings, and a preset is asked for by its name."""
    labels = [setting.label for setting in SETTINGS.values()]
    assert len(set(labels)) == len(labels)
    of_runs = {"●", "Run", "Status", "Whose", "Train", "Train sample", "Validation", "Test", "Test, augmented", "Gap"}
    assert not {*of_runs, "Best epoch", "Epoch", "Training time", "Started"} & set(labels)
    assert all(named(preset.name.upper()) is preset for preset in PRESETS)
