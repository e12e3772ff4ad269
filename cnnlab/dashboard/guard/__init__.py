"""This room bounds what a browser, or whoever pretends to be one, can take up of the server: memory, and connections."""

from cnnlab.dashboard.guard.uploads import Uploads

__all__ = ["Uploads"]
