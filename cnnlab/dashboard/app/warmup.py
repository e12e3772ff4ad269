"""This module loads torch in the background while the server starts, and tells what a run trains on here."""

import threading
from importlib import import_module

_device: list[str] = []
_devices: list[str] = []


def device() -> str | None:
    """Return what a run trains on here ("NVIDIA H200"); None until torch has been loaded. Never waits."""
    return _device[0] if _device else None


def devices() -> tuple[str, ...]:
    """Return the devices to choose from here ("auto", "cpu", "cuda"); () until torch has been loaded. Never waits."""
    return tuple(_devices)


def load_torch() -> None:
    """Load torch, and what the pages make of it, in the background: so that the first visitor need not wait for it.

    In this process torch computes with one thread: a picture's way through a network takes no longer for that, and the
    other cores are those of the run that trains.
    """

    def load() -> None:
        import torch

        from cnnlab.training.devices import available, describe, pick_device
        from cnnlab.training.engine.malloc import give_back_freed_memory

        torch.set_num_threads(1)
        give_back_freed_memory()
        _devices.extend(["auto", *filter(available, ("cpu", "cuda", "mps"))])
        _device.append(describe(pick_device("auto")))
        for page in ("train.network_preview", "run.live_view", "inspect.page"):
            import_module(f"cnnlab.dashboard.{page}")
        import_module("cnnlab.dashboard.inspect.computing.ahead").AHEAD.begin()

    threading.Thread(target=load, name="cnnlab-torch", daemon=True).start()
