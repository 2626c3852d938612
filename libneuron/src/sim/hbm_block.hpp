// SPDX-License-Identifier: MIT
// HBM that contexts of a device share.
#pragma once

#include <memory>

#include "device.hpp"
#include "names.hpp"

namespace neuron::sim {

/** A piece of HBM until the last context lets go of it. The device outlives it, for contexts hold the device. */
class HbmBlock : public std::enable_shared_from_this<HbmBlock> {
public:
    HbmBlock(Device &device, const HbmRange &range, bool mappable, std::uint64_t serial)
        : device_(device), range_(range), mappable_(mappable), serial_(serial) {}
    ~HbmBlock() {
        names().forget(name_);
        device_.hbm_free(range_);
    }
    HbmBlock(const HbmBlock &) = delete;
    HbmBlock &operator=(const HbmBlock &) = delete;

    const Device &device() const noexcept { return device_; }
    const HbmRange &range() const noexcept { return range_; }
    bool mappable() const noexcept { return mappable_; }
    /** What the chip's sanitizer calls it, whoever has it. */
    std::uint64_t serial() const noexcept { return serial_; }

    Result<Fd> export_fd() { return names().give(shared_from_this(), name_); }
    static Names<HbmBlock> &names() {
        static Names<HbmBlock> all;
        return all;
    }

private:
    Device &device_;
    HbmRange range_;
    bool mappable_;
    std::uint64_t serial_;
    Fd name_; // under the lock of the names
};

} // namespace neuron::sim
