// SPDX-License-Identifier: MIT
#include "spoil.hpp"

#include "../control/control.hpp"
#include "../host.hpp"

namespace neuron::chip::plan {

Spoilt spoil(const Services &services, spec::PlanEvent event, std::uint64_t place, const Packet *packet) {
    using enum spec::PlanAction;
    const auto verdict = services.faults.ask(event, place, packet);
    if (!verdict)
        return {};
    switch (verdict->action) {
    case DROP: return {.dropped = true};
    case DUPLICATE: return {.doubled = true};
    case REORDER: return {.postponed = true, .plan = verdict->plan};
    case HANG: return {.begins_ns = Spoilt::NEVER, .plan = verdict->plan};
    case DELAY:
        if (services.faults.in_steps())
            return {.begins_ns = services.executor.now_ns() + delay_ns(*verdict), .plan = verdict->plan};
        services.faults.sleep(*verdict);
        break;
    case ECC_CORRECTED:
    case ECC_UNCORRECTED: services.control.hbm_error(verdict->argument, verdict->action == ECC_UNCORRECTED); break;
    default: services.host.function_fault(verdict->action, verdict->argument); break;
    }
    return {};
}

} // namespace neuron::chip::plan
