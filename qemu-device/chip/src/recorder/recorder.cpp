// SPDX-License-Identifier: MIT
#include "recorder.hpp"

#include <algorithm>
#include <cstring>
#include <endian.h>

namespace neuron::chip {

Recorder::Recorder(const DeviceClock &clock, std::uint32_t records)
    : clock_(clock),
      capacity_(records),
      slots_(records != 0 ? std::make_unique<Slot[]>(records) : nullptr),
      on_(records != 0) {}

// One locked instruction for each record: who changes the first word of a slot from what an older record has left has the slot,
// and the number with it. next_ only says where to begin to look.
void Recorder::store(const Raw &raw) {
    std::uint64_t index = next_.load(std::memory_order_acquire);
    std::uint64_t skipped = 0;
    for (;;) {
        Slot &to = slot(index);
        std::uint64_t was = to.words[0].load(std::memory_order_acquire);
        const std::uint64_t number = was & ~WRITING;
        if (number > index) { // it, or a later one that has the same slot
            index = number;
            skipped = 0;
        } else if ((was & WRITING) != 0) { // a writer that was asleep while the ring went round
            ++index;
            ++skipped;
        } else if (to.words[0].compare_exchange_weak(was, WRITING | (index + 1), std::memory_order_acq_rel,
                                                     std::memory_order_relaxed)) {
            break;
        }
    }
    if (next_.load(std::memory_order_relaxed) <= index)
        next_.store(index + 1, std::memory_order_release);
    // Of those who pass a number that stays without a record, the one who has the next number counts it.
    if (skipped != 0)
        lost_.fetch_add(skipped, std::memory_order_relaxed);
    __builtin_prefetch(&slot(index + AHEAD), 1);
    put(index, raw);
}

// The words are stored with release and loaded with acquire: who has seen one of a newer record sees that the slot's first
// word is not what it was. On most hosts that costs nothing.
void Recorder::put(std::uint64_t index, const Raw &raw) {
    Slot &to = slot(index);
    for (std::size_t i = 1; i < WORDS; ++i) {
        std::uint64_t word;
        std::memcpy(&word, raw.data() + i * sizeof word, sizeof word);
        to.words[i].store(word, std::memory_order_release);
    }
    to.words[0].store(index + 1, std::memory_order_release);
}

std::uint64_t Recorder::written() const {
    std::uint64_t index = next_.load(std::memory_order_acquire);
    while (capacity_ != 0) {
        const std::uint64_t number = slot(index).words[0].load(std::memory_order_acquire) & ~WRITING;
        if (number <= index)
            break;
        index = number;
    }
    return index;
}

std::optional<Recorder::Raw> Recorder::read(std::uint64_t index) const {
    Raw raw;
    if (capacity_ == 0)
        return std::nullopt;
    const Slot &from = slot(index);
    if (from.words[0].load(std::memory_order_acquire) != index + 1)
        return std::nullopt;
    for (std::size_t i = 1; i < WORDS; ++i) {
        const std::uint64_t word = from.words[i].load(std::memory_order_acquire);
        std::memcpy(raw.data() + i * sizeof word, &word, sizeof word);
    }
    if (from.words[0].load(std::memory_order_relaxed) != index + 1)
        return std::nullopt;
    const std::uint64_t number = htole64(index);
    std::memcpy(raw.data(), &number, sizeof number);
    return raw;
}

std::size_t Recorder::read(std::uint64_t &index, std::uint64_t end, std::span<std::byte> out) const {
    const std::uint64_t newest = written();
    end = std::min(end, newest);
    if (newest > capacity_)
        index = std::max(index, newest - capacity_);
    std::size_t count = 0;
    for (; index < end && (count + 1) * BYTES <= out.size(); ++index)
        if (const auto raw = read(index))
            std::ranges::copy(*raw, out.subspan(count++ * BYTES).begin());
    return count;
}

void Recorder::clear() {
    for (std::uint32_t i = 0; i < capacity_; ++i)
        slots_[i].words[0].store(0, std::memory_order_relaxed);
    next_.store(0, std::memory_order_release);
    lost_.store(0, std::memory_order_relaxed);
    record(true);
}

void Recorder::serialize(Archive &archive) {
    bool recording = on();
    std::uint64_t newest = written();
    std::uint64_t first = newest > capacity_ ? newest - capacity_ : 0;
    std::uint64_t lost = this->lost();
    archive.section("recorder", [&] {
        archive.flag("recording", recording);
        archive.number("records lost", lost);
        archive.number("records written", newest, 0, WRITING - 1);
        archive.number("first record", first, 0, newest);
        archive.require(newest - first <= MAX_RECORDS, "first record", "is older than any recorder has");
    });
    for (std::uint64_t at = first, number = 0; at < newest; at += SECTION, ++number)
        archive.section("records", static_cast<std::uint32_t>(number),
                        [&] { serialize_some(archive, at, std::min(newest, at + SECTION)); });
    if (!archive.loading())
        return;
    next_.store(capacity_ != 0 ? newest : 0, std::memory_order_release);
    lost_.store(lost, std::memory_order_relaxed);
    record(recording);
}

void Recorder::serialize_some(Archive &archive, std::uint64_t first, std::uint64_t end) {
    for (std::uint64_t index = first; index < end; ++index) {
        const auto raw = archive.loading() ? std::nullopt : read(index);
        bool there = raw.has_value();
        archive.flag("record is there", there);
        if (!there)
            continue;
        Raw bytes = raw.value_or(Raw{});
        archive.bytes(bytes);
        if (archive.loading() && capacity_ != 0)
            put(index, bytes);
    }
}

} // namespace neuron::chip
