"""This module is the warm worker: a process that pays, before a run is queued, what the run's first step would cost."""

import os
import sys
from collections.abc import Iterator
from itertools import islice

import torch

from cnnlab import logs
from cnnlab.app_config import AppConfig
from cnnlab.data import DATASETS
from cnnlab.models import complete
from cnnlab.runs import BusyStoreError, Run, Store, StoreError
from cnnlab.runs.doorbell import LOOK_S, Doorbell
from cnnlab.runs.patience import Waiting
from cnnlab.runs.process.launcher import LAUNCHED_BY
from cnnlab.schema import TrainingConfig
from cnnlab.training import fit
from cnnlab.training.autotune.choose import choose
from cnnlab.training.devices import background_threads, pick_device
from cnnlab.worker import data_cache
from cnnlab.worker.job import work
from cnnlab.worker.side_by_side import companions, work_with

AGAIN_S = 0.05
"""Seconds until the next attempt to claim, where a run may start and this worker did not get it: perhaps another worker
did, or somebody holds the run's lock for a moment."""


def serve(app_config: AppConfig) -> None:
    """Wait for a run, train it and end; end without a run once the process that launched this worker is gone."""
    parent = int(os.environ.get(LAUNCHED_BY, os.getppid()))
    logs.begin(app_config.home, "worker")
    torch.set_num_threads(app_config.threads or background_threads(os.cpu_count() or 1))
    try:
        store = Store(app_config).with_patience(Waiting(lambda: os.getppid() == parent))
        with Doorbell(app_config.runs) as doorbell:
            doorbell.watch(parent)
            run = _claimed(app_config, store, doorbell, parent)
    except BusyStoreError:
        return  # it was busy until the launcher went
    except StoreError as error:
        sys.exit(str(error))
    if run is None:
        return
    logs.say(f"run {run.id} ({run.name}) begins")
    try:
        others = companions(store, run)
        all_ended = work_with(store, app_config, run, others) if others else [work(store, app_config, run)]
    except StoreError as error:
        sys.exit(f"run {run.id} ended, and the store was not told: {error}")
    for ended in all_ended:
        logs.say(f"run {ended.id} ended: {ended.status}: {ended.message}")


def _claimed(app_config: AppConfig, store: Store, doorbell: Doorbell, parent: int) -> Run | None:
    """Claim a run and return it; None once the parent process is gone.

    Between two attempts the worker warms up a little more.
    """
    warming = _warming(app_config, store)
    while os.getppid() == parent:
        if run := store.claim():
            return run
        if not next(warming, False):
            doorbell.wait(AGAIN_S if store.may_start() else LOOK_S)
    return None


def _warming(app_config: AppConfig, store: Store) -> Iterator[bool]:
    """Warm up step by step, and yield True while there is more to do: a queued run need not wait for all of it."""
    try:
        for _ in _warm_up(app_config, store):
            yield True
        logs.event("worker ready")
    except Exception as error:
        # A run that needs the missing part reports it; other runs need not wait.
        logs.event("worker ready, but cold", error=error)


def _warm_up(app_config: AppConfig, store: Store) -> Iterator[None]:
    """Do in steps what a run's first step would wait for: reading the data, the kernels' first use, the self-test.

    The settings are those of the form as it opens, on the built-in pictures where the form's dataset is not on this
    machine yet.
    """
    config = TrainingConfig()
    if not DATASETS.get(config.dataset).is_ready(app_config.data):
        config = config.model_copy(update={"dataset": "shapes"})
    config, device = complete(config), pick_device("auto")
    data = data_cache.keep(config, app_config, device)
    yield
    list(islice(fit(config, data, device), 2))
    yield
    if not store.training_pids():  # beside a run in training, `choose` would time a slow machine
        choose(config, data, device, app_config)
