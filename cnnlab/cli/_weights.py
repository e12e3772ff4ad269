"""import, export: weights that come from a file, and weights to carry away. Both are safetensors."""

from pathlib import Path

from pydantic import BaseModel, Field
from pydantic_settings import CliPositionalArg

from cnnlab.cli._common import LEFT_OUT, CommandError, Exit, OneRun, open_store
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
    """Write the weights of a run to a safetensors file, which says what they are of."""

    file: CliPositionalArg[str] = Field(description="The file to write; one that exists is not overwritten.")
    epoch: int = Field(-1, description="Of which epoch; 0 is before the first step. Left out: the last that is kept.")

    def cli_cmd(self) -> None:
        """Write it."""
        store = open_store()
        run = self.found(store)
        kept = {weights.epoch: weights for weights in store.weights(run.id)}
        chosen = kept.get(max(kept, default=0) if self.epoch < 0 else self.epoch)
        if chosen is None:
            there = ", ".join(map(str, kept)) or "none"
            raise CommandError(Exit.SETTINGS, f"“{run.name}” has no weights of that epoch. It has: {there}.")
        from cnnlab import checkpoints
        from cnnlab.models import weights_file

        try:
            content = checkpoints.verified(store.path(chosen), chosen.sha256)
            with Path(self.file).open("xb") as file:
                file.write(weights_file.export(content, *run.states(chosen.epoch)))
        except checkpoints.CheckpointError as error:
            raise CommandError(Exit.STORE, str(error)) from None
        except OSError as error:
            raise CommandError(Exit.SETTINGS, f"{self.file} cannot be written: {error.strerror}.") from None
        print(f"The weights of “{run.name}” after epoch {chosen.epoch} are in {self.file}.")
