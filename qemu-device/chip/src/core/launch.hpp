// SPDX-License-Identifier: MIT
#pragma once

#include "../control/queue_control.hpp"
#include "../exec/unit.hpp"
#include "../mmu/address_space.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <atomic>
#include <cstdint>

namespace neuron::chip {

/// Whose secrets the on-chip memory of a core may hold. Context numbers are used again, generations are not.
struct CoreOwner {
    std::uint32_t ctx = 0;
    std::uint64_t generation = 0; ///< 0: nobody

    friend bool operator==(const CoreOwner &, const CoreOwner &) = default;
};

/// A running LAUNCH packet. Its queue fills it in before the cores start; then it does not change until the last core is
/// done, but for the atomics.
struct Launch {
    std::uint32_t queue_index = 0;
    QueueControl *queue = nullptr;
    AddressSpace *space = nullptr;
    Unit *waiter = nullptr; ///< woken when the last core is done
    CoreOwner owner;
    spec::ProgramHeader program;
    std::array<std::uint64_t, spec::LAUNCH_ARGS> args{};
    std::atomic<std::uint32_t> cores_left{0};

    bool aborted() const { return queue->aborting(); }
};

} // namespace neuron::chip
