"""This module is the command `inspect`: what a view of the dashboard computes of a network, as numbers."""

import json
import subprocess
import sys
from pathlib import Path

from pydantic import Field

from cnnlab.cli._common import LEFT_OUT, CommandError, Exit, OneRun, Reporting, open_store
from cnnlab.runs import Checkpoint, Run, Store


class Inspect(OneRun, Reporting):
    """Look inside a run's network: print what a view computes of it, an array a line."""

    view: str = Field("feature_maps", description="Name of the view, as in the address of its page (?view=...).")
    epoch: int | None = Field(None, description="Epoch whose weights are looked at. Without it: the newest one kept.")
    step: int | None = Field(
        None, description="Step of epoch 1 (1, 2, 4, 8, …) whose weights are looked at, in the place of an epoch."
    )
    picture: str = Field("test:0", description="File of a picture, or test:K or train:K for one of the dataset's own.")
    layer: str = Field(LEFT_OUT, description="Layer, such as conv1. Without it: the first one that the view can show.")
    channel: int = Field(0, description="Channel of that layer.")
    set: str = Field("test", description="Set of pictures: test, validation or train sample.")
    class_: str = Field(LEFT_OUT, alias="class", description="Class to explain. Without it: the one the network says.")
    option: list[str] = Field([], description="Choice that only this view has, as name=value.")

    def cli_cmd(self) -> None:
        """Have the numbers computed by the package of the views, which this one may not import."""
        store = open_store()
        run = self.found(store)
        weights = _weights(store, run, self.epoch) if self.step is None else _early(store, run, self)
        path = Path(self.picture).expanduser()
        asked = {
            "view": self.view,
            "config": run.config.model_dump(mode="json"),
            "weights": str(store.path(weights)),
            "sha256": weights.sha256,
            "bytes": weights.bytes,
            "epoch": weights.epoch,
            "kept": [[one.epoch, str(store.path(one)), one.sha256, one.bytes] for one in store.weights(run.id)],
            "picture": str(path.resolve()) if path.is_file() else self.picture,
            "layer": self.layer if "layer" in self.model_fields_set else None,
            "channel": self.channel,
            "set": self.set,
            "class": self.class_ if "class_" in self.model_fields_set else None,
            "options": self.option,
            "as_json": self.as_json,
        }
        command = [sys.executable, "-m", "cnnlab.views._print"]
        ended = subprocess.run(command, input=json.dumps(asked), text=True)
        if ended.returncode:
            raise CommandError(Exit(ended.returncode) if ended.returncode in set(Exit) else Exit.FAILED)


def _early(store: Store, run: Run, asked: Inspect) -> Checkpoint:
    """Return the weights after the step of epoch 1. Raises CommandError where the run does not keep them."""
    if asked.epoch is not None:
        raise CommandError(Exit.SETTINGS, "Give --epoch or --step, not both: --step is a step of epoch 1.")
    kept = store.early(run.id)
    found = next((one for one in kept if one.step == asked.step), None)
    if found is None:
        steps = ", ".join(str(one.step) for one in kept)
        there = f"Kept are those after step: {steps}." if kept else "This run keeps none within epoch 1."
        raise CommandError(Exit.SETTINGS, f"The weights after step {asked.step} of epoch 1 are not kept. {there}")
    return found


def _weights(store: Store, run: Run, epoch: int | None) -> Checkpoint:
    """Return the weights of the epoch, or the newest. Raises CommandError where the run does not keep them."""
    kept = store.weights(run.id)
    if not kept:
        raise CommandError(Exit.STORE, f"Run {run.number} has no weights to look into.")
    if epoch is None:
        return kept[-1]
    found = next((one for one in kept if one.epoch == epoch), None)
    if found is None:
        epochs = ", ".join(str(one.epoch) for one in kept)
        raise CommandError(Exit.SETTINGS, f"The weights of epoch {epoch} are not kept. Kept are those of: {epochs}.")
    return found
