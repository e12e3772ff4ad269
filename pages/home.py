"""Start: what is this, and where do I begin?"""

from cnnlab.dashboard.app import welcome

welcome.show()
