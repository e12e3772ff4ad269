"""This module is the t-SNE map: pictures with like features close together."""

from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.picture_map import page
from cnnlab.dashboard.picture_map.page import Look
from cnnlab.data import DataUnavailableError
from cnnlab.formatting import count
from cnnlab.inspection.picture_map import tsne
from cnnlab.inspection.picture_map.features import PICTURES
from cnnlab.inspection.picture_map.tsne import ASKED, EARLY, LATE, TsneMap
from cnnlab.inspection.picture_map.turning import any_turn

INSTALL = "pip install -r requirements-tsne.txt"


def compute(subject: Subject) -> TsneMap:
    """Compute the features of at most PICTURES pictures of the chosen set, and their map by t-SNE.

    Raises DataUnavailableError where openTSNE is not installed.
    """
    if words := missing():
        raise DataUnavailableError(words)
    return tsne.lay_out(*page.read(subject), subject.progress)


def missing() -> str:
    """Return how to install openTSNE, where it is not."""
    if tsne.installed():
        return ""
    return (
        f"t-SNE needs the library openTSNE, which is not on this machine. Install it on the server with `{INSTALL}`, then "
        "start cnnlab again. The map by PCA needs nothing more."
    )


def draw(screen: Screen, found: TsneMap) -> None:
    """Draw the map and say what it cannot show."""
    turn, epoch = page.turn_to(screen, found, any_turn)
    turned_words = f" The map is turned, and mirrored, to lie as at epoch {epoch}." if epoch is not None else ""
    look = Look(
        axes=(),
        sentence=f"t-SNE puts those close together whose numbers are close: perplexity {found.perplexity[0]:.3g}, "
        f"{count(EARLY + LATE)} steps from the map by PCA, always the same for the same weights.",
        reading=(
            "Read who is beside whom, and nothing else. The size of a cluster, its shape, the distance between two clusters "
            "and the empty room say little, and the axes nothing: t-SNE spreads dense groups out and pulls thin ones together. "
            f"With few pictures it even makes clusters of chance.{turned_words}"
        ),
        place=lambda features: tsne.place(features, found),
        how=f"t-SNE has no formula for new pictures: this is the median of the places of its {ASKED} nearest neighbours.",
        turn=turn,
    )
    page.draw(screen, found, look)


TSNE = register(
    View(
        name="map_tsne",
        title="t-SNE",
        page="predictions",
        compute=compute,
        draw=draw,
        needs=frozenset({"epoch", "set"}),
        cost="dataset",
        work=lambda subject: (
            "The network looks at each picture once; then the points of the map are moved in "
            f"{count(EARLY + LATE)} small steps."
        ),
        source="L. van der Maaten and G. Hinton, *Visualizing Data using t-SNE* (JMLR 9, 2008), computed by openTSNE: "
        "P. Poličar, M. Stražar and B. Zupan (Journal of Statistical Software 109(3), 2024). It begins at the map by PCA, "
        "after D. Kobak and P. Berens, *The art of using t-SNE for single-cell transcriptomics* (2019). How to read it: "
        "M. Wattenberg, F. Viégas and I. Johnson, *How to Use t-SNE Effectively* (Distill, 2016), "
        "[distill.pub](https://distill.pub/2016/misread-tsne). Features: what the last fully connected layer is given; "
        "distances: Euclidean.",
        place=7,
        family="Map",
        most_pictures=PICTURES,
        version=2,
        missing=missing,
        counts="steps",
    )
)
