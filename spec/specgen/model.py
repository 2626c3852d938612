# SPDX-License-Identifier: MIT
"""The contract in memory. Plain records: load.py fills them, check.py judges them, the emitters read them."""

from __future__ import annotations

from dataclasses import dataclass, field

INT_TYPES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "char": 1}
# What a profile says in numbers, in the order of the generated tables.
PROFILE_NUMBERS = (
    "core_version",
    "cores",
    "hbm_bytes",
    "hbm_banks",
    "sbuf_bytes",
    "hbm_gb_per_s",
    "pe_mhz",
    "act_mhz",
    "dve_mhz",
    "pool_mhz",
    "dma_engines",
    "host_dma_engines",
    "idle_mw",
    "core_mw",
    "byte_pj",
    "ambient_mc",
    "thermal_mk_per_w",
    "thermal_ms",
)

ACCESS = ("ro", "rw", "w1", "rw1c", "wo")
OPERAND_KINDS = ("reg", "imm", "enum", "arg", "bool", "label", "flags", "tile", "mem", "scalar", "f32", "array")
OPERAND_ACCESS = ("read", "write", "update")
TILE_RULES = ("same_partitions", "same_elements", "same_size", "one_in_psum")  # what tiles must agree in
CORE_VERSIONS = (2, 3, 4)  # generations of the NeuronCore


@dataclass
class Range:
    """The numbers that something may be."""

    min: int | None = None
    max: int | None = None
    multiple: int = 1
    pow2: bool = False
    also: int | None = None  # one number more

    def holds(self, number: int) -> bool:
        if number == self.also:
            return True
        if (self.min is not None and number < self.min) or (self.max is not None and number > self.max):
            return False
        return number % self.multiple == 0 and (not self.pow2 or number.bit_count() == 1)

    def text(self) -> str:
        if self.min is not None and self.min == self.max:
            return f"{self.min}"
        ends = {
            (True, True): f"{self.min} to {self.max}",
            (True, False): f"at least {self.min}",
            (False, True): f"at most {self.max}",
        }
        parts = [ends.get((self.min is not None, self.max is not None), "")]
        if self.multiple != 1:
            parts.append(f"a multiple of {self.multiple}")
        if self.pow2:
            parts.append("a power of two")
        text = ", ".join(part for part in parts if part)
        return text if self.also is None else f"{text}; or {self.also}"


@dataclass
class Constant:
    name: str
    value: int
    doc: str
    file: str
    hex: bool = False


@dataclass
class String:
    name: str
    value: str
    doc: str
    file: str


@dataclass
class Value:
    name: str
    value: int
    doc: str
    bytes: int | None = None
    since: int = 2  # core version that brought it


@dataclass
class Enum:
    name: str
    doc: str
    values: list[Value]
    file: str
    flags: bool = False
    width: int = 4  # bytes of the widest member that holds it


@dataclass
class DtypeClass:
    """Element types that operands may have."""

    name: str
    doc: str
    dtypes: list[str]
    file: str


@dataclass
class Member:
    """A field of a struct, packet or packet header, or an operand of an instruction."""

    name: str
    offset: int
    type: str
    doc: str
    array: int | None = None
    enum: str | None = None
    kind: str | None = None
    access: str | None = None  # of tile, mem and scalar operands
    spaces: list[str] | None = None  # memories that a tile or a column may lie in; None: any
    dtypes: str | None = None  # dtype class; None: any type
    index: bool = False  # of a tile: holds indices of elements or rows
    one_bank: bool = False  # of a tile in PSUM: within one bank in each partition
    kinds: list[str] | None = None  # of a scalar; None: any
    range: Range | None = None  # of a number, or of each one of an array; None: whatever the type holds
    partitions: Range | None = None  # of a tile
    elements: Range | None = None  # per partition of a tile, per row of a block of memory
    struct: Struct | None = None

    @property
    def reserved(self) -> bool:
        return self.name.startswith("reserved")

    @property
    def signed(self) -> bool:
        return self.type.startswith("i")

    @property
    def element_size(self) -> int:
        return self.struct.size if self.struct else INT_TYPES[self.type]

    @property
    def numbers(self) -> Range:
        """What its type holds."""
        bits = 8 * self.element_size
        return Range(-(1 << bits - 1), (1 << bits - 1) - 1) if self.signed else Range(0, (1 << bits) - 1)

    @property
    def count(self) -> int:
        return 1 if self.array is None else self.array

    @property
    def size(self) -> int:
        return self.element_size * self.count

    @property
    def end(self) -> int:
        return self.offset + self.size

    @property
    def align(self) -> int:
        return self.struct.align if self.struct else INT_TYPES[self.type]


@dataclass
class BitField:
    name: str
    lsb: int
    bits: int
    doc: str
    enum: str | None = None

    @property
    def mask(self) -> int:
        return ((1 << self.bits) - 1) << self.lsb


@dataclass
class Struct:
    name: str
    size: int
    doc: str
    members: list[Member]
    file: str
    bitfields: list[BitField] = field(default_factory=list)

    @property
    def align(self) -> int:
        return max((m.align for m in self.members), default=1)


@dataclass
class Packet:
    name: str
    opcode: int
    doc: str
    members: list[Member]
    file: str


@dataclass
class Instruction:
    name: str
    opcode: int
    doc: str
    engines: list[str]
    operands: list[Member]
    file: str
    since: int = 2  # core version that brought it
    engine_since: dict[str, int] = field(default_factory=dict)  # engines that learnt it later
    engine_spaces: dict[str, list[str]] = field(default_factory=dict)  # engines that reach only these memories
    limits: list[str] = field(default_factory=list)
    same_partitions: list[str] = field(default_factory=list)  # tiles that have as many as each other
    same_elements: list[str] = field(default_factory=list)  # per partition
    same_size: list[str] = field(default_factory=list)  # of the element types
    one_in_psum: list[str] = field(default_factory=list)  # inputs of which at most one is there
    meaning: list[str] = field(default_factory=list)  # step by step
    cost: str = ""
    errors: list[str] = field(default_factory=list)  # "FAULT_NAME: when"
    example: str = ""

    def since_on(self, engine: str) -> int:
        """The core version from which on `engine` runs it; 0: it never does."""
        return self.engine_since.get(engine, self.since) if engine in self.engines else 0


@dataclass
class Register:
    name: str
    offset: int
    bits: int
    access: str
    doc: str
    reset: int | None = None
    when: str | None = None
    enum: str | None = None
    fields: list[BitField] = field(default_factory=list)


@dataclass
class Block:
    name: str
    offset: int
    doc: str
    registers: list[Register]
    file: str
    stride: int = 0
    count: int = 1

    @property
    def repeats(self) -> bool:
        return self.stride != 0


@dataclass
class Bar:
    name: str
    index: int
    kind: str
    doc: str
    size: int | None
    file: str


@dataclass
class Profile:
    name: str
    id: str
    doc: str
    core_version: int
    cores: int
    hbm_bytes: int
    hbm_banks: int
    sbuf_bytes: int
    hbm_gb_per_s: int
    pe_mhz: int
    act_mhz: int
    dve_mhz: int
    pool_mhz: int
    dma_engines: int
    host_dma_engines: int
    idle_mw: int
    core_mw: int
    byte_pj: int
    ambient_mc: int
    thermal_mk_per_w: int
    thermal_ms: int
    file: str

    @property
    def numbers(self) -> list[int]:
        return [getattr(self, name) for name in PROFILE_NUMBERS]

    # What the sensors' model is made of.
    SENSORS = ("idle_mw", "core_mw", "byte_pj", "ambient_mc", "thermal_mk_per_w", "thermal_ms")

    def sensors(self) -> list[int]:
        return [getattr(self, key) for key in self.SENSORS]


@dataclass
class Spec:
    major: int = 0
    minor: int = 0
    pci_doc: str = ""
    doorbell_doc: str = ""
    packet_bytes: int = 0
    instruction_bytes: int = 0
    intros: dict[str, str] = field(default_factory=dict)  # file -> the comment it opens with
    constants: list[Constant] = field(default_factory=list)
    derived: list[Constant] = field(default_factory=list)
    strings: list[String] = field(default_factory=list)
    enums: list[Enum] = field(default_factory=list)
    dtype_classes: list[DtypeClass] = field(default_factory=list)
    structs: list[Struct] = field(default_factory=list)  # a nested struct comes before the one that holds it
    packet_header: Struct | None = None
    packets: list[Packet] = field(default_factory=list)
    isa_files: list[str] = field(default_factory=list)  # base.toml, then the groups of instructions
    instructions: list[Instruction] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)

    def enum(self, name: str) -> Enum | None:
        return next((e for e in self.enums if e.name == name), None)

    def struct(self, name: str) -> Struct | None:
        return next((s for s in self.structs if s.name == name), None)

    def dtype_class(self, name: str) -> DtypeClass | None:
        return next((c for c in self.dtype_classes if c.name == name), None)

    def constant(self, name: str) -> Constant | None:
        return next((c for c in self.constants + self.derived if c.name == name), None)

    def all_constants(self) -> list[Constant]:
        return self.derived + self.constants

    @property
    def profiles_by_id(self) -> list[Profile]:
        order = {v.name: v.value for v in self.enum("profile").values}
        return sorted(self.profiles, key=lambda p: order[p.id])

    @property
    def plain_structs(self) -> list[Struct]:
        """Structs with members; the others only name the bits of one word."""
        return [s for s in self.structs if not s.bitfields]
