#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints KDIR, the headers of another suite's newest kernel, made fit for this release's compiler and C library:
# newer-headers.sh SUITE. They are for building, not for booting. What was once fetched is kept.
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=headers

[ $# = 1 ] || die "usage: newer-headers.sh SUITE"
suite=$1
papt=$NEURON_TOP/tools/build/papt.sh
root=$NEURON_CACHE/kernel/headers-$suite

# The kernel's own build tools want a newer C library than Debian 12 has. The newest one runs them all.
runtime=(libc6 libelf1t64 libzstd1 zlib1g)
runtime_suite=forky
libraries=$root/usr/lib/x86_64-linux-gnu

# Each program becomes a script that starts it with those libraries.
wrap_programs() {
	local file
	while IFS= read -r -d '' file; do
		[ "$(head -c 4 "$file" | tr -d '\0')" = $'\x7fELF' ] || continue
		mv "$file" "$file.elf"
		cat >"$file" <<-WRAPPER
			#!/bin/sh
			exec $libraries/ld-linux-x86-64.so.2 --library-path $libraries --argv0 "\$0" "\$0.elf" "\$@"
		WRAPPER
		chmod +x "$file"
	done < <(find "$1"/usr/lib/linux-kbuild-* -type f -perm -u+x -print0)
}

# What a newer compiler has is taken out of the configuration; BTF is nothing that a test build needs.
adapt() {
	local headers=$1 name
	sed -i "s#/usr/src#$root/usr/src#" "$headers/Makefile"
	sed -i 's/gcc-[0-9]*$/gcc/' "$headers/.kernelvariables"
	for name in CC_HAS_MIN_FUNCTION_ALIGNMENT CC_HAS_COUNTED_BY CC_HAS_COUNTED_BY_PTR DEBUG_INFO_BTF_MODULES; do
		sed -i "/^\(#define \)\?CONFIG_${name}[ =]/d" "$headers"/include/{config/auto.conf,generated/autoconf.h}
	done
}

fetch() {
	local abi new=$root.new
	abi=$("$papt" show "$suite" linux-headers-amd64 | sed -nE 's/^Depends: .*linux-headers-([^ ]+)-amd64 .*/\1/p')
	[ -n "$abi" ] || die "$suite has no linux-headers-amd64"
	say "fetching the headers of Debian's kernel $abi (16 MB)"
	rm -rf "$new"
	"$papt" unpack "$suite" "$new" "linux-headers-$abi-amd64" "linux-headers-$abi-common" "linux-kbuild-$abi"
	"$papt" unpack "$runtime_suite" "$new" "${runtime[@]}"
	rm -rf "${new:?}"/{etc,usr/share,usr/lib/x86_64-linux-gnu/gconv}
	wrap_programs "$new"
	adapt "$new/usr/src/linux-headers-$abi-amd64"
	ln -s "usr/src/linux-headers-$abi-amd64" "$new/headers"
	rm -rf "$root"
	mv "$new" "$root"
}

if [ ! -e "$root/headers" ]; then
	lock "headers-$suite"
	[ -e "$root/headers" ] || fetch
fi
cd -P "$root/headers" && pwd
