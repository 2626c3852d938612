#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Shell scripts, by their first line.
set -euo pipefail
# shellcheck source=tests/lint/files
source "$(dirname "${BASH_SOURCE[0]}")/files"

sources ':!*.c' ':!*.h' ':!*.cpp' ':!*.hpp' ':!*.md' | xargs -0 -r grep -lZE --max-count=1 \
	'^#!(/bin/|/usr/bin/env )(bash|sh)$|^#!/bin/busybox sh$|^# shellcheck shell=' |
	xargs -0 -r shellcheck --external-sources --source-path=. --exclude=SC1091,SC2119
