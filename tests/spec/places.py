# SPDX-License-Identifier: MIT
"""Where the contract and its generator are. Importing this makes the generator's own modules importable."""

import sys

from tap import TOP

SPEC = TOP / "spec"
GENERATOR = SPEC / "generate.py"

sys.path.insert(0, str(SPEC))
