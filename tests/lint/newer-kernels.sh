#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The module builds without a warning for newer kernels: Debian's 7.2 (forky) and 7.3 (trixie-backports) as of this writing.
set -euo pipefail
# shellcheck source=tests/lint/files
source "$(dirname "${BASH_SOURCE[0]}")/files"

status=0
python3 spec/generate.py --out "$NEURON_BUILD/spec"
for suite in forky trixie-backports; do
	headers=$(tools/build/newer-headers.sh "$suite")
	farm=$NEURON_BUILD/kmod/$suite
	rm -rf "$farm"
	mkdir -p "$farm"
	cp -rs "$NEURON_TOP/kmod/." "$farm/"
	log=$NEURON_BUILD/log/module-$suite.log
	logged "$log" make -C "$headers" M="$farm" NEURON_SPEC_DIR="$NEURON_BUILD/spec" modules
	# That pahole is another one than the kernel's is said of the machine, not of the module.
	if grep -iE '(warning|error):' "$log" | grep -v 'pahole version'; then
		echo "that was with $(basename "$headers")"
		status=1
	fi
done
exit "$status"
