"""This module says what an export is: one kind of file, written from what a run holds, to carry away."""

from collections.abc import Callable
from dataclasses import dataclass

from cnnlab.registry import Registry
from cnnlab.runs import Checkpoint, Run, Store


class ExportError(ValueError):
    """`ExportError` says that the run does not have what was asked for.

    Its text is one sentence for people, with what there is instead.
    """


@dataclass(frozen=True)
class Source:
    """A `Source` is what a file is written from: a run, and the epoch for files that hold the weights of one epoch."""

    store: Store
    run: Run
    epoch: int | None = None
    """Epoch whose weights are meant; 0 is before the first step, None the last epoch whose weights are kept."""

    def weights(self) -> Checkpoint:
        """Return the weights of the epoch that was asked for.

        Raises ExportError, which lists the epochs that are kept.
        """
        kept = {weights.epoch: weights for weights in self.store.weights(self.run.id)}
        chosen = kept.get(max(kept, default=0) if self.epoch is None else self.epoch)
        if chosen is None:
            there = ", ".join(map(str, kept)) or "none"
            raise ExportError(f"“{self.run.name}” has no weights of that epoch. It has: {there}.")
        return chosen


@dataclass(frozen=True)
class Export:
    """An `Export` is one kind of file; `EXPORTS` puts it on the run's page, in Compare and on the command line."""

    name: str
    """Name on the command line and in the name of the file: "epochs"."""
    title: str
    """Text of the download button: "All epochs"."""
    help: str
    """Description of the file's content for people, in a sentence or two."""
    suffix: str
    """Ending of the file's name, without the dot: "csv"."""
    mime: str
    write: Callable[[Source], bytes]
    """Function that returns the bytes of the file, the same for the same run. Raises ExportError where the run has
    nothing of it, StoreError where what it has cannot be read."""
    missing: Callable[[Source], str | None]
    """Function that says in a sentence why a run has no data for the file; None where it has. Called at each drawing
    of a page, so it may ask the run store no more than one short question."""
    of_epoch: bool = False
    """True where the file holds the weights of one epoch, which people may choose."""

    def file_name(self, run: Run) -> str:
        """Return the name under which the browser saves the file: "run-3-epochs.csv"."""
        return f"run-{run.number}-{self.name}.{self.suffix}"


EXPORTS: Registry[Export] = Registry("export", "cnnlab.exports")
"""Registry of all exports, by name."""


def no_epochs(source: Source) -> str | None:
    """Return the sentence that no epoch of the run has been measured; None where one has."""
    return None if source.run.last_epoch else f"No epoch of “{source.run.name}” has been measured."


def content(export: Export, source: Source) -> bytes:
    """Return the bytes of the file that the export writes.

    Raises ExportError where the run has nothing of it, StoreError where what it has cannot be read.
    """
    if sentence := export.missing(source):
        raise ExportError(sentence)
    return export.write(source)
