#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The module's sources pass the kernel's checkpatch.pl --strict.
set -euo pipefail
# shellcheck source=tests/lint/files
source "$(dirname "${BASH_SOURCE[0]}")/files"
NEURON_TAG=checkpatch

# Only the kernel's source package has it: 150 MB for three files, so those three are kept.
store=$NEURON_CACHE/checkpatch
if [ ! -f "$store/checkpatch.pl" ]; then
	lock checkpatch
fi
if [ ! -f "$store/checkpatch.pl" ]; then
	new=$store.new
	rm -rf "$new"
	mkdir -p "$new"
	"$NEURON_TOP/tools/build/papt.sh" download bookworm-backports "$new" linux-source-6.12
	say "extracting checkpatch.pl"
	wanted=(scripts/checkpatch.pl scripts/spelling.txt scripts/const_structs.checkpatch)
	# tar stops at the last one and the pipe's writers die of it, which is meant.
	(dpkg-deb --fsys-tarfile "$new"/*.deb | tar -xO ./usr/src/linux-source-6.12.tar.xz |
		tar -xJ -C "$new" --strip-components=2 --occurrence=1 "${wanted[@]/#/linux-source-6.12/}") 2>/dev/null || true
	for name in "${wanted[@]##*/}"; do
		[ -s "$new/$name" ] || die "linux-source-6.12 has no $name"
	done
	rm -f "$new"/*.deb
	rm -rf "$store"
	mv "$new" "$store"
fi

ignored=FILE_PATH_CHANGES,SPDX_LICENSE_TAG,EMBEDDED_FILENAME
# check IGNORED PATTERN...: the files that match.
check() {
	local ignore=$1
	shift
	sources "$@" | xargs -0 -r perl "$store/checkpatch.pl" --no-tree --strict --terse --no-summary \
		--max-line-length=100 --ignore "$ignore" --file
}
status=0
check "$ignored" 'kmod/*.c' 'kmod/*.h' ':!kmod/*_trace.h' ':!kmod/*_compat.h' || status=1
# A trace event's macros are laid out in their own way all over the kernel.
check "$ignored,OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT" 'kmod/*_trace.h' || status=1
# What asks for the kernel's version stands in one place.
check "$ignored,LINUX_VERSION_CODE,CONSTANT_COMPARISON,MACRO_ARG_UNUSED" 'kmod/*_compat.h' || status=1
exit "$status"
