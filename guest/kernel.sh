#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the folder of a kernel for the guest, and brings it into the cache first when it is not there:
#   kernel.sh [stock]    Debian's 6.12 (bookworm-backports), fetched; nothing is installed
#   kernel.sh debug      the same version with the kernel's own detectors on, built by kernel/build.sh (20 minutes, once)
# In the folder:
#   release    the kernel release, as `uname -r` says it
#   vmlinux    the uncompressed kernel, booted through PVH
#   headers    what KDIR= is for a module build
#   lib/modules/RELEASE    the kernel's own modules, with modules.dep
# A kernel once fetched is kept; `kernel.sh --newest` asks the suite for a newer one. The debug kernel follows the stock one.
set -euo pipefail
here=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/build/common.sh
source "$here/../tools/build/common.sh"
NEURON_TAG=kernel

suite=bookworm-backports
papt=$NEURON_TOP/tools/build/papt.sh
store=$NEURON_CACHE/kernel
current=$store/stock

name=stock
newest=
for argument; do
	case $argument in
	--newest) newest=1 ;;
	stock | debug) name=$argument ;;
	*) die "there is no '$argument'; usage: kernel.sh [stock|debug] [--newest]" ;;
	esac
done

# The image and the headers must be of one version, and only the metapackages know which one has both.
resolve() {
	local headers=
	headers=$("$papt" show "$suite" linux-headers-amd64 |
		sed -nE 's/^Depends: .*linux-headers-([^ ]+)-amd64 .*/\1/p')
	[ -n "$headers" ] || die "$suite has no linux-headers-amd64"
	printf '%s\n' "$headers"
}

fetch() {
	local abi=$1 new=$store/$1.new release=$1-amd64
	rm -rf "$new"
	mkdir -p "$new"
	"$papt" unpack "$suite" "$new" "linux-image-$release" "linux-headers-$release" \
		"linux-headers-$abi-common" "linux-kbuild-$abi"
	echo "$release" >"$new/release"

	# The headers name their own place; make that the cache.
	sed -i "s#/usr/src#$store/$abi/usr/src#" "$new/usr/src/linux-headers-$release/Makefile"
	ln -s "usr/src/linux-headers-$release" "$new/headers"
	say "extracting vmlinux"
	/usr/bin/python3 "$here/extract-vmlinux" "$new/boot/vmlinuz-$release" "$new/vmlinux"
	[ -e "$new/lib/modules" ] || ln -s usr/lib "$new/lib"
	/sbin/depmod -b "$new" "$release"
	rm -f "$new"/boot/vmlinuz-* "$new"/lib/modules/"$release"/{build,source}
	rm -rf "${store:?}/$abi"
	mv "$new" "$store/$abi"
}

# In a subshell, whose end gives the lock back: building the debug kernel takes long.
if [ ! -e "$current/release" ] || [ -n "$newest" ]; then
	(
		lock kernel
		if [ ! -e "$current/release" ] || [ -n "$newest" ]; then
			abi=$(resolve)
			if [ ! -e "$store/$abi/release" ]; then
				say "fetching Debian's kernel $abi (122 MB)"
				fetch "$abi"
			fi
			ln -sfn "$abi" "$current.new"
			mv -T "$current.new" "$current"
		fi
	)
fi
if [ "$name" != stock ]; then
	exec "$here/kernel/build.sh" "$name" "$(readlink "$current")"
fi
cd -P "$current" && pwd
