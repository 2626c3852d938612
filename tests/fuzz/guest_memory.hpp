// SPDX-License-Identifier: MIT
// The memory of the machine that the chip sits in, with a watch on what the chip does to it.
#ifndef NEURON_TESTS_FUZZ_GUEST_MEMORY_HPP
#define NEURON_TESTS_FUZZ_GUEST_MEMORY_HPP

#include "neuron_chip.h"

#include <neuron/spec.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fuzz {

inline constexpr std::uint64_t KiB = 1ULL << 10;
inline constexpr std::uint64_t MiB = 1ULL << 20;
inline constexpr std::uint64_t PAGE = neuron::spec::PAGE_SIZE;

/// Two windows of bus addresses; between, before and behind them the bus refuses. The chip may come with any
/// number of threads; everything else is for one.
class GuestMemory {
public:
    static constexpr std::uint64_t BASE = 0x4000'0000;
    static constexpr std::uint64_t BYTES = 512 * KiB;
    /// Begins at a large page and ends in it: what a large page leaf reaches is there only in part.
    static constexpr std::uint64_t SECOND_BASE = 0x4080'0000;
    static constexpr std::uint64_t SECOND_BYTES = 64 * KiB;

    enum Permission : std::uint8_t { NOTHING = 0, READ = 1, WRITE = 2, BOTH = 3 };

    GuestMemory();

    /// `bytes` at a bus address of a window; the caller stays inside.
    std::byte *at(std::uint64_t bus, std::uint64_t bytes = 1);
    /// Fresh zeroed pages that the chip may use in this way.
    std::uint64_t alloc(std::uint64_t bytes, Permission permission);
    void permit(std::uint64_t bus, std::uint64_t bytes, Permission permission);
    /// From here on an access of the chip to a page without permission is a finding.
    void enforce() { enforced_ = true; }

    std::uint64_t u64(std::uint64_t bus);
    void set_u64(std::uint64_t bus, std::uint64_t value);

    /// Vectors raised so far, bit i = vector i.
    std::uint64_t vectors() const { return vectors_; }
    void forget_vectors() { vectors_ = 0; }

    static neuron_chip_host_ops ops();

private:
    std::uint8_t *permission_of(std::uint64_t bus);
    int transfer(std::uint64_t bus, std::size_t bytes, Permission wanted);
    void interrupt(std::uint32_t vector);

    std::vector<std::byte> first_;
    std::vector<std::byte> second_;
    std::vector<std::uint8_t> permissions_;
    std::uint64_t next_ = BASE;
    std::atomic<std::uint64_t> vectors_ = 0;
    bool enforced_ = false;
};

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_GUEST_MEMORY_HPP
