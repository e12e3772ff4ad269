"""This module says what a run is doing and when its result is expected, from what it has taken so far."""

import time

from cnnlab.analysis.result_time import FORWARD_SHARE, Sizes, expected_networks, measured_pictures, with_result
from cnnlab.records import Forecast, Phase, Results, StepRecord
from cnnlab.training import Fit

TELL_S = 1.0
"""Seconds between two messages of a run about what it is doing."""
SURE_S = 1.0
"""Seconds of training after which its own speed counts, and not the forecast any more."""


class Progress:
    """A `Progress` is told of each record and each measured batch, and answers with a Phase once a while.

    All the time that passes between two calls counts, so that waiting for other work on the machine is part of the speed.
    """

    def __init__(self, training: Fit, forecast: Forecast | None, every_s: float = TELL_S) -> None:
        data = training.data
        validation = len(data.validation) if data.validation else 0
        self._training, self._every_s = training, every_s
        self._sizes = Sizes(len(data.train), len(data.train_sample), validation, len(data.test))
        self._networks = expected_networks(training.config)
        self._expected_s = sum(forecast.epoch_s) / 2 / len(data.train) if forecast else None
        self._first_image = training.images_seen
        self._training_s = self._measuring_s = 0.0
        self._measured = self._in_phase = self._before = 0
        self._scoring = False
        self._mark = time.monotonic()
        self._told = float("-inf")

    def trained(self) -> Phase | None:
        """Take note of a step record."""
        self._training_s += self._since()
        self._in_phase = 0
        return self._news()

    def measured(self, name: str, views: int, done: int, total: int) -> Phase | None:
        """Take note of how far the measuring of a set is: `cnnlab.training.evaluation.Tell`."""
        if done:
            self._measuring_s += self._since()
            pictures = (done - self._before) * views
            self._measured += pictures
            self._in_phase += pictures
        else:
            self._training_s += self._since()
        self._before = done
        return self._news(set=name, views=views, done=done, total=total)

    def scoring(self, best_epoch: int | None) -> None:
        """Take note that nothing more is trained, and that the network is measured on the whole of each set: as it stands,
        and as it was after its best epoch, where that is another place.
        """
        place, validation = self._training.place, self._training.data.validation
        here = best_epoch is None or (best_epoch == place.epoch and not place.step_in_epoch)
        self._scoring, self._networks, self._in_phase = True, 1 if here or not validation else 2, 0

    def left_s(self) -> float | None:
        """Return the seconds until the result; None while nothing of this run is forecast or has been timed."""
        if not self._picture_s() and not self._measured:
            return None
        training, config = self._training, self._training.config
        each, at_end = measured_pictures(config, self._sizes, self._networks)
        images = 0 if self._scoring else config.epochs * self._sizes.train - training.images_seen
        epochs = 0 if self._scoring else config.epochs - training.place.epoch
        measured = epochs * each + at_end - self._in_phase
        return images * self._picture_s() + max(0, measured) * self._measured_picture_s()

    def phase(self) -> Phase | None:
        """Return what the run is doing now: training; None while nobody knows when the result will be there."""
        left_s = self.left_s()
        if left_s is None:
            return None
        return Phase(doing="training", step=self._training.place.step, due_at=time.time() + left_s)

    def foretold(self, forecast: Forecast, start_s: float) -> Forecast:
        """Return the forecast with the time until the result of a run that begins; `start_s`: what has passed of it."""
        return with_result(forecast, self._training.config, self._sizes, start_s)

    def _news(self, **measuring: str | int) -> Phase | None:
        if self._mark - self._told < self._every_s or (phase := self.phase()) is None:
            return None
        self._told = self._mark
        if not measuring:
            return phase
        doing = {"doing": "scoring" if self._scoring else "measuring"}
        return Phase.model_validate(phase.model_dump() | doing | measuring)

    def _since(self) -> float:
        before, self._mark = self._mark, time.monotonic()
        return self._mark - before

    def _picture_s(self) -> float:
        """Return the seconds of training for each picture."""
        images = self._training.images_seen - self._first_image
        if self._expected_s is not None and (self._training_s < SURE_S or not images):
            return self._expected_s
        return self._training_s / images if images else 0.0

    def _measured_picture_s(self) -> float:
        return self._measuring_s / self._measured if self._measured else FORWARD_SHARE * self._picture_s()


class TimeTaken:
    """A `TimeTaken` counts a run's seconds from its claim on: until the first step, and until the result."""

    def __init__(self) -> None:
        self._claimed = time.monotonic()
        self._start_s: float | None = None

    @property
    def passed_s(self) -> float:
        """Return the seconds since the claim."""
        return time.monotonic() - self._claimed

    def begun(self, record: StepRecord) -> None:
        """Take note of a record of a run that was not continued; its first record says how long the start has taken."""
        if self._start_s is None:
            self._start_s = self.passed_s - record.elapsed_s

    def beside(self, results: Results) -> Results:
        """Return the results with these times, for a run that was not continued."""
        if self._start_s is None or results.usage is None:
            return results
        times = {"start_s": self._start_s, "result_s": self.passed_s}
        return results.model_copy(update={"usage": results.usage.model_copy(update=times)})
