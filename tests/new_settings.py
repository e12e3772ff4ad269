"""Tells, as JSON, where the cnnlab it imports shows some settings, and what a change of each makes stale.

Run by `test_settings_everywhere` in a copy of the project whose schema has a few fields more.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from pydantic import ValidationError
from streamlit.testing.v1 import AppTest

import cnnlab
from cnnlab.app_config import AppConfig
from cnnlab.dashboard.sweep.suggested_values import values
from cnnlab.dashboard.train import measurements, network_preview
from cnnlab.dashboard.widgets.run_labels import difference_line, settings_that_differ
from cnnlab.data import DATASETS, DatasetInfo
from cnnlab.inspection.summary import LayerRow
from cnnlab.models import complete
from cnnlab.records import Plan, RunStatus
from cnnlab.runs import Run, Store, expected_time
from cnnlab.schema import SETTINGS, TrainingConfig, complaints
from cnnlab.sweeps import Axis, grid, names
from cnnlab.training.autotune.cache import Measured, key_of, recall, remember
from cnnlab.training.autotune.memory import Need
from cnnlab.training.ensemble import why_not
from cnnlab.worker import data_cache

PROJECT = Path(cnnlab.__file__).parents[1]
CPU = torch.device("cpu")
BASE = complete(TrainingConfig(dataset="shapes", train_subset=100, validation_size=100, dropout=0.0))
INFO = DATASETS.get("shapes").info
MEASURED = Measured(
    plan=Plan(threads=1, memory_format="contiguous", precision="float32", steps_per_record=1, note=""),
    step_s=(0.1, 0.2),
    picture_s=0.0,
    steps=3,
    need=Need(training=1, augmenting=0, measuring=1, kept=1),
)


def widgets() -> dict[str, str]:
    """The kind of widget that the Train page has for each setting."""
    app = AppTest.from_file(str(PROJECT / "cnnlab/dashboard/app/router.py"), default_timeout=120)
    app = app.switch_page(str(PROJECT / "pages/train.py")).run()
    assert not app.exception, app.exception
    kinds = (
        app.number_input,
        app.slider,
        app.select_slider,
        app.toggle,
        app.button_group,
        app.text_input,
        app.selectbox,
    )
    return {(widget.key or "").removeprefix("form_"): widget.type for kind in kinds for widget in kind}


def sentence(name: str, bad: Any) -> str:
    """What is said of a value that is not allowed."""
    try:
        TrainingConfig.model_validate({name: bad})
    except ValidationError as error:
        return " ".join(complaints(error))
    return ""


def stale(app_config: AppConfig, changed: TrainingConfig, run: Run) -> list[str]:
    """What is not taken from before when a run of BASE has been, and `changed` stands in the form."""
    sets = data_cache.keep(BASE, app_config, CPU)
    anew = {"sets": data_cache.take(changed, app_config, CPU, None) is not sets}
    file = app_config.home / "selftest.json"
    remember(file, key_of(BASE, sets, CPU, [1]), MEASURED)
    assert recall(file, key_of(BASE, sets, CPU, [1]))
    anew["plan"] = recall(file, key_of(changed, sets, CPU, [1])) is None
    anew["preview"] = _summarised(changed)
    assert expected_time.seconds_an_epoch(BASE, INFO, [run])
    anew["estimate"] = expected_time.seconds_an_epoch(changed, INFO, [run]) is None
    for kind in measurements.QUESTIONS:
        anew[kind] = measurements.relevant(kind, changed) != measurements.relevant(kind, BASE)
    anew["side by side"] = bool(why_not([BASE, changed]))
    return [what for what, is_stale in anew.items() if is_stale]


def _summarised(changed: TrainingConfig) -> bool:
    """Whether the preview asks for the layers again after those of BASE."""
    asked, really = [], network_preview.summarise
    network_preview._layers.clear()

    def counted(config: TrainingConfig, info: DatasetInfo) -> list[LayerRow]:
        asked.append(config)
        return really(config, info)

    with patch.object(network_preview, "summarise", counted):
        for config in (BASE, BASE, changed):
            assert network_preview.layers(config)
    return len(asked) > 1


def found(tried: Mapping[str, list[Any]]) -> dict[str, dict[str, Any]]:
    """Of each setting what cnnlab makes of it. `tried`: a value that is allowed, and one that is not."""
    app_config, drawn, facts = AppConfig(), widgets(), {}
    store = Store(app_config)
    parent = store.create(BASE)
    brought = replace(parent, status=RunStatus.IMPORTED, environment={"imported": {"file": "weights", "stated": False}})
    for name, (good, bad) in tried.items():
        changed = complete(TrainingConfig.model_validate({**BASE.model_dump(), name: good}))
        child = store.create(changed, parent_id=parent.id)
        facts[name] = {
            "widget": drawn.get(name),
            "sentence": sentence(name, bad),
            "tries": values(SETTINGS[name], SETTINGS[name].default),
            "sweep": names(grid(BASE, [Axis(name, (getattr(BASE, name), good))])),
            "columns": [setting.label for setting in settings_that_differ([parent, child])],
            "difference": difference_line(child, parent),
            "stale": stale(app_config, changed, replace(parent, images_per_s=1_000.0)),
            "known of weights": brought.knows(name),
        }
    return facts


if __name__ == "__main__":
    print(json.dumps(found(json.loads(sys.argv[1]))))
