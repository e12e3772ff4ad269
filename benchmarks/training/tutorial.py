"""The tutorial, reproduced: `python -m benchmarks.training.tutorial [--preset NAME] [--seeds 0 1 2] [--epochs N]`.

Trains through the command line, as a person would, and reads the store. Runs that are there already (same settings)
are not trained again, so a table can grow seed by seed.
"""

import argparse
import subprocess
import sys

from cnnlab.app_config import AppConfig
from cnnlab.models import complete
from cnnlab.presets import PRESETS
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store

TUTORIAL = {
    "SimpleCNN, tutorial": (
        [1.6373, 1.3495, 1.2232, 1.1402, 1.0829, 1.0246, 0.9847, 0.9444, 0.9085, 0.8776],
        "test 63.35 %",
    ),
    "VGGishCNN, tutorial": (
        [1.7319, 1.2856, 1.0517, 0.9135, 0.8232, 0.7474, 0.6840, 0.6324, 0.6030, 0.5668],
        "train 86.02 %, test 74.71 %",
    ),
}


def main() -> None:
    """Train what is missing, then print the losses by epoch and the final scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=TUTORIAL, default="SimpleCNN, tutorial")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=10)
    asked = parser.parse_args()
    store = Store(AppConfig())
    runs = [trained(store, asked.preset, seed, asked.epochs) for seed in asked.seeds]
    losses, scores = TUTORIAL[asked.preset]
    print(f"\n{asked.preset}: training loss by epoch, mean over batches (the tutorial's figure); {runs[0].environment}")
    print(f"{'':10}{''.join(f'{epoch:>9}' for epoch in range(1, asked.epochs + 1))}   whole sets, last epoch")
    print(f"{'tutorial':10}{''.join(f'{loss:9.4f}' for loss in losses[: asked.epochs])}   {scores}")
    for run in runs:
        epochs = store.epochs(run.id)
        assert run.results
        final = run.results.final
        shown = f"train {final.train.accuracy:.2%}, test {final.test.accuracy:.2%}, {run.elapsed_s:.0f} s of training"
        print(f"{f'seed {run.config.seed}':10}{''.join(f'{e.running_loss:9.4f}' for e in epochs)}   {shown}")


def trained(store: Store, preset: str, seed: int, epochs: int) -> Run:
    """The finished run of these settings, trained now where there is none."""
    base = next(p for p in PRESETS if p.name == preset).config
    config = complete(base.model_copy(update={"seed": seed, "epochs": epochs}))

    def found() -> Run | None:
        return next((r for r in store.list() if r.config == config and r.status is RunStatus.FINISHED), None)

    if found() is None:
        options = ["--preset", preset, "--seed", str(seed), "--epochs", str(epochs)]
        subprocess.run([sys.executable, "-m", "cnnlab", "train", *options], check=True)
    run = found()
    assert run is not None
    return run


if __name__ == "__main__":
    main()
