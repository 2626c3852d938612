#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Nothing names a package mirror, or a path that only one machine has.
set -euo pipefail
# shellcheck source=tests/lint/files
source "$(dirname "${BASH_SOURCE[0]}")/files"

# The format of a Debian copyright file is named by an address.
if sources ':!*.npy' ':!packaging/debian/copyright' | xargs -0 -r grep -nIE \
	'[a-z]+[.]debian[.]org|/home/[a-z]+/|pypi[.]org|[(" ]/root/[a-z.]'; then
	echo "these lines name one machine or one mirror"
	exit 1
fi
