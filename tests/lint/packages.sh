#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Each list of packages in deps.sh stands there once: of two with one name bash keeps the second and says nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

lists=$(grep -oP '^\t\[\K[a-z]+(?=\]=)' tools/build/deps.sh)
twice=$(sort <<<"$lists" | uniq -d)
if [ -z "$lists" ] || [ -n "$twice" ]; then
	echo "tools/build/deps.sh: no list, or more than one with the name: $twice"
	exit 1
fi
