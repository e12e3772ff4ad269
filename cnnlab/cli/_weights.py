"""This module holds the commands import and export: weights come from a file, and what a run holds goes to a file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, Field
from pydantic_settings import CliPositionalArg

from cnnlab import exports
from cnnlab.cli._common import LEFT_OUT, CommandError, Exit, OneRun, open_store
from cnnlab.exports import EXPORTS, ExportError, Source
from cnnlab.registry import UnknownNameError
from cnnlab.runs import Imported, Run, Store
from cnnlab.schema import TrainingConfig

_CHOICES = ("architecture", "dataset", "normalisation")
_STATED = "what the file says, if cnnlab wrote it"


class Import(BaseModel):
    """Load weights from a file, to look inside the network. Nothing is trained."""

    file: CliPositionalArg[str] = Field(
        description="The file to read: safetensors, or a state_dict that torch.save has written (.pth, .pt)."
    )
    architecture: str = Field(_STATED, description="Architecture of the network, such as SimpleCNN.")
    dataset: str = Field(_STATED, description="Dataset that the network was trained on.")
    normalisation: str = Field(_STATED, description="How pictures were normalised in training: half or dataset.")
    name: str = Field(LEFT_OUT, description="Name of the new run. Without it: the architecture and a number.")
    match_names: bool = Field(
        False,
        description="Accept tensors with other names than cnnlab's: match them by shape and order. Without this, the "
        "matches are only listed.",
    )

    def cli_cmd(self) -> None:
        """Check the file completely, then keep its weights as a run."""
        store, path = open_store(), Path(self.file)
        from cnnlab.models.weights_file import WeightsError  # torch: here, so that `--help` is answered at once

        try:
            if not path.is_file():  # a pipe or a device would never end
                raise CommandError(Exit.SETTINGS, f"{path} is not a file.")
            run = self._bring(store, path)
        except WeightsError as error:
            raise CommandError(Exit.SETTINGS, str(error)) from None
        except OSError as error:
            raise CommandError(Exit.SETTINGS, f"{path} cannot be read: {error.strerror}.") from None
        print(f"Run {run.number}, “{run.name}”: {run.message}")

    def _bring(self, store: Store, path: Path) -> Run:
        from cnnlab import checkpoints
        from cnnlab.models import pth, weights_file

        with path.open("rb") as given, pth.as_safetensors(given) as file:
            header = weights_file.read_header(file)
            if header.config is None and not {"architecture", "dataset"} <= self.model_fields_set:
                problem = header.problem or "This file does not say which network its weights belong to."
                raise CommandError(Exit.SETTINGS, f"{problem} Add --architecture and --dataset.")
            known = header.config or TrainingConfig()
            chosen = {name: getattr(self if name in self.model_fields_set else known, name) for name in _CHOICES}
            config, stated = weights_file.settings_for(header, **chosen)
            names = weights_file.names_for(header, config)
            if any(name != theirs for name, theirs in names.items()) and not self.match_names:
                raise CommandError(Exit.SETTINGS, _other_names(names, config))
            tensors = weights_file.load(file, header, config, names)
        facts = Imported(file=path.name, stated=stated, epoch=header.epoch if stated else None)
        name = self.name if "name" in self.model_fields_set else None
        return store.bring(config, lambda place: checkpoints.write(place, tensors, {}), facts, name)


def _other_names(names: Mapping[str, str], config: TrainingConfig) -> str:
    """Return the sentence that shows which tensor of the file would become which of the network's."""
    pairs = "\n".join(f"  {theirs[:60]} → {name}" for name, theirs in names.items())
    return (
        f"The tensors in this file have other names than those of {config.architecture} here. By shape and order they would "
        f"be:\n{pairs}\nIf that is right, add --match-names."
    )


class Export(OneRun):
    """Write a file from a run: its weights (safetensors), or its loss and accuracy as a table (CSV)."""

    file: CliPositionalArg[str] = Field(LEFT_OUT, description="The file to write. The same as --to.")
    to: str = Field(LEFT_OUT, description="The file to write. A file that exists is not overwritten.")
    format: str = Field("weights", description=f"What to write: {', '.join(EXPORTS.names())}.")
    epoch: int = Field(
        -1, description="Epoch whose weights to write; 0 is before the first step. Without it: the last that is kept."
    )

    def cli_cmd(self) -> None:
        """Write the file that was asked for and print where it is."""
        export, path = self._export(), self._path()
        store = open_store()
        source = Source(store, self.found(store), None if self.epoch < 0 else self.epoch)
        try:
            if export.of_epoch and not export.missing(
                source
            ):  # named once: a run in training may soon have another last
                source = replace(source, epoch=source.weights().epoch)
            content = exports.content(export, source)
            with path.open("xb") as file:
                file.write(content)
        except ExportError as error:
            raise CommandError(Exit.SETTINGS, str(error)) from None
        except OSError as error:
            raise CommandError(Exit.SETTINGS, f"{path} cannot be written: {error.strerror}.") from None
        when = f" after epoch {source.epoch}" if export.of_epoch else ""
        print(f"Wrote the {export.name} of “{source.run.name}”{when} to {path}.")

    def _export(self) -> exports.Export:
        """Return the export that `--format` names.

        Raises CommandError for an unknown name, and where `--epoch` is given for a file that is not of one epoch.
        """
        try:
            export = EXPORTS.get(self.format)
        except UnknownNameError as error:
            raise CommandError(Exit.SETTINGS, str(error)) from None
        if "epoch" in self.model_fields_set and not export.of_epoch:
            raise CommandError(Exit.SETTINGS, f"--epoch is for weights: leave it out with --format {export.name}.")
        return export

    def _path(self) -> Path:
        """Return the path of the file to write. Raises CommandError where no file is named, or two are."""
        given = [getattr(self, name) for name in ("file", "to") if name in self.model_fields_set]
        if len(given) != 1:
            raise CommandError(Exit.SETTINGS, "Name one file to write: --to FILE.")
        return Path(given[0])
