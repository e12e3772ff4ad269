"""What a table says of the machine it was made on."""

import os
import platform

from cnnlab.training.devices import processor


def machine() -> str:
    """Processor, cores and Python in one line."""
    return f"{os.cpu_count()} cores, {processor()}, Python {platform.python_version()}"
