# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What every build script shares: where things are, how progress and errors read, and how the cache is kept whole.
# Source it; it only defines things.

# Debian's own tools come first: a Python or a compiler of the user's in front of them would miss Debian's modules.
export PATH="/usr/bin:/bin:/usr/sbin:/sbin:$PATH" LC_ALL=C.UTF-8

NEURON_TOP=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
NEURON_BUILD=$NEURON_TOP/build
NEURON_CACHE=${NEURON_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/neuron-accel}
readonly NEURON_TOP NEURON_BUILD
export NEURON_BUILD NEURON_CACHE

# say TEXT...: one progress line.
say() { printf '[%s] %s\n' "${NEURON_TAG:-neuron}" "$*" >&2; }

# die TEXT...: one error line that names the thing, then the end.
die() {
	printf '[%s] error: %s\n' "${NEURON_TAG:-neuron}" "$*" >&2
	exit 1
}

# lock NAME: hold the cache's lock NAME until this process ends. The descriptor is not inherited by name, so a
# daemon started below must close it (exec {fd}>&-) or would keep the lock.
lock() {
	local fd
	mkdir -p "$NEURON_CACHE/locks"
	exec {fd}>"$NEURON_CACHE/locks/$1"
	if ! flock -n "$fd"; then
		say "waiting for another build that holds the lock '$1'"
		flock "$fd"
	fi
}

# logged LOG COMMAND...: run quietly; on failure show the end of the log and its name.
logged() {
	local log=$1
	shift
	mkdir -p "$(dirname "$log")"
	if ! "$@" >"$log" 2>&1; then
		tail -n 40 "$log" >&2
		die "'$1' failed; the whole log is $log"
	fi
}

# install_if_changed FROM TO: copy, keeping TO and its time stamp when nothing changed.
install_if_changed() {
	cmp -s "$1" "$2" && return 0
	mkdir -p "$(dirname "$2")"
	cp "$1" "$2.new.$$"
	mv -f "$2.new.$$" "$2"
}
