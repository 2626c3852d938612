#!/bin/sh
# SPDX-License-Identifier: MIT
# guest_sanitizer.sh PROGRAM: runs in a guest after each program. What the sanitizers of the devices have reported is said to the
# kernel's log, where guest/run finds it, and forgotten. Faults are told to the job's owner, and who is killed leaks.

program=$1

collect() {
	for reports in /sys/kernel/debug/accel/*/sanitizer; do
		[ -e "$reports" ] || continue
		sed "s|^|$program: |" "$reports" >"$NEURON_OUT/sanitizer.new" 2>/dev/null && echo >"$reports"
		cat "$NEURON_OUT/sanitizer.new" >>"$NEURON_OUT/sanitizer.log"
		grep -v -e '^[^ ]* report [0-9]* [A-Z_]* faulted' -e '^[^ ]* report [0-9]* LEAK ' "$NEURON_OUT/sanitizer.new" |
			while read -r line; do echo "<2>neuron-guest: FAILED: sanitizer: $line" >/dev/kmsg; done
	done
}

# A device that sleeps has no answer: who opens it wakes it.
for node in /dev/accel/accel*; do
	[ -e "$node" ] && collect 3<"$node"
done
exit 0
