#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes Debian packages of what is built already, in build/deb, and prints their names. Nothing is compiled again.
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=deb

version=$(sed -nE "s/^  version: '([0-9.]+)',$/\1/p" "$NEURON_TOP/meson.build")
[ -n "$version" ] || die "meson.build names no version"
qemu=$NEURON_BUILD/qemu/qemu-system-x86_64
for built in "$NEURON_BUILD/user/build.ninja" "$qemu"; do
	[ -e "$built" ] || die "no $built: run 'make build' first"
done
"$NEURON_TOP/tools/build/deps.sh" package

out=$NEURON_BUILD/deb
tree=$out/neuron-accel-$version
stage=$tree/stage
log=$NEURON_BUILD/log/deb.log
rm -rf "$out"
mkdir -p "$tree" "$stage"

# The build keeps the prefix that it has: what is installed is moved, and its pkg-config files told so.
prefix=$(meson introspect "$NEURON_BUILD/user" --buildoptions |
	python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
libdir=usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
libs=$(meson introspect "$NEURON_BUILD/user" --buildoptions |
	python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "libdir"))')
logged "$log" meson install -C "$NEURON_BUILD/user" --no-rebuild --destdir "$stage/all"
from=$stage/all$prefix
mkdir -p "$stage/$libdir" "$stage/lib" "$stage/usr/share"
mv "$from/lib/udev" "$stage/lib/udev"
mv "$from/$libs"/* "$stage/$libdir/"
mv "$from/bin" "$from/include" "$stage/usr/"
mv "$from/share"/* "$stage/usr/share/"
rm -rf "$stage/all"
sed -i "s|^prefix=.*|prefix=/usr|; s|^libdir=.*|libdir=/$libdir|" "$stage/$libdir"/pkgconfig/*.pc
install -D -m 755 "$qemu" "$stage/usr/libexec/neuron-accel/qemu-system-x86_64"
module=$("$NEURON_TOP/tools/build/module-source.sh" "$stage")
# dh_dkms installs this one; licences are in debian/copyright.
cp -r "$NEURON_TOP/packaging/debian" "$tree/debian"
mv "$module/dkms.conf" "$tree/debian/neuron-accel-dkms.dkms"
rm "$module/COPYING" "$module/LICENSE"

# The launcher goes with its QEMU, the other tools with their pages and completions into a package of their own.
(cd "$stage" && find usr/bin usr/share -type f ! -path 'usr/share/man/man3/*' ! -path 'usr/share/neuron-accel/*') |
	while IFS= read -r path; do
		case ${path##*/} in
		*neuron-vm*) package=neuron-qemu ;;
		*) package=neuron-tools ;;
		esac
		printf '%s %s\n' "$path" "${path%/*}" >>"$tree/debian/$package.install"
	done

# Who packages it for others says who he is, in the variables that Debian's tools have for that.
name=${DEBFULLNAME:-The neuron-accel authors}
if [ -z "${DEBEMAIL:-}" ]; then
	for package in libneuron0 libneuron-dev neuron-tools neuron-accel-dkms neuron-qemu; do
		cat >>"$tree/debian/$package.lintian-overrides" <<-OVERRIDES
			# Made and used on one machine: there is nobody to write to. DEBEMAIL names a maintainer.
			bogus-mail-host
			bogus-mail-host-in-debian-changelog
		OVERRIDES
	done
fi
maintainer="$name <${DEBEMAIL:-neuron-accel@localhost}>"
sed -i "s/^Maintainer: .*/Maintainer: $maintainer/" "$tree/debian/control"

# The date is that of the last change, so that the same tree gives the same packages.
date=$(git -C "$NEURON_TOP" log -1 --format=%cD 2>/dev/null) || date=$(date -R -r "$NEURON_TOP/meson.build")
cat >"$tree/debian/changelog" <<CHANGELOG
neuron-accel ($version) UNRELEASED; urgency=medium

  * Packages of the tree as it is.

 -- $maintainer  $date
CHANGELOG

(cd "$tree" && logged "$log" dpkg-buildpackage -b -us -uc -d)
say "made the packages in $out"
printf '%s\n' "$out"/*.deb
