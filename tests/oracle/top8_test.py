#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The searches for eight values on the chip model and on the oracle.

Usage: top8_test.py [INSN_PROBE]
"""

import sys

from fleet import Fleet
from generators import destination, read_the_count, source, two_spaces
from neuron_oracle import STORAGE
from neuron_oracle.casts import cast
from tap import case, main

fleet = Fleet()


def elements(scene) -> int:
    return scene.choose((8, 9, 15, 16, 17)) if scene.chance(0.3) else max(8, scene.elements(400))


def max8(scene):
    partitions = scene.partitions()
    src = source(scene, "MAX8", "src", "DVE", partitions, elements(scene))
    scene.add("DVE", "MAX8", dst=destination(scene, "MAX8", "DVE", partitions, 8), src=src)
    read_the_count(scene)


def occurring(scene, src, values):
    """Some of the values are elements of src, repeated ones among them."""
    if values["step"] and 0 in values["step"]:
        return
    from_tile, to_tile = scene.place(src), scene.place(values)
    rows, columns = scene.view(from_tile)
    chosen = scene.rng.integers(0, from_tile.count, to_tile.count)
    if scene.chance(0.4):
        chosen[scene.rng.integers(8)] = chosen[scene.rng.integers(8)]
    codes = rows[:, columns[chosen]].view(STORAGE[from_tile.dtype])
    scene.fill(values, cast(codes, from_tile.dtype, to_tile.dtype).view(f"<u{to_tile.size}"))


def searched(scene, insn):
    partitions = scene.partitions()
    spaces = two_spaces(scene, insn, "DVE", ("values", "src"))
    src = source(scene, insn, "src", "DVE", partitions, elements(scene), None, spaces[1])
    values = source(scene, insn, "values", "DVE", partitions, 8, None, spaces[0])
    if scene.chance(0.7):
        occurring(scene, src, values)
    return partitions, src, values


def find_index8(scene):
    partitions, src, values = searched(scene, "FIND_INDEX8")
    scene.add("DVE", "FIND_INDEX8", dst=destination(scene, "FIND_INDEX8", "DVE", partitions, 8), src=src, values=values)


def match_replace8(scene):
    partitions, src, values = searched(scene, "MATCH_REPLACE8")
    dst = destination(scene, "MATCH_REPLACE8", "DVE", partitions, scene.place(src).count, None, [src])
    scene.add("DVE", "MATCH_REPLACE8", dst=dst, src=src, values=values, imm=scene.f32())
    read_the_count(scene)


def match_replace8_index(scene):
    insn = "MATCH_REPLACE8_INDEX"
    partitions = scene.partitions()
    spaces = two_spaces(scene, insn, "DVE", ("values", "src"))
    src = source(scene, insn, "src", "DVE", partitions, elements(scene), None, spaces[1])
    dst = destination(scene, insn, "DVE", partitions, scene.place(src).count, None, [src])
    types = scene.types(STORAGE)
    column = scene.tile(partitions, 8, scene.picks.next("values", types), spaces[0], nums=(8, 1, 1, 1), plain=True)
    if scene.chance(0.7):
        occurring(scene, src, column)
    while True:
        index = scene.tile(partitions, 8, scene.dtype(insn, "index"), scene.space(insn, "index", "DVE"))
        if index["space"] != dst["space"] or not scene.ranges_meet(index, dst):
            break
        if scene.place(dst).bytes.ptp() > scene.width // 2:
            dst = scene.tile(partitions, scene.place(src).count, "U8", "SBUF", plain=True)
    values = {"value": column["offset"], "kind": 2, **{k: column.get(k, 0) for k in ("reg", "partition", "space", "dtype")}}
    scene.add("DVE", insn, dst=dst, index=index, values=values, src=src, imm=scene.f32())
    read_the_count(scene)


@case("MAX8 of 8 elements and more")
def check_max8(_folder):
    fleet.check("MAX8", max8, 300, 60)


@case("FIND_INDEX8")
def check_find_index8(_folder):
    fleet.check("FIND_INDEX8", find_index8, 300, 60)


@case("MATCH_REPLACE8")
def check_match_replace8(_folder):
    fleet.check("MATCH_REPLACE8", match_replace8, 300, 60)


@case("MATCH_REPLACE8_INDEX")
def check_match_replace8_index(_folder):
    fleet.check("MATCH_REPLACE8_INDEX", match_replace8_index, 300, 60)


if __name__ == "__main__":
    sys.exit(main())
