// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace neuron::chip {

/// Hears of every access of the chip to HBM, in the thread that makes it. Ranges are contained in HBM.
class HbmWatcher {
public:
    virtual ~HbmWatcher() = default;
    virtual void before_read(std::uint64_t offset, std::uint64_t bytes) = 0;
    virtual void after_write(std::uint64_t offset, std::uint64_t bytes) = 0;
    /// It reads as zero from now on; may be all of HBM.
    virtual void zeroed(std::uint64_t offset, std::uint64_t bytes) = 0;
    /// Whether the host has touched the page of a byte behind the aperture; `found`: as far as its page tables tell.
    virtual bool host_touched(std::uint64_t offset, bool found) = 0;
    /// The memory that the host has in place of the start of HBM. nullptr: it has HBM itself.
    virtual const std::byte *host_memory() const = 0;
};

} // namespace neuron::chip
