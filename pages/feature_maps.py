"""This page shows what a network sees in a picture: the feature maps of every layer, and the prediction."""

from cnnlab.dashboard.inspect import page

page.show(
    "feature_maps",
    "What does it see in this picture?",
    "Each kernel makes a new picture, a feature map, of what it finds where.",
)
