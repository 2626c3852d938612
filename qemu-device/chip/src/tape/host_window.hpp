// SPDX-License-Identifier: MIT
#pragma once

#include "../hbm_watcher.hpp"

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
    /// nullptr: the host has no address space.
    static std::unique_ptr<HostWindow> create(std::uint64_t bytes);
    ~HostWindow();
    HostWindow(const HostWindow &) = delete;
    HostWindow &operator=(const HostWindow &) = delete;

    std::byte *data() const { return data_; }

    /// Bytes of HBM from an offset on that the host has changed, now in HBM as well.
    using Changed = std::function<void(std::uint64_t offset, std::span<const std::byte> now)>;
    void take_over(std::byte *hbm, std::uint64_t offset, std::uint64_t bytes, const Changed &changed) const;
    void show(const std::byte *hbm, std::uint64_t offset, std::uint64_t bytes) const;
    void zero(std::uint64_t offset, std::uint64_t bytes) const;

private:
    HostWindow(std::byte *data, std::uint64_t bytes) : data_(data), bytes_(bytes) {}
    /// How many of `bytes` bytes at `offset` are behind the aperture.
    std::uint64_t inside(std::uint64_t offset, std::uint64_t bytes) const;

    std::byte *data_;
    std::uint64_t bytes_;
};

} // namespace neuron::chip::tape
