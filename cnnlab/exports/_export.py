"""An export: what a run holds, written as one kind of file to carry away."""

from collections.abc import Callable
from dataclasses import dataclass

from cnnlab.registry import Registry
from cnnlab.runs import Checkpoint, Run, Store


class ExportError(ValueError):
    """The run does not have what was asked for. Its text is one sentence for people, with what there is instead."""


@dataclass(frozen=True)
class Source:
    """What a file is written from: a run, and for files of one epoch's weights the epoch."""

    store: Store
    run: Run
    epoch: int | None = None
    """0 is before the first step; None: the last epoch whose weights are kept."""

    def weights(self) -> Checkpoint:
        """The weights of the epoch that was asked for. Raises ExportError, which lists the epochs that are kept."""
        kept = {weights.epoch: weights for weights in self.store.weights(self.run.id)}
        chosen = kept.get(max(kept, default=0) if self.epoch is None else self.epoch)
        if chosen is None:
            there = ", ".join(map(str, kept)) or "none"
            raise ExportError(f"“{self.run.name}” has no weights of that epoch. It has: {there}.")
        return chosen


@dataclass(frozen=True)
class Export:
    """One kind of file. Registered in `EXPORTS`, it stands on the run's page, in Compare and on the command line."""

    name: str
    """As the command line and the name of the file have it: "epochs"."""
    title: str
    """As the button has it: "All epochs"."""
    help: str
    """What is in the file, in a sentence or two."""
    suffix: str
    """Of the file, without the dot: "csv"."""
    mime: str
    write: Callable[[Source], bytes]
    """The same run gives the same bytes. Raises ExportError where the run has nothing of it, StoreError where what it
    has cannot be read."""
    missing: Callable[[Source], str | None]
    """Why this run has nothing of it, in a sentence; None where it has. Asked at each drawing of a page: no more than
    one short question to the store."""
    of_epoch: bool = False
    """True where the file holds the weights of one epoch, which people may choose."""

    def file_name(self, run: Run) -> str:
        """What the browser calls the file: "run-3-epochs.csv"."""
        return f"run-{run.number}-{self.name}.{self.suffix}"


EXPORTS: Registry[Export] = Registry("export", "cnnlab.exports")
"""Every kind of file, by name."""


def content(export: Export, source: Source) -> bytes:
    """The file. Raises ExportError where the run has nothing of it, StoreError where what it has cannot be read."""
    if sentence := export.missing(source):
        raise ExportError(sentence)
    return export.write(source)
