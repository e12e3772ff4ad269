"""This room decides who may use the dashboard: every request to the server passes the Gate first."""

from cnnlab.dashboard.auth.gate import Gate

__all__ = ["Gate"]
