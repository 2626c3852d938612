#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The C and C++ of user space is in style; with -i, bring it there. Code for the kernel or QEMU has other styles.
set -euo pipefail
# shellcheck source=tests/lint/files
source "$(dirname "${BASH_SOURCE[0]}")/files"

files=('*.c' '*.h' '*.cpp' '*.hpp' ':!kmod' ':!qemu-device/qemu' ':!tests/detectors')
if [ "${1:-}" = -i ]; then
	sources "${files[@]}" | xargs -0 -r -n 16 -P "$(nproc)" clang-format -i --style=file
	exit
fi
complaints=$(sources "${files[@]}" | xargs -0 -r -n 16 -P "$(nproc)" clang-format --dry-run --style=file 2>&1)
[ -n "$complaints" ] || exit 0
sed -nE 's/^([^ :]+):[0-9]+:[0-9]+: .*/\1/p' <<<"$complaints" | sort | uniq -c
echo "places are out of style in these files: 'make format' mends them"
exit 1
