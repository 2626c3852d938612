// SPDX-License-Identifier: MIT
#include "scrubber.hpp"

#include <neuron/spec.hpp>

#include <algorithm>

namespace neuron::chip {

Scrubber::Registers Scrubber::registers() const {
    const std::lock_guard lock(mutex_);
    return regs_;
}

bool Scrubber::set_addr(std::uint64_t value) {
    const std::lock_guard lock(mutex_);
    if (regs_.running)
        return false;
    regs_.addr = value;
    return true;
}

bool Scrubber::set_bytes(std::uint64_t value) {
    const std::lock_guard lock(mutex_);
    if (regs_.running)
        return false;
    regs_.bytes = value;
    return true;
}

bool Scrubber::start() {
    {
        const std::lock_guard lock(mutex_);
        if (regs_.running)
            return false;
        const bool aligned = regs_.addr % spec::PAGE_SIZE == 0 && regs_.bytes % spec::PAGE_SIZE == 0;
        regs_.error = !aligned || !hbm_.contains(regs_.addr, regs_.bytes);
        if (regs_.error)
            return true;
        regs_.running = true;
        at_ = regs_.addr;
        left_ = regs_.bytes;
    }
    executor_.wake(*this);
    return true;
}

void Scrubber::reset() {
    const std::lock_guard lock(mutex_);
    regs_ = {};
    left_ = 0;
}

void Scrubber::serialize(Archive &archive) {
    archive.number("SCRUB_ADDR", regs_.addr);
    archive.number("SCRUB_BYTES", regs_.bytes);
    archive.flag("scrub running", regs_.running);
    archive.flag("scrub error", regs_.error);
    archive.number("scrub position", at_);
    archive.number("scrub left", left_);
    archive.require(left_ == 0 || hbm_.contains(at_, left_), "scrub position", "is outside HBM");
}

bool Scrubber::busy() const {
    const std::lock_guard lock(mutex_);
    return stepping_;
}

Step Scrubber::step() {
    std::unique_lock lock(mutex_);
    const std::uint64_t at = at_;
    const std::uint64_t bytes = std::min(left_, STEP_BYTES);
    if (bytes == 0) {
        regs_.running = false;
        return Step::BLOCKED;
    }
    at_ += bytes;
    left_ -= bytes;
    stepping_ = true;
    lock.unlock();
    hbm_.zero(at, bytes);
    lock.lock();
    stepping_ = false;
    executor_.wake(drained_);
    return Step::MORE;
}

} // namespace neuron::chip
