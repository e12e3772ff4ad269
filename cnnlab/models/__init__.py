"""This room holds the architectures, one a file, and the way from settings to a network."""

from cnnlab.models._configured import ConfigError, build, complete, plain
from cnnlab.models._network import ARCHITECTURES, Architecture, Network

__all__ = ["ARCHITECTURES", "Architecture", "ConfigError", "Network", "build", "complete", "plain"]
