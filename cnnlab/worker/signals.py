"""This module turns the signals that end a process into a run that ends with its state saved."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from cnnlab.worker.exit_status import Asked

MEANINGS: dict[signal.Signals, Asked] = {
    signal.SIGINT: "stop",
    signal.SIGTERM: "terminate",
    signal.SIGHUP: "terminate",  # the terminal was closed
}


@contextmanager
def heard(ask: Callable[[Asked], bool]) -> Iterator[None]:
    """Let signals ask the run to end inside the block; where it had been asked already, Ctrl-C does not wait.

    `ask` tells whether this was the first time. What is ignored stays ignored: `nohup` means it.
    """

    def on_signal(number: int, frame: FrameType | None) -> None:
        if not ask(MEANINGS[signal.Signals(number)]) and number == signal.SIGINT:
            raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in MEANINGS}
    mine = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in mine:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, before[number])
