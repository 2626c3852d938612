#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds a kernel of our own from Debian's linux-source-6.12, and prints its folder: build.sh NAME STOCK, where STOCK is the
# stock kernel of the same version (6.12.95+deb12, say). guest/kernel.sh is the way in.
#
# The configuration is tinyconfig, base.config and NAME.config. The folder, NAME-KEY in the cache, has what guest/kernel.sh
# says, plus
#   headers/vmlinux    the kernel with symbols, for gdb; its sources are in source/, those that were kept
#   config             the final configuration
# KEY is a hash of all that decides about the result, so another fragment is another folder and a second call is instant.
set -euo pipefail
here=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/build/common.sh
source "$here/../../tools/build/common.sh"
NEURON_TAG=kernel

[ $# = 2 ] || die "usage: build.sh NAME STOCK"
name=$1
stock=$2
fragments=("$here/base.config" "$here/$name.config")
[ -f "${fragments[1]}" ] || die "no ${fragments[1]}"

export ARCH=x86_64 KBUILD_BUILD_USER=neuron KBUILD_BUILD_HOST=neuron
export KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC'

# The lines of the fragments that say something.
settings() { grep -hE '^(CONFIG_|# CONFIG_.* is not set$)' "${fragments[@]}"; }

configure() {
	local line missing=0
	# Symbols that are only ever selected get a prompt, so that a fragment can ask for them.
	perl -0pi -e 's/(config DRM_(?:EXEC|GPUVM|BUDDY|GEM_SHMEM_HELPER|SCHED)\n\ttristate)\n/$1 "for us"\n/g' \
		"$source/drivers/gpu/drm/Kconfig"
	perl -0pi -e 's/(config WANT_DEV_COREDUMP\n\tbool)\n/$1 "for us"\n/' "$source/drivers/base/Kconfig"

	make -C "$source" O="$objects" tinyconfig
	settings >>"$objects/.config"
	make -C "$objects" olddefconfig
	while IFS= read -r line; do
		case $line in
		'# CONFIG_'*)
			line=${line#\# }
			! grep -q "^${line% is not set}=" "$objects/.config" || {
				echo "configuration: ${line% is not set} is set, in spite of '# $line'"
				missing=1
			}
			;;
		*)
			grep -qxF -- "$line" "$objects/.config" || {
				echo "configuration: '$line' did not survive; it is now: $(grep -wF -- "${line%%=*}" "$objects/.config" || echo absent)"
				missing=1
			}
			;;
		esac
	done < <(settings)
	return "$missing"
}

# Its output is a line per object, which the caller counts.
compile() { make -C "$objects" -j"$(nproc)" vmlinux modules; }

key=$({ echo "$stock"; settings; declare -f configure compile; } | sha256sum | cut -c1-12)
folder=$NEURON_CACHE/kernel/$name-$key
source=$folder/source
objects=$folder/headers
logs=$NEURON_BUILD/log

unpack() {
	local deb
	deb=$("$here/source.sh" "${stock%%+*}")
	say "unpacking ${deb##*/} (1.6 GB)"
	rm -rf "$folder"
	mkdir -p "$folder"
	dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -xJ --strip-components=1 --one-top-level="$source"
	basename "$deb" >"$folder/unpacked"
}

# A line for each few hundred objects; how many there will be is known from experience only.
progress() {
	awk -v tag="$NEURON_TAG" '
		/^  (CC|AS|LD|AR|CC \[M\]) / && ++done % 300 == 0 {
			printf "[%s] %d of about 2300 steps\n", tag, done
			fflush()
		}' >&2
}

# What a module build and gdb do not need: 2 GB.
prune() {
	(cd "$source" && find . -type f ! -path './include/*' ! -path './arch/x86/*' ! -path './scripts/*' \
		! -path './kernel/*' ! -path './mm/*' ! -path './lib/*' ! -path './io_uring/*' ! -path './fs/*.[ch]' \
		! -path './drivers/accel/*' ! -path './drivers/base/*' ! -path './drivers/dma-buf/*' ! -path './drivers/pci/*' \
		! -path './drivers/iommu/*' ! -path './drivers/gpu/drm/*.c' ! -name 'Makefile*' ! -name 'Kconfig*' \
		! -name 'Kbuild*' -delete
	rm -rf Documentation tools drivers/gpu/drm/{amd,i915,nouveau,xe,radeon,msm} arch/[!x]*/ arch/xtensa
	find . -depth -type d -empty -delete)
	(cd "$objects" && find . -type f \( -name '*.o' -o -name '*.a' -o -name '*.ko' -o -name '.*.cmd' -o -name '.tmp_*' \) \
		! -path './scripts/*' ! -path './tools/objtool/*' -delete
	find . -depth -type d -empty -delete)
}

finish() {
	local release
	release=$(make -s -C "$objects" kernelrelease)
	logged "$logs/kernel-$name-install.log" make -C "$objects" INSTALL_MOD_PATH="$folder" DEPMOD=/sbin/depmod modules_install
	rm -f "$folder/lib/modules/$release"/{build,source}
	strip -s -o "$folder/vmlinux" "$objects/vmlinux"
	cp "$objects/.config" "$folder/config"
	# Complete from here on; an interrupted prune leaves nothing broken.
	echo "$release" >"$folder/release"
	prune
}

if [ ! -f "$folder/release" ]; then
	lock "kernel-$name"
fi
if [ ! -f "$folder/release" ]; then
	"$NEURON_TOP/tools/build/deps.sh" build
	[ -f "$folder/unpacked" ] || unpack
	say "configuring"
	logged "$logs/kernel-$name-config.log" configure
	say "building the $name kernel (20 CPU minutes, once); the log is $logs/kernel-$name.log"
	renice -n 5 $$ >/dev/null
	start=$SECONDS
	if ! compile 2>&1 | tee "$logs/kernel-$name.log" | progress; then
		grep -E '(error|Error|undefined)' "$logs/kernel-$name.log" | head -n 40 >&2 || true
		die "the kernel did not build; the whole log is $logs/kernel-$name.log"
	fi
	finish
	say "built $(cat "$folder/release") in $(((SECONDS - start) / 60)) minutes, $(du -sh "$folder" | cut -f1)"
fi
printf '%s\n' "$folder"
