"""`python -m edgekit`: the command line without the installed script."""

import sys

from edgekit.cli import main

if __name__ == "__main__":
    sys.exit(main())
