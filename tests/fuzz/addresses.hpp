// SPDX-License-Identifier: MIT
// The address space of the hostile tenant; arena.cpp maps it.
#ifndef NEURON_TESTS_FUZZ_ADDRESSES_HPP
#define NEURON_TESTS_FUZZ_ADDRESSES_HPP

#include <array>
#include <cstdint>

namespace fuzz {

/// The hostile tenant's address space.
namespace va {
inline constexpr std::uint64_t DATA = 0x1000'0000; ///< 16 pages of guest memory, some of them traps; see arena.cpp
inline constexpr std::uint64_t DATA_PAGES = 16;
inline constexpr std::uint64_t HOLE = DATA + 5 * 0x1000;
inline constexpr std::uint64_t READ_ONLY = DATA + 7 * 0x1000;
inline constexpr std::uint64_t SMALL_HBM = DATA + 9 * 0x1000;
inline constexpr std::uint64_t LARGE_HBM = 0x2000'0000;
inline constexpr std::uint64_t LARGE_READ_ONLY = 0x2020'0000;
inline constexpr std::uint64_t LARGE_GUEST = 0x2040'0000; ///< the bus refuses most of it
inline constexpr std::uint64_t LARGE_MISALIGNED = 0x2060'0000;
inline constexpr std::uint64_t LARGE_BEYOND_HBM = 0x2080'0000;
inline constexpr std::uint64_t CODE = 0x3000'0000;          ///< read-only
inline constexpr std::uint64_t CODE_WRITABLE = 0x3010'0000; ///< the same pages
inline constexpr std::uint64_t CODE_BYTES = 4 * 0x1000;
inline constexpr std::uint64_t RING = 0x3020'0000; ///< ring and seqno of a user-mode queue
inline constexpr std::uint64_t BAD_TABLE = 0x40'0000'0000;
inline constexpr std::uint64_t OWN_TABLES = 0x4080'0000'0000; ///< the page table, seen through itself
inline constexpr std::uint64_t TOP = 0xffff'ffff'f000;        ///< last page there is
inline constexpr std::uint64_t OUTSIDE = 0x1'0000'0000'0000;

inline constexpr std::array<std::uint64_t, 18> ALL = {DATA,
                                                      DATA + 0x1000,
                                                      HOLE - 64,
                                                      READ_ONLY,
                                                      SMALL_HBM,
                                                      LARGE_HBM,
                                                      LARGE_GUEST,
                                                      LARGE_READ_ONLY,
                                                      LARGE_MISALIGNED,
                                                      LARGE_BEYOND_HBM,
                                                      CODE,
                                                      CODE_WRITABLE,
                                                      RING,
                                                      BAD_TABLE,
                                                      OWN_TABLES,
                                                      TOP,
                                                      LARGE_HBM - 4096,
                                                      OUTSIDE - 16};
} // namespace va

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_ADDRESSES_HPP
