"""What people may call a run and write about it."""

import unicodedata

from cnnlab.runs.database import StoreError

NAME_LENGTH = 60
NOTE_LENGTH = 2_000
_JOINERS = str.maketrans("", "", "\u200c\u200d")  # unprintable by themselves, but Persian, Hindi and emoji need them


def clean_name(name: str) -> str:
    """`name` in NFC, without space around it. Raises StoreError where it is empty, too long or unprintable."""
    name = unicodedata.normalize("NFC", name).strip()
    visible = name.translate(_JOINERS)
    if not visible.strip():
        raise StoreError("A run needs a name of at least one character.")
    if len(name) > NAME_LENGTH:
        raise StoreError(f"The name of a run has at most {NAME_LENGTH} characters; this one has {len(name)}.")
    if not visible.isprintable():
        raise StoreError("The name of a run is one line of printable characters.")
    return name


def clean_note(note: str) -> str:
    """`note` in NFC, without space around it; lines are kept. Raises StoreError where too long or unprintable."""
    note = unicodedata.normalize("NFC", note.replace("\r\n", "\n")).strip()
    if len(note) > NOTE_LENGTH:
        raise StoreError(f"A note has at most {NOTE_LENGTH:,} characters; this one has {len(note):,}.")
    if not note.translate(_JOINERS).translate(str.maketrans("", "", "\n\t")).isprintable():
        raise StoreError("A note is made of printable characters and line breaks.")
    return note
