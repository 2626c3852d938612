#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The module builds without a warning at W=1, and sparse finds nothing.
set -euo pipefail
# shellcheck source=tests/lint/files
source "$(dirname "${BASH_SOURCE[0]}")/files"

kernel=$("$NEURON_TOP/guest/kernel.sh")
farm=$NEURON_BUILD/kmod/lint
rm -rf "$farm"
mkdir -p "$farm"
python3 spec/generate.py --out "$NEURON_BUILD/spec"
cp -rs "$NEURON_TOP/kmod/." "$farm/"
log=$NEURON_BUILD/log/module-lint.log
logged "$log" make -C "$kernel/headers" M="$farm" NEURON_SPEC_DIR="$NEURON_BUILD/spec" \
	W=1 C=2 CF=-D__CHECK_ENDIAN__ modules
if grep -E '(warning|error):' "$log"; then
	exit 1
fi
