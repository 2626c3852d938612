// SPDX-License-Identifier: MIT
#pragma once

#include "../exec/unit.hpp"
#include "meter.hpp"

#include <neuron/spec.hpp>

#include <atomic>
#include <cstdint>
#include <optional>

namespace neuron::chip {

/// The registers that configure a queue.
struct QueueConfig {
    std::uint64_t ring_base = 0;
    std::uint64_t seqno_addr = 0;
    std::uint64_t stamp_addr = 0; ///< 0: none
    std::uint32_t ring_log2 = 0;
    std::uint32_t cfg = 0;

    std::uint32_t ctx() const { return spec::field::QUEUE_CFG_CTX.get(cfg); }
    std::uint32_t vector() const { return spec::field::QUEUE_CFG_VECTOR.get(cfg); }
    std::uint32_t slot() const { return spec::field::QUEUE_CFG_SLOT.get(cfg); }
    bool ring_va() const { return (cfg & spec::field::QUEUE_CFG_RING_VA.mask) != 0; }
    /// Whether it listens to its register DOORBELL instead of a doorbell slot.
    bool doorbell_register() const { return (cfg & spec::field::QUEUE_CFG_DB_REG.mask) != 0; }
    /// Byte offset in the register block of what no queue can have, whatever contexts and other queues there are.
    std::optional<std::uint32_t> error() const;
    void serialize(Archive &archive);
    friend bool operator==(const QueueConfig &, const QueueConfig &) = default;

    /// Nothing: out of range.
    std::optional<Priority> priority() const {
        switch (static_cast<spec::QueuePriority>(spec::field::QUEUE_CFG_PRIORITY.get(cfg))) {
        case spec::QueuePriority::NORMAL: return Priority::NORMAL;
        case spec::QueuePriority::LOW: return Priority::LOW;
        case spec::QueuePriority::HIGH: return Priority::HIGH;
        }
        return std::nullopt;
    }
};

/// Control state of one queue. Guarded by Control's mutex unless a member says otherwise.
struct QueueControl {
    QueueConfig config; ///< registers, as the driver sees them
    /// Copy of `config` taken by ENABLE, which needs !busy: the queue's units may read it without the lock while busy.
    QueueConfig active;
    bool enable = false; ///< CTRL.ENABLE
    spec::QueueState state = spec::QueueState::DISABLED;
    spec::Fault fault = spec::Fault::NONE;
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    /// The queue's unit, or a core on its behalf, is at work. Set and cleared by the unit.
    bool busy = false;
    bool waiting = false; ///< the packet in flight waits for cores of another launch
    Meter busy_time;      ///< register BUSY_NS
    Meter core_time;      ///< register CORE_NS
    /// Written under the mutex, read without it: all work for the queue stops at its next step. Cleared with `busy`.
    std::atomic<bool> abort{false};
    std::atomic<std::uint64_t> progress{0};
    std::atomic<std::uint64_t> moved_bytes{0}; ///< since reset

    /// Whether nobody could tell it from a queue that was never used.
    bool unused() const;
    void serialize(Archive &archive, std::uint32_t cores);
    void clear();

    bool runnable() const { return state == spec::QueueState::IDLE || state == spec::QueueState::RUNNING; }
    void made_progress() { progress.fetch_add(1, std::memory_order_relaxed); }
    void moved(std::uint64_t bytes) {
        made_progress();
        moved_bytes.fetch_add(bytes, std::memory_order_relaxed);
    }
    bool aborting() const { return abort.load(std::memory_order_acquire); }
};

} // namespace neuron::chip
