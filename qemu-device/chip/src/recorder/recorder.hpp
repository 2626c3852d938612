// SPDX-License-Identifier: MIT
// The flight recorder: what the chip did last.
#pragma once

#include "../clock.hpp"
#include "../state/archive.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace neuron::chip {

/// A ring of records. Writers never wait: each has a number that no other has, and the slot of that number for itself. A reader
/// sees a record whole or not at all. Any thread.
class Recorder {
public:
    static constexpr std::size_t BYTES = spec::RecordReset::BYTES;
    static constexpr std::uint32_t MIN_RECORDS = 64;
    static constexpr std::uint32_t DEFAULT_RECORDS = 1U << 16;
    static constexpr std::uint32_t MAX_RECORDS = 1U << 20;

    using Raw = std::array<std::byte, BYTES>;

    /// `records`: a power of two, or 0 for none: then nothing is ever recorded.
    Recorder(const DeviceClock &clock, std::uint32_t records);
    Recorder(const Recorder &) = delete;
    Recorder &operator=(const Recorder &) = delete;

    /// Whether to record; whoever has something to say asks first.
    bool on() const { return on_.load(std::memory_order_relaxed); }
    /// Switches it; nothing happens without slots.
    void record(bool on) { on_.store(on && capacity_ != 0, std::memory_order_relaxed); }
    std::uint64_t now_ns() const { return clock_.now_ns(); }

    /// Adds a record. It has the time of now, unless its head has one.
    template<class Record>
    void add(Record record, spec::RecordKind kind) {
        static_assert(Record::BYTES == BYTES);
        record.head.kind = kind;
        if (record.head.time_ns == 0)
            record.head.time_ns = clock_.now_ns();
        store(spec::packed(record));
    }

    std::uint32_t capacity() const { return capacity_; }
    /// The number of the next record.
    std::uint64_t written() const;
    /// Numbers below it that no record has, as a writer that slept had their slots.
    std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }
    /// Record `index`, unless it is not there any more, or not yet, or was left out.
    std::optional<Raw> read(std::uint64_t index) const;
    /// Up to out.size() / BYTES records from `index` on, those that are there; `index` becomes that of the first one
    /// that was not looked at. Returns how many.
    std::size_t read(std::uint64_t &index, std::uint64_t end, std::span<std::byte> out) const;

    /// The records, with nobody else at work. A smaller recorder keeps the newest.
    void serialize(Archive &archive);
    /// As after creation.
    void clear();

private:
    static constexpr std::size_t WORDS = BYTES / sizeof(std::uint64_t);
    /// In the first word of a slot: somebody is writing it. The rest is the number of the record plus 1, or 0.
    static constexpr std::uint64_t WRITING = 1ULL << 63;
    /// How many slots ahead of the present one the memory of one is asked for.
    static constexpr std::uint64_t AHEAD = 4;
    /// Records of one section of a stream.
    static constexpr std::uint64_t SECTION = 4096;

    struct alignas(BYTES) Slot {
        std::array<std::atomic<std::uint64_t>, WORDS> words{};
    };

    void store(const Raw &raw);
    void serialize_some(Archive &archive, std::uint64_t first, std::uint64_t end);
    /// The slot is the caller's.
    void put(std::uint64_t index, const Raw &raw);
    Slot &slot(std::uint64_t index) const { return slots_[index & (capacity_ - 1)]; }

    const DeviceClock &clock_;
    const std::uint32_t capacity_;
    const std::unique_ptr<Slot[]> slots_;
    std::atomic<bool> on_;
    alignas(64) std::atomic<std::uint64_t> next_{0}; ///< the next number, or one of shortly before it
    std::atomic<std::uint64_t> lost_{0};
};

} // namespace neuron::chip
