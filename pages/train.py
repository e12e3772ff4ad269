"""Train: how does a network learn?"""

from cnnlab.dashboard.train import page

page.show()
