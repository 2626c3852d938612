// SPDX-License-Identifier: MIT
#include "events.hpp"

#include <fmt/format.h>

namespace neuron::chip {

namespace {
constexpr std::uint8_t EVENT_VECTOR = 0;
constexpr std::uint32_t MAX_LOG2 = 31; ///< free-running 32-bit indices cannot tell full from empty beyond it
} // namespace

void EventRing::post(const spec::EventRecord &record) {
    {
        const std::lock_guard lock(mutex_);
        if (count_ == MAX_PENDING) {
            ++regs_.lost;
            return;
        }
        pending_[(first_ + count_++) % MAX_PENDING] = record;
    }
    executor_.wake(*this);
}

void EventRing::reset() {
    const std::lock_guard lock(mutex_);
    count_ = 0;
    ++resets_;
    regs_ = {};
}

std::optional<std::uint64_t> EventRing::next_address_locked() const {
    const bool usable = regs_.base != 0 && regs_.base % spec::EventRecord::BYTES == 0 && regs_.log2 <= MAX_LOG2;
    if (!usable || regs_.tail - regs_.head >= 1U << regs_.log2)
        return std::nullopt;
    const std::uint64_t offset = std::uint64_t{regs_.tail & ((1U << regs_.log2) - 1)} * spec::EventRecord::BYTES;
    return regs_.base + offset;
}

Step EventRing::step() {
    std::unique_lock lock(mutex_);
    if (count_ == 0)
        return Step::BLOCKED;
    const spec::EventRecord record = pending_[first_];
    first_ = (first_ + 1) % MAX_PENDING;
    --count_;
    const auto address = next_address_locked();
    const std::uint64_t resets = resets_;
    const std::uint64_t epoch = interrupts_.epoch();
    writing_ = true;
    lock.unlock();

    log(record);
    const bool written = address.has_value() && host_.write(*address, spec::packed(record));

    lock.lock();
    writing_ = false;
    executor_.wake(drained_);
    if (resets != resets_)
        return Step::MORE;
    ++(written ? regs_.tail : regs_.lost);
    lock.unlock();
    if (written) {
        if (recorder_.on())
            recorder_.add(spec::RecordInterrupt{.head = {.code = EVENT_VECTOR}}, spec::RecordKind::INTERRUPT);
        interrupts_.raise(epoch, EVENT_VECTOR);
    }
    return Step::MORE;
}

std::string EventRing::blame(const spec::EventRecord &record) const {
    if (!blamable(record.code, record.va) || record.ctx >= spec::MAX_CONTEXTS)
        return {};
    const spec::BlameRecord found = book_.last_fault(record.ctx);
    const bool known = found.relation != spec::BlameRelation::NOTHING && found.va == record.va;
    return known ? ": " + describe(found) : std::string();
}

void EventRing::log(const spec::EventRecord &record) const noexcept {
    try {
        if (record.kind == spec::Event::ECC)
            host_.log(NEURON_CHIP_LOG_INFO,
                      fmt::format("HBM met an error at {:#x} that was {}", record.info,
                                  record.code == spec::Fault::NONE ? "corrected" : "not corrected"));
        else
            host_.log(NEURON_CHIP_LOG_INFO,
                      fmt::format("queue {} of context {} faulted: {} (unit {}, core {}, ring {}, pc {}, packet {}, va "
                                  "{:#x}{}, info {:#x}){}",
                                  record.queue, record.ctx, spec::name(record.code), spec::name(record.unit),
                                  record.core, record.ring, record.pc, record.packet, record.va,
                                  record.write != 0 ? " write" : "", record.info, blame(record)));
    } catch (...) { // no memory for a line of text; the record itself needs none
    }
}

bool EventRing::busy() const {
    const std::lock_guard lock(mutex_);
    return writing_;
}

void EventRing::serialize(Archive &archive) {
    archive.number("EVENT_RING_BASE", regs_.base);
    archive.number("EVENT_RING_LOG2", regs_.log2);
    archive.number("EVENT_HEAD", regs_.head);
    archive.number("EVENT_TAIL", regs_.tail);
    archive.number("EVENTS_LOST", regs_.lost);
    archive.number("resets", resets_);
    archive.number("records", count_, 0, MAX_PENDING);
    for (std::size_t i = 0; i < count_; ++i) {
        auto raw = spec::packed(pending_[(first_ + i) % MAX_PENDING]);
        archive.bytes(raw);
        if (archive.loading())
            pending_[i] = spec::unpack<spec::EventRecord>(raw);
    }
    if (archive.loading())
        first_ = 0;
}

EventRing::Registers EventRing::registers() const {
    const std::lock_guard lock(mutex_);
    return regs_;
}

void EventRing::set_base(std::uint64_t value) {
    const std::lock_guard lock(mutex_);
    regs_.base = value;
}

void EventRing::set_log2(std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    regs_.log2 = value;
}

void EventRing::set_head(std::uint32_t value) {
    const std::lock_guard lock(mutex_);
    regs_.head = value;
}

} // namespace neuron::chip
