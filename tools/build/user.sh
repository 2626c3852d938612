#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds everything in user space (generated headers, chip, HAL, tools, test programs) below build/user with Meson.
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=user

dir=$NEURON_BUILD/user
if [ ! -f "$dir/build.ninja" ]; then
	say "configuring"
	rm -rf "$dir"
	logged "$NEURON_BUILD/log/meson.log" meson setup "$dir" "$NEURON_TOP"
fi
"$NEURON_TOP/tools/build/ninja.sh" user "$dir" "$NEURON_BUILD/log/user.log" "$@"
