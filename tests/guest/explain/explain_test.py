#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl explain on a device that really is in a state, and on the coredump of the same."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "support")]

from driver import DRIVER, NOBODY, address
from endless import endless
from neuronctl import bad, ctl, good
from plans import planned
from states import explained, finding, has, rules, stuck
from tap import case, contains, equal, main

FUNCTION = Path("/sys/bus/pci/devices") / address()
DUMPS = Path("/sys/class/devcoredump")
CIRCLE = """
    .engine act
    nop
    nop wait s5>=1 then s6+=1
    end
    .engine dve
    nop wait s6>=1 then s5+=1
    end
"""


@contextlib.contextmanager
def dumped_faults():
    """Faults leave coredumps, and there is none yet."""
    knob = Path(f"/sys/bus/pci/devices/{address()}/coredump_on_fault")
    forget_dumps()
    knob.write_text("1")
    try:
        yield
    finally:
        knob.write_text("0")
        forget_dumps()


def forget_dumps() -> None:
    # A dump that was written to goes by itself, a moment later.
    while old := list(DUMPS.glob("devcd*/data")):
        for data in old:
            with contextlib.suppress(OSError):
                data.write_text("1")


def await_dump() -> None:
    while not list(DUMPS.glob("devcd*/data")):
        time.sleep(0.02)


@case("a device that nobody uses, and a queue with nothing to do")
def idle(folder):
    answer = explained(folder, has("sleeping"))
    equal((answer["health"], rules(answer)), ("idle", ["sleeping", "no_queues"] if len(answer["findings"]) > 1 else ["sleeping"]))
    with stuck("idle"):
        answer = good(folder, "--json", "explain").json
        equal((answer["source"], answer["device"], answer["device_state"]), ("live", address(), "ready"))
        equal((answer["health"], rules(answer)), ("idle", ["idle"]))
        contains(answer["sentence"], "has nothing to do: its 1 jobs are done")
        contains(good(folder, "explain").out, "idle: queue ")


@case("a launch in an endless loop, with its program and without")
def loop(folder):
    (folder / "spin.s").write_text(".engine sp\nloop: jump loop\n")
    with stuck("loop"):
        answer = explained(folder, has("loops"))
        equal((answer["health"], rules(answer)), ("busy", ["loops"]))
        contains(answer["sentence"], "a launch on core 0; the SP of core 0 goes round a loop at instruction 0: ")
        answer = good(folder, "--json", "explain", "--kernel", "spin.s").json
        equal((answer["health"], rules(answer)), ("stuck", ["endless_loop"]))
        contains(answer["sentence"], "the SP of core 0 is in a loop without an end at instruction 0 (loop, line 2 of spin: jump loop)")
        contains(good(folder, "explain", "--kernel", "spin.s").out, "stuck: queue ")
        equal(good(folder, "--json", "explain", "--watch", "0").json["findings"][0]["rule"], "runs")


@case("a kernel of the library is known with its lines, as long as it is loaded")
def named(folder):
    with endless(folder):
        contains(explained(folder, has("endless_loop"))["sentence"],
                 "the SP of core 0 is in a loop without an end at instruction 0 (loop, line 3 of endless: jump loop): no branch leads out of instruction 0")


@case("a queue that waits for cores is followed to who has them")
def cores(folder):
    with stuck("cores"):
        answer = explained(folder, lambda answer: {"waits_for_cores", "loops"} <= set(rules(answer)))
        waiter, holder = finding(answer, "waits_for_cores"), finding(answer, "loops")
        contains(waiter["sentence"], f"waits for cores that queue {holder['queue']} has; queue {holder['queue']} is at packet 0")
        equal([link["what"] for link in waiter["chain"]], [f"queue {waiter['queue']}", f"queue {holder['queue']}", "core 0 SP"])
        contains(waiter["sentence"], "the SP of core 0 goes round a loop at instruction 0")
        only = good(folder, "--json", "explain", "--queue", waiter["queue"]).json
        equal(rules(only), ["waits_for_cores"])


@case("a deadlock is told with its circle, and its coredump says the same")
def deadlock(folder):
    (folder / "circle.s").write_text(CIRCLE)
    with dumped_faults(), stuck("deadlock"):
        await_dump()
        for words in ((), ("--dump",)):
            answer = good(folder, "--json", "explain", "--kernel", "circle.s", *words).json
            equal((answer["health"], rules(answer)), ("failed", ["deadlock"]))
            contains(answer["sentence"], "job 1, packet 0: core 0 ACT instruction 1: DEADLOCK")
            contains(answer["sentence"], "the ACT of core 0 waited at instruction 1 (line 4 of circle: nop wait s5>=1 then s6+=1) for semaphore 5 >= 1, it was 0")
            contains(answer["sentence"], "a circle: the ")
        live, dump = (good(folder, "--json", "explain", *words).json["findings"][0] for words in ((), ("--dump",)))
        equal(dump, live)


def program_of(process) -> str:
    """Names of the kernels that a process shows, with their places."""
    return "".join(line for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines() if "neuron-kernel:" in line)


@case("the line of a kernel is told, and none of a kernel that came later to its place")
def reloaded(folder):
    for name, source in (("circle", CIRCLE), ("other", CIRCLE.replace("nop wait s5", "\n\nnop wait s5"))):
        (folder / f"{name}.s").write_text(source)
        good(folder, "asm", f"{name}.s", "-o", f"{name}.nko")
    command = [HERE / "reloaded.py", folder / "circle.nko", folder / "other.nko"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        contains(process.stdout.readline(), "DEADLOCK")
        first = program_of(process)
        told = good(folder, "--json", "explain").json
        contains(told["sentence"], "the ACT of core 0 waited at instruction 1 (line 4 of ")
        print("", file=process.stdin, flush=True)
        equal(process.stdout.readline(), "loaded\n")
        equal(program_of(process).split()[-2], first.split()[-2])
        told = good(folder, "--json", "explain").json
        contains(told["sentence"], "the ACT of core 0 waited at instruction 1 for semaphore 5")
        print("", file=process.stdin, flush=True)
    # Its ring of io_uring is torn down in the background, and its queues with that.
    explained(folder, lambda answer: "deadlock" not in rules(answer))


@case("a fault is told with its buffer, the sibling with it; its coredump says the same")
def fault(folder):
    with dumped_faults(), stuck("fault") as said:
        await_dump()
        answers = [good(folder, "--json", "explain", *words).json for words in ((), ("--dump",))]
        for answer in answers:
            equal((answer["health"], sorted(rules(answer))), ("failed", ["canceled", "fault"]))
            sentence = finding(answer, "fault")["sentence"]
            contains(sentence, f"PAGE_NOT_MAPPED: No valid page table entry covers the address, writing address {said['va']:#x} (64 bytes behind the end of buffer ")
            contains(sentence, f"of stuck ({said['pid']})")
            contains(finding(answer, "canceled")["sentence"], "of the same context had a fault; queue")
        equal(finding(answers[0], "fault")["sentence"], finding(answers[1], "fault")["sentence"])
        tables = next(section for section in good(folder, "--json", "decode", "dump").json["sections"] if section["name"].startswith("page tables"))
        contains(tables["name"], f" at {said['va']:#x}")
        equal(([level["level"] for level in tables["levels"]], tables["levels"][-1]["fields"]["VALID"], tables["lines"]), ([3, 2, 1, 0], 0, ["not mapped"]))
        # The same address, asked for by itself.
        for words in ((), ("--dump",)):
            place = good(folder, "--json", "addr", hex(said["va"]), "--space", "context", *words).json
            equal((place["found"], place["answers"][0]["below"]["distance"], place["answers"][0]["below"]["pid"]), (False, 64, said["pid"]))


@case("a queue that the watchdog has stopped, and the coredump of before")
def timeout(folder):
    forget_dumps()
    with stuck("timeout"):
        answer = good(folder, "--json", "explain").json
        equal((answer["health"], rules(answer)), ("failed", ["timed_out"]))
        contains(answer["sentence"], "was stopped by the watchdog in job 1: it took too long for a time-out of 20 ms; the SP of core 0 was halted at instruction 0 after ")
        await_dump()
        dump = good(folder, "--json", "explain", "--dump").json
        equal((dump["health"], dump["reason"]), ("stuck", "a job has timed out"))
        contains(dump["sentence"], "has timed out; queue ")
        contains(dump["sentence"], "a launch on core 0; the SP of core 0 is at instruction 0")
    forget_dumps()


@case("a submission that waits for room in a ring")
def room(folder):
    with stuck("room") as said:
        answer = explained(folder, has("ring_full"))
        full = finding(answer, "ring_full")
        equal((full["health"], full["chain"][0]["what"]), ("waiting", f"stuck ({said['pid']})"))
        contains(full["sentence"], "for room for 3 packets: the ring of queue ")
        contains(full["sentence"], ", of 16 packets, is full; queue ")
        contains(full["sentence"], "the SP of core 0 goes ")


@case("a submission that waits for the fence of another queue")
def fence(folder):
    with stuck("fence"):
        answer = explained(folder, has("waits_for_fence"))
        waits = finding(answer, "waits_for_fence")
        contains(waits["sentence"], ", before its job enters queue ")
        contains(waits["sentence"], f", for job 1 of queue {next(f['queue'] for f in answer['findings'] if f['rule'] in ('loops', 'computes'))}; queue ")
        contains(waits["sentence"], "the SP of core 0 goes ")


@case("a device without a driver")
def unbound(folder):
    name = address()
    (DRIVER / "unbind").write_text(name)
    try:
        answer = good(folder, "--json", "explain").json
        equal((answer["health"], rules(answer), answer["device"]), ("failed", ["unbound"], name))
        contains(good(folder, "explain").out, "failed: no driver is bound to the device\n")
        bad(folder, 1, "the driver shows no such file", "addr", "0x200000")
    finally:
        (DRIVER / "bind").write_text(name)


@case("bus mastering that is off is named")
def no_bus_master(folder):
    with stuck("idle"), open(f"/sys/bus/pci/devices/{address()}/config", "r+b", buffering=0) as file:
        file.seek(4)
        old = file.read(2)
        try:
            file.seek(4)
            file.write(bytes([old[0] & ~4, old[1]]))
            answer = good(folder, "--json", "explain").json
        finally:
            file.seek(4)
            file.write(old)
    equal((answer["health"], answer["findings"][0]["rule"]), ("failed", "no_bus_master"))


def await_state(name: str) -> None:
    """Until the driver says that the device is so."""
    end = time.monotonic() + 30
    while (FUNCTION / "device_state").read_text().strip() != name and time.monotonic() < end:
        time.sleep(0.05)


@case("what failed last is told when its process has gone and the device sleeps, until a reset")
def last_failure(folder):
    with stuck("fault") as said:
        pass
    awake = finding(good(folder, "--json", "explain").json, "last_failure")
    await_state("sleeping")
    answer = good(folder, "--json", "explain").json
    equal((answer["device_state"], answer["health"], rules(answer)), ("sleeping", "failed", ["last_failure", "sleeping"]))
    for last in (awake, finding(answer, "last_failure")):
        failure = last["failure"]
        equal((failure["fault"], failure["opcode"], failure["packet"], failure["va"]), ("PAGE_NOT_MAPPED", "FILL", 0, said["va"]))
        equal((failure["pid"], len(failure["stopped_too"])), (said["pid"], 1))
        contains(last["sentence"], f"in packet 0 (FILL) of queue {failure['queue']} (context {failure['context']}, of process {said['pid']}), ")
        contains(last["sentence"], f"writing address {said['va']:#x} (64 bytes behind the end of buffer ")
        contains(last["sentence"], f"; queue {failure['stopped_too'][0]} of the same context was stopped with it")
    equal(awake["failure"]["ns_ago"] < last["failure"]["ns_ago"], True)
    good(folder, "reset")
    equal(good(folder, "--json", "explain").json["health"], "idle")


@case("a single look does not say that a packet moves")
def single_look(folder):
    with planned(folder, "packet nth=1: hang"), stuck("loop"):
        contains(explained(folder, has("packet_stuck"))["sentence"], "has not moved for ")
        once = good(folder, "--json", "explain", "--watch", "0").json
        equal(rules(once), ["runs"])
        contains(once["sentence"], "; a single look does not tell whether that moves")


@case("a reset that failed: no more is said than is known, and a reset helps")
def wedged(folder):
    with planned(folder, "reset: hang"):
        bad(folder, 1, "dmesg says why; reset it again, or bind the driver anew, when the cause is gone", "reset")
        await_state("wedged")
        answer = good(folder, "--json", "explain").json
        equal(rules(answer), ["wedged"])
        contains(answer["sentence"], " ago, and the driver does not use it any more; its configuration space answers now")
    contains(answer["findings"][0]["hint"], "'neuronctl reset'")
    assert good(folder, "--json", "reset").json["state_after"] in ("ready", "sleeping")  # one left idle sleeps at once


@case("a queue that was lost in an error of the link, and what is told of it later")
def link_error(folder):
    resets = int((FUNCTION / "ras/resets").read_text())
    with planned(folder, "packet nth=1: aer_fatal"), stuck("loop"):
        lost = finding(explained(folder, has("lost")), "lost")
        contains(lost["sentence"], f"the driver has counted {resets + 1}, 1 of them for fatal errors of the PCIe link (AER), the last of these ")
        await_state("ready")
    later = finding(good(folder, "--json", "explain").json, "link_errors")
    contains(later["sentence"], "1 fatal error of the PCIe link (AER")


@case("a link that was down: what is true then and now, and the remedy that helps, which no reset is")
def link_down(folder):
    good(folder, "fault", "set", "packet nth=1: link_down us=300000")
    with stuck("loop"):
        await_state("gone")
        time.sleep(0.5)
        answer = good(folder, "--json", "explain").json
        gone = finding(answer, "gone")
        contains(gone["sentence"], " ago, because it read as all ones, as if it had been pulled out; it answers now, but its BARs have no addresses")
        contains(gone["hint"], f"'echo 1 >/sys/bus/pci/devices/{address()}/remove', then 'echo 1 >/sys/bus/pci/rescan'")
        contains(finding(answer, "lost")["sentence"], "when the device stopped answering")
        equal("asleep" in rules(answer), False)
        bad(folder, 1, "its BARs have no addresses, and a reset gives it none", "reset")
        bad(folder, 1, "the device is gone: the driver has given it up", "fault", "clear")
    name = address()
    (DRIVER / "unbind").write_text(name)
    try:
        (DRIVER / "bind").write_text(name)
    except OSError:
        pass
    unbound = finding(good(folder, "--json", "explain").json, "unbound")
    contains(unbound["hint"], "/remove', then ")
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    contains(log, "the device answers 0x0 instead of its magic 0x4e524e41: its BARs have lost their addresses; remove the function and rescan the bus")
    (FUNCTION / "remove").write_text("1")
    Path("/sys/bus/pci/rescan").write_text("1")
    await_state("ready")
    good(folder, "fault", "clear")
    with stuck("idle"):
        equal(rules(good(folder, "--json", "explain").json), ["idle"])


@case("only root is told, and what is asked for must be there")
def refusals(folder):
    folder.chmod(0o755)
    for words in (("explain",), ("addr", "0x200000")):
        result = ctl(folder, *words, before=NOBODY)
        equal(result.code, 1)
        contains(result.err, "only root can look inside")
    forget_dumps()
    bad(folder, 1, "there is no coredump of the device", "explain", "--dump")
    bad(folder, 1, "accel7: no such device", "explain", "--device", "accel7")
    bad(folder, 1, "has no queue 99", "explain", "--queue", "99")


if __name__ == "__main__":
    sys.exit(main())
