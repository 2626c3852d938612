#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds everything that `make test` uses, or with --run only what `make run` does. Nothing that did not change is built
# again.
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=build

targets=()
case ${1:-} in
'') ;;
--run) targets=(qemu-device/chip/libneuron-chip.so.0 tools/neuronctl/neuronctl) ;;
*) die "usage: all.sh [--run]" ;;
esac

cd "$NEURON_TOP"
tools/build/deps.sh
# The downloads wait for the network, the compilers for the cores.
guest/kernel.sh >/dev/null &
kernel=$!
tools/build/user.sh "${targets[@]}"
qemu-device/qemu/build.sh
wait "$kernel" || die "the guest's kernel is missing"
tools/build/module.sh
