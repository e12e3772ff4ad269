"""This module makes and checks the pass that a browser carries after signing in: a signed cookie for some hours.

Nobody else can make or change a pass. One that was given back is noted in a folder of the home, so that it stays ended
when the server starts again, and for every server of that home.
"""

import hashlib
import hmac
import secrets
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from itsdangerous import BadSignature, URLSafeSerializer

from cnnlab import logs
from cnnlab.app_config import AccessConfig
from cnnlab.files import atomic_write, sync_folder
from cnnlab.runs import Actor

COOKIE = "cnnlab_pass"
HOURS = 12
KEY_BYTES = 32
TIDY_S = 600.0
"""Seconds between two looks for notes of passes that would be over by now in any case."""

Kind = Literal["person", "teacher"]


@dataclass(frozen=True)
class Pass:
    """A `Pass` says who somebody is, and until when (seconds since 1970)."""

    id: str
    actor: Actor
    until: float


class Passes:
    """A `Passes` object gives out passes and checks them.

    A key in CNNLAB_HOME together with the codes signs the passes: changing a code ends every pass. Raises OSError where
    the key can be neither read nor made.
    """

    def __init__(self, home: Path, access: AccessConfig) -> None:
        codes: dict[Kind, str] = {}
        if access.access_code:
            codes["person"] = access.access_code.get_secret_value()
        if access.teacher_code:
            codes["teacher"] = access.teacher_code.get_secret_value()
        self._key = kept_key(home / "passes.key")
        self._codes: dict[Kind, bytes] = {kind: self._digest(code) for kind, code in codes.items()}
        signing = self._digest("passes", *(code.hex() for code in self._codes.values()))
        self._signer = URLSafeSerializer(
            signing, salt="cnnlab.pass", signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
        )
        self._ended_folder = home / "ended_passes"
        self._ended: dict[str, float] = {}
        self._tidied = 0.0
        self._people: dict[str, str] = {}

    def kind_of(self, code: str) -> Kind | None:
        """Return whether an access code is a person's or a teacher's, or None for a wrong code.

        Every code is compared, and each in the same time.
        """
        typed = self._digest(code)
        fitting = [kind for kind, known in self._codes.items() if hmac.compare_digest(typed, known)]
        return fitting[-1] if fitting else None

    def give(self, kind: Kind, name: str, word: str = "") -> str:
        """Return a new pass, as text for the cookie.

        With a word of their own somebody is the same person on any computer; without one, a new person each time.
        """
        person = self.person(name, word) or uuid.uuid4().hex
        self._people[person] = name
        until = round(time.time() + HOURS * 3600)
        return self._text(Pass(uuid.uuid4().hex, Actor(person, name, kind == "teacher"), until))

    def person(self, name: str, word: str) -> str | None:
        """Return the id of who signs in with this name and word; None without a word, which makes a new person."""
        return self._digest("person", name.casefold(), word).hex()[:32] if word else None

    @property
    def people(self) -> dict[str, str]:
        """Return the names, by id, of all who have signed in since the server started."""
        return dict(self._people)

    def read(self, text: str | None) -> Pass | None:
        """Return the pass in a cookie's text; None where there is none, or it is not ours, over, or given back."""
        found = self.was(text)
        return found if found and self.holds(found) else None

    def was(self, text: str | None) -> Pass | None:
        """Return the pass that was given to this browser last, also where it has ended; None where there was none."""
        try:
            id, person, name, teacher, until = self._signer.loads(text or "")
        except (BadSignature, ValueError, TypeError):
            return None
        return Pass(id, Actor(person, name, teacher), until)

    def holds(self, given: Pass) -> bool:
        """Return whether a pass is still valid: not over, and not given back."""
        if time.time() >= given.until or given.id in self._ended:
            return False
        with suppress(OSError):  # a folder that cannot be read must not keep everybody out
            return not (self._ended_folder / given.id).exists()
        return True

    def end(self, given: Pass) -> str:
        """End a pass that is given back: nobody comes in with it again, nor stays. Returns what takes its place in the
        cookie: it opens nothing, but says who was in.
        """
        now = time.time()
        self._ended = {id: until for id, until in self._ended.items() if until > now} | {given.id: given.until}
        try:
            self._note(given, now)
        except OSError as error:  # for this server it has ended all the same
            logs.event("an ended pass could not be noted", error=error)
        return self._text(replace(given, until=0))

    def _note(self, given: Pass, now: float) -> None:
        self._ended_folder.mkdir(mode=0o700, exist_ok=True)
        (self._ended_folder / given.id).touch()
        sync_folder(self._ended_folder)
        if abs(now - self._tidied) > TIDY_S:
            self._tidied = now
            for note in self._ended_folder.iterdir():
                with suppress(FileNotFoundError):  # another server of this home tidies too
                    if note.stat().st_mtime < now - HOURS * 3600:
                        note.unlink()

    def token(self, given: Pass) -> str:
        """Return what a form that ends this pass has to bring along; no page of another site can know it."""
        return self._digest("sign out", given.id).hex()

    def is_token(self, given: Pass, text: str) -> bool:
        """Return whether a form brought along the token of this pass."""
        return hmac.compare_digest(self.token(given).encode(), text.encode())

    def _text(self, given: Pass) -> str:
        actor = given.actor
        text = self._signer.dumps([given.id, actor.id, actor.name, actor.teacher, given.until])
        return text if isinstance(text, str) else text.decode()

    def _digest(self, *parts: str) -> bytes:
        return hmac.digest(self._key, "\0".join(parts).encode(), "sha256")


def kept_key(path: Path) -> bytes:
    """Return the secret key of this home, made where there is none; only its owner can read it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Of two servers that start together the second fails here, and reads the first's.
        with suppress(FileExistsError), atomic_write(path, mode=0o600, overwrite=False) as file:
            file.write(secrets.token_bytes(KEY_BYTES))
    path.chmod(0o600)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise OSError(f"{path} is damaged. Remove it; then everybody has to sign in again.")
    return key
