#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl decode: numbers, bytes and log lines; and explain and addr of a saved coredump, which need no device."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from neuronctl import NEURONCTL, bad, good
from tap import BUILD, case, contains, equal, main

sys.path.insert(0, str(BUILD / "spec"))

import neuron_spec as spec

COPY = "02" + "00" * 7 + "0010200000000000" + "0020200000000000" + "4000000000000000" + "00" * 32
DUMP = """neuron_accel coredump 1
device: 0000:01:00.0
reason: a job has faulted
context: 0
queue: 2

[queue 2]
context: 0
mode: kernel
state: ok
submitted: 7
completed: 6
tail: 8
announced: 8
seqno: 7
fault job: 7
fault: FAULT PAGE_NOT_MAPPED context 0 queue 2 unit DMA core 0 ring 3 write 1 pc 0 packet 7 va 0x203040 info 0x0 time 99
STATUS: 0x103
HEAD: 0x7
TAIL: 0x8

[core 0]
queue: 2
busy: 0
engine ACT: state=HALTED pc=1 retired=1 transfers=0 wait=GE semaphore=5 value=3 is=2
semaphore 5: 2

[mappings of context 0]
mappings: 1
0x200000 +0x3000 hbm rw buffer=5 offset=0x1000 pid=812 comm=mat mul

[end]
"""


@case("a register is decoded by name and by offset, with what the contract says")
def registers(folder):
    status = spec.Fault.PAGE_NOT_MAPPED << 8 | spec.QueueState.FAULTED
    answer = good(folder, "--json", "decode", "register", "QUEUE[3].STATUS", hex(status)).json
    equal((answer["register"], answer["fields"]["STATE"], answer["fields"]["FAULT"]), ("QUEUE[3].STATUS", "FAULTED", "PAGE_NOT_MAPPED"))
    equal(good(folder, "--json", "decode", "register", hex(answer["offset"]), hex(status)).json, answer)
    text = good(folder, "decode", "register", "queue[3].status", hex(status)).out
    contains(text, "FAULT: PAGE_NOT_MAPPED (1) - No valid page table entry covers the address.")
    equal(good(folder, "--json", "decode", "register", "GLOBAL.PROFILE", "3").json["fields"], "TRN2")
    bad(folder, 2, "STATUS: may be GLOBAL.STATUS or CTX.STATUS", "decode", "register", "STATUS", "1")
    bad(folder, 2, "0x34: no register at this offset", "decode", "register", "0x34", "1")
    bad(folder, 2, "x: expected a number", "decode", "register", "GLOBAL.STATUS", "x")
    bad(folder, 2, "GLOBAL.STATUS has 32 bits", "decode", "register", "GLOBAL.STATUS", "0x100000000")
    bad(folder, 2, "VALUE", "decode", "register", "GLOBAL.STATUS", "1", "--device", "accel0")


@case("page table entries are decoded")
def entries(folder):
    answer = good(folder, "--json", "decode", "pte", "0x10000007").json
    equal((answer["fields"]["HBM"], answer["fields"]["LARGE"], answer["address"]), (1, 0, 0x10000000))
    contains(good(folder, "decode", "pte", "0x10000007").out, "HBM offset 0x10000000")
    contains(good(folder, "decode", "pte", "0").out, "not valid")
    bad(folder, 2, "x: expected a number", "decode", "pte", "x")


@case("packets are decoded from digits, files of digits or bytes, and standard input")
def packets(folder):
    want = good(folder, "--json", "decode", "packet", COPY).json
    equal(want["packets"][0], {"packet": {"opcode": "COPY", "flags": 0, "src": 0x201000, "dst": 0x202000, "bytes": 64}, "legal": True})
    (folder / "digits").write_text("\n".join(COPY[i : i + 16] for i in range(0, 128, 16)) + "\n")
    (folder / "bytes").write_bytes(bytes.fromhex(COPY))
    for words in (("--file", "digits"), ("--file", "bytes"), tuple(COPY[i : i + 16] for i in range(0, 128, 16))):
        equal(good(folder, "--json", "decode", "packet", *words).json, want)
    run = subprocess.run([NEURONCTL, "decode", "packet"], input=bytes.fromhex(2 * COPY), capture_output=True, check=True)
    equal(run.stdout.decode(), 2 * "COPY src=0x201000 dst=0x202000 bytes=0x40\n")
    wrong = good(folder, "--json", "decode", "packet", COPY[:126] + "01").json["packets"][0]
    equal((wrong["legal"], wrong["wrong_byte"]), (False, 63))
    contains(good(folder, "decode", "packet", "ee" + "00" * 63).out, "ILLEGAL_PACKET")
    bad(folder, 2, "63 bytes: a packet has 64", "decode", "packet", COPY[2:])
    bad(folder, 2, "expected hexadecimal digits", "decode", "packet", "xy")
    bad(folder, 2, "exclude each other", "decode", "packet", COPY, "--file", "bytes")
    bad(folder, 2, "no.bin", "decode", "packet", "--file", "no.bin")


@case("instructions of a kernel are decoded as the disassembler shows them")
def instructions(folder):
    (folder / "k.s").write_text(".engine act\nnop wait s5>=3 then s6+=1\nend\n")
    good(folder, "asm", "k.s", "-o", "k.nko")
    listing = good(folder, "disasm", "--bytes", "k.nko").out
    assert "nop wait s5>=3" in " ".join(listing.split()), listing
    header = bytes([spec.Opcode.NOP, spec.WaitOp.GE, 5, 0, 0, 0, 0, 0]) + (3).to_bytes(4, "little")
    digits = (header + bytes(128 - len(header))).hex()
    answer = good(folder, "--json", "decode", "instruction", "--engine", "act", digits).json["instructions"][0]
    equal((answer["instruction"]["opcode"], answer["instruction"]["wait_sem"], answer["runs_on_engine"]), ("NOP", 5, True))
    contains(" ".join(answer["text"].split()), "nop wait s5>=3")
    contains(good(folder, "decode", "instruction", "ff" + "00" * 127).out, "no instruction: opcode 0xff")
    bad(folder, 2, "--engine x: expected pe, act, dve, pool or sp", "decode", "instruction", "--engine", "x", digits)
    bad(folder, 2, "an instruction has 128", "decode", "instruction", "00")


@case("structures are decoded, nested ones too")
def structures(folder):
    record = bytearray(64)
    record[0:4] = spec.Event.FAULT.to_bytes(2, "little") + spec.Fault.DEADLOCK.to_bytes(2, "little")
    record[8] = spec.Unit.DVE
    answer = good(folder, "--json", "decode", "struct", "event_record", record.hex()).json
    equal((answer["values"][0]["kind"], answer["values"][0]["code"], answer["values"][0]["unit"]), ("FAULT", "DEADLOCK", "DVE"))
    contains(good(folder, "decode", "struct", "program_header", "00" * 128).out, "streams")
    bad(folder, 2, "x: no structure of the contract; there are", "decode", "struct", "x", "00")
    bad(folder, 2, "1 bytes: event_record has 64", "decode", "struct", "event_record", "00")


LOG = """[    1.0] Linux version 6.12
[    2.0] neuron_accel 0000:01:00.0: [drm] spec 1.3, 8 cores, 98304 MiB HBM, 256 MiB behind the aperture
[    3.0] DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x7de0000 [fault reason 0x06] PTE Read access is not set
[    3.1] DMAR: [DMA Read NO_PASID] Request device [02:00.0] fault addr 0x7de0000 [fault reason 0x06] PTE Read access is not set
[    4.0] AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x0010 address=0xfff0 flags=0x0020]
[    5.0] neuron_accel 0000:01:00.0: [drm] *ERROR* resetting the device: a queue does not stop
"""


@case("lines of the kernel's log that are about a device are explained, others are not")
def log(folder):
    (folder / "dmesg.txt").write_text(LOG)
    lines = good(folder, "--json", "decode", "log", "dmesg.txt").json["lines"]
    equal([line["kind"] for line in lines], ["driver", "iommu", "iommu", "driver"])
    equal({line["device"] for line in lines}, {"0000:01:00.0"})
    equal([line.get("bus_address") for line in lines], [None, 0x7DE0000, 0xFFF0, None])
    equal((lines[1]["write"], lines[1]["reason"]), (False, "PTE Read access is not set"))
    contains(lines[3]["means"], "a coredump of before")
    run = subprocess.run([NEURONCTL, "decode", "log"], input=LOG.splitlines()[3], capture_output=True, text=True, check=True)
    contains(run.stdout, "the device tried to read bus address 0x7de0000, and the IOMMU refused: PTE Read access is not set")
    equal(len(good(folder, "--json", "decode", "log", "--address", "0000:02:00.0", "dmesg.txt").json["lines"]), 1)
    (folder / "other.txt").write_text("hello\n")
    equal(good(folder, "decode", "log", "other.txt").out, "No line is about a neuron device.\n")
    bad(folder, 2, "no.txt", "decode", "log", "no.txt")


OTHERS = {
    "neuron_accel 0000:01:00.0: swiotlb buffer is full (sz: 65536 bytes), total 32768 (slots), used 0 (slots)": ("swiotlb", "no room for 65536 bytes in one piece"),
    "neuron_accel 0000:01:00.0: DMA-API: device driver tries to free DMA memory it has not allocated [device address=0x7de0000] [size=64 bytes]":
        ("dma-api", "blames the driver: device driver tries to free DMA memory it has not allocated; that is a mistake of the driver"),
    "pcieport 0000:00:02.0: AER: Correctable error message received from 0000:01:00.0": ("aer", "has told its root port 0000:00:02.0"),
    "pcieport 0000:00:02.0: AER: Multiple Uncorrectable (Fatal) error message received from 0000:01:00.0": ("aer", "the kernel resets the slot"),
    "DMAR: [INTR-REMAP] Request device [01:00.0] fault index 0x2f [fault reason 0x26] Blocked an interrupt request due to source-id verification failure":
        ("iommu", "that interrupt is lost"),
    "arm-smmu-v3 9050000.smmuv3: event: F_TRANSLATION client: 0000:01:00.0 sid: 0x100 ssid: 0x0 iova: 0x7de0000 ipa: 0x0": ("iommu", "nothing is mapped there"),
    "neuron_accel 0000:01:00.0: enabling device (0000 -> 0002)": ("unknown", "not known to this command"),
    "neuron_accel: loading out-of-tree module taints kernel.": ("unknown", "not known to this command"),
    "pci 0000:01:00.0: Adding to iommu group 9": ("unknown", "not known to this command"),
}


@case("lines of others about a device have their cause, those of which nothing is known are shown, and a line may be an argument")
def lines_of_others(folder):
    strangers = "usb 1-1: new device\npci 0000:02:00.0: Adding to iommu group 10\n"
    (folder / "dmesg.txt").write_text(LOG + "\n".join(OTHERS) + "\n" + strangers)
    lines = good(folder, "--json", "decode", "log", "dmesg.txt").json["lines"][4:]
    equal([line["line"] for line in lines], list(OTHERS))
    for line, (kind, means) in zip(lines, OTHERS.values()):
        equal(line["kind"], kind)
        contains(line["means"], means)
    equal([line.get("bus_address") for line in lines], [None, 0x7DE0000, None, None, None, 0x7DE0000, None, None, None])
    for text in list(OTHERS)[:6]:
        equal([line["line"] for line in good(folder, "--json", "decode", "log", text).json["lines"]], [text])
    ecc = good(folder, "--json", "decode", "log", "neuron_accel 0000:01:00.0: [drm] *ERROR* uncorrectable error of HBM at 0x1000").json["lines"][0]
    equal((ecc["kind"], ecc["hbm_address"]), ("driver", 0x1000))
    bad(folder, 2, "no file.txt", "decode", "log", "no file.txt")


@case("a saved coredump is explained, with the program if it is there")
def explained(folder):
    (folder / "dump.txt").write_text(DUMP)
    answer = good(folder, "--json", "explain", "--file", "dump.txt").json
    equal((answer["source"], answer["device"], answer["health"], answer["reason"]), ("dump.txt", "0000:01:00.0", "failed", "a job has faulted"))
    contains(answer["sentence"], "queue 2 was halted by a fault: job 7, packet 7: core 0 DMA ring 3")
    contains(answer["sentence"], "64 bytes behind the end of buffer 5")
    contains(answer["sentence"], "the ACT of core 0 waited at instruction 1 for semaphore 5 >= 3, it was 2")
    equal(good(folder, "explain", "--file", "dump.txt").out.splitlines()[0], f"failed: {answer['sentence']}")
    (folder / "kern.s").write_text(".option N, 3\n.engine act\n nop\nhere:\n nop wait s5>=N\n end\n.engine pe\n nop then s5+=2\n end\n")
    for words in (("kern.s",), ("kern.s", "-D", "N=3")):
        contains(good(folder, "explain", "--file", "dump.txt", "--kernel", *words).out, "instruction 1 (here, line 5 of kern: nop wait s5>=3)")
    for name, words, place in (("kern.nko", (), "line 5 of kern"), ("other.nko", (), "line 5 of kern.s, other"), ("kern.nko", ("--no-lines",), "kern")):
        good(folder, "asm", "kern.s", "-o", name, *words)
        contains(good(folder, "explain", "--file", "dump.txt", "--kernel", name).out, f"instruction 1 (here, {place}: nop wait s5>=3)")
    equal(len(good(folder, "--json", "explain", "--file", "dump.txt", "--queue", "2").json["findings"]), 1)
    bad(folder, 1, "0000:01:00.0 has no queue 7", "explain", "--file", "dump.txt", "--queue", "7")
    bad(folder, 2, "kern.nko: not a coredump of neuron_accel", "explain", "--file", "kern.nko")
    bad(folder, 2, "no.txt", "explain", "--file", "no.txt")
    bad(folder, 2, "dump.txt", "explain", "--file", "dump.txt", "--kernel", "dump.txt")
    bad(folder, 2, "--define goes with a source", "explain", "--file", "dump.txt", "--kernel", "kern.nko", "-D", "N=1")
    bad(folder, 2, "--define N: expected NAME=VALUE", "explain", "--file", "dump.txt", "--kernel", "kern.s", "-D", "N")
    bad(folder, 2, "--device and a coredump exclude each other", "explain", "--file", "dump.txt", "--device", "accel0")
    bad(folder, 2, "--watch", "explain", "--watch", "60001")


@case("an address of a saved coredump is somebody's, or has neighbours")
def addresses(folder):
    (folder / "dump.txt").write_text(DUMP)
    answer = good(folder, "--json", "addr", "0x200010", "--file", "dump.txt").json
    equal((answer["found"], answer["answers"][0]["space"], answer["answers"][0]["offset"]), (True, "context 0", 0x1010))
    equal(answer["answers"][0]["in"], {"what": "buffer", "start": 0x200000, "size": 0x3000, "buffer": 5, "buffer_offset": 0x1000, "pid": 812, "comm": "mat mul"})
    equal(answer["answers"][0]["mappings"], [{"context": 0, "va": 0x200010, "read_only": False}])
    behind = good(folder, "--json", "addr", "0x203040", "--file", "dump.txt", "--context", "0").json
    equal((behind["found"], behind["answers"][0]["below"]["distance"]), (False, 64))
    contains(good(folder, "addr", "0x203040", "--file", "dump.txt").out, "64 bytes behind the end of buffer 5")
    contains(good(folder, "addr", "0x40203000", "--file", "dump.txt").out, "1.0 GiB behind the end of buffer 5")
    for far in ("0x40203001", "0xfffffffffffff000"):
        contains(good(folder, "addr", far, "--file", "dump.txt").out, "nothing is near")
    bad(folder, 2, "--context", "addr", "0x203040", "--context", "-1", "--file", "dump.txt")
    bad(folder, 2, "--queue", "explain", "--queue", "-1", "--file", "dump.txt")
    bad(folder, 2, "x: expected an address", "addr", "x", "--file", "dump.txt")
    bad(folder, 2, "--space bus: a coredump has addresses of contexts only", "addr", "1", "--space", "bus", "--file", "dump.txt")
    bad(folder, 2, "--space", "addr", "1", "--space", "moon")
    bad(folder, 1, "has no context 9", "addr", "1", "--context", "9", "--file", "dump.txt")
    bad(folder, 2, "exclude each other", "addr", "1", "--device", "accel0", "--file", "dump.txt")


def mapping_record(index, kind, buffer, pid, time_ns, va=0x200000, size=0x1000):
    head = {"index": index, "time_ns": time_ns, "kind": spec.RecordKind.MAPPING, "code": kind}
    raw = spec.pack_struct("record_mapping", head=head, va=va, bytes=size, buffer=buffer, pid=pid)
    return f"record {index} MAPPING: {raw.hex(' ', 8)}\n"


def dump_with_records() -> str:
    """Two buffers that were at one address before the one that is there; a packet; names."""
    kind = spec.DebugKind
    told = ((kind.BIND, 3, 100), (kind.UNBIND, 3, 101), (kind.FREE, 3, 102), (kind.BIND, 4, 103), (kind.UNBIND, 4, 104), (kind.BIND, 5, 812))
    lines = "".join(mapping_record(i, what, buffer, pid, 1_000_000 * (i + 1)) for i, (what, buffer, pid) in enumerate(told))
    named = DUMP.replace("offset=0x1000 pid=812", 'offset=0x1000 label="first pid=1 comm=layer" made="foo.cc:88" pid=812')
    return named.replace("TAIL: 0x8\n", f"TAIL: 0x8\npacket 7: {COPY}\n").replace("[end]", f"[recorder]\n{lines}\n[end]")


@case("a whole coredump is decoded: registers, packets and records by name, the rest as it is")
def whole(folder):
    (folder / "dump.txt").write_text(dump_with_records())
    answer = good(folder, "--json", "decode", "dump", "dump.txt").json
    equal((answer["header"]["reason"], answer["complete"], answer["file"]), ("a job has faulted", True, "dump.txt"))
    part = {section["name"]: section for section in answer["sections"]}
    equal(list(part), ["queue 2", "core 0", "mappings of context 0", "recorder"])
    registers = {entry["name"]: entry for entry in part["queue 2"]["registers"]}
    equal((registers["STATUS"]["fields"]["STATE"], registers["HEAD"]["value"]), ("FAULTED", 7))
    equal((part["queue 2"]["packets"][0]["index"], part["queue 2"]["packets"][0]["packet"]["opcode"]), (7, "COPY"))
    assert "submitted: 7" in part["queue 2"]["lines"], part["queue 2"]
    records = part["recorder"]["records"]
    equal([(entry["head"]["kind"], entry["head"]["code"], entry["buffer"], entry["pid"]) for entry in records][0], ("MAPPING", "BIND", 3, 100))
    equal(len(records), 6)
    text = good(folder, "decode", "dump", "dump.txt").out
    for line in ("  STATUS: 0x103  STATE=FAULTED", "  packet 7: COPY src=0x201000", "         0     0.001000000 MAPPING      code=BIND va=0x200000"):
        contains(text, line)
    run = subprocess.run([NEURONCTL, "decode", "dump", "-"], input=text.encode(), capture_output=True, check=True)
    contains(run.stdout.decode(), "neuron_accel coredump 1")
    (folder / "half.txt").write_text(dump_with_records().replace("[end]", ""))
    equal(good(folder, "--json", "decode", "dump", "half.txt").json["complete"], False)
    contains(good(folder, "decode", "dump", "half.txt").out, "its end is missing")
    (folder / "odd.txt").write_text(DUMP.replace("[end]", "[recorder]\nrecord 1 MAPPING: 0011\nrecord 2 NOTHING: 00\n\n[end]"))
    odd = good(folder, "--json", "decode", "dump", "odd.txt").json["sections"][-1]
    equal((odd.get("records"), odd["lines"]), (None, ["record 1 MAPPING: 0011", "record 2 NOTHING: 00"]))
    bad(folder, 2, "kern.txt", "decode", "dump", "kern.txt")
    (folder / "kern.txt").write_text("x")
    bad(folder, 2, "kern.txt: not a coredump of neuron_accel", "decode", "dump", "kern.txt")


def raw_record(kind, index, queue, **values) -> bytes:
    head = {"index": index, "time_ns": 1_000_000_000 + index, "kind": getattr(spec.RecordKind, kind), "queue": queue, **values.pop("head", {})}
    return spec.pack_struct(f"record_{kind.lower()}", head=head, **values)


@case("the flight recorder's file is decoded: a line for each record, by name; kind, queue and number choose")
def recorder(folder):
    raw = raw_record("DOORBELL", 7, 1) + raw_record("PACKET", 8, 1, head={"code": spec.PacketOp.COPY}, dst=0x200000, bytes=64) + raw_record("FAULT", 9, 2, va=0x5000)
    (folder / "recorder.bin").write_bytes(raw)
    text = good(folder, "decode", "records", "recorder.bin").out
    equal(len(text.splitlines()), 3)
    contains(text, "       8     1.000000008 PACKET       ")
    contains(text, "queue=0x1")
    contains(text, "code=COPY")
    contains(text, "dst=0x200000 bytes=0x40")
    numbers = lambda *words: [record["head"]["index"] for record in good(folder, "--json", "decode", "records", "recorder.bin", *words).json["records"]]
    equal((numbers(), numbers("--last", "2"), numbers("--queue", "1"), numbers("--queue", "1", "--last", "1"), numbers("--kind", "fault"), numbers("--context", "3")),
          ([7, 8, 9], [8, 9], [7, 8], [8], [9], []))
    run = subprocess.run([NEURONCTL, "decode", "records", "-"], input=raw, capture_output=True, check=True)
    equal(run.stdout.decode(), text)
    bad(folder, 2, "--kind moon: no kind of record", "decode", "records", "recorder.bin", "--kind", "moon")
    bad(folder, 2, "--last", "decode", "records", "recorder.bin", "--last", "0")
    bad(folder, 2, "--last", "decode", "records", "recorder.bin", "--last", "-1")
    bad(folder, 2, "--queue", "decode", "records", "recorder.bin", "--queue", "128")
    bad(folder, 2, "--context", "decode", "records", "recorder.bin", "--context", "64")
    bad(folder, 2, "--device", "decode", "records", "recorder.bin", "--device", "accel0")
    bad(folder, 2, "none.bin", "decode", "records", "none.bin")
    (folder / "odd.bin").write_bytes(raw + b"x")
    bad(folder, 2, "193 bytes are no whole records of 64", "decode", "records", "odd.bin")
    (folder / "odd.bin").write_bytes(raw[:64] + bytes(64) + raw[128:])
    bad(folder, 2, "byte 64: no record of the contract's kinds begins there", "decode", "records", "odd.bin")


@case("an address of a saved coredump says what was there before, and by which names")
def pasts(folder):
    (folder / "dump.txt").write_text(dump_with_records())
    answer = good(folder, "--json", "addr", "0x200010", "--file", "dump.txt").json["answers"][0]
    equal((answer["in"]["label"], answer["in"]["made"], answer["in"]["pid"]), ("first pid=1 comm=layer", "foo.cc:88", 812))
    equal(answer["mappings"][0]["label"], "first pid=1 comm=layer")
    equal([(past["relation"], past["buffer"]) for past in answer["history"]], [("INSIDE", 5), ("UNBOUND", 4), ("FREED", 3)])
    old = answer["history"][2]
    equal((old["bound_pid"], old["bound_ns_ago"], old["gone_pid"], old["gone_ns_ago"]), (100, 5_000_000, 102, 3_000_000))
    lines = good(folder, "addr", "0x200010", "--file", "dump.txt").out.splitlines()
    contains(lines[0], "buffer 5 'first pid=1 comm=layer' (hbm, 16.0 KiB, made at foo.cc:88) of mat mul (812)")
    contains(lines[2], "  is buffer 5 'first pid=1 comm=layer' at [0x200000, 0x201000), bound 0.000 ms ago by pid 812 at foo.cc:88")
    contains(lines[4], "  was buffer 3 at [0x200000, 0x201000), bound 5.000 ms ago by pid 100, freed 3.000 ms ago by pid 102")
    assert "history" not in good(folder, "--json", "addr", "0x201010", "--file", "dump.txt").json["answers"][0]


if __name__ == "__main__":
    sys.exit(main())
