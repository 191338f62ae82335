"""``python -m socbi.cli`` is ``socbi``."""

import sys

from socbi.cli.program import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
