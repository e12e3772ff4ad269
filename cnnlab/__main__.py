"""This module is what `python -m cnnlab` runs: the command line of cnnlab.cli."""

import sys

from cnnlab.cli import main

if __name__ == "__main__":
    sys.exit(main())
