#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs user space and the QEMU below PREFIX (default /usr/local), and the module's source for DKMS in /usr/src, all in
# DESTDIR when that is set.
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=install

prefix=${PREFIX:-/usr/local}
logged "$NEURON_BUILD/log/install.log" meson configure "$NEURON_BUILD/user" "-Dprefix=$prefix" -Dlibdir=lib
logged "$NEURON_BUILD/log/install.log" meson install -C "$NEURON_BUILD/user"
install -D -m 755 "$NEURON_BUILD/qemu/qemu-system-x86_64" \
	"${DESTDIR:-}$prefix/libexec/neuron-accel/qemu-system-x86_64"
source=$("$NEURON_TOP/tools/build/module-source.sh" "${DESTDIR:-}")
[ -n "${DESTDIR:-}" ] || [ "$(id -u)" != 0 ] || /sbin/ldconfig
say "installed below ${DESTDIR:-}$prefix"
say "the module's source is $source: 'dkms install neuron-accel/${source##*-}' builds it for the running kernel"
