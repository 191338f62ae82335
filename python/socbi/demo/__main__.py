"""``python -m socbi.demo``."""

import sys

from socbi.demo.program import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
