"""import, export: weights that come from a file, and what a run holds as a file to carry away."""

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
    """Bring weights from a safetensors file, of any size, to look inside them; nothing of them is trained here."""

    file: CliPositionalArg[str] = Field(description="The file.")
    architecture: str = Field(_STATED, description="What kind of network the weights are of.")
    dataset: str = Field(_STATED, description="What they were trained with.")
    normalisation: str = Field(_STATED, description="How pictures were normalised: half or dataset.")
    name: str = Field(LEFT_OUT, description="What to call them. Left out: the architecture and a number.")

    def cli_cmd(self) -> None:
        """Check everything, then keep it."""
        store, path = open_store(), Path(self.file)
        from cnnlab.models.weights_file import WeightsError  # torch: here, so that `--help` is answered at once

        try:
            if not path.is_file():  # a pipe or a device would never end
                raise CommandError(Exit.SETTINGS, f"{path} is no file.")
            run = self._bring(store, path)
        except WeightsError as error:
            raise CommandError(Exit.SETTINGS, str(error)) from None
        except OSError as error:
            raise CommandError(Exit.SETTINGS, f"{path} cannot be read: {error.strerror}.") from None
        print(f"Run {run.number}, “{run.name}”: {run.message}")

    def _bring(self, store: Store, path: Path) -> Run:
        from cnnlab import checkpoints
        from cnnlab.models import weights_file

        with path.open("rb") as file:
            header = weights_file.read_header(file)
            if header.config is None and not {"architecture", "dataset"} <= self.model_fields_set:
                problem = header.problem or "This file does not say what its weights are of."
                raise CommandError(Exit.SETTINGS, f"{problem} Say it with --architecture and --dataset.")
            known = header.config or TrainingConfig()
            chosen = {name: getattr(self if name in self.model_fields_set else known, name) for name in _CHOICES}
            config, stated = weights_file.settings_for(header, **chosen)
            tensors = weights_file.load(file, header, config)
        facts = Imported(file=path.name, stated=stated, epoch=header.epoch if stated else None)
        name = self.name if "name" in self.model_fields_set else None
        return store.bring(config, lambda place: checkpoints.write(place, tensors, {}), facts, name)


class Export(OneRun):
    """Write what a run holds to a file: its weights (a safetensors file, which says what they are of), or its records."""

    file: CliPositionalArg[str] = Field(LEFT_OUT, description="The file to write, as --to takes it.")
    to: str = Field(LEFT_OUT, description="The file to write; one that exists is not overwritten.")
    format: str = Field("weights", description=f"What to write: {', '.join(EXPORTS.names())}.")
    epoch: int = Field(
        -1, description="Weights of which epoch; 0 is before the first step. Left out: the last that is kept."
    )

    def cli_cmd(self) -> None:
        """Write it."""
        export, path = self._export(), self._path()
        store = open_store()
        source = Source(store, self.found(store), None if self.epoch < 0 else self.epoch)
        try:
            content = exports.content(export, source)
            with path.open("xb") as file:
                file.write(content)
        except ExportError as error:
            raise CommandError(Exit.SETTINGS, str(error)) from None
        except OSError as error:
            raise CommandError(Exit.SETTINGS, f"{path} cannot be written: {error.strerror}.") from None
        when = f" after epoch {source.weights().epoch}" if export.of_epoch else ""
        print(f"Wrote the {export.name} of “{source.run.name}”{when} to {path}.")

    def _export(self) -> exports.Export:
        """Raises CommandError where there is no such export, or none of one epoch."""
        try:
            export = EXPORTS.get(self.format)
        except UnknownNameError as error:
            raise CommandError(Exit.SETTINGS, str(error)) from None
        if "epoch" in self.model_fields_set and not export.of_epoch:
            raise CommandError(Exit.SETTINGS, f"--epoch is for weights: leave it out with --format {export.name}.")
        return export

    def _path(self) -> Path:
        """Raises CommandError where no file is named, or two are."""
        given = [getattr(self, name) for name in ("file", "to") if name in self.model_fields_set]
        if len(given) != 1:
            raise CommandError(Exit.SETTINGS, "Say which file to write, once: --to FILE.")
        return Path(given[0])
