# SPDX-License-Identifier: MIT
"""What ends a run before the guest does, and lines of progress."""

import sys

BAD_RUN = 125  # the guest was not started, or its run is no good
USAGE = 2


class Failure(Exception):
    """One line that names the thing; the hint says what to do."""

    def __init__(self, message, hint="", status=BAD_RUN):
        super().__init__(message)
        self.hint = hint
        self.status = status


def say(text):
    """A line of progress."""
    print(f"[vm] {text}", file=sys.stderr, flush=True)
