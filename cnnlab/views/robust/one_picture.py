"""This module is the view of one picture under changes: sliders shift, rotate, blur, noise and attack it."""

import numpy as np
import numpy.typing as npt
import streamlit as st

from cnnlab.dashboard.inspect.selection import complain, set_widget
from cnnlab.dashboard.inspect.view import Options, Screen, Subject, View, register
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.dashboard.widgets.tiles import tiles
from cnnlab.figures.class_probabilities import probability_bars, which_shown
from cnnlab.formatting import percent
from cnnlab.inspection.kernels import symmetric_limit
from cnnlab.inspection.robustness import looks
from cnnlab.inspection.robustness.changes import CHANGES, Change, strength_of
from cnnlab.inspection.robustness.looks import Look, Looks

MOST_MAPS = 16
_NAMES = [change.name for change in CHANGES]


def compute(subject: Subject) -> Looks:
    """Compute what the network makes of the picture as it is and as the sliders change it, at the chosen layer."""
    strengths = {change.name: strength_of(change, subject.option(change.name)) for change in CHANGES}
    label = subject.option("label")
    with subject.network() as network:
        return looks.compute(
            network,
            subject.chosen_picture,
            *subject.normalisation,
            subject.chosen_layer,
            strengths,
            None if label is None else int(label),
        )


def choose(screen: Screen) -> Options:
    """Draw a slider for each change, and return the strengths, and the true class where it is known."""
    options: list[tuple[str, str | int]] = []
    with screen.above.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        for change in CHANGES:
            strength = _strength(change)
            key = f"robust_{change.name}"
            set_widget(key, strength)
            st.select_slider(
                change.title,
                range(change.most + 1),
                key=key,
                format_func=change.words,
                on_change=_take,
                args=(change.name, key),
                width=136,
                help=change.how,
            )
            screen.address[change.name] = strength or None
            if strength:
                options.append((change.name, strength))
        st.button(
            "As it is",
            icon=":material/undo:",
            key="robust_reset",
            disabled=not options,
            on_click=_reset,
            help="All sliders back to 0",
        )
    label = screen.chosen_picture.label
    return tuple(options) if label is None else (*options, ("label", label))


def draw(screen: Screen, seen: Looks) -> None:
    """Draw both pictures, what the network says of each, and the maps that changed the most."""
    info, label = screen.subject.info, screen.chosen_picture.label
    st.header("Does the answer stay when the picture changes?", anchor=False)
    st.markdown(_verdict(screen, seen))
    left, middle, right = side.columns(3, gap="medium")
    with left.container(horizontal=True, gap="small"):
        _draw_picture("As it is", "before", seen.before.picture)
        _draw_picture("Changed", "after", seen.after.picture)
    for place, words, look in ((middle, "As it is", seen.before), (right, "Changed", seen.after)):
        with place:
            st.markdown(f"**{words}**")
            highest = info.classes[look.probabilities.argmax()]
            description = f"{words}: the probability of each class; the highest is {highest}"
            st.html(probability_bars(look.probabilities, info.classes, label, description=description))
    if few := which_shown(len(info.classes)):
        st.caption(few)
    if screen.subject.option("fgsm"):
        step = int(screen.subject.option("fgsm") or 0)
        target = "it is" if label is not None else "the network says of the picture as it is"
        st.caption(
            f"FGSM: each value of the picture moves by {step}/255 (ε = {short(step / 255)} of pixels from 0 to 1), to where "
            f"the loss for **{escape(info.classes[seen.attacked])}**, which {target}, grows. It comes after all other changes."
        )
    _draw_maps(screen, seen)


def _verdict(screen: Screen, seen: Looks) -> str:
    """Return what the network says of both pictures, and what was changed."""
    classes = screen.subject.info.classes
    changes = [
        f"{change.title.lower() if change.name != 'fgsm' else change.title} {change.words(int(strength))}"
        for change in CHANGES
        if (strength := screen.subject.option(change.name))
    ]
    before = f"As it is: {_says(seen.before, classes)}."
    if not changes:
        return f"{before} Move a slider to change the picture."
    same = seen.before.logits.argmax() == seen.after.logits.argmax()
    verdict = "**The answer stays.**" if same else "**The answer changes.**"
    return f"{before} With {', '.join(changes)}: {_says(seen.after, classes)}. {verdict}"


def _says(look: Look, classes: tuple[str, ...]) -> str:
    said = int(look.probabilities.argmax())
    return f"**{escape(classes[said])}** ({percent(float(look.probabilities[said]))})"


def _draw_picture(words: str, key: str, picture: npt.NDArray[np.uint8]) -> None:
    with st.container(width=136):
        st.markdown(f"**{words}**")
        tiles(
            key=f"robust_{key}",
            values=np.ascontiguousarray(
                np.broadcast_to(picture, (*picture.shape[:2], 3))[np.newaxis].astype(np.float32)
            ),
            limits=(0.0, 255.0),
            palette="viridis",
            labels=[words],
            columns=1,
            tile_px=128,
            hint="",
            description=f"The picture, {words.lower()}.",
        )


def _draw_maps(screen: Screen, seen: Looks) -> None:
    """Draw the feature maps of the layer that changed the most, before and after, on one scale."""
    before, after = seen.before.maps, seen.after.maps
    moved = np.abs(after - before).mean(axis=(1, 2))
    channels = np.sort(np.argsort(-moved, kind="stable")[:MOST_MAPS])
    beside: Looks | None = screen.other
    drawn = [before, after, *([beside.before.maps, beside.after.maps] if beside else [])]
    limit = max((symmetric_limit(maps) for maps in drawn if maps.any()), default=1.0)
    signed = any(bool((maps < 0).any()) for maps in drawn)
    few = len(before) > len(channels)
    which = f"The {len(channels)} of {len(before)} maps of" if few else f"All {len(before)} maps of"
    st.header(f"{which} {screen.layer.label}{' that change the most' if few else ''}", anchor=False)
    for place, words, key, maps in zip(
        side.columns(2, gap="medium"), ("As it is", "Changed"), ("before", "after"), (before, after), strict=True
    ):
        with place:
            st.markdown(f"**{words}**")
            tiles(
                key=f"robust_maps_{key}",
                values=np.ascontiguousarray(maps[channels]),
                limits=(-limit if signed else 0.0, limit),
                palette="diverging" if signed else "viridis",
                labels=[f"channel {channel}" for channel in channels],
                tile_px=110,
                colour_bar="value",
                pick=False,
                description=f"Feature maps of {screen.layer.label}, {words.lower()}.",
            )
    low = short(-limit if signed else 0.0)
    st.caption(
        f"All maps of both pictures share one colour scale{' on both sides' if beside else ''}, from {low} to {short(limit)}, "
        "the largest size in any of them."
    )


def _strength(change: Change) -> int:
    """Return the strength that the address names; 0 where it names none, or none that the slider has."""
    asked = url.asked(change.name)
    found = url.number(change.name)
    if found is not None and found <= change.most:
        return found
    if asked and url.from_outside(change.name):
        complain(f"{change.title} goes from 0 to {change.words(change.most)}, not “{asked}”. Here is 0.")
    return 0


def _take(name: str, key: str) -> None:
    """Put the slider's strength into the address. Where a click cuts a drawing short, Streamlit may call this with a text."""
    value = st.session_state[key]
    if isinstance(value, int):
        url.keep(**{name: value or None})


def _reset() -> None:
    url.keep(**dict.fromkeys(_NAMES))


ROBUST = register(
    View(
        name="robust",
        title="This picture",
        page="feature_maps",
        place=8,
        compute=compute,
        draw=draw,
        needs=frozenset({"epoch", "picture", "layer", "options"}),
        cost="instant",
        family="Robust?",
        choose=choose,
        source="The changes are made one after the other, in the order of the sliders, on whole pixels from 0 to 255, before "
        "the normalisation. Real pictures under such changes: Hendrycks and Dietterich, *Benchmarking Neural Network "
        "Robustness to Common Corruptions and Perturbations* (2019), [arXiv:1903.12261](https://arxiv.org/abs/1903.12261). "
        "FGSM: Goodfellow, Shlens and Szegedy, *Explaining and Harnessing Adversarial Examples* (2015), "
        "[arXiv:1412.6572](https://arxiv.org/abs/1412.6572). With $x$ the picture, $y$ its class and $L$ the loss:\n\n"
        r"$$x' = \operatorname{clip}_{0..1}\big(x + \epsilon\,\operatorname{sign}(\nabla_x L(x, y))\big)$$",
    )
)
