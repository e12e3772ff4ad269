"""This module checks the names and notes that people give to runs and to themselves."""

import unicodedata

from cnnlab.formatting import count
from cnnlab.runs.errors import StoreError

NAME_LENGTH = 60
PERSON_LENGTH = 40
NOTE_LENGTH = 2_000
_JOINERS = str.maketrans("", "", "\u200c\u200d")  # unprintable by themselves, but Persian, Hindi and emoji need them


def clean_name(name: str) -> str:
    """Return the name of a run in NFC, without space around it.

    Raises StoreError where the name is empty, too long or unprintable.
    """
    return _clean(name, "a run", NAME_LENGTH)


def clean_person(name: str) -> str:
    """Return the name of a person in NFC, without space around it.

    Raises StoreError where the name is empty, too long or unprintable.
    """
    return _clean(name, "a person", PERSON_LENGTH)


def _clean(name: str, what: str, most: int) -> str:
    name = unicodedata.normalize("NFC", name).strip()
    visible = name.translate(_JOINERS)
    if not visible.strip():
        raise StoreError(f"{what.capitalize()} needs a name of at least one character.")
    if len(name) > most:
        raise StoreError(f"The name of {what} may have at most {most} characters; this one has {len(name)}.")
    if not visible.isprintable():
        raise StoreError(f"The name of {what} must be one line of printable characters.")
    return name


def clean_note(note: str) -> str:
    """Return the note of a run in NFC, without space around it; its lines are kept.

    Raises StoreError where the note is too long or unprintable.
    """
    note = unicodedata.normalize("NFC", note.replace("\r\n", "\n")).strip()
    if len(note) > NOTE_LENGTH:
        raise StoreError(f"A note may have at most {count(NOTE_LENGTH)} characters; this one has {count(len(note))}.")
    if not note.translate(_JOINERS).translate(str.maketrans("", "", "\n\t")).isprintable():
        raise StoreError("A note may hold only printable characters and line breaks.")
    return note
