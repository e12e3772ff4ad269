"""Compare: which run is better, and does it overfit?"""

from cnnlab.dashboard.compare import page

page.show()
