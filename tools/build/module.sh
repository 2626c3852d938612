#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds build/kmod/KERNEL/neuron_accel.ko: module.sh [KERNEL [MAKE-ARGUMENT...]], where KERNEL is stock (the default),
# debug, or a folder laid out as guest/kernel.sh says. bugs is the module for the stock kernel that makes mistakes on
# purpose (kmod/neuron_bug.h).
#
# Kbuild of 6.12 writes beside the sources, so it is given a tree of links to them. A Kbuild file finds the generated
# headers in $(NEURON_SPEC_DIR).
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=module

kernel=${1:-stock}
[ "$#" = 0 ] || shift
case $kernel in
stock | debug) folder=$("$NEURON_TOP/guest/kernel.sh" "$kernel") ;;
bugs)
	folder=$("$NEURON_TOP/guest/kernel.sh" stock)
	set -- "$@" NEURON_BUGS=1
	;;
*)
	folder=$(cd -P "$kernel" && pwd) || die "no kernel folder $kernel"
	kernel=$(basename "$folder")
	;;
esac
farm=$NEURON_BUILD/kmod/$kernel
module=$farm/neuron_accel.ko
src=$NEURON_TOP/kmod

[ -f "$src/Kbuild" ] || die "no kmod/Kbuild"
lock "module${farm//\//-}" # two would delete each other's files
python3 "$NEURON_TOP/spec/generate.py" --out "$NEURON_BUILD/spec"
recipe=$(printf '%s\n' "$folder" "$(cat "$folder/release")" "$@")
if [ -f "$module" ] && [ "$recipe" = "$(cat "$farm/.recipe" 2>/dev/null)" ] &&
	[ -z "$(find "$src" "$NEURON_BUILD/spec" -type f \( -name '*.[ch]' -o -name 'K*' \) -newer "$module" -print -quit)" ]; then
	exit 0
fi

mkdir -p "$farm"
rm -f "$module"
find "$farm" -type l -delete
cp -rs --remove-destination "$src/." "$farm/"
say "building neuron_accel.ko for $(cat "$folder/release")"
log=$NEURON_BUILD/log/module-$kernel.log
logged "$log" make -C "$folder/headers" M="$farm" NEURON_SPEC_DIR="$NEURON_BUILD/spec" "$@" modules
[ -f "$module" ] || die "kmod/Kbuild made no neuron_accel.ko; the log is $log"
grep -E 'warning:' "$log" >&2 || true
printf '%s\n' "$recipe" >"$farm/.recipe"
say "built $module"
