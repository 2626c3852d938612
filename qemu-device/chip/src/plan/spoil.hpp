// SPDX-License-Identifier: MIT
// What a fault plan makes of a piece of work: a packet, an instruction, a transfer.
#pragma once

#include "../services.hpp"
#include "injector.hpp"

#include <cstdint>

namespace neuron::chip::plan {

/// A unit's step; while there is a plan, what happens in it is this origin's.
template<class Step>
auto step_as(const Services &services, const Origin &origin, const Step &step) {
    if (!services.faults.active()) [[likely]]
        return step();
    const Acting acting(origin);
    return step();
}

/// What is left to the unit whose work it is.
struct Spoilt {
    bool dropped = false;      ///< it has ended well, and is not done
    bool doubled = false;      ///< once done, it is done again
    std::uint64_t hung_by = 0; ///< the plan that lets it hang, 0: none

    /// Whether it hangs still. It goes on with another plan.
    bool hangs(const Injector &faults) const { return hung_by != 0 && hung_by == faults.plans(); }
};

/// Asks the plan, and does what is not left to the unit: delays, errors of HBM, faults of the function.
Spoilt spoil(const Services &services, spec::PlanEvent event, std::uint64_t place, const Packet *packet = nullptr);

} // namespace neuron::chip::plan
