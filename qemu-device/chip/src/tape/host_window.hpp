// SPDX-License-Identifier: MIT
#pragma once

#include "../hbm.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace neuron::chip::tape {

/// What the host has behind BAR APERTURE while the chip is recorded: memory of its own. Where the chip is about to read, what
/// differs is taken over into HBM and told; what the chip has written shows up here. So everything that the chip reads is known,
/// whenever the host writes.
class HostWindow {
public:
    /// `memory` has at least the `bytes` bytes of the aperture.
    HostWindow(std::unique_ptr<Hbm> memory, std::uint64_t bytes)
        : memory_(std::move(memory)), data_(memory_->data()), bytes_(bytes) {}

    std::byte *data() const { return data_; }

    /// Bytes of HBM from an offset on that the host has changed, now in HBM as well.
    using Changed = std::function<void(std::uint64_t offset, std::span<const std::byte> now)>;
    void take_over(std::byte *hbm, std::uint64_t offset, std::uint64_t bytes, const Changed &changed) const;
    void show(const std::byte *hbm, std::uint64_t offset, std::uint64_t bytes) const;
    void zero(std::uint64_t offset, std::uint64_t bytes) const;

private:
    /// How many of `bytes` bytes at `offset` are behind the aperture.
    std::uint64_t inside(std::uint64_t offset, std::uint64_t bytes) const;

    const std::unique_ptr<Hbm> memory_;
    std::byte *const data_;
    const std::uint64_t bytes_;
};

} // namespace neuron::chip::tape
