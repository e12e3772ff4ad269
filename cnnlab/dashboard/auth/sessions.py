"""This module makes and checks the pass that a browser carries after signing in: a signed cookie for some hours.

Nobody else can make or change a pass.
"""

import hashlib
import hmac
import secrets
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from itsdangerous import BadSignature, URLSafeSerializer

from cnnlab.app_config import AccessConfig
from cnnlab.files import atomic_write
from cnnlab.runs import Actor

COOKIE = "cnnlab_pass"
HOURS = 12
KEY_BYTES = 32

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
        self._ended: dict[str, float] = {}
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
        try:
            id, person, name, teacher, until = self._signer.loads(text or "")
        except (BadSignature, ValueError, TypeError):
            return None
        found = Pass(id, Actor(person, name, teacher), until)
        return found if self.holds(found) else None

    def holds(self, given: Pass) -> bool:
        """Return whether a pass is still valid: not over, and not given back."""
        return time.time() < given.until and given.id not in self._ended

    def end(self, given: Pass) -> None:
        """End a pass that is given back: nobody comes in with it again, nor stays."""
        now = time.time()
        self._ended = {id: until for id, until in self._ended.items() if until > now} | {given.id: given.until}

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
