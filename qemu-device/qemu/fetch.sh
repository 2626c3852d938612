#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Prints the path of the QEMU source tarball, fetching it into the cache first when it is not there.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tools/build/common.sh
source "$here/../../tools/build/common.sh"
# shellcheck source=qemu-device/qemu/version.env
source "$here/version.env"
NEURON_TAG=qemu

store=$NEURON_CACHE/tarballs
mkdir -p "$store"

# download URI NAME SHA256: a checked download; the name appears only when the content is right.
download() {
	/usr/lib/apt/apt-helper -o APT::Sandbox::User=root -o Acquire::Retries=3 \
		download-file "$1" "$store/.$2.$$" "SHA256:$3" >"$store/.log.$$" 2>&1 || {
		rm -f "$store/.$2.$$"*
		return 1
	}
	rm -f "$store/.log.$$"
	mv "$store/.$2.$$" "$store/$2"
	printf '%s\n' "$store/$2"
}

# The newest tarball of the series that the suite's index names: "URI NAME SHA256".
newest() {
	"$NEURON_TOP/tools/build/papt.sh" source-uri "$QEMU_SUITE" qemu |
		sed -nE "s/^'([^']+)' (qemu_${QEMU_SERIES//./\\.}\.[^ ]*\.orig\.tar\.xz) [0-9]+ SHA256:([0-9a-f]{64})$/\1 \2 \3/p"
}

name=qemu_$QEMU_VERSION+ds.orig.tar.xz
if [ -f "$store/$name" ]; then
	printf '%s\n' "$store/$name"
	exit 0
fi

say "fetching $name (40 MB)"
mirror=$("$NEURON_TOP/tools/build/papt.sh" mirror)
download "$mirror/pool/main/q/qemu/$name" "$name" "$QEMU_SHA256" && exit 0

say "the pinned $name is not on the mirror any more; asking $QEMU_SUITE's index"
read -r uri name sha256 <<<"$(newest)" || true
[ -n "${sha256:-}" ] || die "no QEMU $QEMU_SERIES.x source in $QEMU_SUITE: update qemu-device/qemu/version.env"
say "taking $name instead of the pinned $QEMU_VERSION; please update qemu-device/qemu/version.env"
[ ! -f "$store/$name" ] || { printf '%s\n' "$store/$name"; exit 0; }
download "$uri" "$name" "$sha256" || die "cannot fetch $name"
