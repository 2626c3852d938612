#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Puts the module's source, complete with what is generated, where DKMS looks for it, and prints the folder:
# module-source.sh [ROOT] makes ROOT/usr/src/neuron-accel-VERSION.
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=module

version=$(sed -nE "s/^  version: '([0-9.]+)',$/\1/p" "$NEURON_TOP/meson.build")
[ -n "$version" ] || die "meson.build names no version"
target=${1:-}/usr/src/neuron-accel-$version

python3 "$NEURON_TOP/spec/generate.py" --out "$NEURON_BUILD/spec"
rm -rf "$target.new"
mkdir -p "$target.new"
(cd "$NEURON_TOP/kmod" && find . -type f \( -name '*.[ch]' -o -name 'K*' \) ! -name '*.mod.c' -exec cp --parents {} "$target.new" \;)
cp "$NEURON_BUILD"/spec/neuron_spec*.h "$NEURON_TOP"/{COPYING,LICENSE} "$target.new/"
sed "s/#MODULE_VERSION#/$version/" "$NEURON_TOP/kmod/dkms.conf" >"$target.new/dkms.conf"
rm -rf "$target"
mv "$target.new" "$target"
printf '%s\n' "$target"
