#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Removes what install.sh has installed with the same PREFIX and DESTDIR, and folders that are empty then.
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=uninstall

root=${DESTDIR:-}
prefix=${PREFIX:-/usr/local}
[ -f "$NEURON_BUILD/user/build.ninja" ] || die "nothing is built here: run 'make user' first"
version=$(sed -nE "s/^  version: '([0-9.]+)',$/\1/p" "$NEURON_TOP/meson.build")
logged "$NEURON_BUILD/log/install.log" meson configure "$NEURON_BUILD/user" "-Dprefix=$prefix" -Dlibdir=lib
logged "$NEURON_BUILD/log/install.log" ninja -C "$NEURON_BUILD/user" build.ninja
mapfile -t files < <(meson introspect "$NEURON_BUILD/user" --installed |
	python3 -c 'import json, sys; print("\n".join(json.load(sys.stdin).values()))')
rm -rf "$root$prefix/share/neuron-accel"
# The links of a library are not in that list: whatever leads to one of its files.
for file in "${files[@]}"; do
	case $file in
	*.so.*) rm -f "$root${file%%.so.*}.so"* ;;
	*) rm -f "$root$file" ;;
	esac
done
# Nor are the pages and completions of neuronctl, which a script of its own installs.
pages=$NEURON_BUILD/user/tools/neuronctl/pages
for page in "$pages"/man1/*; do
	rm -f "$root$prefix/share/man/man1/${page##*/}"
done
rm -f "$root$prefix/share/bash-completion/completions/neuronctl" "$root$prefix/share/zsh/site-functions/_neuronctl" \
	"$root$prefix/share/fish/vendor_completions.d/neuronctl.fish"
rm -f "$root$prefix/libexec/neuron-accel/qemu-system-x86_64"
rm -rf "$root/usr/src/neuron-accel-$version"
for folder in "$root$prefix"/{include/neuron/builder,include/neuron,libexec/neuron-accel}; do
	[ ! -d "$folder" ] || rmdir --ignore-fail-on-non-empty "$folder"
done
[ -n "$root" ] || [ "$(id -u)" != 0 ] || /sbin/ldconfig
say "removed what was installed below $root$prefix"
