#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds everything that `make run` and `make test` use. Nothing that did not change is built again.
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=build

cd "$NEURON_TOP"
tools/build/deps.sh
# The downloads wait for the network, the compilers for the cores.
guest/kernel.sh >/dev/null &
kernel=$!
tools/build/user.sh
qemu-device/qemu/build.sh
wait "$kernel" || die "the guest's kernel is missing"
tools/build/module.sh
