"""This module packs what a paper or a report says of a run into one zip: settings, scores, curves, machine and figures."""

import io
import json
import zipfile
from collections.abc import Iterator

from cnnlab.exports import csv
from cnnlab.exports._export import EXPORTS, Export, Source, no_epochs
from cnnlab.figures.network_diagram import network_svg
from cnnlab.records import EpochRecord
from cnnlab.runs import Run

_ALWAYS = (1980, 1, 1, 0, 0, 0)
"""Date of each file in the zip, the earliest there can be: the same run gives the same bytes."""
_INK = "#131A24"

_ABOUT = """\
Run {run.number}, "{run.name}", of cnnlab: {run.config.architecture} on {run.config.dataset}, seed {run.config.seed}.

settings.json   every setting, with the seed
run.csv         settings and scores in one line, for a spreadsheet; "last" is the network after the last epoch, or at the
                step (last_step) where the run was stopped within an epoch; "best" is the one with the highest
                validation accuracy
epochs.csv      loss and accuracy of the train sample and the validation set after each epoch
steps.csv       loss, accuracy and learning rate of the steps; each line is the mean since the line before
machine.json    processor or GPU, versions, threads and precision: what else the numbers depend on
figures.html    the figures, for any browser, also without internet; the camera above each saves it as SVG
network.svg     the network

Accuracy is from 0 to 1, loss is the mean cross entropy in nats, times are seconds. Scores of whole sets are in run.csv:
evaluation mode, no augmentation.
{cite}
"""


def packed(source: Source) -> bytes:
    """Return the zip of a run."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, text in _files(source):
            member = zipfile.ZipInfo(f"run-{source.run.number}/{name}", _ALWAYS)
            member.external_attr = 0o644 << 16
            file.writestr(member, text, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _files(source: Source) -> Iterator[tuple[str, str]]:
    from cnnlab.data import DATASETS
    from cnnlab.inspection.summary import summarise  # torch: here, so that buttons and `--help` need not wait for it

    run, info = source.run, DATASETS.get(source.run.config.dataset).info
    epochs = source.store.epochs(run.id)
    yield "README.txt", _ABOUT.format(run=run, cite=f"The dataset: {info.source}")
    yield "settings.json", _json(run.config.model_dump(mode="json"))
    yield "run.csv", csv.summary(run)
    yield "epochs.csv", csv.epochs(epochs)
    yield "steps.csv", csv.steps(source.store.steps(run.id))
    yield "machine.json", _json({"device": run.device, "images_per_s": run.images_per_s, **run.environment})
    yield "figures.html", _figures(run, epochs)
    svg = network_svg(summarise(run.config, info), (info.channels, info.size_px, info.size_px))
    yield "network.svg", svg.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" color="{_INK}" ', 1)


def _figures(run: Run, epochs: list[EpochRecord]) -> str:
    """Return one page with the figures and all that a browser needs to draw them."""
    from cnnlab.figures.accuracy_bars import (  # plotly: here, so that no other command waits for it
        RunScores,
        accuracy_bars,
    )
    from cnnlab.figures.learning_curves import RunCurve, curves

    mine = [RunCurve(run.name, epochs, run.best_epoch, run.results, steps_per_epoch=run.steps_per_epoch)]
    figures = {"accuracy": curves(mine, "accuracy"), "loss": curves(mine, "loss")}
    if run.results:
        figures["scores"] = accuracy_bars([RunScores(run.name, run.results.final)])
    parts = [
        figure.to_html(
            full_html=False,
            include_plotlyjs=number == 0,
            div_id=name,
            config={"displayModeBar": True, "toImageButtonOptions": {"format": "svg", "filename": name}},
        )
        for number, (name, figure) in enumerate(figures.items())
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Run {run.number}</title>'
    return f'{head}<body style="max-width:60rem;margin:auto;color:{_INK}">{"".join(parts)}</body></html>'


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


EXPORTS.register(
    "paper",
    Export(
        name="paper",
        title="For the paper",
        help="One ZIP file: settings, seed, all scores, curves, machine and figures.",
        suffix="zip",
        mime="application/zip",
        write=packed,
        missing=no_epochs,
    ),
)
