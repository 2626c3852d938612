#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Builds build/qemu/qemu-system-x86_64: a small QEMU with the neuron device in it.
#
# The QEMU tree (source and objects) lives in the cache, keyed by version, configuration and hook, and is shared by all
# checkouts. The device's glue - this folder's *.c, *.h, meson.build, trace-events - is copied into it as hw/misc/neuron
# whenever it differs, with the headers it includes and the chip library it links, and ninja does the rest (about 1 s).
#
#   build.sh            bring build/qemu up to date (needs the chip library: `make user` comes first)
#   build.sh --base     only the long part: everything of QEMU that does not depend on the glue
set -euo pipefail
here=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/build/common.sh
source "$here/../../tools/build/common.sh"
# shellcheck source=qemu-device/qemu/version.env
source "$here/version.env"
NEURON_TAG=qemu

# The prefix is none of /usr's: QEMU would look for a BIOS below /usr relative to where its binary is.
configure_flags=(
	--python=/usr/bin/python3 --target-list=x86_64-softmmu --disable-download --disable-docs
	--disable-install-blobs --without-default-features --enable-system --enable-tcg --enable-kvm
	--enable-virtfs --enable-attr --enable-slirp --enable-fdt=system --enable-trace-backends=log
	--without-default-devices --with-devices-x86_64=neuron --disable-debug-info -Doptimization=2
	--prefix=/opt/neuron-accel --firmwarepath=/usr/share/qemu:/usr/share/seabios
)
glue=("$here"/*.[ch] "$here"/trace-events "$here"/Kconfig "$here"/meson.build)
chip_lib=$NEURON_BUILD/user/qemu-device/chip/libneuron-chip.so
headers=("$NEURON_TOP"/qemu-device/chip/include/*.h "$NEURON_BUILD"/spec/*.h)
out=$NEURON_BUILD/qemu/qemu-system-x86_64

key=$({ printf '%s\n' "$QEMU_VERSION" "${configure_flags[@]}"; cat "$here"/{hook.sh,neuron.mak} "$here"/patches/*; } |
	sha256sum | cut -c1-12)
root=$NEURON_CACHE/qemu/$QEMU_VERSION-$key
src=$root/src
obj=$root/build
meson=$NEURON_CACHE/meson
# For configure, and for ninja when it configures again.
export PYTHONPATH=$meson/usr/lib/python3/dist-packages

# Everything that the binary depends on beyond the cached tree, as one hash.
inputs() {
	{
		echo "$key"
		cat "${glue[@]}" "${headers[@]}"
		nm -D --defined-only --format=posix "$chip_lib" | cut -d' ' -f1
	} | sha256sum
}

# Unpack, hook and configure; the tree's name appears only when it is complete.
make_tree() {
	local tarball new=$root.new
	[ -f "$root/configured" ] && return
	tarball=$("$here/fetch.sh")
	rm -rf "$root" "$new"
	mkdir -p "$new/src"
	say "unpacking $(basename "$tarball")"
	tar -xf "$tarball" -C "$new/src" --strip-components=1 --exclude='*/roms/*'
	mkdir -p "$new/src/hw/misc/neuron"
	cp "$here/Kconfig" "$new/src/hw/misc/neuron/"
	"$here/hook.sh" "$new/src"
	mv "$new" "$root"
	clear_glue

	# Debian 12's Meson is too old for QEMU; the one of its backports is only unpacked.
	if [ ! -d "$meson" ]; then
		rm -rf "$meson.new"
		"$NEURON_TOP/tools/build/papt.sh" unpack bookworm-backports "$meson.new" meson
		mv "$meson.new" "$meson"
	fi
	say "configuring QEMU $QEMU_VERSION (15 s)"
	mkdir -p "$obj"
	(
		cd "$obj"
		logged "$root/configure.log" "$src/configure" "${configure_flags[@]}"
	)
	touch "$root/configured"
}

# The tree without glue: QEMU's build then asks for nothing of ours.
clear_glue() {
	: >"$src/hw/misc/neuron/meson.build"
	: >"$src/hw/misc/neuron/trace-events"
}

# Copy what differs, drop what is gone.
sync_glue() {
	local to=$src/hw/misc/neuron lib=$src/hw/misc/neuron/lib/libneuron-chip.so file
	local -A wanted=()
	for file in "${glue[@]}" "${headers[@]}"; do
		wanted[${file##*/}]=1
		install_if_changed "$file" "$to/${file##*/}"
	done
	for file in "$to"/*.[ch]; do
		[ -n "${wanted[${file##*/}]:-}" ] || rm -f "$file"
	done
	# Only the library's symbols matter to the link, so a new body of a function costs no link.
	if ! cmp -s <(nm -D "$chip_lib") <(nm -D "$lib" 2>/dev/null); then
		install_if_changed "$chip_lib" "$lib"
		rm -f "$obj/qemu-system-x86_64"
	fi
}

base=
[ "${1:-}" != --base ] || base=1
if [ -z "$base" ]; then
	[ -f "$chip_lib" ] || die "no $chip_lib: run 'make user' first"
	now=$(inputs)
	[ -x "$out" ] && [ "$now" = "$(cat "$out.inputs" 2>/dev/null)" ] && exit 0
fi

lock "qemu-$key"
make_tree
[ -n "$base" ] || sync_glue
[ -n "$base" ] || say "building QEMU $QEMU_VERSION with the neuron device"
[ -z "$base" ] || say "building QEMU $QEMU_VERSION (4 CPU minutes, once)"
"$NEURON_TOP/tools/build/ninja.sh" qemu "$obj" "$root/ninja.log" qemu-system-x86_64
[ -z "$base" ] || exit 0
mkdir -p "${out%/*}"
cp "$obj/qemu-system-x86_64" "$out.new.$$"
mv -f "$out.new.$$" "$out"
echo "$now" >"$out.inputs"
say "built $out"
