#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl on the real driver: doctor, validate, dma, and what looks inside: queue, ring, bo, vm, reset."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from endless import endless
from neuronctl import assemble, bad, ctl, good
from tap import case, contains, equal, main

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@case("doctor finds the device ready, and says so")
def healthy(folder):
    answer = good(folder, "--json", "doctor").json
    health = {check["name"]: check["health"] for check in answer["checks"]}
    assert answer["healthy"] and {"kernel", "module", "pci", "state", "node", "job", "io_uring", "sim"} <= set(health), health
    assert "bad" not in health.values()
    contains(good(folder, "doctor").out, "OK: the device is ready")


@case("doctor names a missing permission, a missing driver and a forbidden io_uring, and what to do")
def unhealthy(folder):
    folder.chmod(0o755)
    answer = ctl(folder, "--json", "doctor", before=NOBODY)
    equal((answer.code, [check["name"] for check in answer.json["checks"] if check["health"] == "bad"]), (3, ["node"]))
    contains(answer.json["checks"][5]["remedy"], "render")
    address = good(folder, "--json", "devices").json["devices"][0]["address"]
    driver = Path("/sys/bus/pci/drivers/neuron_accel")
    (driver / "unbind").write_text(address)
    try:
        answer = ctl(folder, "--json", "doctor")
        bad_ones = {check["name"]: check for check in answer.json["checks"] if check["health"] == "bad"}
        equal((answer.code, set(bad_ones)), (3, {"pci", "node"}))
        contains(bad_ones["pci"]["found"], f"no driver is bound to {address}")
    finally:
        (driver / "bind").write_text(address)
    knob = Path("/proc/sys/kernel/io_uring_disabled")
    before = knob.read_text()
    knob.write_text("2")
    try:
        checks = {check["name"]: check for check in good(folder, "--json", "doctor").json["checks"]}
        equal((checks["io_uring"]["health"], checks["io_uring"]["remedy"]), ("note", "sysctl kernel.io_uring_disabled=0"))
    finally:
        knob.write_text(before)


@case("every self test passes on the device, and all are tried but the one that needs a second device")
def validates(folder):
    answer = good(folder, "--json", "validate").json
    equal(({test["name"]: test.get("reason") for test in answer["tests"] if test["result"] != "pass"}, answer["failed"]),
          ({"devices": "/dev/accel/accel0 is the only usable device here"}, 0))
    figures = {test["name"]: {figure["name"]: figure["value"] for figure in test["figures"]} for test in answer["tests"]}
    assert figures["watchdog"]["limit"] <= figures["watchdog"]["ended after"], figures["watchdog"]
    assert figures["reset"]["reset"] > 0 and figures["cores"]["cores"] == answer["device"]["cores"], figures


@case("the self test of a reset is not tried by others than root, nor while somebody else has the device open")
def careful(folder):
    folder.chmod(0o755)
    node = Path("/dev/accel/accel0")
    node.chmod(0o666)
    try:
        test, = good(folder, "--json", "validate", "reset", before=NOBODY).json["tests"]
        equal((test["result"], test["reason"]), ("skip", "only root may reset the device"))
    finally:
        node.chmod(0o600)
    with endless(folder) as process:
        before = Path("/sys/class/accel/accel0/device/ras/resets").read_text()
        test, = good(folder, "--json", "validate", "reset").json["tests"]
        equal((test["result"], test["reason"]), ("skip", f"a reset would take the jobs of process {process.pid} (neuronctl)"))
        equal((Path("/sys/class/accel/accel0/device/ras/resets").read_text(), process.poll()), (before, None))


@case("dma copies, fills and tests in all directions")
def dma(folder):
    for way in (("host", "hbm:3"), ("hbm:1", "hbm:2"), ("hbm", "host")):
        good(folder, "dma", "copy", "--from", way[0], "--to", way[1], "--bytes", "100001", "--from-offset", "7", "--to-offset", "13")
    good(folder, "dma", "fill", "--to", "hbm:1", "--bytes", "12345", "--to-offset", "3")
    equal(good(folder, "--json", "dma", "test", "--rounds", "1").json["transfers"], 30)
    bad(folder, 2, "--to hbm:4: /dev/accel/accel0 has HBM stacks 0 to 3", "dma", "fill", "--to", "hbm:4")


@case("queue, bo and vm show a process that runs, by names and numbers")
def looks(folder):
    with endless(folder) as process:
        queue, = good(folder, "--json", "queue", "list").json["queues"]
        equal((queue["state"], queue["mode"], queue["process"]), ("ok", "kernel", f"neuronctl ({process.pid})"))
        shown = good(folder, "--json", "queue", "show", queue["queue"]).json["queue"]
        registers = {entry["name"]: entry for entry in shown["registers"]}
        assert registers["RING_BASE"]["value"] and isinstance(registers["STATUS"]["fields"], dict), registers
        contains(good(folder, "queue", "show", queue["queue"]).out, "RING_BASE")
        read = good(folder, "--json", "decode", "register", f"QUEUE[{queue['queue']}].STATUS").json
        equal((read["value"], read["fields"]), (registers["STATUS"]["value"], registers["STATUS"]["fields"]))
        contains(good(folder, "decode", "register", "GLOBAL.VERSION", "--device", "accel0").out, "MAJOR")
        bad(folder, 1, "QUEUE[63].STATUS: it is not in use", "decode", "register", "QUEUE[63].STATUS")
        buffers = good(folder, "--json", "bo", "list").json["buffers"]
        rows = [line.split()[0] for line in good(folder, "bo", "list").out.splitlines()[:-1]]
        equal(rows, ["BUFFER", *(str(buffer["buffer"]) for buffer in buffers)])
        assert any(entry["place"] == "hbm" and entry["size"] == 8192 and entry["pid"] == process.pid for entry in buffers), buffers
        assert any(entry.get("label") == "endless.nko" for entry in buffers), buffers
        context, = good(folder, "--json", "vm", "list").json["contexts"]
        bad(folder, 1, "TLB_FLUSH: the driver does not read it", "decode", "register", f"CTX[{context['context']}].TLB_FLUSH")
        mapping = next(entry for entry in context["mappings"] if entry["place"] == "hbm" and entry["size"] == 8192)
        walk = good(folder, "--json", "vm", "walk", context["context"], hex(mapping["va"] + 5)).json
        assert walk["mapped"] and walk["levels"][0]["level"] == 3 and walk["result"].startswith("hbm 0x"), walk
        equal(int(walk["result"].split()[1], 16) % 4096, 5)
        equal(good(folder, "--json", "vm", "walk", context["context"], "0").json["mapped"], False)
        equal(good(folder, "--json", "vm", "list", "--context", context["context"]).json["contexts"], [context])
        for words in (("queue", "list"), ("bo", "list"), ("vm", "list")):
            contains(good(folder, *words).out, str(process.pid))


@case("a device that nobody uses shows nothing, and what is not there is named")
def nothing(folder):
    contains(good(folder, "queue", "list").out, "No queues")
    contains(good(folder, "vm", "list").out, "No contexts")
    bad(folder, 1, "has no queue 5 at the moment", "queue", "show", "5")
    bad(folder, 1, "has no context 9 at the moment", "vm", "list", "--context", "9")
    bad(folder, 1, "has no context 9 at the moment", "vm", "walk", "9", "0x1000")
    bad(folder, 2, "x: expected an address", "vm", "walk", "0", "x")
    bad(folder, 2, "beyond the addresses of a context", "vm", "walk", "0", "0xffffffffffffffff")
    bad(folder, 2, "QUEUE", "queue", "show", "x")
    bad(folder, 1, "0000:77:00.0: no such device", "bo", "list", "--device", "0000:77:00.0")
    good(folder, "bo", "list", "--device", "accel0")


@case("only root looks inside, and only root resets; the error says what to do")
def root_only(folder):
    folder.chmod(0o755)
    for words in (("queue", "list"), ("bo", "list"), ("vm", "list"), ("vm", "walk", "0", "0"), ("decode", "register", "GLOBAL.STATUS"), ("reset",)):
        part = "reset: Permission denied" if words == ("reset",) else "only root can look inside"
        contains(bad(folder, 1, part, *words, before=NOBODY).err, "; run as root, e.g. with sudo\n")


@case("ring dump decodes the packet that a job hung in")
def rings(folder):
    for old in Path("/sys/class/devcoredump").glob("devcd*/data"):
        old.write_text("1")
    bad(folder, 1, "there is no coredump of the device", "ring", "dump")
    # The faults of ordinary jobs are not worth a coredump, unless somebody asks.
    address = good(folder, "--json", "devices").json["devices"][0]["address"]
    knob = Path(f"/sys/bus/pci/devices/{address}/coredump_on_fault")
    knob.write_text("1")
    kernel = assemble(folder, ".engine act\nnop wait s0>=1\nend\n")
    try:
        assert ctl(folder, "run", kernel).code == 1
        while not list(Path("/sys/class/devcoredump").glob("devcd*/data")):
            time.sleep(0.02)
        answer = good(folder, "--json", "ring", "dump").json
        queue, = answer["queues"]
        current = [entry for entry in queue["packets"] if entry["current"]]
        equal([entry["packet"]["opcode"] for entry in current], ["LAUNCH"])
        equal(current[0]["packet"]["core_mask"], 1)
        contains(good(folder, "ring", "dump", "--queue", queue["queue"]).out, "LAUNCH")
        saved = folder / "dump.txt"
        saved.write_bytes(Path(answer["file"]).read_bytes())
        equal(good(folder, "--json", "ring", "dump", "--file", "dump.txt").json["queues"], answer["queues"])
        bad(folder, 2, "dump.txt has no queue 99", "ring", "dump", "--file", "dump.txt", "--queue", "99")
        bad(folder, 2, "not a coredump", "ring", "dump", "--file", kernel)
        whole = good(folder, "--json", "decode", "dump", "dump.txt").json
        part = {section["name"]: section for section in whole["sections"]}
        equal((whole["complete"], whole["header"]["reason"]), (True, "a job has faulted"))
        registers = {entry["name"]: entry for entry in part[f"queue {queue['queue']}"]["registers"]}
        equal(registers["STATUS"]["fields"]["STATE"], "FAULTED")
        equal(next(entry for entry in part["device"]["registers"] if entry["name"] == "MAGIC")["value"] >> 32, 0)
        assert {"FAULT", "LAUNCH"} <= {entry["head"]["kind"] for entry in part["recorder"]["records"]}, part["recorder"]
        named = [line for line in part[next(name for name in part if name.startswith("mappings of"))]["lines"] if ' label="' in line]
        assert named, part
        bad(folder, 2, "no.txt", "ring", "dump", "--file", "no.txt")
    finally:
        knob.write_text("0")
        for old in Path("/sys/class/devcoredump").glob("devcd*/data"):
            old.write_text("1")


@case("ring dump --live shows the packet that a queue is at, by each way in, and what it shows can be saved")
def live_rings(folder):
    for path, mark in (("uring", "kernel"), ("doorbell", "user")):
        with endless(folder, "--submit", path):
            queue, = good(folder, "--json", "queue", "list").json["queues"]
            equal(queue["mode"], mark)
            answer = good(folder, "--json", "ring", "dump", "--live").json
            ring, = answer["queues"]
            equal((ring["queue"], ring["state"], answer["reason"]), (queue["queue"], "ok", "as they are now"))
            current, = (entry for entry in ring["packets"] if entry["current"])
            equal((current["index"], current["packet"]["opcode"], current["packet"]["core_mask"]), (queue["head"], "LAUNCH", 1))
            contains(good(folder, "ring", "dump", "--live", "--queue", queue["queue"]).out, "LAUNCH")
            (folder / "rings.txt").write_bytes(Path(answer["file"]).read_bytes())
            equal(good(folder, "--json", "ring", "dump", "--file", "rings.txt").json["queues"], answer["queues"])
            bad(folder, 1, "has no queue 99 at the moment", "ring", "dump", "--live", "--queue", "99")
    contains(good(folder, "ring", "dump", "--live").out, "No queues.")


@case("ring dump refuses sources that do not go together, and is root's")
def ring_arguments(folder):
    folder.chmod(0o755)
    bad(folder, 2, "--live and --file: one of the two", "ring", "dump", "--live", "--file", "x")
    bad(folder, 2, "--device is for --live", "ring", "dump", "--device", "accel0")
    bad(folder, 1, "accel7: no such device", "ring", "dump", "--live", "--device", "accel7")
    bad(folder, 2, "--queue", "ring", "dump", "--live", "--queue", "x")
    bad(folder, 1, "only root can look inside", "ring", "dump", "--live", before=NOBODY)
    good(folder, "ring", "dump", "--live", "--device", "accel0")


@case("reset says what was lost, the job in flight ends, and the next one runs")
def resets(folder):
    before = good(folder, "--json", "reset").json
    equal(before["lost"]["queues"], 0)
    # A reset is no use of the device: one that has been idle for long goes back to sleep at once.
    assert before["state_after"] in ("ready", "sleeping"), before
    with endless(folder) as process:
        answer = good(folder, "--json", "reset", "--device", "accel0").json
        lost = answer["lost"]
        equal((lost["files"], lost["files_with_jobs"], lost["queues"]), (1, 1, 1))
        assert lost["hbm_bytes"] >= 8192 and answer["ns"] > 0 and answer["resets"] == before["resets"] + 1, answer
        equal(process.wait(timeout=60), 1)
    good(folder, "validate", "submit")
    bad(folder, 1, "accel7: no such device", "reset", "--device", "accel7")


if __name__ == "__main__":
    sys.exit(main())
