"""A PostgreSQL server of the tests' own, in a temporary folder: Debian's package `postgresql` is enough."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = {"listen_addresses": "", "full_page_writes": "off", "shared_buffers": "16MB"}
"""No network: a socket in its folder."""
UNSAFE = {"fsync": "off"}
"""No flushing: nothing outlives a test."""


def programs() -> Path | None:
    """The folder of the newest server programs; None where there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Server:
    """A server that can be stopped and started. It runs as a plain user: PostgreSQL refuses root."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._user = "postgres" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="cnnlab-pg-", dir="/tmp"))  # the path of a socket may not be long
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        self.url = f"postgresql://cnnlab@/postgres?host={self._folder}"
        """Of its database `postgres`."""
        self._call("initdb", "--auth=trust", "--username=cnnlab", "--no-sync", "--encoding=UTF8", "--locale=C")

    def start(self) -> None:
        """Until it answers."""
        settings = " ".join(f"-c {name}='{value}'" for name, value in (SETTINGS | UNSAFE).items())
        self._call("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", f"-k {self._folder} {settings}", "start")

    def stop(self, mode: str = "fast") -> None:
        """Every connection ends; `immediate`: as by a crash."""
        self._call("pg_ctl", "-m", mode, "stop")

    def remove(self) -> None:
        """With all that is in it."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _call(self, program: str, *arguments: str) -> None:
        command = [self._programs / program, "-D", self._folder / "data", *arguments]
        subprocess.run(command, check=True, user=self._user, cwd=self._folder, stdout=subprocess.DEVNULL)


@contextmanager
def running(programs: Path) -> Iterator[Server]:
    """A server that runs."""
    server = Server(programs)
    try:
        server.start()
        yield server
    finally:
        try:
            server.stop("immediate")
        finally:
            server.remove()


@contextmanager
def server(programs: Path) -> Iterator[str]:
    """A server, as the URL of its database `postgres`."""
    with running(programs) as started:
        yield started.url
