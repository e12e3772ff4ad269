"""This module holds the commands that work on a run in this process: train, resume, measure."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SkipValidation, ValidationError, create_model

from cnnlab import logs
from cnnlab.cli._common import LEFT_OUT, CommandError, Exit, OneRun, Reporting, open_store, say
from cnnlab.cli._data import prepare
from cnnlab.cli._reports import BarReport, JsonReport, Report, announce
from cnnlab.presets import PRESETS, named
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from cnnlab.runs.run import MEASURE
from cnnlab.runs.text_rules import clean_name
from cnnlab.schema import SETTINGS, Setting, TrainingConfig, complaints

_CODES = {RunStatus.FINISHED: Exit.DONE, RunStatus.DIVERGED: Exit.DIVERGED, RunStatus.FAILED: Exit.FAILED}


class TrainOptions(Reporting):
    """Train a network here and now, beside whatever else is training; the dashboard shows it like any other run."""

    name: str = Field(
        LEFT_OUT, description="The name of the run. Without it: the architecture, what was changed, and a number."
    )
    preset: str = Field(
        LEFT_OUT,
        description="Start from these settings; other options change single ones. One of: "
        + "; ".join(f"“{preset.name}”" for preset in PRESETS)
        + ".",
    )

    def cli_cmd(self) -> None:
        """Create the run, train it, and exit by how it ended."""
        name = clean_name(self.name) if "name" in self.model_fields_set else None

        def begin(store: Store, config: TrainingConfig) -> Run:
            from cnnlab.models import plain  # it loads torch, as `work_here` has by then

            said = announce(store, [config], quietly=self.as_json)
            seconds = said.seconds[0] if said else None
            return store.create(config, name, mine=True, plain=plain(config), announced_s=seconds)

        _end(work_here(self._config(), begin, self.as_json))

    def _config(self) -> TrainingConfig:
        given = {name: getattr(self, name) for name in SETTINGS if name in self.model_fields_set}
        values = {name: _number(SETTINGS[name], value) for name, value in given.items()}
        try:
            return TrainingConfig.model_validate(self._start() | values)
        except ValidationError as error:
            raise CommandError(Exit.SETTINGS, *complaints(error)) from None

    def _start(self) -> dict[str, Any]:
        if "preset" not in self.model_fields_set:
            return {}
        if preset := named(self.preset):
            return preset.config.model_dump()
        names = "; ".join(preset.name for preset in PRESETS)
        raise CommandError(Exit.SETTINGS, f"There is no preset “{self.preset}”. Choose one of: {names}.")


def _number(setting: Setting, text: Any) -> Any:
    """Return what was typed as a number where a number is wanted; else as it was typed, to be complained about."""
    if setting.kind in (int, float) and isinstance(text, str):
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return text


def _option(setting: Setting) -> tuple[Any, Any]:
    """Make an option of a setting: its words and its range are the form's. Its value is checked by TrainingConfig
    alone.
    """
    kind: Any = Literal[setting.choices] if setting.choices else setting.kind
    ranged = not setting.choices and setting.low is not None
    unit = f" {setting.unit}" if setting.unit else ""
    text = f"{setting.help} {setting.range}{unit}." if ranged else setting.help
    default = LEFT_OUT if setting.default is None else setting.default
    return Annotated[kind, SkipValidation, Field(description=text)], default


_options: dict[str, Any] = {name: _option(setting) for name, setting in SETTINGS.items()}
Train: type[BaseModel] = create_model("Train", __base__=TrainOptions, __doc__=TrainOptions.__doc__, **_options)


class Resume(OneRun, Reporting):
    """Go on here with a run that was paused, stopped or interrupted, or that failed, from its newest saved state."""

    def cli_cmd(self) -> None:
        """Take the run, train it, and exit by how it ended."""
        run = self.found(open_store())
        _end(work_here(run.config, lambda store, _: store.take(run.id), self.as_json))


class Measure(OneRun, Reporting):
    """Measure a run that was stopped, paused or interrupted, as it is now, on the whole of each set. It is not trained, and
    can be continued afterwards.
    """

    def cli_cmd(self) -> None:
        """Take the run, measure it, and exit by whether it has scores now."""
        run = self.found(open_store())
        measured = work_here(run.config, lambda store, _: store.take(run.id, MEASURE), self.as_json)
        if measured.results is None:
            raise CommandError(Exit.FAILED)


def _end(run: Run) -> None:
    """Exit by how the run has ended."""
    if code := _CODES.get(run.status, Exit.ENDED_EARLY):
        raise CommandError(code)


def work_here(config: TrainingConfig, begin: Callable[[Store, TrainingConfig], Run], as_json: bool) -> Run:
    """Create or take a run with `begin`, do in this process what is to be done with it, and return it as it ended.

    Everything that can be refused is refused before there is a run.
    """
    store = open_store()
    say("Loading PyTorch …")
    import torch  # seconds: here, so that a wrong option or `--help` is answered at once

    from cnnlab import worker
    from cnnlab.models import ConfigError, complete
    from cnnlab.training.devices import DeviceUnavailableError, pick_device

    try:
        config = complete(config)
        pick_device(config.device)
    except ConfigError as error:
        raise CommandError(Exit.SETTINGS, *error.sentences) from None
    except DeviceUnavailableError as error:
        raise CommandError(Exit.SETTINGS, str(error)) from None
    prepare(config.dataset, store.app_config.data)
    if store.app_config.threads:
        torch.set_num_threads(store.app_config.threads)
    logs.begin(store.app_config.home, "command")
    report: Report = JsonReport() if as_json else BarReport(store)
    run = begin(store, config)
    report.begin(run)
    run = worker.work(store, store.app_config, run, report.record)
    report.end(run)
    return run
