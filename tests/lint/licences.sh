#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every source says its licence in its first lines, and the right one for its folder.
set -euo pipefail
# shellcheck source=tests/lint/files
source "$(dirname "${BASH_SOURCE[0]}")/files"

# expected PATH: what the header has to be, as a pattern.
expected() {
	case $1 in
	kmod/uapi/*) echo '\(*\(GPL-2\.0-only WITH Linux-syscall-note\)? OR MIT\)*|GPL-2\.0-only OR MIT|MIT' ;;
	kmod/* | Kbuild | spec/specgen/templates/*.h.in) echo 'GPL-2\.0-only OR MIT' ;;
	qemu-device/qemu/*) echo 'GPL-2\.0-or-later' ;;
	*) echo 'MIT' ;;
	esac
}

status=0
while IFS= read -r -d '' path; do
	case $path in
	*.md | LICENSE* | COPYING* | .gitignore | *.npy | *.json | *.png | *.svg | *.tape | */corpus/* | */regressions/*) continue ;;
	esac
	licence=$(head -n 5 "$path" | sed -nE 's/.*SPDX-License-Identifier: (.*[A-Za-z0-9)]).*/\1/p' | head -n 1)
	if ! grep -qxE -- "$(expected "$path")" <<<"$licence"; then
		echo "$path: '${licence:-no licence}' is not $(expected "$path")"
		status=1
	fi
done < <(sources)
exit "$status"
