#!/bin/sh
# SPDX-License-Identifier: MIT
# The last that runs in a guest, after all programs: the driver goes, and nothing of it may be left. What is wrong is said
# to the kernel's log, where guest/run finds it.

failed() {
	echo "<2>neuron-guest: FAILED: $*" >/dev/kmsg
}

if [ -d /sys/module/neuron_accel ]; then
	# What kmemleak reports when the module is gone has bare addresses.
	grep '\[neuron_accel\]' /proc/kallsyms >"$NEURON_OUT/kallsyms.log"
	busybox rmmod neuron_accel || failed "the driver does not unload: $(cat /sys/module/neuron_accel/refcnt) users are left"
fi

# Lockdep turns itself off at the first thing it does not like, and would find nothing more.
if [ -e /proc/lockdep_stats ]; then
	grep -q '^ debug_locks: *1$' /proc/lockdep_stats || failed "lockdep is off"
fi

# An object counts as a leak when it is old enough and no scan finds a pointer to it; what a stale pointer hid from the
# first scan, the second finds.
if grep -qw kmemleak=on /proc/cmdline; then
	leaks=/sys/kernel/debug/kmemleak
	for _ in 1 2; do
		sleep 6
		echo scan >$leaks || failed "kmemleak is off"
	done
	cat $leaks >"$NEURON_OUT/kmemleak.log"
	count=$(grep -c '^unreferenced object' "$NEURON_OUT/kmemleak.log")
	[ "$count" = 0 ] || failed "$count objects leaked: see $NEURON_OUT/kmemleak.log"
fi
