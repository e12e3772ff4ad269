"""This module races plans against each other in short turns, so that a busy moment hits all plans alike."""

import time
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from statistics import median

import torch

from cnnlab.data.tensors import Data, ImageSet
from cnnlab.models import Network, build
from cnnlab.records import Plan
from cnnlab.schema import TrainingConfig
from cnnlab.training.autotune.cache import Measured
from cnnlab.training.autotune.memory import Need
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.engine.graphed_steps import make_steps
from cnnlab.training.engine.steps import MEMORY_FORMATS, Steps
from cnnlab.training.optim.factory import make_optimizer
from cnnlab.training.seeding import seed_everything

BUDGET_S = 0.7
"""Seconds for all races together; each plan takes at least one turn."""
TIMED_S = 0.1
"""Seconds for the turns of a plan that was found before."""
SLOW_S = 0.2
"""Seconds of a first step above which only one other plan is tried, once: more would keep a person waiting."""
MOST_TURNS = 20
"""Largest number of turns that each plan takes in a race."""
TURN_S = 0.01
"""Seconds that one turn should last: quicker steps are timed several together."""
HOPELESS = 3.0
"""Multiple of the quickest first step from which a plan gets one turn only."""
WORTH = 0.95
"""Share of the usual plan's time below which another plan must stay to win: a tie must not change a run's bits."""
RECORD_S = 0.2
"""Seconds between two step records: five a second, so that steps twice as quick as measured still give at most ten."""
AUGMENTED = 4_096
"""Number of pictures on which an epoch-wide augmentation is timed."""
SLACK = (0.95, 1.15)
"""Factors on the quickest and the typical step time: for a quieter moment, and for work beside the training."""
SLACK_OF_ONE = (0.8, 1.15)
"""Factors on the time of a step that was measured once."""
BITS_STEPS = 3
"""Number of full batches after which two layouts must agree bit for bit; sums in another order differ after one."""
FEW = 2
"""Number of pictures in the step that pays a process's first costs: loaded libraries, the first touch of weights."""


class Trial:
    """A `Trial` times training steps of its own networks under several plans and finds the quickest plan.

    A trial changes torch's random state: the caller puts it back.
    """

    def __init__(self, config: TrainingConfig, data: Data, device: torch.device, need: Need) -> None:
        self._config, self._data, self._device, self._need = config, data, device, need
        self._picture_s = 0.0
        self._steps: dict[tuple[str, str], Steps] = {}
        self._sample = _sample(config, data)
        self._batches = max(1, len(self._sample.train) // config.batch_size - 1)
        self._taken = 0
        self._turn = 1

    def measured(self, threads: Sequence[int]) -> Measured:
        """Return the quickest of all plans with its times; where a first step is slow, of at most two plans.

        `threads`: the numbers of CPU threads to try, the usual number last.
        """
        plan = default_plan(self._config, self._device).model_copy(update={"threads": threads[-1]})
        first_s = self._first(plan)
        if first_s > SLOW_S:
            return self._slow(plan, first_s)
        notes, times = [plan.note], [first_s]
        self._set_turn(first_s)
        races = [race for race in _races(plan, self._device, threads) if len(race) > 1] or [[{}]]
        for race in races:
            plans = [plan.model_copy(update=change) for change in race]
            plan, times, said = self._race(plans, BUDGET_S / len(races))
            notes.append(said)
        return self._result(plan, notes, times, SLACK)

    def timed(self, plan: Plan) -> Measured:
        """Return `plan`, which was found before, with its times now; where a first step is slow, of that one."""
        first_s = self._first(plan)
        if first_s > SLOW_S:
            return self._with_times(plan, [first_s], SLACK_OF_ONE)
        self._set_turn(first_s)
        return self._with_times(plan, self._turns([plan], TIMED_S)[0], SLACK)

    def _set_turn(self, first_s: float) -> None:
        """Set how many steps a turn has, where a step takes about `first_s`."""
        self._turn = max(1, min(MOST_TURNS, round(TURN_S / first_s)))

    def _slow(self, plan: Plan, first_s: float) -> Measured:
        """Choose a plan where one step is slow: the usual plan, or in `fast` mode on a CPU oneDNN's blocked layout.

        `first_s`: the seconds of a step under the usual plan. The blocked layout wins where one step of it is clearly
        quicker.
        """
        other = plan.model_copy(update={"memory_format": "blocked"})
        if not (self._device.type == "cpu" and self._config.mode == "fast" and self._can(other)):
            note = f"One step takes {_ms(first_s)} here: too long to try other ways first."
            return self._result(plan, [plan.note, note], [first_s], SLACK_OF_ONE)
        bests = [first_s, self._time(other, 1)]
        winner = int(bests[1] < WORTH * first_s)
        note = _comparison([plan, other], bests, winner)
        return self._result([plan, other][winner], [plan.note, note], [bests[winner]], SLACK_OF_ONE)

    def _first(self, plan: Plan) -> float:
        """Return the seconds of the first step; on a GPU of the second step, and note the memory that it holds."""
        if self._device.type != "cuda":
            return self._time(plan, 1)
        before = torch.cuda.memory_allocated(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        self._time(plan, 1)  # loads the libraries, which takes longer than any step
        seconds = self._time(plan, 1)
        held = torch.cuda.max_memory_allocated(self._device) - before
        self._need = self._need.model_copy(update={"training": max(held, self._need.training)})
        return seconds

    def _race(self, plans: Sequence[Plan], budget_s: float) -> tuple[Plan, list[float], str]:
        """Race the plans; return the winner, its seconds a step at each turn, and a sentence that compares all.

        The first plan is the usual one; another plan must beat it clearly (`WORTH`).
        """
        plans = [plan for plan in plans if self._can(plan)]
        times = self._turns(plans, budget_s)
        bests = [min(its) for its in times]
        winner = bests.index(min(bests))
        if bests[winner] > WORTH * bests[0]:
            winner = 0
        return plans[winner], times[winner], _comparison(plans, bests, winner)

    def _turns(self, plans: Sequence[Plan], budget_s: float) -> list[list[float]]:
        """Return each plan's seconds a step at each of its turns, all within about `budget_s`."""
        started = time.perf_counter()
        firsts = [self._time(plan, 1) for plan in plans]
        times: list[list[float]] = [[] for _ in plans]
        while not times[0] or (len(times[0]) < MOST_TURNS and time.perf_counter() - started < budget_s):
            for plan, first_s, its in zip(plans, firsts, times, strict=True):
                if not its or first_s <= HOPELESS * min(firsts):
                    its.append(self._time(plan, self._turn))
        return times

    def _can(self, plan: Plan) -> bool:
        """Return whether every layer can be computed under `plan`: some layers do not take oneDNN's blocked tensors.

        In `exact` mode the blocked layout must also give the bits of the contiguous layout, which it does where oneDNN
        computes with the same kernels in both.
        """
        if plan.memory_format != "blocked":
            return True
        if plan.precision != "float32":
            return False
        try:
            self._stepping(plan)
        except RuntimeError:
            return False
        return self._config.mode != "exact" or self._same_bits(plan)

    def _same_bits(self, plan: Plan) -> bool:
        """Return whether losses, weights and buffers are the same bits in the blocked as in the contiguous layout.

        Compares them after steps with as many pictures as the run's own steps have.
        """
        batch_size = self._config.batch_size
        rest = len(self._data.train) % batch_size
        full = min(BITS_STEPS, (len(self._sample.train) - rest) // batch_size)  # a sample may have room for fewer
        order = torch.arange(full * batch_size + rest, device=self._device)
        steps = ceil(len(order) / batch_size)
        torch.set_num_threads(plan.threads)
        outcomes = []
        for layout in ("contiguous", "blocked"):
            model, stepping = self._fresh(plan.model_copy(update={"memory_format": layout}))
            stepping.begin_epoch(1, order, self._config.seed)
            measured = stepping.take(0, steps, [self._config.lr] * steps)
            outcomes.append([torch.tensor(measured), *model.state_dict().values()])
        return all(torch.equal(a, b) for a, b in zip(*outcomes, strict=True))

    def _fresh(self, plan: Plan) -> tuple[Network, Steps]:
        """Return a network as the run's seed initialises it, and the steps that train it under `plan`."""
        config = self._config
        seed_everything(config.seed)
        model = build(config, self._sample.info).to(self._device)
        model = model.to(memory_format=MEMORY_FORMATS[plan.memory_format]).train()
        steps, _ = make_steps(config, self._sample, model, make_optimizer(config, model, plan.captured), plan)
        return model, steps

    def _time(self, plan: Plan, steps: int) -> float:
        """Return the seconds a step under `plan`, measured over about `steps` steps."""
        stepping = self._stepping(plan)
        at = self._taken % self._batches
        last = min(at + steps, self._batches)
        torch.set_num_threads(plan.threads)
        started = time.perf_counter()
        stepping.take(at, last, [self._config.lr] * (last - at))
        self._taken += last - at
        return (time.perf_counter() - started) / (last - at)

    def _stepping(self, plan: Plan) -> Steps:
        """Return the steps of the one network for `plan`'s layout and precision, warmed up by a step with few pictures.

        The steps stand at the beginning of an epoch.
        """
        key = (plan.memory_format, plan.precision)
        if key not in self._steps:
            config, data = self._config, self._sample
            _, steps = self._fresh(plan)
            order = torch.arange(len(data.train), device=self._device)
            if not plan.captured:  # graphed steps take a whole epoch, and have warmed up already
                order = order[: self._batches * config.batch_size + FEW]
            started = time.perf_counter()
            steps.begin_epoch(1, order, config.seed)
            if data is not self._data:
                self._picture_s = (time.perf_counter() - started) / len(data.train)
            if not plan.captured and len(order) > self._batches * config.batch_size:
                steps.take(self._batches, self._batches + 1, [config.lr])
            self._steps[key] = steps
        return self._steps[key]

    def _result(self, plan: Plan, notes: list[str], times: list[float], slack: tuple[float, float]) -> Measured:
        every = max(1, round(RECORD_S / min(times)))
        note = " ".join(filter(None, notes))
        return self._with_times(plan.model_copy(update={"steps_per_record": every, "note": note}), times, slack)

    def _with_times(self, plan: Plan, times: list[float], slack: tuple[float, float]) -> Measured:
        typical = median(times)
        return Measured(
            plan=plan,
            step_s=(slack[0] * min(times), slack[1] * typical),
            picture_s=self._picture_s,
            steps=self._taken,
            need=self._need,
        )


def _sample(config: TrainingConfig, data: Data) -> Data:
    """Return the data to time steps on: part of the training set where an augmentation works on whole epochs."""
    if config.augmentation != "alternating":
        return data
    most = max(AUGMENTED, 2 * config.batch_size)
    return replace(data, train=ImageSet("train", data.train.images[:most], data.train.labels[:most]))


def _races(plan: Plan, device: torch.device, threads: Sequence[int]) -> list[list[dict[str, object]]]:
    """Return the changes of each part of the plan to race, the usual value first: threads, precision, layout."""
    precisions = ["float32", "bfloat16"] if plan.precision == "bfloat16" else ["float32"]
    layouts = ["channels_last", "contiguous"] if plan.memory_format == "channels_last" else [plan.memory_format]
    if device.type == "cpu":
        layouts.append("blocked")
    return [
        [{"threads": number} for number in reversed(threads)],
        [{"precision": precision} for precision in precisions],
        [{"memory_format": layout} for layout in layouts],
    ]


def _comparison(plans: Sequence[Plan], bests: Sequence[float], winner: int) -> str:
    """Return a sentence that compares the plans' best step times and names the winner; empty for one plan."""
    if len(plans) == 1:
        return ""
    names = _names(plans)
    took = [f"{_ms(best)} ({name})" for name, best in zip(names, bests, strict=True)]
    said = f"A step took {', '.join(took[:-1])} and {took[-1]}: {names[winner]} is used"
    quicker = bests[winner] > min(bests)
    return f"{said}, because the difference is too small to count." if quicker else f"{said}."


def _names(plans: Sequence[Plan]) -> list[str]:
    """Return the words that tell the plans apart: their threads, their precision or their memory layout."""
    if len({plan.threads for plan in plans}) > 1:
        return [f"on {plan.threads} thread{'s' if plan.threads > 1 else ''}" for plan in plans]
    if len({plan.precision for plan in plans}) > 1:
        return [f"in {plan.precision}" for plan in plans]
    return [plan.memory_format.replace("_", " ") for plan in plans]


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms" if seconds < 0.0995 else f"{1000 * seconds:.0f} ms"
