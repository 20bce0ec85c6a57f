"""Runs the command on a robot: python -m components.identify_people MODEL INPUT."""

from __future__ import annotations

import signal
import sys

from components.identify_people.command import main

if __name__ == "__main__":
    # Being asked to end is an exit like any other, so that no half of a video is left.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main())
