"""This module is `python -m cnnlab.views VIEW ...`: it computes a view of a whole dataset and keeps it for the dashboard."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from cnnlab import logs
from cnnlab.app_config import AppConfig
from cnnlab.checkpoints import CheckpointError, WrittenFile
from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.view import VIEWS, Subject
from cnnlab.data import DATASETS, DataUnavailableError
from cnnlab.inspection import kept_arrays
from cnnlab.schema import TrainingConfig
from cnnlab.training.devices import thread_choices


def main(arguments: list[str] | None = None) -> int:
    """Compute and keep one view's arrays; print JSON lines as `cnnlab.runs.process.jobs.JobQueue` reads them."""
    options = _options(arguments)
    app_config = AppConfig()
    logs.begin(app_config.home, "command")
    torch.set_num_threads(thread_choices(os.cpu_count() or 1, app_config.threads)[-1])
    view = VIEWS.get(options.view)
    config = TrainingConfig.model_validate_json(options.config)
    subject = Subject(
        config=config,
        info=DATASETS.get(config.dataset).info,
        folders=app_config.data,
        weights=options.weights,
        file=options.weights and WrittenFile(options.weights.name, options.sha256, options.bytes),
        layer=options.layer,
        channel=options.channel,
        set=options.set,
        class_index=options.class_index,
        options=tuple((name, value) for name, value in json.loads(options.options)),
        start=next(iter(measured.from_rows(json.loads(options.start))), None),
        history=measured.from_rows(json.loads(options.history)),
        beside=measured.from_json(options.beside) if options.beside else None,
        progress=lambda done, total: _say(done=done, total=total),
    )
    try:
        if measured.find(app_config, view, subject) is None:  # else another server has just had the arrays computed
            arrays = view.compute(subject.only(view.needs))
            kept_arrays.write(measured.path_of(app_config, view, subject), arrays)
    except (CheckpointError, DataUnavailableError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"The answer could not be kept: {error.strerror or error}.")
    except Exception as error:
        logs.event("a view failed", error=error, view=view.name)
        raise
    _say(type="written")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cnnlab.views", description=__doc__)
    parser.add_argument("view", choices=[view.name for view in VIEWS if view.cost == "dataset"])
    parser.add_argument("--config", required=True, help="the run's settings, as JSON")
    parser.add_argument("--weights", type=Path, help="the checkpoint's file")
    parser.add_argument("--sha256", help="of that file")
    parser.add_argument("--bytes", type=int, help="of that file")
    parser.add_argument("--layer")
    parser.add_argument("--channel", type=int)
    parser.add_argument("--set", choices=["train sample", "validation", "test"])
    parser.add_argument("--class-index", type=int)
    parser.add_argument("--options", default="[]", help="what the view's own choosers say, as JSON")
    parser.add_argument("--start", default="[]", help="the checkpoint of epoch 0, as JSON rows")
    parser.add_argument("--history", default="[]", help="all kept checkpoints, the same way")
    parser.add_argument("--beside", help="the network to compare with, as JSON")
    return parser.parse_args(arguments)


def _say(**facts: Any) -> None:
    print(json.dumps(facts, ensure_ascii=False), flush=True)


def _refuse(sentence: str) -> int:
    _say(type="refused", sentences=[sentence])
    return 1


if __name__ == "__main__":
    sys.exit(main())
