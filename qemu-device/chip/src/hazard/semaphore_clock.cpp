// SPDX-License-Identifier: MIT
#include "semaphore_clock.hpp"

#include <algorithm>
#include <utility>

namespace neuron::chip::hazard {

void SemaphoreClock::clear() {
    raises_.clear();
    lowered_ = VectorClock();
}

void SemaphoreClock::raise(std::uint64_t amount, const VectorClock &clock) {
    if (!raises_.empty() && raises_.back().clock == clock) {
        raises_.back().amount += amount;
        return;
    }
    raises_.push_back({amount, clock});
    if (raises_.size() <= MAX_RAISES)
        return;
    const Raise oldest = std::move(raises_.front());
    raises_.pop_front();
    raises_.front().amount += oldest.amount;
    raises_.front().clock.join(oldest.clock);
}

void SemaphoreClock::lower(std::uint64_t amount) {
    while (amount != 0 && !raises_.empty()) {
        const std::uint64_t part = std::min(amount, raises_.front().amount);
        amount -= part;
        raises_.front().amount -= part;
        if (raises_.front().amount == 0)
            raises_.pop_front();
    }
}

void SemaphoreClock::update(spec::UpdateOp op, std::uint32_t value, const VectorClock &clock) {
    if (value == 0 && op != spec::UpdateOp::SET)
        return; // it lets nobody go on
    switch (op) {
    case spec::UpdateOp::NONE: return;
    case spec::UpdateOp::ADD: raise(value, clock); return;
    case spec::UpdateOp::SUB:
        lower(value);
        lowered_.join(clock);
        return;
    case spec::UpdateOp::SET:
        clear();
        raises_.push_back({value, clock});
        return;
    }
}

void SemaphoreClock::wait(spec::WaitOp op, std::uint32_t value, VectorClock &clock) {
    if (op == spec::WaitOp::NONE)
        return;
    // EQ holds only while nothing else has come, so it knows all that has.
    std::uint64_t needed = op == spec::WaitOp::EQ ? ~0ULL : value;
    for (const Raise &raise : raises_) {
        if (needed == 0)
            break;
        clock.join(raise.clock);
        needed -= std::min(needed, raise.amount);
    }
    if (op == spec::WaitOp::EQ)
        clock.join(lowered_);
    if (op == spec::WaitOp::TAKE) {
        lower(value);
        lowered_.join(clock);
    }
}

} // namespace neuron::chip::hazard
