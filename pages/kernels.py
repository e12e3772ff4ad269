"""This page shows the kernels of each convolution at any epoch, and how far each kernel has moved."""

from cnnlab.dashboard.inspect import page

page.show(
    "kernels",
    "What has it learnt to look for?",
    "A kernel is a small table of weights. It slides over the picture and answers where it finds its pattern.",
)
