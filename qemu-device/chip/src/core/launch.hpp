// SPDX-License-Identifier: MIT
#pragma once

#include "../control/queue_control.hpp"
#include "../exec/unit.hpp"
#include "../mmu/address_space.hpp"
#include "census.hpp"
#include "notifier.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <bit>
#include <cstdint>
#include <span>

namespace neuron::chip {

class Core;

/// Whose secrets the on-chip memory of a core may hold. Context numbers are used again, generations are not.
struct CoreOwner {
    std::uint32_t ctx = 0;
    std::uint64_t generation = 0; ///< 0: nobody

    friend bool operator==(const CoreOwner &, const CoreOwner &) = default;
};

/// A running LAUNCH packet. Its queue fills it in before the cores start; then it does not change until the last core is
/// done, but for the census and the notifier.
struct Launch {
    std::uint32_t queue_index = 0;
    std::uint64_t packet = 0; ///< index of the packet in its queue
    QueueControl *queue = nullptr;
    AddressSpace *space = nullptr;
    Unit *waiter = nullptr;       ///< woken when the last core is done
    const Actor *actor = nullptr; ///< of the packet; nullptr: no sanitizer looks
    CoreOwner owner;
    spec::ProgramHeader program;
    std::array<std::uint64_t, spec::LAUNCH_ARGS> args{};
    std::uint32_t core_mask = 0;
    std::array<Core *, spec::MAX_CORES> by_rank{};
    Census census;
    Notifier notifier;

    bool aborted() const { return queue->aborting(); }
    std::uint32_t core_count() const { return static_cast<std::uint32_t>(std::popcount(core_mask)); }
    /// Its cores in ascending order. They belong to the launch until the last one has ended.
    std::span<Core *const> cores() const { return std::span(by_rank).first(core_count()); }
    /// The core of a rank below core_count().
    Core &core_of_rank(std::uint32_t rank) const { return *by_rank[rank]; }
    /// Rank of core `index` of the chip, one of the launch's.
    std::uint32_t rank_of(std::uint32_t index) const {
        return static_cast<std::uint32_t>(std::popcount(core_mask & ((1U << index) - 1)));
    }
    /// Appends a record to the notification ring; nothing without one.
    MemoryResult<void> notify(const Host &host, const spec::Notification &record) {
        return notifier.append(*space, actor, host, record);
    }
};

} // namespace neuron::chip
