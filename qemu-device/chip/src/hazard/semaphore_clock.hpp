// SPDX-License-Identifier: MIT
#pragma once

#include "access.hpp"

#include <neuron/spec.hpp>

#include <deque>

namespace neuron::chip::hazard {

/// What a semaphore's count stands for: the knowledge of those who raised it, in their order. A wait for a number is certain
/// to come only after as many of the oldest raises as it takes to reach it, however far the count has got meanwhile.
class SemaphoreClock {
public:
    void clear() { raises_.clear(); }
    /// Somebody who knows `clock` has changed the semaphore.
    void update(spec::UpdateOp op, std::uint32_t value, const VectorClock &clock);
    /// Somebody's wait is over: `clock` learns what that means. TAKE removes what it took.
    void wait(spec::WaitOp op, std::uint32_t value, VectorClock &clock);

private:
    struct Raise {
        std::uint64_t amount;
        VectorClock clock;
    };

    void lower(std::uint64_t amount);

    std::deque<Raise> raises_;
};

} // namespace neuron::chip::hazard
