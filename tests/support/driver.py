# SPDX-License-Identifier: MIT
"""The driver as the guest's system shows it, and a user who may not look inside."""

from __future__ import annotations

from pathlib import Path

DRIVER = Path("/sys/bus/pci/drivers/neuron_accel")
# The checkout may lie in a folder that only its owner may enter; this capability opens folders, but no node for writing.
ENTER = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
# Starts a program as a user without rights.
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *ENTER)


def address() -> str:
    """Of the only device that the driver is bound to."""
    path, = DRIVER.glob("*:*:*.*")
    return path.name
