"""This page shows what a network sees in a picture: the feature maps of every layer, and the prediction."""

from cnnlab.dashboard.inspect import page

page.show(
    "feature_maps",
    "What does it see in this picture?",
    "Each kernel's answer is a new picture, a feature map: it shows where the kernel found what it looks for.",
)
