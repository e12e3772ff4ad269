"""Who comes in: everything a browser asks of this server passes the Gate first."""

from cnnlab.dashboard.auth.gate import Gate

__all__ = ["Gate"]
