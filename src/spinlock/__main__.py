"""`python -m spinlock` is `spinlock`."""

import sys

from spinlock.cli import main

if __name__ == "__main__":
    sys.exit(main())
