#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the path of Debian's linux-source-6.12 package, fetching it into the cache first when it is not there:
# source.sh [VERSION], where VERSION (6.12.95, say) is only wished for. The suite has one version, the newest.
set -euo pipefail
here=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/build/common.sh
source "$here/../../tools/build/common.sh"
NEURON_TAG=kernel

suite=bookworm-backports
package=linux-source-6.12
wanted=${1:-}
store=$NEURON_CACHE/tarballs
papt=$NEURON_TOP/tools/build/papt.sh

# The newest one that is here, of the version that is wished for.
find_one() { find "$store" -name "${package}_$wanted*.deb" 2>/dev/null | sort -V | tail -n 1; }

lock kernel-source
deb=$(find_one)
if [ -z "$deb" ]; then
	say "fetching $package (150 MB)"
	new=$store/$package.new
	rm -rf "$new"
	mkdir -p "$new"
	"$papt" download "$suite" "$new" "$package"
	mv "$new"/*.deb "$store/"
	rmdir "$new"
	deb=$(find_one)
fi
if [ -z "$deb" ]; then
	version=$wanted
	wanted=
	deb=$(find_one)
	[ -n "$deb" ] || die "$suite has no $package"
	say "$suite has no $package of version $version any more: taking ${deb##*/}"
fi
printf '%s\n' "$deb"
