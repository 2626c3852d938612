#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Mistakes in the contract: each makes an error that names file and entry, and every error has a case."""

import ast
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import tap
from places import SPEC
from tap import case, equal

from specgen import check, errors, load

PACKAGE = SPEC / "specgen"
CHECKED = [PACKAGE / name for name in ("load.py", "check.py", "check_names.py", "check_layout.py", "check_isa.py")]

# A group of instructions for mistakes, so that the cases do not depend on what the others say.
GROUP = "isa/trial.toml"
TRIAL = """# SPDX-License-Identifier: MIT
[[dtype_class]]
name = "TRIAL_TYPES"
doc = "Types."
dtypes = ["F32", "I32"]

[[instruction]]
name = "TRIAL"
opcode = 0xfd
engines = ["ACT", "POOL"]
since = 3
engine_since = { POOL = 4 }
engine_spaces = { POOL = ["SBUF"] }
doc = "A trial."
limits = ["None."]
meaning = ["It is tried."]
cost = "None."
errors = ["ILLEGAL_OPERAND: never"]
same_partitions = ["dst", "ins"]
operands = [
  { name = "cond", offset = 16, type = "u8", kind = "enum", enum = "cond", doc = "Condition." },
  { name = "ra", offset = 17, type = "u8", kind = "reg", doc = "Register." },
  { name = "count", offset = 18, type = "u16", kind = "imm", min = 1, max = "2 * DMA_RINGS - 1", doc = "Number." },
  { name = "target", offset = 20, type = "u32", kind = "label", doc = "Target." },
  { name = "list", offset = 24, type = "u16", array = 2, kind = "array", doc = "Numbers." },
  { name = "dst", offset = 28, type = "tile", kind = "tile", access = "write", spaces = ["PSUM"], dtypes = "TRIAL_TYPES", doc = "Out." },
  { name = "src", offset = 56, type = "mem", kind = "mem", access = "read", doc = "In." },
  { name = "ins", offset = 96, type = "tile", kind = "tile", access = "read", elements = { min = 1, max = 8 }, index = true, doc = "In." },
]

[[instruction]]
name = "TRIAL2"
opcode = 0xfe
engines = ["ACT"]
doc = "Another one."
meaning = ["It is tried."]
cost = "None."
operands = []
"""

# name of the case, file, text to replace (None: append), its replacement, the error.
MISTAKES = [
    # --- files and keys
    ("text that is no TOML", "mmu.toml", None, "= 1", "mmu.toml: is not TOML"),
    ("an unknown top-level key", "mmu.toml", "[mmu]", "[mmo]\n[mmu]", "mmu.toml: mmo: unknown key"),
    ("a key where a table belongs", "mmu.toml", "fields = [", "fields = [ 3,", "struct pte, field #0: is not a table"),
    (
        "an unknown key",
        "registers.toml",
        'access = "ro", reset',
        'acess = "ro", access = "ro", reset',
        "block GLOBAL, register MAGIC: unknown key 'acess'",
    ),
    (
        "an unknown key in a profile",
        "profiles/trn2.toml",
        None,
        "sbuf = 3",
        "profiles/trn2.toml: profile trn2: unknown key 'sbuf'",
    ),
    ("a missing key", "device.toml", "value = 4096", "", "device.toml: constant PAGE_SIZE: 'value' is missing"),
    (
        "a key of a wrong type",
        "device.toml",
        "value = 4096",
        "value = true",
        "constant PAGE_SIZE: 'value' is not of type int",
    ),
    (
        "an entry without a meaning",
        "device.toml",
        'doc = "Contexts of the device."',
        'doc = " "',
        "constant MAX_CONTEXTS: 'doc' is empty",
    ),
    (
        "a struct with neither fields nor bitfields",
        "mmu.toml",
        "bitfields = [",
        "bitfields = []\nfields = [",
        "struct pte: needs either 'fields' or 'bitfields'",
    ),
    (
        "two packet headers",
        "packets.toml",
        None,
        '[[header]]\ndoc = "x"\nfields = []',
        "header: there must be exactly one",
    ),
    (
        "no packet size",
        "packets.toml",
        "packet_bytes = 64",
        "",
        "packets.toml: packet_bytes: is missing or not of type int",
    ),
    (
        "a stride without a count",
        "registers.toml",
        'count = "MAX_QUEUES"',
        "",
        "block QUEUE: 'stride' and 'count' belong together",
    ),
    (
        "a count by an unknown name",
        "registers.toml",
        '"MAX_QUEUES"',
        '"MANY"',
        "block QUEUE: 'count' names the unknown constant MANY",
    ),
    (
        "a member of an unknown type",
        "faults.toml",
        'type = "u32"',
        'type = "u33"',
        "struct event_record, pc: unknown type 'u33'",
    ),
    (
        "a struct within itself",
        "packets.toml",
        'name = "addr", offset = 0, type = "u64"',
        'name = "addr", offset = 0, type = "struct stream_ref"',
        "struct stream_ref: contains itself",
    ),
    (
        "a kind of record without a struct",
        "recorder.toml",
        'name = "record_reset"',
        'name = "record_restart"',
        "enum record_kind, value RESET: there is no struct record_reset",
    ),
    (
        "a record of an odd size",
        "recorder.toml",
        'name = "record_doorbell"\nsize = 64',
        'name = "record_doorbell"\nsize = 72',
        "struct record_doorbell: is not 64 bytes that begin with a record_head",
    ),
    # --- what the generator relies on
    (
        "a needed constant is gone",
        "device.toml",
        'name = "PSUM_BANKS"',
        'name = "PSUM_BONKS"',
        "constant PSUM_BANKS: is missing",
    ),
    (
        "a needed enum is gone",
        "isa/base.toml",
        'name = "engine"',
        'name = "motor"',
        "isa/base.toml: enum engine: is missing",
    ),
    (
        "a needed struct is gone",
        "isa/base.toml",
        'name = "instruction_header"',
        'name = "insn_header"',
        "struct instruction_header: is missing",
    ),
    (
        "a packet header without flags",
        "packets.toml",
        'name = "flags"',
        'name = "flogs"',
        "header: field 'flags' is missing",
    ),
    (
        "an instruction header without opcode",
        "isa/base.toml",
        'name = "opcode"',
        'name = "code"',
        "struct instruction_header: field 'opcode' is missing",
    ),
    # --- the device
    (
        "a negative constant",
        "device.toml",
        "value = 33",
        "value = -1",
        "constant MSIX_VECTORS: is not an unsigned 64-bit number",
    ),
    (
        "a PCI id of more than 16 bits",
        "device.toml",
        "vendor = 0x1234",
        "vendor = 0x12345",
        "pci: vendor has more than 16 bits",
    ),
    (
        "a version of more than 16 bits",
        "device.toml",
        "major = 1",
        "major = 65536",
        "version: major and minor have 16 bits each",
    ),
    (
        "more doorbell slots than a page holds",
        "device.toml",
        'value = 512\ndoc = "Doorbell',
        'value = 513\ndoc = "Doorbell',
        "constant DOORBELL_SLOTS: the slots do not fit in a page",
    ),
    (
        "more contexts than doorbell pages",
        "device.toml",
        'name = "MAX_CONTEXTS"\nvalue = 64',
        'name = "MAX_CONTEXTS"\nvalue = 257',
        "bar DOORBELLS: smaller than one page per context",
    ),
    (
        "page table levels that miss address bits",
        "mmu.toml",
        "levels = 4",
        "levels = 3",
        "mmu: page_shift + levels * index_bits is not va_bits",
    ),
    ("two page sizes", "mmu.toml", "page_shift = 12", "page_shift = 13", "mmu: 1 << page_shift is not PAGE_SIZE"),
    ("a BAR of an unknown kind", "device.toml", 'kind = "mem64"', 'kind = "io"', "bar REGS: unknown kind 'io'"),
    ("a BAR beyond the sixth", "device.toml", "index = 4", "index = 5", "bar APERTURE: index 5 is outside 0..5"),
    (
        "two BARs in one slot",
        "device.toml",
        "index = 2",
        "index = 1",
        "bar DOORBELLS: takes the same BAR slot 1 as REGS",
    ),
    (
        "a BAR size that is no power of two",
        "device.toml",
        "index = 2\nsize = 0x100000",
        "index = 2\nsize = 0x180000",
        "bar DOORBELLS: size 0x180000 is not a power of two",
    ),
    (
        "an element type without a size",
        "isa/base.toml",
        'name = "F16", value = 2, bytes = 2',
        'name = "F16", value = 2',
        "enum dtype, value F16: 'bytes' must be 1, 2, 4 or 8",
    ),
    (
        "an instruction that nobody runs",
        GROUP,
        'engines = ["ACT"]',
        "engines = []",
        "instruction TRIAL2: names no engine",
    ),
    (
        "an unknown engine",
        GROUP,
        'engines = ["ACT"]',
        'engines = ["TPE"]',
        "instruction TRIAL2: unknown engine 'TPE'",
    ),
    (
        "an engine twice",
        GROUP,
        'engines = ["ACT"]',
        'engines = ["ACT", "ACT"]',
        "instruction TRIAL2: names an engine twice",
    ),
    (
        "a type of number 0",
        "isa/base.toml",
        'name = "BF16", value = 1,',
        'name = "BF16", value = 0,',
        "BF16: 0 is outside 1..31",
    ),
    ("a class without types", GROUP, '["F32", "I32"]', "[]", "dtype_class TRIAL_TYPES: names no dtype"),
    ("a class of an unknown type", GROUP, '"I32"]', '"I33"]', "dtype_class TRIAL_TYPES: unknown dtype 'I33'"),
    ("a type twice in its class", GROUP, '"I32"]', '"F32"]', "dtype_class TRIAL_TYPES: names a dtype twice"),
    ("a class of numbers", GROUP, '"I32"]', "3]", "dtype_class TRIAL_TYPES: 'dtypes' holds 3, which is not a text"),
    ("an empty limit", GROUP, 'limits = ["None."]', 'limits = [""]', "instruction TRIAL: 'limits' holds ''"),
    (
        "the size in a group",
        GROUP,
        "[[dtype_class]]",
        "instruction_bytes = 128\n[[dtype_class]]",
        "trial.toml: instruction_bytes: unknown key",
    ),
    (
        "an unknown core version",
        GROUP,
        "since = 3\n",
        "since = 5\n",
        "instruction TRIAL: 'since' 5 is no core version (2, 3, 4)",
    ),
    (
        "an unknown core version of a value",
        "isa/base.toml",
        'name = "F16", value = 2, bytes = 2,',
        'name = "F16", value = 2, bytes = 2, since = 1,',
        "value F16: 'since' 1 is no core version",
    ),
    (
        "an unknown core version of an engine",
        GROUP,
        "{ POOL = 4 }",
        "{ POOL = 9 }",
        "instruction TRIAL: 'engine_since of POOL' 9 is no core version",
    ),
    (
        "an engine that had it all along",
        GROUP,
        "{ POOL = 4 }",
        "{ POOL = 3 }",
        "'engine_since' of POOL is 3, but the instruction is there since 3",
    ),
    (
        "an engine version that is no number",
        GROUP,
        "{ POOL = 4 }",
        '{ POOL = "4" }',
        "'engine_since' of POOL is not a number",
    ),
    (
        "a version of an engine that does not run it",
        GROUP,
        "{ POOL = 4 }",
        "{ DVE = 4 }",
        "'engine_since' names DVE, which does not run it",
    ),
    (
        "an engine with an unknown memory",
        GROUP,
        '{ POOL = ["SBUF"] }',
        '{ POOL = ["SBUG"] }',
        "engine_spaces of POOL: unknown space 'SBUG'",
    ),
    (
        "an engine without memories",
        GROUP,
        '{ POOL = ["SBUF"] }',
        "{ POOL = [] }",
        "engine_spaces of POOL: names no space",
    ),
    (
        "memories that are no list",
        GROUP,
        '{ POOL = ["SBUF"] }',
        '{ POOL = "SBUF" }',
        "'engine_spaces' of POOL is not a list",
    ),
    (
        "an error without its condition",
        GROUP,
        '"ILLEGAL_OPERAND: never"',
        '"ILLEGAL_OPERAND"',
        "error 'ILLEGAL_OPERAND' is not of the form 'FAULT: when'",
    ),
    (
        "an error that is no fault",
        GROUP,
        '"ILLEGAL_OPERAND: never"',
        '"WRONG: always"',
        "instruction TRIAL: unknown fault 'WRONG'",
    ),
    (
        "access to a register",
        GROUP,
        'kind = "reg"',
        'kind = "reg", access = "read"',
        "field ra: 'access' does not belong to kind reg",
    ),
    ("a tile without access", GROUP, 'access = "write", ', "", "field dst: 'access' is missing; kind tile needs it"),
    (
        "an instruction without a cost",
        GROUP,
        'cost = "None."',
        "",
        "instruction TRIAL: 'cost' is missing",
    ),
    ("an empty cost", GROUP, 'cost = "None."', 'cost = " "', "instruction TRIAL: 'cost' is empty"),
    (
        "an instruction without a meaning",
        GROUP,
        'meaning = ["It is tried."]',
        "",
        "instruction TRIAL: 'meaning' is missing",
    ),
    (
        "a meaning without steps",
        GROUP,
        'meaning = ["It is tried."]',
        "meaning = []",
        "instruction TRIAL: 'meaning' has no step",
    ),
    (
        "an unknown access of an operand",
        GROUP,
        'access = "write"',
        'access = "writ"',
        "field dst: unknown access 'writ'",
    ),
    (
        "an operand in an unknown memory",
        GROUP,
        'spaces = ["PSUM"]',
        'spaces = ["HBM"]',
        "field dst: unknown space 'HBM'",
    ),
    ("a memory that is no text", GROUP, 'spaces = ["PSUM"]', "spaces = [1]", "operand dst: 'spaces' holds 1"),
    (
        "an unknown class of types",
        GROUP,
        'dtypes = "TRIAL_TYPES"',
        'dtypes = "TYPES"',
        "field dst: unknown dtype class 'TYPES'",
    ),
    (
        "a class twice",
        GROUP,
        'name = "TRIAL_TYPES"',
        'name = "TRIAL_TYPES"\ndoc = "x"\ndtypes = ["F32"]\n[[dtype_class]]\nname = "TRIAL_TYPES"',
        "dtype_class TRIAL_TYPES: the name is used twice",
    ),
    # --- ranges, and what tiles agree in
    (
        "a bound of no constant",
        GROUP,
        '"2 * DMA_RINGS - 1"',
        '"2 * RINGS"',
        "operand count: '2 * RINGS' is no number and no constant's name",
    ),
    (
        "a bound of a wrong type",
        GROUP,
        "min = 1, max = 8",
        "min = 1, max = true",
        "operand ins, elements: 'max' is not of type int or str",
    ),
    (
        "an unknown key of a range",
        GROUP,
        "min = 1, max = 8",
        "min = 1, most = 8",
        "operand ins, elements: unknown key 'most'",
    ),
    (
        "a range beyond its type",
        GROUP,
        'max = "2 * DMA_RINGS - 1"',
        "max = 65536",
        "field count: 1 to 65536 is not within 0 to 65535",
    ),
    ("a range of nothing", GROUP, "min = 1, max = 8", "min = 9, max = 8", "field ins, elements: 9 to 8 is not within"),
    (
        "a range that starts off its multiples",
        GROUP,
        "min = 1, max = 8",
        "min = 1, max = 8, multiple = 4",
        "field ins, elements: '1 to 8, a multiple of 4' does not begin with a number that it holds",
    ),
    (
        "a number beside a range that is in it",
        GROUP,
        'max = "2 * DMA_RINGS - 1"',
        "max = 20, also = 20",
        "field count: 20 is no number of its own beside 1 to 20",
    ),
    (
        "a range of a name",
        GROUP,
        'kind = "enum", enum = "cond"',
        'kind = "enum", max = 3, enum = "cond"',
        "field cond: 'range' does not belong to kind enum",
    ),
    (
        "a range of a struct",
        "packets.toml",
        'name = "streams", offset = 8, type',
        'name = "streams", offset = 8, max = 1, type',
        "struct program_header, field streams: a range belongs to a number",
    ),
    (
        "a range of a field beyond its type",
        "isa/base.toml",
        'name = "shift", offset = 10, type = "u8", max = 31',
        'name = "shift", offset = 10, type = "u8", max = 256',
        "struct mem, field shift: at most 256 is not within 0 to 255",
    ),
    (
        "a rule about no tile",
        GROUP,
        '["dst", "ins"]',
        '["dst", "src"]',
        "instruction TRIAL: 'same_partitions' names src, which is no tile",
    ),
    (
        "a rule about one tile",
        GROUP,
        '["dst", "ins"]',
        '["dst"]',
        "'same_partitions' does not name several operands, each once",
    ),
    (
        "a bank of SBUF",
        GROUP,
        'access = "write", spaces = ["PSUM"]',
        'access = "write", one_bank = true, spaces = ["SBUF"]',
        "field dst: 'one_bank' belongs to a tile that lies in PSUM",
    ),
    (
        "indices that are written",
        GROUP,
        'access = "write", spaces',
        'access = "write", index = true, spaces',
        "field dst: 'index' belongs to a tile that is read",
    ),
    (
        "an unknown kind of scalar",
        GROUP,
        'name = "ins", offset = 96, type = "tile", kind = "tile", access = "read", elements = { min = 1, max = 8 }, index = true',
        'name = "ins", offset = 96, type = "scalar", kind = "scalar", access = "read", kinds = ["COLUMN"]',
        "field ins: unknown scalar_kind 'COLUMN'",
    ),
    # --- profiles
    (
        "a profile of unknown cores",
        "profiles/trn2.toml",
        "core_version = 3",
        "core_version = 5",
        "profile trn2: core_version 5 is not one of 2, 3, 4",
    ),
    (
        "a profile with an unknown id",
        "profiles/trn2.toml",
        '"TRN2"',
        '"TRN9"',
        "profiles/trn2.toml: profile trn2: id 'TRN9' is not in enum profile",
    ),
    (
        "two profiles with one id",
        "profiles/trn2.toml",
        '"TRN2"',
        '"TRN1"',
        "profile trn2: has the id of profiles/trn1.toml",
    ),
    (
        "a profile in a file of another name",
        "profiles/trn2.toml",
        '"trn2"',
        '"trn4"',
        "profiles/trn2.toml: profile trn4: the file is not named like the profile",
    ),
    (
        "a profile with too many cores",
        "profiles/trn2.toml",
        "cores = 8",
        "cores = 33",
        "profile trn2: cores 33 is outside 1..MAX_CORES",
    ),
    (
        "HBM that its stacks cannot share",
        "profiles/trn2.toml",
        "hbm_banks = 4",
        "hbm_banks = 7",
        "profile trn2: hbm_bytes is not a number of pages per bank",
    ),
    (
        "no SBUF",
        "profiles/trn2.toml",
        "sbuf_bytes = 229376",
        "sbuf_bytes = 0",
        "profile trn2: sbuf_bytes is not positive",
    ),
    (
        "an engine without a clock",
        "profiles/trn2.toml",
        "dve_mhz = 960",
        "dve_mhz = 0",
        "profile trn2: dve_mhz is not positive",
    ),
    (
        "DMA engines that are not the rings",
        "profiles/trn2.toml",
        "\ndma_engines = 128",
        "\ndma_engines = 127",
        "profile trn2: dma_engines is not DMA_RINGS per core",
    ),
    (
        "no DMA engine for the host",
        "profiles/trn2.toml",
        "host_dma_engines = 4",
        "host_dma_engines = 0",
        "profile trn2: host_dma_engines is not positive",
    ),
    (
        "a time constant of nothing",
        "profiles/trn2.toml",
        "thermal_ms = 8000",
        "thermal_ms = 0",
        "profile trn2: thermal_ms is not a positive number of 32 bits",
    ),
    (
        "a profile id without a file",
        "registers.toml",
        '{ name = "TRN3", value = 4',
        '{ name = "TRN4", value = 5, doc = "x" },\n  { name = "TRN3", value = 4',
        "enum profile, value TRN4: no file in profiles/ has this id",
    ),
    # --- names
    (
        "a name in the wrong style",
        "device.toml",
        'name = "MAX_CORES"',
        'name = "MAX_CORES"\nvalue = 1\ndoc = "x"\n[[constant]]\nname = "MaxCores"',
        "constant MaxCores: the name is not UPPER_CASE",
    ),
    (
        "a name used twice",
        "packets.toml",
        'name = "row_bytes"',
        'name = "src"',
        "packet COPY_STRIDED, field src: the name is used twice",
    ),
    (
        "two entries with one generated name",
        "device.toml",
        'name = "RING_LOG2_MAX"',
        'name = "QUEUE_STATE_IDLE"',
        "its generated name NRN_QUEUE_STATE_IDLE is also that of",
    ),
    (
        "two types with one generated name",
        "faults.toml",
        'name = "event_record"',
        'name = "packet_copy"',
        "packet COPY: its generated name PacketCopy is also that of struct packet_copy",
    ),
    (
        "an operand called header",
        GROUP,
        'name = "target"',
        'name = "header"',
        "instruction TRIAL, field header: the name is taken by the header",
    ),
    (
        "a member called by a keyword",
        "packets.toml",
        'name = "pattern"',
        'name = "register"',
        "packet FILL, field register: the name is a keyword",
    ),
    # --- enums
    (
        "an enum without values",
        "faults.toml",
        'name = "event"\ndoc = "Kinds of event record."\nvalues = [',
        'name = "event"\ndoc = "Kinds of event record."\nvalues = []\n\n[[enum]]\nname = "more"\ndoc = "More."\nvalues = [',
        "enum event: has no values",
    ),
    (
        "an enum value beyond a C int",
        "faults.toml",
        "value = 16,",
        "value = 0x80000000,",
        "enum fault, value DEADLOCK: 2147483648 is outside 0..2^31-1",
    ),
    (
        "a flag of two bits",
        "packets.toml",
        'name = "IRQ", value = 2',
        'name = "IRQ", value = 3',
        "enum packet_flag, value IRQ: 3 is a flag but not one bit",
    ),
    (
        "two values of one number",
        "faults.toml",
        "value = 16,",
        "value = 15,",
        "enum fault, value DEADLOCK: has the value 15 of SEMAPHORE",
    ),
    (
        "two packets of one opcode",
        "packets.toml",
        "opcode = 0x06",
        "opcode = 0x05",
        "packet FENCE: has the value 5 of LAUNCH",
    ),
    (
        "two instructions of one opcode",
        GROUP,
        "opcode = 0xfe",
        "opcode = 0xfd",
        "instruction TRIAL2: has the value 253 of TRIAL",
    ),
    (
        "an unknown enum",
        "registers.toml",
        'enum = "fault"',
        'enum = "foult"',
        "block QUEUE, register STATUS, field FAULT: unknown enum 'foult'",
    ),
    (
        "an opcode beyond its byte",
        GROUP,
        "opcode = 0xfe",
        "opcode = 0x1fe",
        "struct instruction_header, field opcode: values of enum opcode do not fit in 8 bits",
    ),
    (
        "an enum wider than its bits",
        "registers.toml",
        'name = "STATE", lsb = 0, bits = 3',
        'name = "STATE", lsb = 0, bits = 2',
        "field STATE: values of enum queue_state do not fit in 2 bits",
    ),
    # --- bytes
    (
        "two fields on one byte",
        GROUP,
        'name = "ra", offset = 17',
        'name = "ra", offset = 16',
        "instruction TRIAL, field ra: overlaps cond at byte 16",
    ),
    (
        "an array of nothing",
        "packets.toml",
        'name = "count", offset = 24, type = "u32", array = 3',
        'name = "count", offset = 24, type = "u32", array = 0',
        "packet COPY_STRIDED, field count: array of 0",
    ),
    (
        "a packet field on the header",
        "packets.toml",
        'name = "row_bytes", offset = 4',
        'name = "row_bytes", offset = 0',
        "packet COPY_STRIDED, field row_bytes: offset 0 lies before byte 4",
    ),
    (
        "an operand on the header",
        GROUP,
        'name = "cond", offset = 16',
        'name = "cond", offset = 15',
        "instruction TRIAL, field cond: offset 15 lies before byte 16",
    ),
    (
        "a packet field beyond 64 bytes",
        "packets.toml",
        'name = "value", offset = 16',
        'name = "value", offset = 64',
        "packet FENCE, field value: ends at byte 72, beyond byte 64",
    ),
    (
        "an operand beyond 128 bytes",
        GROUP,
        'name = "ra", offset = 17',
        'name = "ra", offset = 128',
        "instruction TRIAL, field ra: ends at byte 129, beyond byte 128",
    ),
    (
        "a field beyond its struct",
        "faults.toml",
        'offset = 48, type = "u64", array = 2',
        'offset = 48, type = "u64", array = 3',
        "struct event_record, field reserved: ends at byte 72, beyond byte 64",
    ),
    (
        "a misaligned u16",
        "faults.toml",
        'name = "queue", offset = 6',
        'name = "queue", offset = 7',
        "struct event_record, field queue: offset 7 is not aligned to 2",
    ),
    (
        "a misaligned struct",
        GROUP,
        'name = "dst", offset = 28',
        'name = "dst", offset = 30',
        "instruction TRIAL, field dst: offset 30 is not aligned to 4",
    ),
    (
        "a struct size that C would pad",
        "object.toml",
        "size = 88",
        "size = 92",
        "struct note_param: size 92 is not a multiple of its alignment 8",
    ),
    (
        "an enum in a signed field",
        "faults.toml",
        'name = "unit", offset = 8, type = "u8"',
        'name = "unit", offset = 8, type = "i8"',
        "struct event_record, field unit: an enum needs an unsigned integer",
    ),
    (
        "a lone char",
        "object.toml",
        'type = "char", array = 32',
        'type = "char"',
        "struct note_param, field name: char needs 'array'",
    ),
    # --- operands
    (
        "an operand of an unknown kind",
        GROUP,
        'kind = "label"',
        'kind = "lable"',
        "instruction TRIAL, field target: unknown kind 'lable'",
    ),
    (
        "an operand that is an array",
        GROUP,
        'name = "target", offset = 20, type = "u32"',
        'name = "target", offset = 20, type = "u32", array = 1',
        "field target: 'array' belongs to kind array",
    ),
    (
        "an array operand without its length",
        GROUP,
        'type = "u16", array = 2, kind = "array"',
        'type = "u16", kind = "array"',
        "field list: 'array' belongs to kind array, and it needs it",
    ),
    (
        "a scalar that is a number",
        GROUP,
        'type = "u8", kind = "reg"',
        'type = "u8", kind = "scalar"',
        "field ra: kind scalar needs type scalar",
    ),
    (
        "an fp32 number of 8 bits",
        GROUP,
        'type = "u8", kind = "reg"',
        'type = "u8", kind = "f32"',
        "field ra: kind f32 needs type u32",
    ),
    (
        "a register operand of 32 bits",
        GROUP,
        'name = "target", offset = 20, type = "u32", kind = "label"',
        'name = "target", offset = 20, type = "u32", kind = "reg"',
        "field target: kind reg needs type u8",
    ),
    (
        "an immediate that is a struct",
        GROUP,
        'type = "mem", kind = "mem"',
        'type = "mem", kind = "imm"',
        "field src: kind imm cannot be of type mem",
    ),
    (
        "an enum operand without its enum",
        GROUP,
        'kind = "enum", enum = "cond"',
        'kind = "enum"',
        "field cond: 'enum' belongs to kinds enum and flags",
    ),
    (
        "flags from an enum that has none",
        GROUP,
        'kind = "enum", enum = "cond"',
        'kind = "flags", enum = "cond"',
        "field cond: enum cond has no flags, kind is flags",
    ),
    # --- bits
    (
        "bitfields of an odd size",
        "mmu.toml",
        "size = 8",
        "size = 3",
        "struct pte: bitfields need a size of 4 or 8 bytes, not 3",
    ),
    (
        "a field beyond its register",
        "registers.toml",
        'name = "RING_VA", lsb = 28, bits = 1',
        'name = "RING_VA", lsb = 28, bits = 5',
        "register CFG, field RING_VA: bits [32:28] are outside 32 bits",
    ),
    (
        "two fields on one bit",
        "registers.toml",
        'name = "BUSY", lsb = 3',
        'name = "BUSY", lsb = 2',
        "register STATUS, field BUSY: overlaps STATE at bit 2",
    ),
    # --- registers
    (
        "a block beyond its BAR",
        "registers.toml",
        "offset = 0x20000\nstride",
        "offset = 0xff000\nstride",
        "block QUEUE: ends at 0x103000, beyond BAR REGS",
    ),
    (
        "a block on the MSI-X table",
        "device.toml",
        "value = 0xf0000",
        "value = 0x23ff0",
        "constant MSIX_TABLE_OFFSET: overlaps block QUEUE at 0x23ff0",
    ),
    (
        "two blocks in one place",
        "registers.toml",
        "offset = 0x20000\nstride",
        "offset = 0x10f00\nstride",
        "block QUEUE: overlaps block CTX at 0x10f00",
    ),
    (
        "a block off its alignment",
        "registers.toml",
        "stride = 0x40",
        "stride = 0x44",
        "block CTX: offset and stride are multiples of 8",
    ),
    (
        "a block that is never there",
        "registers.toml",
        'count = "MAX_QUEUES"',
        "count = 0",
        "block QUEUE: count 0 is not positive",
    ),
    (
        "two registers in one place",
        "registers.toml",
        'name = "VERSION", offset = 0x004',
        'name = "VERSION", offset = 0x000',
        "block GLOBAL, register VERSION: overlaps MAGIC at 0x0",
    ),
    (
        "registers beyond the stride",
        "registers.toml",
        "stride = 0x80",
        "stride = 0x30",
        "block QUEUE: its registers end at 0x58, beyond the stride 0x30",
    ),
    (
        "a register of 16 bits",
        "registers.toml",
        'name = "CORES", offset = 0x00c, bits = 32',
        'name = "CORES", offset = 0x00c, bits = 16',
        "register CORES: 16 bits; a register has 32 or 64",
    ),
    (
        "a misaligned register",
        "registers.toml",
        'name = "CLOCK_NS", offset = 0x038',
        'name = "CLOCK_NS", offset = 0x034',
        "register CLOCK_NS: offset 0x34 is not aligned to 8",
    ),
    ("an unknown access", "registers.toml", 'access = "w1"', 'access = "wx"', "register CTRL: unknown access 'wx'"),
    (
        "a reset value beyond its register",
        "registers.toml",
        "reset = 0x4e524e41",
        "reset = 0x14e524e41",
        "register MAGIC: reset 0x14e524e41 does not fit in 32 bits",
    ),
    (
        "a condition for writing what is read-only",
        "registers.toml",
        'access = "ro", reset',
        'when = "x", access = "ro", reset',
        "register MAGIC: 'when' on a read-only register",
    ),
]


def copy_spec(folder: Path) -> Path:
    target = folder / "spec"
    target.mkdir()
    for path in SPEC.glob("*.toml"):
        shutil.copy(path, target)
    for part in ("isa", "profiles"):
        shutil.copytree(SPEC / part, target / part)
    (target / GROUP).write_text(TRIAL)
    return target


def edit(path: Path, old: str | None, new: str) -> None:
    text = path.read_text()
    if old is None:
        text += "\n" + new + "\n"
    elif old in text:
        text = text.replace(old, new, 1)
    else:
        raise AssertionError(f"{path.name} has no {old!r}: the case must follow the contract")
    path.write_text(text)


def problems_of(spec: Path) -> list[str]:
    try:
        check.check(load.load(spec))
    except errors.SpecError as error:
        return error.problems
    return []


def expect(spec: Path, want: str) -> None:
    got = problems_of(spec)
    if not any(want in problem for problem in got):
        raise AssertionError("want " + want + "; got " + ("; ".join(got) or "no error"))


# Which lines of the generator reported a problem.
_reported: set[tuple[str, int]] = set()


def _watch() -> None:
    add = errors.Problems.add

    def watched(self, file: str, entry: str, text: str) -> None:
        frame = sys._getframe(1)
        while frame and Path(frame.f_code.co_filename) in CHECKED:
            _reported.add((Path(frame.f_code.co_filename).name, frame.f_lineno))
            frame = frame.f_back
        add(self, file, entry, text)

    errors.Problems.add = watched


def _reports() -> list[tuple[str, int, int]]:
    """(file, first line, last line) of each place that reports a problem."""
    places = []
    for path in CHECKED:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "add"
                and len(node.args) > 1
            ):
                places.append((path.name, node.lineno, node.end_lineno))
    return places


_watch()


@case("the contract itself has no problem")
def good(folder: Path) -> None:
    equal(problems_of(SPEC), [])


for _name, _file, _old, _new, _want in MISTAKES:

    @case(f"told: {_name}")
    def mistake(folder: Path, file=_file, old=_old, new=_new, want=_want) -> None:
        spec = copy_spec(folder)
        edit(spec / file, old, new)
        expect(spec, want)


@case("told: a table where an array of tables belongs")
def not_an_array(folder: Path) -> None:
    spec = copy_spec(folder)
    text = (spec / "mmu.toml").read_text()
    (spec / "mmu.toml").write_text(text.replace("[[struct]]", "[struct]"))
    expect(spec, "mmu.toml: struct: is not an array of tables")


@case("told: a file that is not there")
def no_file(folder: Path) -> None:
    spec = copy_spec(folder)
    (spec / "mmu.toml").unlink()
    expect(spec, "mmu.toml: cannot be read: No such file or directory")


@case("told: a file that is not UTF-8")
def not_text(folder: Path) -> None:
    spec = copy_spec(folder)
    (spec / "mmu.toml").write_bytes(b"\xff\xfe")
    expect(spec, "mmu.toml: is not UTF-8")


@case("several mistakes are told at once")
def several(folder: Path) -> None:
    spec = copy_spec(folder)
    edit(spec / "packets.toml", 'name = "dst", offset = 16', 'name = "dst", offset = 12')
    edit(spec / "registers.toml", 'access = "w1"', 'access = "wx"')
    expect(spec, "packet COPY, field dst: offset 12 is not aligned to 8")
    expect(spec, "register CTRL: unknown access 'wx'")


@case("every error of the generator has a case here")
def complete(folder: Path) -> None:
    missed = [
        f"{file}:{first}"
        for file, first, last in _reports()
        if not any(name == file and first <= line <= last for name, line in _reported)
    ]
    equal(missed, [], "places that report a problem and were not reached")


if __name__ == "__main__":
    sys.exit(tap.main())
