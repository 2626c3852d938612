# SPDX-License-Identifier: MIT
"""Reads the hardware contract (spec/*.toml), checks it, and writes the headers, tables and documents made from it."""
