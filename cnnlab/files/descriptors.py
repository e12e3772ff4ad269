"""This module lets a process hold as many open files and connections as the system allows it."""

import resource
from contextlib import suppress

MOST = 65_536
"""No more than this is asked for: some programs look at every number up to the limit."""


def allow_many() -> int:
    """Raise this process's limit of open files to what it may raise it to, and return the limit that holds now.

    Systems let programs have 1,024 unless they ask for more: a class with its connections, files and locks needs that many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    infinite = resource.RLIM_INFINITY
    wanted = MOST if hard == infinite else min(hard, MOST)
    if soft != infinite and soft < wanted:
        with suppress(OSError, ValueError):  # macOS names a limit that it then refuses
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if soft == infinite else soft
