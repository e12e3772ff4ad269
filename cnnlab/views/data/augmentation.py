"""This module is the view of augmentation: what the code that trains makes of one picture, sixteen times."""

from typing import get_args

import numpy as np
import numpy.typing as npt
import streamlit as st
import torch

from cnnlab.dashboard.inspect.selection import complain, set_widget, take
from cnnlab.dashboard.inspect.subject import SHARED
from cnnlab.dashboard.inspect.view import Options, Screen, Subject, View, register
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.schema import SETTINGS, AugmentationName
from cnnlab.training.augmentation import CROP_PX, CUTOUT_PX, SHIFT_PX, draws

DRAWS = 16
_KINDS: tuple[AugmentationName, ...] = get_args(AugmentationName)
_KIND, _DRAW = "data_augmentation", "data_draw"
_LAST = 2**31 - 1
_DOES: dict[AugmentationName, str] = {
    "none": "The network gets each picture as it is, in every epoch.",
    "flip": "Each time a picture is shown, it is mirrored, left for right, with a chance of one in two.",
    "flip_crop": f"Each time, the picture is mirrored with a chance of one in two; then {CROP_PX} black pixels are put around "
    f"it and a part of the old size is cut out at a random place. So it moves by up to {CROP_PX} pixels.",
    "flip_crop_cutout": "As flip + crop; then a grey square covers a random place (its side is "
    f"{CUTOUT_PX} of 32 pixels, and part of it may lie outside). The network cannot rely on one detail.",
    "alternating": "In one epoch a picture is mirrored, in the next it is not: what begins is drawn once. In each epoch it is "
    f"also moved by up to {SHIFT_PX} pixels, and its edge is mirrored outwards.",
}


def compute(subject: Subject) -> npt.NDArray[np.uint8]:
    """Change the picture sixteen times by the code that trains: uint8 [16, height, width, channels]."""
    if subject.picture is None:
        raise TypeError("A picture that is changed must be chosen.")
    picture = torch.from_numpy(np.array(subject.picture))
    with SHARED.turn(subject.waiting):  # torch has one random generator for all threads
        return draws(picture, _kind(subject), int(subject.option("draw") or 0), DRAWS).numpy()


def choose(screen: Screen) -> Options:
    """Draw the choosers of the kind of augmentation and of the draw, and return what was chosen."""
    asked, own = url.asked("augmentation"), screen.subject.config.augmentation
    kind = next((kind for kind in _KINDS if kind == asked), own)
    if asked and asked != kind and url.from_outside("augmentation"):
        complain(f"There is no augmentation “{asked}”. Here is: {_name(kind)}.")
    draw = url.number("draw")
    if draw is None or draw > _LAST:
        if url.asked("draw") and url.from_outside("draw"):
            complain(f"A draw is a whole number from 0, not “{url.asked('draw')}”. Here is draw 0.")
        draw = 0
    set_widget(_KIND, kind)
    screen.controls.segmented_control(
        "Augmentation",
        _KINDS,
        key=_KIND,
        format_func=_name,
        required=True,
        on_change=take,
        args=("augmentation", _KIND),
        wrap=True,
    )
    screen.controls.button(
        "Draw again",
        key=_DRAW,
        icon=":material/casino:",
        on_click=_again,
        args=(draw + 1,),
        help=f"This is draw {draw}.",
    )
    screen.address["augmentation"], screen.address["draw"] = None if kind == own else kind, draw or None
    return ("augmentation", kind), ("draw", draw)


def draw(screen: Screen, made: npt.NDArray[np.uint8]) -> None:
    """Draw the picture and what was made of it, and say what the chosen kind does."""
    kind = _kind(screen.subject)
    number, own = int(screen.subject.option("draw") or 0), screen.subject.config.augmentation
    st.header("The same picture, shown sixteen times", anchor=False)
    st.markdown(f"**{_name(kind)}**: {_DOES[kind]}")
    word = "epoch" if kind == "alternating" else "draw"
    for_all = np.concatenate([screen.chosen_picture.sized[np.newaxis], made])
    tiles(
        key="data_draws",
        values=np.ascontiguousarray(np.broadcast_to(for_all, (*for_all.shape[:3], 3))),
        limits=(0.0, 255.0),
        palette="viridis",
        labels=["as it is", *(f"{word} {place}" for place in range(1, len(made) + 1))],
        tile_px=96,
        hint="",
        pick=False,
        description=f"The picture as it is, then sixteen times as {_name(kind)} changes it.",
    )
    uses = f"The settings chosen above train with “{_name(own)}”."
    st.caption(
        f"{uses} Made by the same code that trains, with random numbers from seed {number}. Only training pictures are "
        "changed; validation and test pictures are measured as they are."
    )


def _kind(subject: Subject) -> AugmentationName:
    """Return the kind of augmentation that was chosen; none where nothing was."""
    return next((kind for kind in _KINDS if kind == subject.option("augmentation")), _KINDS[0])


def _name(kind: AugmentationName) -> str:
    return run_labels.setting_value(SETTINGS["augmentation"], kind)


def _again(draw: int) -> None:
    url.keep(draw=draw if draw <= _LAST else None)


AUGMENTATION = register(
    View(
        name="augmentation",
        title="Augmentation",
        page="data",
        compute=compute,
        draw=draw,
        needs=frozenset({"picture", "options"}),
        cost="instant",
        place=4,
        choose=choose,
        source="`cnnlab/training/augmentation.py`, the functions that each training step and epoch call. Crop: He et al., "
        "*Deep Residual Learning* (2015), [arXiv:1512.03385](https://arxiv.org/abs/1512.03385). Cutout: DeVries and "
        "Taylor (2017), [arXiv:1708.04552](https://arxiv.org/abs/1708.04552). Alternating: Jordan (2024), section 3.6, "
        "[arXiv:2404.00498](https://arxiv.org/abs/2404.00498).",
    )
)
