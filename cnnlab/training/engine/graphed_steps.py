"""This module takes whole training steps as CUDA graphs, and chooses between graphs and the plain loop."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

from cnnlab.data.tensors import Data
from cnnlab.models import Network
from cnnlab.records import Plan
from cnnlab.schema import TrainingConfig
from cnnlab.training.augmentation import augment_epoch
from cnnlab.training.engine.cuda_graph import CudaGraphs, Recorder, Replay
from cnnlab.training.engine.precision import set_float32
from cnnlab.training.engine.steps import EagerSteps, Steps, Taken, TrainingStep
from cnnlab.training.seeding import random_state, restore_random_state


class GraphedSteps:
    """`GraphedSteps` replay recorded training steps, with the same random numbers as `EagerSteps`.

    A recorded step reaches from gathering the batch to the metrics. Make the object after a run's state was restored: a
    graph keeps to the tensors it was recorded with. `optimizer` must be capturable. Raises RuntimeError where the step
    cannot be recorded; everything is then as it was.
    """

    def __init__(
        self,
        config: TrainingConfig,
        data: Data,
        model: Network,
        optimizer: Optimizer,
        plan: Plan,
        recorder: Recorder | None = None,
    ) -> None:
        self.config, self.original = config, data.train.images
        # An epoch's own pictures need a place of their own, which stays the same from epoch to epoch.
        self.images = self.original.clone() if config.augmentation == "alternating" else self.original
        images, labels = self.images, data.train.labels
        train = TrainingStep(config, data, model, optimizer, plan)

        def step(batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            its_labels = labels.index_select(0, batch[0])
            objective, logits = train(images.index_select(0, batch[0]), its_labels)
            loss = F.cross_entropy(logits, its_labels) if config.label_smoothing else objective
            return objective.view(1), loss.view(1), (logits.argmax(1) == its_labels).float().mean().view(1)

        model.train()
        self.replay = Replay(
            step,
            list(model.state_dict().values()),
            [optimizer],
            len(data.train),
            config.batch_size,
            recorder or CudaGraphs(labels.device),
        )

    def begin_epoch(self, epoch: int, order: Tensor, seed: int) -> None:
        """Load the epoch's picture order, and the epoch's own pictures where an augmentation makes them: see Steps."""
        self.replay.begin_epoch(order.unsqueeze(0))
        images = augment_epoch(self.original, self.config.augmentation, epoch, self.config.seed, seed)
        if images is not self.original:
            self.images.copy_(images)

    def take(self, first: int, last: int, lrs: Sequence[float]) -> Taken:
        """Replay steps first, …, last - 1 of the epoch and return what they measured: see Steps."""
        return Taken(*self.replay.take(first, last, [lrs])[:, :, 0].T.tolist())


def make_steps(
    config: TrainingConfig,
    data: Data,
    model: Network,
    optimizer: Optimizer,
    plan: Plan,
    recorder: Recorder | None = None,
) -> tuple[Steps, Plan]:
    """Return graphed steps where `plan` asks for them and they can be recorded, else eager steps; and the plan.

    The plan is returned as it was kept: not captured where the recording failed. `optimizer` must be capturable where
    `plan.captured`. Sets how this process multiplies float32 (`set_float32`).
    """
    set_float32(config.mode, data.train.labels.device)
    if not plan.captured:
        return EagerSteps(config, data, model, optimizer, plan), plan
    try:
        return GraphedSteps(config, data, model, optimizer, plan, recorder), plan
    except RuntimeError as error:  # CUDA's own errors and a full memory are RuntimeErrors too
        kept = unrecorded(plan, error, data.train.labels.device)
    return EagerSteps(config, data, model, optimizer, kept), kept


def unrecorded(plan: Plan, error: RuntimeError, device: torch.device) -> Plan:
    """Make the device usable again after a failed recording; return the plan with `error` in its note."""
    cause = error.__context__ or error  # the error that broke the recording, not the one that ended it
    reason = (str(cause).splitlines() or [type(cause).__name__])[0][:200]
    if device.type == "cuda":
        # The generator may think that it still is being recorded, and then refuses to draw: a fresh one takes its place.
        state = random_state(device)
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].graphsafe_set_state(torch.Generator(device))
        restore_random_state(state, device)
    note = f"The training step could not be recorded as a CUDA graph ({reason}): it is taken operation by operation."
    return plan.model_copy(update={"captured": False, "note": " ".join(filter(None, (plan.note, note)))})
