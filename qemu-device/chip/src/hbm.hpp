// SPDX-License-Identifier: MIT
// HBM: sparse, so that full capacity costs nothing until it is touched.
#pragma once

#include "hbm_errors.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace neuron::chip {

class WrittenMap;

class Hbm {
public:
    /// nullptr when the host has no address space for `bytes`.
    static std::unique_ptr<Hbm> create(std::uint64_t bytes);
    ~Hbm();
    Hbm(const Hbm &) = delete;
    Hbm &operator=(const Hbm &) = delete;

    std::uint64_t bytes() const { return bytes_; }
    /// Page-aligned, valid as long as this object.
    std::byte *data() const { return data_; }
    bool contains(std::uint64_t offset, std::uint64_t bytes) const {
        return offset <= bytes_ && bytes <= bytes_ - offset;
    }
    /// Who reads looks there first, and who has written says so; accesses through the aperture do neither.
    HbmErrors &errors() const { return errors_; }
    /// Makes a contained range read as zero and gives its memory back to the host where whole host pages allow it. Mends it.
    void zero(std::uint64_t offset, std::uint64_t bytes) const;
    /// Hears of all accesses of the chip.
    void watch(HbmWatcher &watcher) {
        watcher_ = &watcher;
        errors_.watch(watcher);
    }
    /// Hears of what is made zero.
    void attach(WrittenMap &written) { written_ = &written; }

private:
    Hbm(std::byte *data, std::uint64_t bytes) : data_(data), bytes_(bytes) {}
    std::byte *data_;
    std::uint64_t bytes_;
    mutable HbmErrors errors_;
    HbmWatcher *watcher_ = nullptr; ///< nullptr: nobody
    WrittenMap *written_ = nullptr;
};

} // namespace neuron::chip
