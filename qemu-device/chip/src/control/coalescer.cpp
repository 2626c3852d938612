// SPDX-License-Identifier: MIT
#include "coalescer.hpp"

#include <algorithm>

namespace neuron::chip {

namespace {
constexpr std::uint64_t NS_PER_US = 1000;
} // namespace

void Coalescer::set(std::uint32_t queue, std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    lines_[queue].value.store(value, std::memory_order_relaxed);
    release_locked(lines_[queue]);
}

void Coalescer::reset() {
    const std::lock_guard lock(mutex_);
    for (Line &line : lines_) {
        line.value.store(0, std::memory_order_relaxed);
        drop_locked(line);
    }
}

void Coalescer::retired_coalescing(Line &line, std::uint64_t epoch, std::uint32_t vector, bool more) {
    const std::lock_guard lock(mutex_);
    line.epoch = epoch;
    line.vector = vector;
    const std::uint32_t held = line.held.load(std::memory_order_relaxed) + 1;
    if (!more || !line.holds_back() || held >= line.count()) {
        send_locked(line, held);
        return;
    }
    if (held == 1) {
        line.due_ns = executor_.now_ns() + line.usecs() * NS_PER_US;
        if (!arm_locked(line.due_ns)) {
            send_locked(line, held);
            return;
        }
        ++holding_;
    }
    line.held.store(held, std::memory_order_relaxed);
}

void Coalescer::retired_last(Line &line) {
    const std::lock_guard lock(mutex_);
    if (const std::uint32_t held = line.held.load(std::memory_order_relaxed); held != 0)
        send_locked(line, held);
}

void Coalescer::release(std::uint32_t queue) {
    const std::lock_guard lock(mutex_);
    release_locked(lines_[queue]);
}

void Coalescer::drop(std::uint32_t queue) {
    const std::lock_guard lock(mutex_);
    drop_locked(lines_[queue]);
}

void Coalescer::send_locked(Line &line, std::uint32_t held) {
    if (recorder_.on())
        recorder_.add(
            spec::RecordInterrupt{.head = {.queue = queue_of(line), .code = static_cast<std::uint8_t>(line.vector)},
                                  .held = held},
            spec::RecordKind::INTERRUPT);
    drop_locked(line);
    interrupts_.raise(line.epoch, line.vector);
}

// The callers must not call the host.
void Coalescer::release_locked(Line &line) {
    if (line.held.load(std::memory_order_relaxed) == 0)
        return;
    line.due_ns = 0;
    executor_.wake(*this);
}

void Coalescer::drop_locked(Line &line) {
    if (line.held.load(std::memory_order_relaxed) == 0)
        return;
    line.held.store(0, std::memory_order_relaxed);
    if (--holding_ != 0)
        return;
    armed_ns_ = Timer::NEVER;
    (void)executor_.wake_at(*this, Timer::NEVER);
}

bool Coalescer::arm_locked(std::uint64_t due_ns) {
    if (due_ns >= armed_ns_)
        return true;
    if (!executor_.wake_at(*this, due_ns))
        return false;
    armed_ns_ = due_ns;
    return true;
}

void Coalescer::serialize(Archive &archive) {
    if (archive.loading())
        reset();
    archive.section("coalescer", [&] { archive.number("armed", armed_ns_); });
    const auto in_use = [&](std::uint32_t i) { return lines_[i].value != 0 || lines_[i].held != 0; };
    archive.sections("coalesce", spec::MAX_QUEUES, in_use, [&](std::uint32_t i) {
        Line &line = lines_[i];
        archive.number("COALESCE", line.value);
        archive.number("held back", line.held);
        archive.number("due", line.due_ns);
        archive.number("epoch", line.epoch);
        archive.number("vector", line.vector, 0, spec::MSIX_VECTORS - 1);
        if (archive.loading() && line.held != 0)
            ++holding_;
    });
    if (archive.loading() && holding_ == 0)
        armed_ns_ = Timer::NEVER;
    if (archive.loading() && !executor_.wake_at(*this, armed_ns_))
        archive.reject("armed", "needs a timer, and the host has none to spare");
}

Step Coalescer::step() {
    const std::lock_guard lock(mutex_);
    const std::uint64_t now = executor_.now_ns();
    std::uint64_t next = Timer::NEVER;
    armed_ns_ = Timer::NEVER;
    for (Line &line : lines_) {
        const std::uint32_t held = line.held.load(std::memory_order_relaxed);
        if (held == 0)
            continue;
        if (line.due_ns <= now)
            send_locked(line, held);
        else
            next = std::min(next, line.due_ns);
    }
    if (next != Timer::NEVER)
        (void)arm_locked(next); // the timer that has woken this is there
    return Step::BLOCKED;
}

} // namespace neuron::chip
