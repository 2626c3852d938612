// SPDX-License-Identifier: MIT
#pragma once

#include "hbm_watcher.hpp"
#include "state/archive.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

namespace neuron::chip {

/// Spoils what is in HBM when somebody comes by, in his thread. Ranges are contained in HBM.
class HbmSpoiler {
public:
    virtual ~HbmSpoiler() = default;
    virtual void before_read(std::uint64_t offset, std::uint64_t bytes) = 0;
    virtual void after_write(std::uint64_t offset, std::uint64_t bytes) = 0;
};

/// What uncorrectable errors have spoilt of HBM: whole lines, each until all of its bytes have been written again. Any
/// thread. Where nothing is spoilt, a look costs one load. Since everybody comes by here before a read and after a write, a
/// watcher hears of these here.
class HbmErrors {
public:
    static constexpr std::uint64_t LINE = 64;

    bool none() const { return count_.load(std::memory_order_relaxed) == 0; }
    /// The first byte of [offset, offset + bytes) that is spoilt.
    std::optional<std::uint64_t> first(std::uint64_t offset, std::uint64_t bytes) const {
        return none() ? std::nullopt : find(offset, bytes);
    }
    /// The same before a read of what packets and programs have there, which a spoiler hears of.
    std::optional<std::uint64_t> first_of_data(std::uint64_t offset, std::uint64_t bytes) const {
        return none() ? std::nullopt : find_in_data(offset, bytes);
    }
    /// Before a read that does not ask first().
    void about_to_read(std::uint64_t offset, std::uint64_t bytes) const {
        if (watcher_ != nullptr)
            watcher_->before_read(offset, bytes);
    }
    /// After a write.
    void written(std::uint64_t offset, std::uint64_t bytes) {
        if (!none())
            note_write(offset, bytes);
    }
    /// Of this a watcher has heard already.
    void made_zero(std::uint64_t offset, std::uint64_t bytes) {
        if (!none())
            mend(offset, bytes);
    }
    /// From now on there is always something to look at. Before the first access.
    void watch(HbmWatcher &watcher) {
        watcher_ = &watcher;
        count_locked();
    }
    /// Who spoils from now on, until the errors end or another one does. nullptr: nobody.
    void attach(HbmSpoiler *spoiler);
    /// Spoils the line of `offset`.
    void spoil(std::uint64_t offset);
    /// `hbm_bytes`: of all HBM.
    void serialize(Archive &archive, std::uint64_t hbm_bytes);

private:
    std::optional<std::uint64_t> find(std::uint64_t offset, std::uint64_t bytes) const;
    std::optional<std::uint64_t> find_in_data(std::uint64_t offset, std::uint64_t bytes) const;
    void note_write(std::uint64_t offset, std::uint64_t bytes);
    void mend(std::uint64_t offset, std::uint64_t bytes);
    void count_locked() {
        const bool spoiler = spoiler_.load(std::memory_order_relaxed) != nullptr;
        count_.store(lines_.size() + (watcher_ != nullptr) + spoiler, std::memory_order_relaxed);
    }

    mutable std::mutex mutex_;                     ///< guards lines_; innermost
    std::map<std::uint64_t, std::uint64_t> lines_; ///< a bit for each byte of the line that was written since
    std::atomic<std::size_t> count_{0};            ///< of lines_, and one each for the watcher and the spoiler
    HbmWatcher *watcher_ = nullptr;                ///< nullptr: nobody
    std::atomic<HbmSpoiler *> spoiler_{nullptr};   ///< likewise
};

} // namespace neuron::chip
