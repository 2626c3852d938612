// SPDX-License-Identifier: MIT
#pragma once

#include "../control/fault_info.hpp"
#include "../services.hpp"
#include "launch.hpp"

#include <neuron/spec.hpp>

#include <cstdint>

namespace neuron::chip {

/// What the recorder hears of the semaphores that one sequencer or DMA ring changes. Each call costs a branch while nothing
/// is recorded.
class SemaphoreLog {
public:
    struct Semaphore {
        std::uint8_t core; ///< that it belongs to
        std::uint8_t index;
        std::uint32_t value; ///< since the change
    };

    SemaphoreLog(Recorder &recorder, spec::Unit unit, std::uint8_t core, std::uint8_t ring = 0)
        : recorder_(recorder), unit_(unit), core_(core), ring_(ring) {}

    /// The instruction `pc`, or the transfer that it has issued, has changed a semaphore.
    void changed(const Launch &launch, std::uint32_t pc, spec::RecordChange change, std::uint32_t operand,
                 const Semaphore &semaphore) const;
    void updated(const Launch &launch, std::uint32_t pc, spec::UpdateOp op, std::uint32_t operand,
                 const Semaphore &semaphore) const;

private:
    Recorder &recorder_;
    const spec::Unit unit_;
    const std::uint8_t core_;
    const std::uint8_t ring_;
};

/// The unit that a sequencer is.
inline spec::Unit unit_of(spec::Engine engine) {
    return static_cast<spec::Unit>(spec::raw(spec::Unit::PE) + spec::raw(engine));
}

} // namespace neuron::chip
