"""This module is `python -m cnnlab.views._print`: it computes one view for the command `inspect` and prints its arrays."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cnnlab.app_config import AppConfig
from cnnlab.checkpoints import CheckpointError, WrittenFile
from cnnlab.dashboard.inspect import measured
from cnnlab.dashboard.inspect.view import VIEWS, Options, Subject, View
from cnnlab.data import DATASETS, DatasetInfo, DataUnavailableError
from cnnlab.data.images import MIDDLE, PictureError, decode, fit_to
from cnnlab.inspection import kept_arrays
from cnnlab.inspection.summary import summarise
from cnnlab.registry import UnknownNameError
from cnnlab.schema import TrainingConfig

SHORT = 16
"""Numbers up to which an array is printed whole."""
SETTINGS, NO_DATA, FAILED = 2, 4, 6
"""Exit codes of the command line, as its help explains them."""


class AskedWronglyError(ValueError):
    """`AskedWronglyError` says in one sentence what in the question is not there, and what is."""


def main() -> int:
    """Read a question as JSON from stdin, print the answer, return the exit code."""
    asked = json.load(sys.stdin)
    app_config = AppConfig()
    try:
        view = VIEWS.get(asked["view"])
        subject = subject_of(app_config, view, asked)
        for facts in summary(answer(app_config, view, subject)):
            print(json.dumps(facts, ensure_ascii=False) if asked["as_json"] else words(facts), flush=True)
    except (UnknownNameError, AskedWronglyError, PictureError) as error:
        return _refuse(SETTINGS, str(error))
    except DataUnavailableError as error:
        return _refuse(NO_DATA, str(error))
    except (CheckpointError, OSError) as error:
        return _refuse(FAILED, str(error))
    return 0


def answer(app_config: AppConfig, view: View[Any], subject: Subject) -> Any:
    """Return the view's arrays; those of a whole dataset are kept for the dashboard, or come from there."""
    if view.cost != "dataset":
        return view.compute(subject.only(view.needs))
    found = measured.find(app_config, view, subject)
    if found is None:
        found = view.compute(subject.only(view.needs))
        kept_arrays.write(measured.path_of(app_config, view, subject), found)
    return found


def subject_of(app_config: AppConfig, view: View[Any], asked: Mapping[str, Any]) -> Subject:
    """Return what the question is about. Raises AskedWronglyError, DataUnavailableError, PictureError."""
    if "beside" in view.needs:
        raise AskedWronglyError(f"The view “{view.name}” compares two networks; the dashboard alone can choose both.")
    config = TrainingConfig.model_validate(asked["config"])
    info = DATASETS.get(config.dataset).info
    path, kept = Path(asked["weights"]), measured.from_rows(asked["kept"])
    chosen: dict[str, Any] = {}
    if "layer" in view.needs:
        names = [row.name for row in summarise(config, info) if view.layers.among(row)]
        chosen["layer"] = _one_of("layer", asked["layer"], {name.partition(".")[2]: name for name in names})
    if "class" in view.needs and asked["class"] is not None:
        chosen["class_index"] = info.classes.index(
            _one_of("class", asked["class"], {name: name for name in info.classes})
        )
    if "picture" in view.needs:
        chosen["picture"] = picture_of(app_config, info, asked["picture"])
    if "set" in view.needs:
        sets = ("test", "train sample", *(["validation"] if config.validation_size else []))
        chosen["set"] = _one_of("set of pictures", asked["set"], {name: name for name in sets})
    return Subject(
        config, info, app_config.data, path, WrittenFile(path.name, asked["sha256"], asked["bytes"]), asked["epoch"],
        channel=asked["channel"], options=options_of(asked["options"]), progress=_progress, history=kept,
        start=next((one for one in kept if one.epoch == 0), None), **chosen,
    )  # fmt: skip


def _one_of(what: str, asked: str | None, known: Mapping[str, str]) -> str:
    if not known:
        raise AskedWronglyError(f"This network has no {what} that the view can show.")
    if asked is None:
        return next(iter(known.values()))
    if asked not in known:
        raise AskedWronglyError(f"There is no {what} “{asked}”. There is: {', '.join(known)}.")
    return known[asked]


def options_of(texts: list[str]) -> Options:
    """Return the view's own choices of texts like "baseline=grey"; a value that is a whole number is one."""
    pairs = [text.partition("=") for text in texts]
    if bad := next((name for name, sign, _ in pairs if not sign), None):
        raise AskedWronglyError(f"“{bad}” is not written as name=value.")
    return tuple((name, int(value) if value.removeprefix("-").isdecimal() else value) for name, _, value in pairs)


def picture_of(app_config: AppConfig, info: DatasetInfo, asked: str) -> npt.NDArray[np.uint8]:
    """Return the picture, as the network's dataset has them: uint8 [size_px, size_px, channels]."""
    part, sign, place = asked.partition(":")
    if part not in ("test", "train") or not sign:
        try:
            data = Path(asked).read_bytes()
        except OSError as error:
            raise AskedWronglyError(
                f"The picture “{asked}” cannot be read: {error.strerror}. Give a file, or test:K for one of {info.name}."
            ) from None
        return fit_to(decode(data).pixels, info.size_px, info.channels, MIDDLE, info.background)
    last = (info.num_test if part == "test" else info.num_train) - 1
    if not place.isdecimal() or int(place) > last:
        raise AskedWronglyError(f"{info.name} has the {part} pictures 0 to {last}, not {place}.")
    arrays = DATASETS.get(info.name).load(app_config.data)
    return np.array((arrays.test_images if part == "test" else arrays.train_images)[int(place)])


def summary(found: Any, name: str = "") -> Iterator[dict[str, Any]]:
    """Give what there is in a view's answer, one thing after the other, each with its name."""
    if is_dataclass(found):
        for field in fields(found):
            yield from summary(getattr(found, field.name), f"{name}.{field.name}".lstrip("."))
    elif isinstance(found, Mapping):
        for key, value in found.items():
            yield from summary(value, f"{name}[{key}]")
    elif isinstance(found, np.ndarray):
        yield {"name": name or "array"} | of_array(found)
    elif isinstance(found, (list, tuple)):
        for number, value in enumerate(found):
            yield from summary(value, f"{name}[{number}]")
    else:
        yield {"name": name, "value": found if isinstance(found, (int, float, str, type(None))) else str(found)}


def of_array(array: npt.NDArray[Any]) -> dict[str, Any]:
    """Return shape, type, and smallest, largest and mean value of an array; a short one whole."""
    facts: dict[str, Any] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if array.size and array.dtype.kind in "biuf":
        facts |= {"min": array.min().item(), "max": array.max().item(), "mean": float(array.mean(dtype=np.float64))}
    return facts | ({"values": array.tolist()} if array.size <= SHORT else {})


def words(facts: Mapping[str, Any]) -> str:
    """Return one thing as a line of text."""
    if "shape" not in facts:
        return f"{facts['name']}: {facts['value']}"
    size = "×".join(map(str, facts["shape"])) or "one number"
    said = ", ".join(f"{name} {facts[name]:.6g}" for name in ("min", "max", "mean") if name in facts)
    whole = " ".join(f"{value:.6g}" for value in np.ravel(facts["values"])) if facts.get("values") and said else ""
    return f"{facts['name']}: {size} {facts['dtype']}" + (f", {said}" if said else "") + (f": {whole}" if whole else "")


def _progress(done: int, total: int) -> None:
    print(f"\r{done:,} of {total:,} pictures", end="\n" if done >= total else "", file=sys.stderr, flush=True)


def _refuse(code: int, sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
