#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# boot.sh [NAME...]: boots the guest and makes the mistakes of the corpus in it, or those, each with a table's row for people.
set -euo pipefail
top=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
"$top/tools/build/module.sh" bugs
exec "$top/guest/run" --out "$top/build/test/bugs-table" --timeout 1200 --device neuron,sanitizer=on \
	--env NEURON_TOP="$top" --env NEURON_BUILD="$top/build" --env PYTHONDONTWRITEBYTECODE=1 \
	-- "$top/tests/bugs/bugs_test.py" --table "$@"
