"""A variant in a process of its own, as people run it: what others do to theirs (memory, settings) does not reach it."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType

from benchmarks.interleaved import Turn, Variant


class Elsewhere:
    """Takes its turns in a fresh process, which `make` (of a module, so that it can be sent there) makes the variant in.

    `with` it; the process ends with the block. Where it dies, `turn` raises EOFError.
    """

    def __init__(self, make: Callable[[], Variant]) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(make, there), daemon=True)
        self._process.start()
        there.close()

    def __enter__(self) -> "Elsewhere":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._here.close()
        self._process.join()

    def turn(self, pictures: int) -> Turn:
        """By the clock of the process in which it happens."""
        self._here.send(pictures)
        turn: Turn = self._here.recv()
        return turn


def _serve(make: Callable[[], Variant], here: Connection) -> None:
    variant = make()
    while True:
        try:
            pictures = here.recv()
        except EOFError:
            return
        here.send(variant.turn(pictures))
