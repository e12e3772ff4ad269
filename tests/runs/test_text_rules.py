"""What people may call a run."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.runs import Run, Store, StoreError
from cnnlab.runs.text_rules import clean_name, clean_note


@given(st.text(max_size=80))
def test_any_text_is_cleaned_or_refused_with_a_sentence(text: str) -> None:
    """What comes out is normalised, short, visible and printable, and cleaning it again changes nothing."""
    try:
        name = clean_name(text)
    except StoreError as error:
        assert str(error).endswith(".")
        return
    assert 1 <= len(name) <= 60
    assert name == unicodedata.normalize("NFC", name) == clean_name(name)
    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Co", "Zl", "Zp"} for c in name)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "![x](http://example.org/x.png)",
        "$\\href{javascript:alert(1)}{x}$",
        ":red[x]",
        "'; DROP TABLE runs; --",
        "CON",
        "👩‍🔬 Versuch 3",
        "میکروب‌ها",
    ],
)
def test_names_that_look_dangerous_are_only_text(store: Store, running: Run, name: str) -> None:
    """A name is a column, never a path or a query: it comes back letter by letter."""
    store.rename(running.id, name)

    assert store.get(running.id).name == unicodedata.normalize("NFC", name)
    assert [path.name for path in store.app_config.runs.iterdir()] == [running.id]


@pytest.mark.parametrize("name", ["", "   ", "\u200d", "a\nb", "a\x00b", "a\u202eb", "a\ud800", "x" * 61])
def test_names_that_are_refused(store: Store, running: Run, name: str) -> None:
    """Empty, invisible, too long, of several lines, or turning the writing round: a sentence, and the old name stays."""
    with pytest.raises(StoreError, match="name"):
        store.rename(running.id, name)

    assert store.get(running.id).name == running.name


def test_notes_keep_their_lines_and_have_a_length() -> None:
    """2,000 characters, line breaks kept."""
    assert clean_note("  one\r\ntwo ") == "one\ntwo"
    assert clean_note("") == ""
    assert len(clean_note("x" * 2_000)) == 2_000
    for bad in ("x" * 2_001, "a\x00"):
        with pytest.raises(StoreError, match="note"):
            clean_note(bad)
