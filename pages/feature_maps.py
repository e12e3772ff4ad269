"""What does it see in this picture? Every layer's feature maps, and what the network makes of them."""

from cnnlab.dashboard.inspect import page

page.show(
    "feature_maps",
    "What does it see in this picture?",
    "Each kernel's answer is a new picture, a feature map: bright where the kernel found what it looks for.",
)
