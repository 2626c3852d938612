// SPDX-License-Identifier: MIT
/**
 * @file
 * The rules of on-chip memory as constant expressions. Compiler, builder and assembler judge by the same ones.
 */
#pragma once

#include <cstdint>

#include <neuron/spec.hpp>

namespace neuron::builder {

/** So many partitions start at a multiple of this: the PE array and the lanes come in quarters. */
constexpr std::int64_t partition_unit(std::int64_t count) {
    constexpr std::int64_t all = spec::PARTITIONS;
    return count > all / 2 ? all : count > all / 4 ? all / 2 : all / 4;
}

/** Whether partitions first to end - 1 are ones that a tile may have. */
constexpr bool partitions_fit(std::int64_t first, std::int64_t end) {
    return first >= 0 && end <= spec::PARTITIONS && first < end && first % partition_unit(end - first) == 0;
}

/** Whether bytes low to high - 1 of a partition of PSUM lie in one bank. */
constexpr bool in_one_bank(std::int64_t low, std::int64_t high) {
    return low / spec::PSUM_BANK_BYTES == (high - 1) / spec::PSUM_BANK_BYTES;
}

/** Bit of a value in the sets that the contract's tables hold. */
template<class E>
constexpr bool in_set(std::uint32_t set, E value) {
    return set == 0 || (set >> spec::raw(value) & 1) != 0;
}

} // namespace neuron::builder
