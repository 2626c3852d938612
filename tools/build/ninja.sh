#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ninja.sh TAG DIR LOG [TARGET...]: ninja with a progress line per tenth of a long build, the errors when there are any,
# and the rest in LOG.
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=$1
dir=$2
log=$3
shift 3

mkdir -p "${log%/*}"
if ! NINJA_STATUS='@%f/%t ' ninja -C "$dir" "$@" 2>&1 | tee "$log" | awk -F'[@/ ]' -v tag="$NEURON_TAG" '
	/^@[0-9]+\// {
		tenth = int($2 * 10 / $3)
		if ($3 >= 50 && tenth > last) {
			last = tenth
			printf "[%s] built %d of %d\n", tag, $2, $3
			fflush()
		}
	}' >&2; then
	grep -avE '^@[0-9]+/|^ninja: (Entering|build stopped)|^(cc|c\+\+|gcc|g\+\+) ' "$log" | head -n 80 >&2 || true
	die "the build in $dir failed; the whole log is $log"
fi
