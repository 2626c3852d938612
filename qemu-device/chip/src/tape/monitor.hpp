// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace neuron::chip::tape {

/// Lets one call at a time work on a chip. A call that waits for DMA lets others in meanwhile, as they could get in without a
/// tape, too; it goes on when these have left, so that calls nest, and one thread can make them again.
class Monitor {
public:
    /// @return whether another call waits for DMA: this one is inside it.
    bool enter() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !busy_; });
        busy_ = true;
        return depth_++ != 0;
    }
    void leave() {
        {
            const std::lock_guard lock(mutex_);
            busy_ = false;
            --depth_;
        }
        changed_.notify_all();
    }

    /// The present call waits from here on, and goes on with what this returns.
    std::uint64_t let_in() {
        std::uint64_t depth = 0;
        {
            const std::lock_guard lock(mutex_);
            busy_ = false;
            depth = depth_;
        }
        changed_.notify_all();
        return depth;
    }
    void go_on(std::uint64_t depth) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !busy_ && depth_ == depth; });
        busy_ = true;
    }

private:
    std::mutex mutex_; ///< guards all below
    std::condition_variable changed_;
    bool busy_ = false;
    std::uint64_t depth_ = 0; ///< calls that have begun and not ended
};

} // namespace neuron::chip::tape
