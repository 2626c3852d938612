// SPDX-License-Identifier: MIT
// Finds accesses to on-chip memory that no semaphore orders, and reads of memory that nothing wrote.
#pragma once

#include "../control/fault_info.hpp"
#include "access.hpp"
#include "semaphore_clock.hpp"
#include "shadow.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

namespace neuron::chip::hazard {

/// The happens-before order of a chip's sequencers and DMA rings, with vector clocks, and a shadow of every core's memory.
/// Built only where a host asks for it: every instruction costs microseconds. What it finds depends on the order that the
/// program guarantees and not on the order in which things happened to run, except where several producers raise one
/// semaphore. Where a bound of SemaphoreClock or Shadow is reached it takes things for ordered, never the other way round.
/// Any thread. Allocates; throws std::bad_alloc.
class Monitor {
public:
    Monitor(std::size_t cores, std::uint32_t sbuf_bytes_per_partition);

    static constexpr Agent sequencer(std::uint8_t core, spec::Engine engine) {
        return static_cast<Agent>(core * AGENTS_PER_CORE + spec::raw(engine));
    }
    static constexpr Agent ring(std::uint8_t core, std::uint8_t index) {
        return static_cast<Agent>(core * AGENTS_PER_CORE + spec::ENGINE_COUNT + index);
    }

    /// A launch begins on `core`: what was before comes before all of it. `scrubbed`: its memory has just been cleared for
    /// another owner.
    void begin(std::uint8_t core, bool scrubbed);

    /// `agent` is about to try a wait with TAKE, which changes the semaphore of `core` as soon as it succeeds.
    void taking(Agent agent, std::uint8_t core, std::uint8_t semaphore);
    /// A wait of `agent` for a semaphore of `core` is over; an update of one, or of `count` to 0, is about to be made.
    void waited(Agent agent, std::uint8_t core, std::uint8_t semaphore, spec::WaitOp op, std::uint32_t value);
    void updating(Agent agent, std::uint8_t core, std::uint8_t semaphore, spec::UpdateOp op, std::uint32_t value);
    void clearing(Agent agent, std::uint8_t core, std::uint32_t first, std::uint32_t count);

    /// `issuer` has handed a transfer to `ring`; the ring takes up its oldest one; it has completed it for `issuer`.
    void issued(Agent issuer, Agent ring);
    void started(Agent ring);
    void completed(Agent ring, Agent issuer);
    /// `issuer` knows that its transfers have completed (DRAIN).
    void drained(Agent issuer);

    using Mode = hazard::Mode;
    /// `agent` accesses `region` of `core`'s memory for instruction `site`. Gives the fault to report, if there is one.
    std::optional<FaultInfo> access(Agent agent, const Site &site, std::uint8_t core, const Region &region, Mode mode);

    /// The launch on `core` has ended: its first read of bytes that nobody had written, as the fault to report. Told so late
    /// because a write without order that comes after the read is the better report.
    std::optional<FaultInfo> ended(std::uint8_t core);

private:
    static constexpr std::size_t AGENTS_PER_CORE = spec::ENGINE_COUNT + spec::DMA_RINGS;

    struct Core {
        explicit Core(std::uint32_t sbuf_bytes_per_partition) : shadow(sbuf_bytes_per_partition) {}

        std::array<SemaphoreClock, spec::SEMAPHORES> semaphores;
        Shadow shadow;
        std::optional<FaultInfo> unwritten; ///< the first read of the launch
    };
    struct Knowledge {
        explicit Knowledge(std::size_t agents) : clock(agents), transfers(agents) {}

        VectorClock clock;
        bool told = true;                ///< somebody may know of all up to the clock's tick
        VectorClock transfers;           ///< what the transfers knew that the agent issued and that have completed
        std::deque<VectorClock> in_line; ///< a ring's: what the issuers of its transfers knew
    };

    /// What `agent` knows, for somebody who keeps it: what it does from here on is not in it.
    const VectorClock &tell(Agent agent);
    /// What `agent` knows at an access.
    const VectorClock &at_access(Agent agent);

    std::mutex mutex_; ///< guards all below; innermost
    std::deque<Core> cores_;
    std::vector<Knowledge> agents_;
};

} // namespace neuron::chip::hazard
