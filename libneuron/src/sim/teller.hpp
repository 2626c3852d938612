// SPDX-License-Identifier: MIT
// The debug channel: the chip, for its sanitizer, learns which buffer lies where.
#pragma once

#include <cstdint>
#include <mutex>

#include "chip.hpp"
#include "host_memory.hpp"

namespace neuron::sim {

/** Tells nothing to a chip without sanitizer and tape. Any thread; a record has arrived when the call returns. */
class Teller {
public:
    Result<void> start(Chip &chip, HostMemory &memory);
    void tell(const spec::DebugRecord &record);
    bool on() const noexcept { return chip_ != nullptr; }

private:
    static constexpr std::uint32_t ring_log2 = 0; // the chip takes up each one before the next

    Chip *chip_ = nullptr;
    HostMemory::Block ring_;
    std::mutex lock_; // protects the ring and tail_
    std::uint32_t tail_ = 0;
};

} // namespace neuron::sim
