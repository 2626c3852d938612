#!/bin/bash
# SPDX-License-Identifier: MIT
# In the guest: guest.sh RUNS. Each line of RUNS is NUMBER, WORK and a plan, with tabs between. What gcov has counted in the driver while it
# was in force goes to $NEURON_OUT/coverage/NUMBER.
set -u
gcov=/sys/kernel/debug/gcov
neuronctl=${NEURONCTL:-$NEURON_BUILD/user/tools/neuronctl/neuronctl}
address=$(basename "$(echo /sys/bus/pci/drivers/neuron_accel/0000:*)")
function=/sys/bus/pci/devices/$address
# A device that hangs is not to take the default's time.
echo 300 >"$function/watchdog/timeout_ms"

# It stays where it is found by its own file, whichever driver is bound.
set_plan() {
	printf '%s\n' "$1" >"/sys/kernel/debug/accel/$address/fault_plan"
}

# QEMU's own way in, for a device that has no driver at the moment.
clear_by_monitor() {
	exec 7<>/dev/neuron-qmp
	printf '%s\n' '{"execute": "qmp_capabilities"}' '{"execute": "qom-set", "arguments": {"path": "/machine/peripheral/npu0", "property": "fault-plan", "value": ""}, "id": "plan"}' >&7
	while read -r line <&7 && [[ $line != *'"plan"'* ]]; do :; done
	exec 7>&-
}

is_well() {
	case $(cat "$function/device_state" 2>/dev/null) in
	ready | sleeping) return 0 ;;
	*) return 1 ;;
	esac
}

find_anew() {
	echo 1 >"$function/remove"
	echo 1 >/sys/bus/pci/rescan
	for _ in $(seq 100); do
		is_well && break
		sleep 0.1
	done
}

work() {
	case $1 in
	jobs)
		timeout 60 "$neuronctl" dma copy --from host --to hbm --bytes 100000
		timeout 60 "$neuronctl" dma copy --from hbm --to host --bytes 100000
		;;
	program) timeout 60 "$neuronctl" run /tmp/coverage.nko --out Y=/tmp/y.npy ;;
	user) timeout 60 "$neuronctl" bench latency --path doorbell --jobs 20 ;;
	looks)
		timeout 60 "$neuronctl" explain
		cat "/sys/kernel/debug/accel/$address"/* "$function"/hwmon/hwmon*/*_input
		;;
	sleep) # and wake up
		echo auto >"$function/power/control"
		echo 10 >"$function/power/autosuspend_delay_ms"
		for _ in $(seq 50); do
			[ "$(cat "$function/power/runtime_status")" = suspended ] && break
			sleep 0.1
		done
		timeout 60 "$neuronctl" dma copy --from host --to hbm --bytes 100000
		echo on >"$function/power/control"
		;;
	leaves) # in the middle of a job
		timeout 60 "$neuronctl" dma copy --from host --to hbm --bytes 100M &
		sleep 0.5
		echo "$address" >/sys/bus/pci/drivers/neuron_accel/unbind
		wait
		echo "$address" >/sys/bus/pci/drivers/neuron_accel/bind
		;;
	reset)
		echo 200 >"$function/watchdog/reset_ms"
		timeout 60 "$neuronctl" reset
		;;
	probe)
		echo "$address" >/sys/bus/pci/drivers/neuron_accel/unbind
		echo "$address" >/sys/bus/pci/drivers/neuron_accel/bind
		;;
	tests)
		find_anew # with the limits of time that the tests expect
		for program in "$NEURON_BUILD"/user/tests/guest/kmod/kmod_*_test; do
			timeout 300 "$program"
		done
		;;
	failures)
		find_anew
		timeout 1200 "$NEURON_BUILD/user/tests/guest/kmod/alloc_failure_test"
		;;
	esac
}

# Whatever became of the device.
mend() {
	clear_by_monitor
	is_well && return
	find_anew
	echo 300 >"$function/watchdog/timeout_ms"
}

cat >/tmp/coverage.s <<'END'
	.param Y, out, f32, 128, 512
	.engine sp
	dma_load  sbuf.f32[0:128, 0, 512], Y[0, 128, 512], ring=0 then s0+=1
	dma_store Y[0, 128, 512], sbuf.f32[0:128, 0, 512], ring=1 wait s0>=1
	end
END
"$neuronctl" asm /tmp/coverage.s -o /tmp/coverage.nko

while IFS=$'\t' read -r number kind plan; do
	echo "# $number: $kind: $plan"
	echo 1 >$gcov/reset
	set_plan "$plan"
	work "$kind" </dev/null
	mend
	to=$NEURON_OUT/coverage/$number
	mkdir -p "$to"
	find $gcov -name 'neuron_*.gcda' -exec cp -t "$to" {} +
done <"$1"
exit 0
