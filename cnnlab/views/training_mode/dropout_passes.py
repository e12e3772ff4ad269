"""This module is the view of one picture that a network sees twenty times with its dropout on: how far the answers differ."""

import numpy as np
import pandas as pd
import streamlit as st

from cnnlab.analysis.layers import LayerKind
from cnnlab.dashboard.inspect.view import Options, Screen, Subject, View, register
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.figures.class_probabilities import which_shown
from cnnlab.figures.training_mode.answers import answer_dots
from cnnlab.formatting import percent, percent_range, points, tenths
from cnnlab.inspection.training_mode import dropout
from cnnlab.inspection.training_mode.dropout import Passes
from cnnlab.views.training_mode import _choosers


def compute(subject: Subject) -> Passes:
    """Compute what the network says of the picture in eval mode, and in passes with its dropout on."""
    with subject.network() as network:
        return dropout.passes_of(
            network,
            subject.chosen_picture,
            *subject.normalisation,
            _choosers.option(subject, "draw"),
            subject.progress,
        )


def choose(screen: Screen) -> Options:
    """Draw the choice of the draw, where the network has any dropout, and return it."""
    return _choosers.choose_draw(screen) if _dropout_layers(screen) else ()


def draw(screen: Screen, seen: Passes) -> None:
    """Draw the answers of all passes beside that of eval mode, with their mean and spread in words and as a table."""
    layers = _dropout_layers(screen)
    if not layers:
        st.info(_choosers.without(LayerKind.DROPOUT, "dropout"), icon=":material/grid_off:")
        return
    classes, picture = screen.subject.info.classes, screen.chosen_picture
    st.header(f"The same picture {len(seen.dropped)} times, with dropout on", anchor=False)
    st.markdown(verdict(seen, classes, picture.label))
    st.plotly_chart(
        answer_dots(seen.eval, seen.dropped, classes, picture.label),
        key=side.key("dropout_answers"),
        config={"displayModeBar": False, "scrollZoom": False},
        alt=f"Probability of each class in {len(seen.dropped)} passes with dropout on, and in eval mode; the table below "
        "holds the same numbers",
    )
    st.caption(
        f"Each dot: one pass with {' and '.join(layers)} in train mode, so with other units dropped; all other layers are in "
        f"eval mode, batch normalisation too. Diamond: eval mode, where nothing is dropped: the answer that counts. Draw "
        f"{int(screen.subject.option('draw') or 0)}. {which_shown(len(classes))}"
    )
    st.markdown(
        "Why: each pass is another, thinner network. Where they agree, the answer hangs on no single unit; where the dots lie "
        "far apart, the network is not sure, also if eval mode sounds so."
    )
    _draw_table(seen, classes)


def _dropout_layers(screen: Screen) -> list[str]:
    return [row.label for row in screen.selection.layers if row.kind is LayerKind.DROPOUT]


def verdict(seen: Passes, classes: tuple[str, ...], label: int | None) -> str:
    """Return what eval mode says, and how often, how surely and how evenly the passes say the same."""
    said = int(seen.eval.argmax())
    mine = seen.dropped[:, said]
    same = int((seen.dropped.argmax(axis=1) == said).sum())
    truth = "" if label is None else " It is right." if label == said else f" It is {escape(classes[label])}."
    return (
        f"**Eval mode** (no dropout) says **{escape(classes[said])}**, {percent(float(seen.eval[said]))}.{truth} With "
        f"dropout on, **{same} of {len(mine)}** passes say so too; its probability is then "
        f"**{percent(float(mine.mean()))}** on average with a spread (standard deviation) of "
        f"**{points(float(mine.std()))}**, from {percent_range(float(mine.min()), float(mine.max()))}."
    )


def _draw_table(seen: Passes, classes: tuple[str, ...]) -> None:
    with st.expander("The same as a table", icon=":material/table:"):
        order = np.argsort(-seen.dropped.mean(axis=0), kind="stable")
        said = seen.dropped.argmax(axis=1)
        rows = [
            {
                "Class": classes[i],
                "Eval mode, %": tenths(float(seen.eval[i])),
                "Mean, %": tenths(float(seen.dropped[:, i].mean())),
                "Spread, points": tenths(float(seen.dropped[:, i].std())),
                "Lowest, %": tenths(float(seen.dropped[:, i].min())),
                "Highest, %": tenths(float(seen.dropped[:, i].max())),
                "Passes that say it": int((said == i).sum()),
            }
            for i in order
        ]
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            alt=side.alt(
                "For each class its probability in eval mode, and the mean, spread, lowest and highest of the passes"
            ),
        )


DROPOUT_PASSES = register(
    View(
        name="training_dropout_passes",
        title="Twenty passes with dropout",
        page="feature_maps",
        place=11,
        compute=compute,
        draw=draw,
        needs=frozenset({"epoch", "picture", "options"}),
        cost="seconds",
        counts="passes",
        family=_choosers.FAMILY,
        choose=choose,
        source="Monte-Carlo dropout: Gal and Ghahramani, *Dropout as a Bayesian Approximation: Representing Model "
        "Uncertainty in Deep Learning* (2016), [arXiv:1506.02142](https://arxiv.org/abs/1506.02142). The spread is the "
        "standard deviation over the passes, $\\sqrt{\\operatorname{mean}_t (p_t - \\bar p)^2}$ with $T$ = 20 passes.",
    )
)
