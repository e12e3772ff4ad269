"""The table of layers says what a receptive field larger than the picture is made of."""

from cnnlab.dashboard.train.network_preview import beyond_the_edge
from cnnlab.data import DATASETS
from cnnlab.inspection.summary import summarise
from cnnlab.models import complete
from cnnlab.schema import TrainingConfig


def sentence(architecture: str) -> str:
    """What stands below the table."""
    info = DATASETS.get("shapes").info
    config = complete(TrainingConfig(architecture=architecture, dataset="shapes"))
    return beyond_the_edge(summarise(config, info), info.size_px)


def test_padding_is_named_where_a_layer_sees_beyond_the_picture() -> None:
    """VGGishCNN's last layers see 40 and 44 pixels of 32; SimpleCNN's at most 16."""
    said = sentence("VGGishCNN")
    assert "see more than the 32×32 pixels of a picture" in said
    assert "padding" in said
    assert sentence("SimpleCNN") == ""
