#!/bin/sh
# SPDX-License-Identifier: MIT
# guest_sanitizer.sh PROGRAM [ROOT]: runs in a guest after each program. What the sanitizers of the devices have reported is said to the
# kernel's log, where guest/run finds it, and forgotten. Faults are told to the job's owner, and who is killed leaks.
# ROOT: where /sys and /dev are, for its own test.

program=$1
root=${2:-}

failed() {
	echo "<2>neuron-guest: FAILED: sanitizer: $*" >"$root/dev/kmsg"
}

collect() {
	for reports in "$root"/sys/kernel/debug/accel/*/sanitizer; do
		[ -e "$reports" ] || continue
		# A device without it, which may have been plugged in meanwhile, takes no write.
		if ! sed "s|^|$program: |" "$reports" >"$NEURON_OUT/sanitizer.new" || ! echo >"$reports"; then
			failed "$program: $reports does not answer"
		fi
		cat "$NEURON_OUT/sanitizer.new" >>"$NEURON_OUT/sanitizer.log"
		grep -v -e '^[^ ]* report [0-9]* [A-Z_]* faulted' -e '^[^ ]* report [0-9]* LEAK ' "$NEURON_OUT/sanitizer.new" |
			while read -r line; do failed "$line"; done
	done
}

# A device that sleeps has no answer: who opens it wakes it.
for node in "$root"/dev/accel/accel*; do
	[ -e "$node" ] && collect 3<"$node"
done
exit 0
