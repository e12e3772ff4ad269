"""This room holds the views, the things that can be looked at inside a network, one a file."""

from cnnlab.dashboard.inspect.view import VIEWS

__all__ = ["VIEWS"]
