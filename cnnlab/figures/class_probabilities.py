"""This module draws how sure a network is of each class, as a table of HTML: ten bars are no reason to fetch Plotly, which
weighs more than all the rest of a page; and a reader of the screen reads the numbers themselves.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cnnlab.figures.style import plain
from cnnlab.formatting import percent

MOST = 10
"""Classes shown; of more, the most probable, and the true one in any case."""

SAID = "#56B4E9"
OTHER = "rgba(128,132,149,0.45)"


def which_shown(classes: int) -> str:
    """Return which of so many classes the bars are of, as a sentence; "" where they are of all."""
    return "" if classes <= MOST else f"Of {classes} classes the {MOST} likeliest are here, and the true one."


def probability_bars(
    probabilities: Sequence[float] | npt.NDArray[np.floating],
    classes: Sequence[str],
    true: int | None = None,
    *,
    description: str = "",
) -> str:
    """Draw one lying bar a class, in the classes' own order so that epochs can be compared; the answer is coloured.

    `probabilities`: one a class, 0 to 1, adding up to 1. `true`: the class of the picture, where it is known.
    `description`: what the table is, for those who cannot see it. The style is `.class_probabilities` in `frame.css`.
    """
    values = np.asarray(probabilities, dtype=float)
    likely = np.argsort(-values, kind="stable")[:MOST]
    if true is not None and true not in likely:
        likely = np.append(likely[:-1], true)
    said = int(values.argmax())
    rows = []
    for i in np.sort(likely).tolist():
        mark, colour = " class='marked'" if i in (said, true) else "", SAID if i == said else OTHER
        name = plain(classes[i]) + (" ✓" if i == true else "")
        bar = f"<i style='--share: {values[i]:.6f}; background: {colour}'></i>"
        rows.append(f"<tr{mark}><th scope='row'>{name}</th><td>{bar}{percent(values[i])}</td></tr>")
    label = f" aria-label='{plain(description).replace(chr(39), '&#39;')}'" if description else ""
    return f"<table class='class_probabilities'{label}>{''.join(rows)}</table>"
