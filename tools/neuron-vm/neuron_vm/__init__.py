# SPDX-License-Identifier: MIT
"""neuron-vm: boots Linux with the accelerator in QEMU and runs a command there."""
