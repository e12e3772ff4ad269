"""This module trains runs of one architecture side by side, with stacked weights: one kernel computes for all runs.

A small network leaves most of a GPU idle. Stacked (torch.func: vmap turns K convolutions into one with K groups), thirty
small networks take little longer than one. Each run keeps its own pictures, order, optimizer and learning rates, and is
the run that it would have been alone, up to rounding; what would make it another one is refused.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from cnnlab.data.tensors import Data, to_network
from cnnlab.models import Network
from cnnlab.records import EpochRecord, Plan, StepRecord
from cnnlab.schema import SETTINGS, TrainingConfig
from cnnlab.training.engine.cuda_graph import CudaGraphs, Recorder, Replay, Unrecorded
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.engine.forward import training_forward
from cnnlab.training.engine.graphed_steps import unrecorded
from cnnlab.training.engine.precision import arithmetic
from cnnlab.training.engine.steps import Taken
from cnnlab.training.fit import Fit, TrainingState
from cnnlab.training.optim.factory import make_optimizer
from cnnlab.training.optim.schedules import lr_at
from cnnlab.training.seeding import random_state, restore_random_state

News = StepRecord | EpochRecord | Exception
"""A record of one run, or the exception that ended its training; the other runs go on."""


class NotStackableError(ValueError):
    """`NotStackableError` says why runs cannot be trained side by side without becoming other runs."""


def why_not(configs: Sequence[TrainingConfig]) -> str:
    """Return one sentence why the complete `configs` cannot be stacked, or an empty text where they can."""
    first = configs[0]
    for setting in SETTINGS.values():
        if not setting.side_by_side and len({getattr(config, setting.name) for config in configs}) > 1:
            return f"Runs trained side by side must agree in {setting.label} ({setting.name})."
    if first.mode != "fast":
        return "Side by side, sums are rounded in another order: that is no exact arithmetic."
    if first.dropout:
        return "Dropout draws random numbers at each step: side by side, a run would not get those it would get alone."
    if first.augmentation != "none":
        return "Augmented pictures are drawn for one run: side by side, another run's draws would change them."
    return ""


class Ensemble:
    """An `Ensemble` trains several runs in step; iterating it yields their records.

    Between two records each run's `Fit` is as if it had been trained alone.
    """

    def __init__(
        self,
        configs: Sequence[TrainingConfig],
        datas: Sequence[Data],
        device: torch.device,
        plan: Plan | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        """Stack the runs' weights and prepare the common optimizer step; `fit_together` explains the arguments."""
        reason = why_not(configs)
        if not reason and len({len(data.train) for data in datas}) > 1:
            reason = "Runs trained side by side must have equally many training pictures."
        if reason:
            raise NotStackableError(reason)
        plan = (plan or default_plan(configs[0], device)).model_copy(update={"memory_format": "contiguous"})
        alone = plan.model_copy(update={"captured": False})
        self.fits = [_Fit(config, data, device, plan=alone) for config, data in zip(configs, datas, strict=True)]
        """Fit of each run: its network, optimizer, place and plan. Between two records a run can be continued alone."""
        self.going = list(range(len(configs)))
        """Numbers of the runs that are still trained, counted as in `configs`."""
        self._members = [_Member() for _ in configs]
        self._first, images, labels = _one_after_another(datas)
        stacked = stack([fit.model for fit in self.fits])
        for fit, member in zip(self.fits, self._members, strict=True):
            fit.optimizer, fit.steps = make_optimizer(fit.config, fit.model, capturable=True), member
        step = _step(self.fits, stacked, images, labels, plan)
        trained, optimizers = list(stacked.values()), [fit.optimizer for fit in self.fits]
        sizes = len(datas[0].train), configs[0].batch_size
        if recorder is None and plan.captured and device.type == "cuda":
            recorder = CudaGraphs(device)
        try:
            self._replay = Replay(step, trained, optimizers, *sizes, recorder or Unrecorded())
        except RuntimeError as error:
            plan = unrecorded(plan, error, device)
            self._replay = Replay(step, trained, optimizers, *sizes, Unrecorded())
        note = f"Trained side by side with {len(configs) - 1} other runs of one architecture; its times are theirs too."
        for fit in self.fits:
            fit.plan = plan.model_copy(update={"note": " ".join(filter(None, (plan.note, note)))})

    def __iter__(self) -> Iterator[tuple[int, News]]:
        """Yield each record with the number of its run, counted as in `configs`.

        An exception in the place of a record is the last news of a run.
        """
        while self.going and self._lead.place.epoch < self._lead.config.epochs:
            for fit in self.fits:
                with fit.own_random_state():
                    fit.begin_epoch()
            self._replay.begin_epoch(torch.stack([member.order for member in self._members]) + self._first)
            while self.going and self._lead.place.step_in_epoch < self._lead.steps_per_epoch:
                self._take()
                yield from self._news(Fit.take)
            yield from self._news(Fit.end_epoch)

    def leave(self, index: int) -> None:
        """Stop yielding the records of the run number `index`."""
        if index in self.going:
            self.going.remove(index)

    @property
    def _lead(self) -> Fit:
        return self.fits[self.going[0]]

    def _take(self) -> None:
        """Take the optimizer steps of all runs up to their next record."""
        place, last, started = self._lead.place, self._lead.next_record(), time.perf_counter()
        steps = range(place.step, place.step + last - place.step_in_epoch)
        lrs = [[lr_at(fit.config, step, fit.steps_total) for step in steps] for fit in self.fits]
        found = self._replay.take(place.step_in_epoch, last, lrs)
        taken_s = time.perf_counter() - started
        for index, (fit, member) in enumerate(zip(self.fits, self._members, strict=True)):
            member.found = Taken(*found[:, :, index].T.tolist())
            fit.place.elapsed_s += taken_s

    def _news(self, act: Callable[[Fit], StepRecord | EpochRecord]) -> Iterator[tuple[int, News]]:
        for index in list(self.going):
            news: News
            try:
                news = act(self.fits[index])
            except Exception as error:
                self.leave(index)
                news = error
            yield index, news


def fit_together(
    configs: Sequence[TrainingConfig],
    datas: Sequence[Data],
    device: torch.device,
    plan: Plan | None = None,
    recorder: Recorder | None = None,
) -> Ensemble:
    """Train `configs`, each on its own of `datas`, side by side: iterate the result for (run number, record).

    The configs must be complete. Where runs share a training set, hand in the same `Data` object: it is then kept once.
    Raises NotStackableError. On a GPU the step of all runs is one CUDA graph; on a CPU this is slower than one run after
    the other, and good for tests only. `recorder` is for those.
    """
    return Ensemble(configs, datas, device, plan, recorder)


class _Fit(Fit):
    """A `_Fit` is a run that shares torch's random generators with other runs, and finds them as it left them."""

    def __init__(self, config: TrainingConfig, data: Data, device: torch.device, plan: Plan) -> None:
        super().__init__(config, data, device, plan=plan)
        self._random = random_state(device)

    @contextmanager
    def own_random_state(self) -> Iterator[None]:
        """Put torch's random generators, inside the block, into the state in which this run left them."""
        restore_random_state(self._random, self.device)
        yield
        self._random = random_state(self.device)

    def state(self) -> TrainingState:
        """Return the training state of this run with its own random state, as `Fit.state` does."""
        with self.own_random_state():
            return super().state()


class _Member:
    """A `_Member` hands what the ensemble measured for one run to that run's `Fit`."""

    def __init__(self) -> None:
        self.order = torch.empty(0, dtype=torch.int64)
        self.found = Taken([], [], [])

    def begin_epoch(self, epoch: int, order: Tensor, seed: int) -> None:
        self.order = order

    def take(self, first: int, last: int, lrs: Sequence[float]) -> Taken:
        return self.found


def stack(models: Sequence[Network]) -> dict[str, Tensor]:
    """Stack the models' weights and buffers by name, each [len(models), …].

    From then on those of the models are views of the stacked tensors.
    """
    states = [model.state_dict(keep_vars=True) for model in models]
    stacked = {}
    for name, first in states[0].items():
        together = torch.stack([state[name].detach() for state in states])
        for state, mine in zip(states, together, strict=True):
            state[name].data = mine
        stacked[name] = together.requires_grad_(first.requires_grad)
    return stacked


def _one_after_another(datas: Sequence[Data]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the number of each run's first picture [runs, 1], and all pictures and labels, a shared set only once."""
    distinct = list({id(data.train.images): data.train for data in datas}.values())
    starts = {id(part.images): number * len(part) for number, part in enumerate(distinct)}
    first = torch.tensor([[starts[id(data.train.images)]] for data in datas], device=distinct[0].labels.device)
    if len(distinct) == 1:
        return first, distinct[0].images, distinct[0].labels
    return first, torch.cat([part.images for part in distinct]), torch.cat([part.labels for part in distinct])


class _Forward(nn.Module):
    """A `_Forward` wraps `training_forward` as a module, for torch's functional_call."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.run = training_forward(network)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.run(pictures)


def _step(
    fits: Sequence[Fit], stacked: dict[str, Tensor], images: Tensor, labels: Tensor, plan: Plan
) -> Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]:
    """Return the function that takes one optimizer step of every run; see `cnnlab.training.engine.cuda_graph.Step`.

    It keeps no Fit: nothing here may hold itself alive.
    """
    data, smoothing = fits[0].data, fits[0].config.label_smoothing
    mean, std, free_rounding = data.mean, data.std, fits[0].config.mode == "fast"
    forward, optimizers = _Forward(fits[0].model), [fit.optimizer for fit in fits]
    named = {f"network.{name}": tensor for name, tensor in stacked.items()}
    trained = {name: tensor for name, tensor in stacked.items() if tensor.requires_grad}
    owners = {name: [fit.model.get_parameter(name) for fit in fits] for name in trained}

    def one(tensors: dict[str, Tensor], pictures: Tensor) -> Tensor:
        logits: Tensor = functional_call(forward, tensors, (pictures,))
        return logits

    def step(batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        wanted = labels.index_select(0, batch.flatten())
        pictures = to_network(images.index_select(0, batch.flatten()), mean, std, free_rounding=free_rounding)
        with arithmetic(plan.precision, pictures.device):
            logits = vmap(one)(named, pictures.view(*batch.shape, *pictures.shape[1:])).flatten(0, 1).float()
        objectives = F.cross_entropy(logits, wanted, reduction="none", label_smoothing=smoothing)
        objectives = objectives.view(batch.shape).mean(1)
        objectives.sum().backward()  # type: ignore[no-untyped-call]  # no run's loss depends on another's weights
        for name, tensor in trained.items():
            assert tensor.grad is not None
            for parameter, gradient in zip(owners[name], tensor.grad, strict=True):
                parameter.grad = gradient
            tensor.grad = None
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        logits, objectives = logits.detach(), objectives.detach()
        losses = objectives
        if smoothing:
            losses = F.cross_entropy(logits, wanted, reduction="none").view(batch.shape).mean(1)
        return objectives, losses, (logits.argmax(1) == wanted).view(batch.shape).float().mean(1)

    return step
