"""This page shows which run is better and whether it overfits."""

from cnnlab.dashboard.compare import page

page.show()
