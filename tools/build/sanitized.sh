#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# sanitized.sh fuzz|tsan: builds the chip once more with sanitizers in it, and what drives it there: the fuzz targets in
# build/fuzz (address and undefined-behaviour sanitizer) or the stress program in build/tsan (thread sanitizer).
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
kind=${1:-}
NEURON_TAG=$kind

# The optimiser at -O1 and a single vector instruction set: instrumented vector code takes minutes to compile for each, and
# most of all for the one that has to emulate the rest.
flags=(-gline-tables-only -DHWY_COMPILE_ONLY_STATIC)
if grep -qw avx2 /proc/cpuinfo; then
	flags+=(-mavx2 -mfma -mf16c -mbmi -mbmi2 -mpclmul -maes) # what Highway wants for AVX2
fi
case $kind in
fuzz)
	sanitizers=address,undefined
	flags+=(-fsanitize=fuzzer-no-link -fsanitize=float-cast-overflow -fno-sanitize-recover=all)
	targets=(tests/fuzz/fuzz_{mmio,packets,programs})
	;;
tsan)
	sanitizers=thread
	targets=(tests/tsan/stress)
	;;
*) die "usage: sanitized.sh fuzz|tsan" ;;
esac

"$NEURON_TOP/tools/build/deps.sh"
dir=$NEURON_BUILD/$kind
if [ ! -f "$dir/build.ninja" ]; then
	say "configuring"
	rm -rf "$dir"
	CC=clang CXX=clang++ logged "$NEURON_BUILD/log/$kind-meson.log" meson setup "$dir" "$NEURON_TOP" \
		-Dfuzz="$([ "$kind" = fuzz ] && echo true || echo false)" -Doptimization=1 -Ddebug=true -Db_lundef=false \
		-Db_sanitize="$sanitizers" -Dcpp_args="${flags[*]}"
fi
"$NEURON_TOP/tools/build/ninja.sh" "$kind" "$dir" "$NEURON_BUILD/log/$kind.log" "${targets[@]}"

if [ "$kind" = fuzz ]; then
	"$NEURON_TOP/tools/build/user.sh" tests/fuzz/fuzz_seeds
	"$NEURON_BUILD/user/tests/fuzz/fuzz_seeds" "$dir/seeds" "$NEURON_TOP"/kernels/*/*.s
fi
