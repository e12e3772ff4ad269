"""This page shows what a network is trained on: the pictures, their numbers, their changes, and what occurs twice."""

from cnnlab.dashboard.data import page

page.show(
    "What is it shown?",
    "A network knows nothing but its training pictures, and only as numbers. Look at them before you train.",
)
