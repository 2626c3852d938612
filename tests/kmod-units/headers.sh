#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# headers.sh KERNEL OUT STAMP: makes the folder OUT of kernel headers for user space: those of the kernel source in KERNEL
# that need nothing but a shim, and under all other names that are included the shim itself.
set -euo pipefail
kernel=$1
out=$2
stamp=$3

own='linux/list linux/rbtree linux/rbtree_augmented linux/rbtree_types linux/sizes drm/drm_buddy'
shim='asm/barrier drm/drm_print kunit/device kunit/static_stub kunit/visibility linux/align linux/bitfield linux/bitops linux/bits
	linux/build_bug linux/compiler linux/container_of linux/ctype linux/dma-direct linux/dma-mapping linux/dmapool linux/export
	linux/hrtimer linux/io linux/io_uring/cmd linux/kconfig linux/kmemleak linux/math64 linux/minmax linux/mm linux/module
	linux/overflow linux/poison linux/rcupdate linux/sched linux/slab linux/string linux/time64 linux/version'

rm -rf "$out"
for name in $own $shim linux/types; do
	mkdir -p "$out/${name%/*}"
done
for name in $own; do
	cp "$kernel/include/$name.h" "$out/$name.h"
done
for name in $shim; do
	echo '#include "kernel.h"' >"$out/$name.h"
done
# Of the C library's headers some include this one.
printf '#include_next <linux/types.h>\n#include "kernel.h"\n' >"$out/linux/types.h"
printf '#define LIST_POISON1 ((void *)0x100)\n#define LIST_POISON2 ((void *)0x122)\n' >>"$out/linux/poison.h"
touch "$stamp"
