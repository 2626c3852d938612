# SPDX-License-Identifier: MIT
"""How entries are called in C++."""

from .model import Enum, Member
from .text import camel

SIGNED = {1: "std::int8_t", 2: "std::int16_t", 4: "std::int32_t", 8: "std::int64_t"}


def uint(size: int) -> str:
    return {1: "std::uint8_t", 2: "std::uint16_t", 4: "std::uint32_t", 8: "std::uint64_t"}[size]


def enum_class(e: Enum) -> str:
    return camel(e.name)


def member_type(m: Member) -> str:
    """Type of one element. Flags stay integers: any combination of them is a value."""
    if m.struct:
        return camel(m.struct.name)
    if m.enum and m.kind != "flags":
        return camel(m.enum)
    if m.type == "char":
        return "char"
    return SIGNED[m.element_size] if m.signed else uint(m.element_size)
