"""This module runs a script on a stranger's bytes in a process of its own, with nothing around it that it could take."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

NEEDED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""All that a Python may need of the environment to start; passwords and tokens stay here."""

OUT_OF_TIME = -int(getattr(signal, "SIGXCPU", 0))
"""Exit code of a process that has used up the processor time it allowed itself."""
KILLED = -int(getattr(signal, "SIGKILL", 0))
"""Exit code of a process that the system has killed, as it does where memory runs out."""


def command(script: str, *packages: str) -> list[str]:
    """Return the command that runs `script` isolated from the environment, the user's files and site-packages.

    `packages`: folders that the script may add to its path by itself; it is handed their names.
    """
    return [sys.executable, "-I", "-S", "-B", script, *packages]


def run(
    command: Sequence[str],
    given: IO[bytes],
    said: IO[bytes],
    limit_s: float,
    variables: Mapping[str, str] | None = None,
) -> int:
    """Run `command` with `given` as its input and `said` for its output, and return its exit code.

    Both are files: nobody can be kept waiting at a pipe, or be flooded through it. The script limits its own memory, time
    and files before it reads a byte. Raises TimeoutError, with the process dead, after `limit_s` on the clock.
    """
    environment = {name: os.environ[name] for name in NEEDED if name in os.environ} | dict(variables or {})
    nowhere = Path(sys.executable).anchor
    process = subprocess.Popen(
        command, stdin=given, stdout=said, stderr=subprocess.DEVNULL, env=environment, cwd=nowhere
    )
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
