"""This page trains a network and shows how it learns."""

from cnnlab.dashboard.train import page

page.show()
