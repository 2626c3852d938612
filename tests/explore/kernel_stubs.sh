#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kernel_stubs.sh OUT STAMP: makes the folder OUT of the kernel headers that the driver's page tables and rings include, which all lead
# to the shim of the driver's unit tests. Unlike those, no source of a kernel is needed.
set -euo pipefail
out=$1
stamp=$2

mkdir -p "$out"/{linux,kunit}
for name in kunit/visibility linux/align linux/bits linux/build_bug linux/dmapool linux/fault-inject linux/io linux/io-64-nonatomic-lo-hi linux/kconfig linux/minmax linux/sizes linux/slab linux/string; do
	echo '#include "kernel.h"' >"$out/$name.h"
done
# Of the C library's headers some include this one.
printf '#include_next <linux/types.h>\n#include "kernel.h"\n' >"$out/linux/types.h"
touch "$stamp"
