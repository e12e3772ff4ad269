"""A PostgreSQL server of the tests' own, in a temporary folder: Debian's package `postgresql` is enough."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = {"listen_addresses": "", "fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"}
"""No network: a socket in its folder. No flushing: nothing outlives a test."""


def programs() -> Path | None:
    """The folder of the newest server programs; None where there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def server(programs: Path) -> Iterator[str]:
    """A server, as the URL of its database `postgres`. It runs as a plain user: PostgreSQL refuses root."""
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="cnnlab-pg-", dir="/tmp"))  # the path of a socket may not be long
    if user:
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    data, log = folder / "data", folder / "log"

    def call(program: str, *arguments: str) -> None:
        command = [programs / program, "-D", data, *arguments]
        subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

    try:
        call("initdb", "--auth=trust", "--username=cnnlab", "--no-sync", "--encoding=UTF8", "--locale=C")
        settings = " ".join(f"-c {name}='{value}'" for name, value in SETTINGS.items())
        call("pg_ctl", "-w", "-l", str(log), "-o", f"-k {folder} {settings}", "start")
        yield f"postgresql://cnnlab@/postgres?host={folder}"
    finally:
        call("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
