// SPDX-License-Identifier: MIT
#pragma once

#include "../exec/executor.hpp"

#include <cstdint>
#include <mutex>
#include <vector>

namespace neuron::chip {

/// Hands cores out to launches: all cores of a mask at once, so that two launches never hold a part each and wait for
/// the rest, and in order of request wherever two masks meet, so that nobody starves.
class CorePool {
public:
    CorePool(Executor &executor, std::size_t max_waiters) : executor_(executor) {
        waiting_.reserve(max_waiters);
        granted_.reserve(max_waiters);
    }

    /// Takes the cores of `mask` for `owner`, or puts it in line: then it is woken when they are its own. Calling it
    /// again asks whether that has happened. True: they are its own.
    bool acquire(Unit &owner, std::uint32_t mask);
    /// Gives back what `owner` holds, or its place in the line. Harmless if it has neither.
    void release(Unit &owner);

private:
    struct Claim {
        Unit *owner;
        std::uint32_t mask;
    };
    void grant_locked();

    Executor &executor_;
    std::mutex mutex_; ///< guards all below
    std::uint32_t busy_ = 0;
    std::vector<Claim> waiting_; ///< in order of request
    std::vector<Claim> granted_;
};

} // namespace neuron::chip
