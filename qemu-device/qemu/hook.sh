#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# hook.sh SOURCE: all that changes in QEMU, once, before it is configured: our folder is hooked in, and patches/ has mistakes of
# QEMU's own that a guest could end it by. Each patch says which.
set -euo pipefail
src=$1
here=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# line TEXT FILE: append a line that is not there yet.
line() { grep -qxF "$1" "$2" || echo "$1" >>"$2"; }

# Our folder becomes hw/misc/neuron: its build, its options, its trace events.
line "subdir('neuron')" "$src/hw/misc/meson.build"
line "source neuron/Kconfig" "$src/hw/misc/Kconfig"
grep -q "hw/misc/neuron" "$src/meson.build" ||
	sed -i "s#^subdir('trace')#trace_events_subdirs += ['hw/misc/neuron']\n&#" "$src/meson.build"
grep -q "hw/misc/neuron" "$src/meson.build" || { echo "hook.sh: no subdir('trace') in QEMU's meson.build" >&2; exit 1; }
cp "$here/neuron.mak" "$src/configs/devices/x86_64-softmmu/neuron.mak"

for patch in "$here"/patches/*.patch; do
	patch -d "$src" -p1 --batch --forward --silent <"$patch"
done

# Python modules that only QEMU's own functional tests want, and blobs that the "+ds" tarball lacks.
sed -i -E '/^"?(pycotap|qemu\.qmp|qemu|setuptools|wheel|pip)"? = /d' "$src/pythondeps.toml"
sed -i "s/^subdir('dtb')/#&/" "$src/pc-bios/meson.build"
sed -i "s/unpack_edk2_blobs = bzip2.found()/unpack_edk2_blobs = false/" "$src/meson.build"
