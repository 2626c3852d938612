#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# sanitized.sh KIND: builds once more with sanitizers, in build/KIND, the chip and what drives it, or parts of the driver:
#   fuzz        the fuzz targets and the damaged chip states, with the address and the undefined-behaviour sanitizer
#   tsan        the stress program and the HAL's threads, with the thread sanitizer
#   kmod-units  the driver's unit tests, with the address and the undefined-behaviour sanitizer
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
kind=${1:-}
NEURON_TAG=$kind

# The optimiser at -O1 and a single vector instruction set: instrumented vector code takes minutes to compile for each.
vectors=(-DHWY_COMPILE_ONLY_STATIC)
if grep -qw avx2 /proc/cpuinfo; then
	vectors+=(-mavx2 -mfma -mf16c -mbmi -mbmi2 -mpclmul -maes) # what Highway wants for AVX2
fi
case $kind in
# On other instruction sets, too, as far as the host has them: these take minutes.
fuzz)
	targets=(tests/fuzz/fuzz_{mmio,packets,programs,tape,programs-scalar} tests/unit/chip_state_damage_test)
	# The last of what it needs that processors got; fuzz_test.py asks for all.
	if grep -qw avx512vl /proc/cpuinfo; then
		targets+=(tests/fuzz/fuzz_programs-avx512)
	fi
	;;
tsan) targets=(tests/tsan/{stress,hal_threads}) ;;
kmod-units) targets=(kmod_units) ;;
*) die "usage: sanitized.sh fuzz|tsan|kmod-units" ;;
esac
options=()
flags=(-gline-tables-only "${vectors[@]}")
case $kind in
fuzz)
	sanitizers=address,undefined
	flags+=(-fsanitize=fuzzer-no-link -fsanitize=float-cast-overflow -fno-sanitize-recover=all)
	fuzz=true
	;;
tsan)
	sanitizers=thread
	fuzz=false
	;;
kmod-units)
	# They stand on sources of the kernel that the guest runs.
	options=(-Dkernel_source="$("$NEURON_TOP/guest/kernel.sh" debug)/source" -Dc_args=-fno-sanitize-recover=all)
	sanitizers=address,undefined
	fuzz=false
	;;
esac

"$NEURON_TOP/tools/build/deps.sh"
dir=$NEURON_BUILD/$kind
if [ ! -f "$dir/build.ninja" ] || [ "${options[*]}" != "$(cat "$dir/options" 2>/dev/null)" ]; then
	say "configuring"
	rm -rf "$dir"
	CC=clang CXX=clang++ logged "$NEURON_BUILD/log/$kind-meson.log" meson setup "$dir" "$NEURON_TOP" \
		-Dfuzz="$fuzz" -Doptimization=1 -Ddebug=true -Db_lundef=false \
		-Db_sanitize="$sanitizers" -Dcpp_args="${flags[*]}" "${options[@]}"
	printf '%s\n' "${options[*]}" >"$dir/options"
fi
"$NEURON_TOP/tools/build/ninja.sh" "$kind" "$dir" "$NEURON_BUILD/log/$kind.log" "${targets[@]}"

if [ "$kind" = fuzz ]; then
	"$NEURON_TOP/tools/build/user.sh" tests/fuzz/fuzz_seeds
	"$NEURON_BUILD/user/tests/fuzz/fuzz_seeds" "$dir/seeds" "$NEURON_TOP/tests/cli/tapes/guest.tape" "$NEURON_TOP"/kernels/*/*.s
fi
