#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The module builds without a warning at W=1, and sparse finds nothing, with mistakes on purpose: it has every line then. It also builds with
# nothing that is optional in a kernel, and with fault injection, which Debian's kernel lacks.
set -euo pipefail
# shellcheck source=tests/lint/files
source "$(dirname "${BASH_SOURCE[0]}")/files"

kernel=$("$NEURON_TOP/guest/kernel.sh")
python3 spec/generate.py --out "$NEURON_BUILD/spec"

# check NAME OPTION-LINES MAKE-ARGUMENT...: the lines come behind the kernel's own configuration.
check() {
	local farm=$NEURON_BUILD/kmod/lint-$1 options=$NEURON_BUILD/kmod/lint-$1.h log=$NEURON_BUILD/log/module-lint-$1.log
	rm -rf "$farm"
	mkdir -p "$farm"
	printf '%s\n' "$2" >"$options"
	cp -rs "$NEURON_TOP/kmod/." "$farm/"
	logged "$log" make -C "$kernel/headers" M="$farm" NEURON_SPEC_DIR="$NEURON_BUILD/spec" \
		KCFLAGS="-include $options" W=1 "${@:3}" modules
	if grep -E '(warning|error):' "$log"; then
		exit 1
	fi
}

check bugs '' C=2 CF=-D__CHECK_ENDIAN__ NEURON_BUGS=1
check bare '#undef CONFIG_DEBUG_FS
#undef CONFIG_IO_URING
#undef CONFIG_HWMON
#undef CONFIG_HWMON_MODULE' CONFIG_DEBUG_FS= CONFIG_IO_URING= CONFIG_HWMON=
# The kernel does not have the symbols for it; that is left to the debug kernel.
check faults '#define CONFIG_FAULT_INJECTION 1
#define CONFIG_FAULT_INJECTION_DEBUG_FS 1' CONFIG_FAULT_INJECTION_DEBUG_FS=y KBUILD_MODPOST_WARN=1
