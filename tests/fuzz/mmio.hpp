// SPDX-License-Identifier: MIT
// The input of fuzz_mmio: what a driver may do, one record after another.
#ifndef NEURON_TESTS_FUZZ_MMIO_HPP
#define NEURON_TESTS_FUZZ_MMIO_HPP

#include "grammar.hpp"

#include <array>

namespace fuzz {

enum class MmioAction : std::uint8_t {
    READ,     ///< of BAR REGS
    WRITE,    ///< to BAR REGS
    DOORBELL, ///< write to BAR DOORBELLS
    RUN,      ///< the chip, for `value` steps
    RESET,    ///< function-level reset
    POKE,     ///< `value` into guest memory
    APERTURE, ///< `value` into HBM
    ERROR,    ///< of HBM, at `value`; uncorrectable if it is odd
};
inline constexpr std::size_t MMIO_ACTIONS = 8;

struct MmioRecord {
    static constexpr std::size_t BYTES = 16;

    std::uint8_t action = 0; ///< MmioAction modulo MMIO_ACTIONS
    std::uint8_t width = 0;  ///< log2 of the bytes accessed, modulo 4
    std::uint32_t offset = 0;
    std::uint64_t value = 0;

    static MmioRecord read(std::span<const std::byte, BYTES> raw);
    void write(std::span<std::byte, BYTES> raw) const;
};

/// The guest of fuzz_mmio: where it has put what, so that registers can be pointed at it.
namespace mmio_guest {
inline constexpr std::uint32_t CONTEXTS = 3; ///< contexts and queues that most accesses are about
inline constexpr std::uint64_t BASE = 0x4000'0000;
inline constexpr std::uint64_t EVENTS = BASE;
inline constexpr std::uint64_t ROOT = BASE + 0x1000;
inline constexpr std::uint64_t RING = BASE + 0x5000;
inline constexpr std::uint64_t SEQNO = BASE + 0x6000;
inline constexpr std::uint64_t DATA_VA = 0x1000'0000;
inline constexpr std::uint64_t RING_VA = DATA_VA + 0x1000;
inline constexpr std::uint32_t RING_LOG2 = 4;
inline constexpr std::array<std::uint64_t, 12> VALUES = {EVENTS,    ROOT, RING, SEQNO, DATA_VA, RING_VA,
                                                         RING_LOG2, 0,    1,    16,    0x1000,  0x800000};
} // namespace mmio_guest

MmioRecord make_mmio(Random &random);

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_MMIO_HPP
