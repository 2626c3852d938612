#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# clang-tidy on the C++ of user space, tests aside. Minutes long, so `make test` does not run it.
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=tidy

cd "$NEURON_TOP"
tools/build/deps.sh tidy
[ -f "$NEURON_BUILD/user/compile_commands.json" ] || die "no build/user: run 'make user' first"
log=$NEURON_BUILD/log/tidy.log
say "checking (5 CPU minutes)"
# clang-tidy counts the suppressed warnings of system headers on stderr: nobody's business.
if ! git ls-files -z 'qemu-device/chip/*.cpp' 'libneuron/*.cpp' 'tools/*.cpp' |
	xargs -0 -r -n 1 -P "$(nproc)" clang-tidy -p "$NEURON_BUILD/user" --quiet >"$log" 2>/dev/null; then
	grep -E ' (error|warning): ' "$log" | sort -u >&2 || true
	die "clang-tidy complains; the whole log is $log"
fi
say "nothing to complain of"
