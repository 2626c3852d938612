// SPDX-License-Identifier: MIT
// Memory and work that many cases want.
#pragma once

#include "neuron.hpp"
#include "page_table.hpp"
#include "queue.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace neuron::test {

/// Bytes that differ from place to place and from seed to seed.
std::vector<std::byte> pattern(std::size_t bytes, std::uint32_t seed = 1);

/// A context with a piece of guest RAM and a piece of HBM in its page table.
struct Context {
    static constexpr std::uint64_t HOST_VA = 0x10000000;
    static constexpr std::uint64_t HBM_VA = 0x200000000;
    static constexpr std::uint64_t HOST_BYTES = 4ull << 20;
    static constexpr std::uint64_t HBM_BYTES = 32ull << 20;

    /// Build the table and enable context `ctx`. Context n's HBM begins at n * HBM_BYTES.
    explicit Context(Neuron &device, std::uint32_t ctx = 0);

    PageTable table;
    /// Bus address of what HOST_VA maps.
    std::uint64_t host;
    /// HBM offset of what HBM_VA maps; inside the aperture for context 0 and 1.
    std::uint64_t hbm;
};

/// What a queue is kept busy with.
enum class Work {
    HBM,  ///< copies within HBM
    HOST, ///< copies from HBM to host memory
};

/// Give the queue work for minutes, and ring the doorbell. Returns when the device is in the middle of it.
void start_long_work(Queue &queue, Work work = Work::HOST);

} // namespace neuron::test
