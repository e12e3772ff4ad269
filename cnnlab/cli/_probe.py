"""This module holds the commands preflight and lr-range, which measure a run's settings before there is a run."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, Field, SkipValidation, create_model
from pydantic_settings import CliSuppress

from cnnlab.analysis.forecast import expected, way
from cnnlab.app_config import AppConfig
from cnnlab.cli._common import LEFT_OUT, CommandError, Exit, say, table
from cnnlab.cli._data import prepare
from cnnlab.cli._train import Train, TrainOptions
from cnnlab.records import LrRange, Preflight, Record
from cnnlab.schema import TrainingConfig

if TYPE_CHECKING:
    import torch

    from cnnlab.data.tensors import Data

BARS = "▁▂▃▄▅▆▇█"
STEPS, LOWEST, HIGHEST = (40, 10_000), (1e-7, 1.0), (1e-6, 10.0)
"""Allowed ranges of --steps, --lowest and --highest of the learning-rate range test."""


class ProbeOptions(TrainOptions):
    """A `ProbeOptions` command takes the settings of a run and prints one measured answer; it makes no run."""

    kind: ClassVar[str]
    name: CliSuppress[str] = LEFT_OUT
    config: str = Field(
        LEFT_OUT, description="Settings as a JSON object, in place of a preset; other options change single ones."
    )

    def cli_cmd(self) -> None:
        """Print the answer; with --json also what stands in its way, as {"type": "refused", "sentences": […]}."""
        try:
            answer = self._answer()
        except CommandError as error:
            if self.as_json:
                print(json.dumps({"type": "refused", "sentences": error.sentences}, ensure_ascii=False), flush=True)
            raise
        if self.as_json:
            kind = {"type": self.kind}
            print(json.dumps(kind | answer.model_dump(mode="json"), ensure_ascii=False, allow_nan=False))
        else:
            self._tell(answer)

    def _answer(self) -> Record:
        raise NotImplementedError

    def _tell(self, answer: Any) -> None:
        raise NotImplementedError

    def _start(self) -> dict[str, Any]:
        if "config" not in self.model_fields_set:
            return super()._start()
        try:
            values = json.loads(self.config)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise CommandError(Exit.SETTINGS, '--config must be a JSON object, such as {"epochs": 3}.')
        return values


class PreflightOptions(ProbeOptions):
    """Measure, with real training steps on this machine, how long a run would take and how much memory it needs."""

    kind = "preflight"

    def _answer(self) -> Preflight:
        app_config = AppConfig()
        with _ready(self._config(), app_config) as (config, data, device):
            from cnnlab.training.autotune.choose import measured_choice
            from cnnlab.training.devices import describe

            plan, forecast = measured_choice(config, data, device, app_config)
            return Preflight(plan=plan, forecast=forecast, machine=describe(device), device=device.type)

    def _tell(self, answer: Preflight) -> None:
        from cnnlab.analysis.result_time import sizes_of, with_result
        from cnnlab.data import DATASETS

        config, plan = self._config(), answer.plan
        sizes = sizes_of(config, DATASETS.get(config.dataset).info)
        time, memory = expected(with_result(answer.forecast, config, sizes), config.epochs)
        steps = answer.forecast.steps
        rows = [
            ["time", time],
            ["memory", memory],
            ["computed", way(plan, config.mode)],
            ["measured", f"{steps} training step{'s' if steps > 1 else ''} on {answer.machine}"],
        ]
        print(table(["", "expected"], rows))
        if plan.note:
            say(plan.note)


class LrRangeOptions(ProbeOptions):
    """Find a band of good learning rates: train a few steps with ever larger rates, several times with other seeds, and see
    where the loss is lowest. Changes no setting.
    """

    kind = "lr_range"
    steps: Annotated[int, SkipValidation] = Field(
        200,
        description="Training steps of the four short tests together. In each test the rate grows from step to step. "
        "40 to 10 000.",
    )
    lowest: Annotated[float, SkipValidation] = Field(1e-5, description="Learning rate of the first step. 1e-7 to 1.")
    highest: Annotated[float, SkipValidation] = Field(10.0, description="Learning rate of the last step. 1e-6 to 10.")

    def _answer(self) -> LrRange:
        steps = int(_within("steps", self.steps, *STEPS))
        lowest = _within("lowest", self.lowest, *LOWEST)
        highest = _within("highest", self.highest, *HIGHEST)
        if lowest >= highest:
            raise CommandError(Exit.SETTINGS, f"--lowest ({lowest:g}) must be below --highest ({highest:g}).")
        with _ready(self._config(), AppConfig()) as (config, data, device):
            from cnnlab.training.autotune.memory import require_fit
            from cnnlab.training.lr_range import lr_range

            require_fit(config, data.info, device)
            return lr_range(config, data, device, steps=steps, lowest=lowest, highest=highest)

    def _tell(self, answer: LrRange) -> None:
        print(sparkline(answer))
        print(answer.reason)
        if answer.suggestion is not None:
            say(f"No setting was changed. To train with the middle of the band, add: --lr {answer.suggestion:g}")


def sparkline(test: LrRange) -> str:
    """Draw the smoothed loss as a row of blocks, from the smallest learning rate to the largest.

    A loss above the first is drawn as high as the first.
    """
    if not test.smoothed:
        return "The loss was not a number at any step."
    low, high = min(test.smoothed), test.smoothed[0]
    heights = [min(1.0, (value - low) / (high - low)) if high > low else 0.0 for value in test.smoothed]
    blocks = "".join(BARS[round(height * (len(BARS) - 1))] for height in heights)
    last = f"{test.lr[len(blocks) - 1]:.2g}"
    ends = f"{test.lr[0]:g}".ljust(len(blocks) - len(last)) + last
    shown = f"{blocks}\n{_band(test, len(blocks))}" if test.band else blocks
    return f"{shown}\n{ends}   learning rate; the height of a bar is the smoothed loss, {low:.3f} to {high:.3f}"


def _band(test: LrRange, width: int) -> str:
    """Draw a line under the rates that the tests point to."""
    low, high = test.band or (0.0, 0.0)
    step = test.lr[1] / test.lr[0] if len(test.lr) > 1 else 2.0
    inside = [low / step**0.5 <= rate <= high * step**0.5 for rate in test.lr[:width]]
    return f"{''.join('━' if each else ' ' for each in inside).rstrip()}   in this band: {low:g} to {high:g}"


def _within(option: str, given: object, low: float, high: float) -> float:
    try:
        value = float(str(given))
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise CommandError(Exit.SETTINGS, f"--{option} must be {low:g} to {high:g}, not {given}.")
    return value


@contextmanager
def _ready(config: TrainingConfig, app_config: AppConfig) -> Iterator["tuple[TrainingConfig, Data, torch.device]"]:
    """Give the completed settings, the data on the device, and the device, with a run's number of threads set.

    Raises CommandError where the settings or the device are at fault.
    """
    say("Loading PyTorch …")
    import torch  # seconds: here, so that a wrong option or `--help` is answered at once

    from cnnlab.data import DATASETS
    from cnnlab.data.tensors import prepare_sets
    from cnnlab.models import ConfigError, complete
    from cnnlab.training.devices import DeviceUnavailableError, pick_device, thread_choices

    torch.set_num_threads(thread_choices(os.cpu_count() or 1, app_config.threads)[-1])
    try:
        config = complete(config)
        device = pick_device(config.device)
        prepare(config.dataset, app_config.data)
        dataset = DATASETS.get(config.dataset)
        yield config, prepare_sets(config, dataset.load(app_config.data), dataset.info, device), device
    except ConfigError as error:
        raise CommandError(Exit.SETTINGS, *error.sentences) from None
    except DeviceUnavailableError as error:
        raise CommandError(Exit.SETTINGS, str(error)) from None


PreflightCommand: type[BaseModel] = create_model(
    "PreflightCommand", __base__=(PreflightOptions, Train), __doc__=PreflightOptions.__doc__
)
LrRangeCommand: type[BaseModel] = create_model(
    "LrRangeCommand", __base__=(LrRangeOptions, Train), __doc__=LrRangeOptions.__doc__
)
