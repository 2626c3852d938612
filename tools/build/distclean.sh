#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Removes the cache that all checkouts share.
set -euo pipefail
# shellcheck source=tools/build/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NEURON_TAG=distclean

say "removing $NEURON_CACHE"
rm -rf "${NEURON_CACHE:?}"/{apt,checkpatch,kernel,locks,meson,qemu,tarballs}
