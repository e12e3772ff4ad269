"""This module records training steps as CUDA graphs and replays them; inputs and outputs keep their addresses.

A GPU finishes the kernels of a small network sooner than Python can ask for them. A CUDA graph asks for all kernels of
several steps at once. It knows addresses and nothing else: the order of the pictures, the learning rates, the number of
the step and what the steps measured therefore lie in buffers on the device, and the step moves its own number on.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from cnnlab.training.engine.precision import flushing_denormals
from cnnlab.training.seeding import random_state, restore_random_state

WARM_UP_STEPS = 3
"""Number of steps before recording: libraries choose algorithms and workspaces, optimizers make their state."""
STEPS_A_REPLAY = 8
"""Number of steps in one replay: a launch costs as much as one small kernel, which is little over so many steps."""

Work = Callable[[], None]
Step = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]
"""Function that trains `runs` networks by one step: picture numbers int64 [runs, batch] -> objective, loss and accuracy,
[runs] each, as `engine.steps.Taken` has them."""


class Recorder(Protocol):
    """A `Recorder` records work on the device so that it can be replayed."""

    def warm_up(self, work: Work) -> None:
        """Do `work` until whatever happens only the first time (choice of algorithms, allocation) has happened."""

    def record(self, work: Work) -> Work:
        """Record `work` without doing it, and return a function that does the same as `work` from now on."""


class CudaGraphs:
    """A `CudaGraphs` recorder records work as CUDA graphs that share one pool of memory.

    Nothing in the pool outlives a replay.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        # Backward remembers the stream on which a weight was first used: warming up elsewhere would break the recording.
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.pool = torch.cuda.graph_pool_handle()

    def warm_up(self, work: Work) -> None:
        """Do `work` WARM_UP_STEPS times on the stream that will record.

        The recording stream waits for the current stream before, and the current stream waits for it after.
        """
        current = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            for _ in range(WARM_UP_STEPS):
                work()
        current.wait_stream(self.stream)

    def record(self, work: Work) -> Work:
        """Record `work` as a CUDA graph and return its replay. Raises RuntimeError where `work` needs the CPU."""
        current = torch.cuda.current_stream(self.device)
        gc.disable()  # an older graph that is freed during a recording would break it
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                work()
        finally:
            gc.enable()
            torch.cuda.set_stream(current)  # a recording that failed may not have given it back
        return graph.replay


class Unrecorded:
    """An `Unrecorded` recorder stands in where nothing can be recorded, as on a CPU: a replay does the work itself."""

    def warm_up(self, work: Work) -> None:
        """Do `work` WARM_UP_STEPS times, as a recorder of CUDA graphs does."""
        for _ in range(WARM_UP_STEPS):
            work()

    def record(self, work: Work) -> Work:
        """Return a function that does `work` with denormals flushed to zero, as eager steps of `fast` mode do."""

        def replay() -> None:
            with flushing_denormals(True):
                work()

        return replay


class Replay:
    """A `Replay` takes the steps of one run, or of several that train side by side, by replaying recorded steps.

    Making a Replay leaves no trace: weights, buffers, optimizer state and random state are as they were, and state that
    an optimizer makes on the way is zero, as in its first step.

    Random numbers are those of the plain loop: each replay starts at the place in the stream where the CUDA generator
    stands, and moves it on by what was drawn while recording (torch, Note [CUDA Graph-safe RNG states]). Between two
    calls of `take` the generator's state can therefore be read and set as ever.
    """

    def __init__(
        self,
        step: Step,
        trained: Sequence[Tensor],
        optimizers: Sequence[Optimizer],
        pictures: int,
        batch_size: int,
        recorder: Recorder,
    ) -> None:
        """Record the steps of an epoch with `pictures` pictures in batches of `batch_size`.

        `trained`: every weight and buffer that `step` changes. `optimizers`: one a run, all of them stepped by `step`.
        """
        self.step, self.batch_size = step, batch_size
        device, runs = trained[0].device, len(optimizers)
        self.full, rest = divmod(pictures, batch_size)
        steps = self.full + (rest > 0)
        self.groups = [(run, group) for run, optimizer in enumerate(optimizers) for group in optimizer.param_groups]
        self.at = torch.zeros(1, dtype=torch.int64, device=device)
        self.batches = torch.zeros(self.full, runs, batch_size, dtype=torch.int64, device=device)
        self.rest = torch.zeros(runs, rest, dtype=torch.int64, device=device)
        self.lr_table = torch.zeros(steps, len(self.groups), device=device)
        self.lrs = torch.zeros(len(self.groups), device=device)
        for lr, (_, group) in zip(self.lrs, self.groups, strict=True):
            group["lr"] = lr
        self.measured = torch.zeros(steps, 3, runs, device=device)
        with no_trace(trained, optimizers):
            self._record(recorder)
        self.at.zero_()

    def _record(self, recorder: Recorder) -> None:
        if self.full:
            with timing_algorithms():
                recorder.warm_up(self._first_step)
            self._one = recorder.record(self._full_step)
        if self.full >= STEPS_A_REPLAY:
            self._several = recorder.record(self._full_steps)
        if self.rest.shape[1]:
            recorder.warm_up(self._first_short_step)
            self._short = recorder.record(self._short_step)

    def begin_epoch(self, orders: Tensor) -> None:
        """Load the order of each run's pictures for one epoch: picture numbers int64 [runs, pictures]."""
        full = self.full * self.batch_size
        self.batches.copy_(orders[:, :full].view(len(orders), self.full, self.batch_size).transpose(0, 1))
        self.rest.copy_(orders[:, full:])

    def take(self, first: int, last: int, lrs: Sequence[Sequence[float]]) -> Tensor:
        """Take steps first, …, last - 1 of the epoch and return what `step` measured.

        lrs[run][step - first] is the learning rate. Returns float32 [last - first, 3, runs] on the CPU. Waits for the
        device once.
        """
        rows = [[lrs[run][i] * group.get("scale", 1.0) for run, group in self.groups] for i in range(last - first)]
        self.lr_table[first:last].copy_(torch.tensor(rows))
        self.at.fill_(first)
        several, one = divmod(max(0, min(last, self.full) - first), STEPS_A_REPLAY)
        for _ in range(several):
            self._several()
        for _ in range(one):
            self._one()
        if last > self.full:
            self._short()
        return self.measured[first:last].cpu()

    def _full_step(self) -> None:
        self._take(self.batches.index_select(0, self.at)[0])

    def _full_steps(self) -> None:
        for _ in range(STEPS_A_REPLAY):
            self._full_step()

    def _short_step(self) -> None:
        self._take(self.rest)

    def _first_step(self) -> None:
        self.at.zero_()
        self._full_step()

    def _first_short_step(self) -> None:
        self.at.zero_()
        self._short_step()

    def _take(self, batch: Tensor) -> None:
        torch.index_select(self.lr_table, 0, self.at, out=self.lrs.unsqueeze(0))
        self.measured.index_copy_(0, self.at, torch.stack(self.step(batch)).unsqueeze(0))
        self.at.add_(1)


@contextmanager
def timing_algorithms() -> Iterator[None]:
    """Let cuDNN try its algorithms for each shape that is new inside the block, and keep the quickest in this process.

    Another process may find another algorithm quickest, and its sums are then rounded otherwise. Use the block for the
    shapes that a run has at every step: for a short last batch and for measuring the search would cost more than it
    saves.
    """
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = False


@contextmanager
def no_trace(trained: Sequence[Tensor], optimizers: Sequence[Optimizer]) -> Iterator[None]:
    """Put back in place whatever the block does to `trained`, to the optimizers' state and to the random states.

    State that an optimizer did not have before is zero after: Adam's as it begins, momentum's too.
    """
    kept = [*trained, *_state_of(optimizers)]
    before = [tensor.detach().clone() for tensor in kept]
    random = random_state(trained[0].device)
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor in _state_of(optimizers):
                tensor.zero_()
            for tensor, value in zip(kept, before, strict=True):
                tensor.copy_(value)
        restore_random_state(random, trained[0].device)
        for optimizer in optimizers:
            optimizer.zero_grad()  # gradients live in the graphs' own memory, where nobody else may look for them


def _state_of(optimizers: Sequence[Optimizer]) -> list[Tensor]:
    return [
        value
        for optimizer in optimizers
        for values in optimizer.state.values()
        for value in values.values()
        if isinstance(value, Tensor)
    ]
