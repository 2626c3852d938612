// SPDX-License-Identifier: MIT
#include "hbm_faults.hpp"

#include "../control/control.hpp"

namespace neuron::chip::plan {

void HbmFaults::before_read(std::uint64_t offset, std::uint64_t bytes) {
    meet(spec::PlanEvent::HBM_READ, offset, bytes);
}

void HbmFaults::after_write(std::uint64_t offset, std::uint64_t bytes) {
    meet(spec::PlanEvent::HBM_WRITE, offset, bytes);
}

void HbmFaults::meet(spec::PlanEvent event, std::uint64_t offset, std::uint64_t bytes) {
    const auto verdict = bytes != 0 ? faults_.ask(event, offset, offset + (bytes - 1)) : std::nullopt;
    if (!verdict)
        return;
    const auto [first, last] = verdict->place;
    const std::span<std::byte> met(hbm_.data() + first, last - first + 1);
    switch (verdict->action) {
    case spec::PlanAction::CORRUPT:
    case spec::PlanAction::FLIP: garble(*verdict, met); break;
    case spec::PlanAction::DELAY: faults_.sleep(*verdict); break;
    default: control_.hbm_error(verdict->argument, verdict->action == spec::PlanAction::ECC_UNCORRECTED); break;
    }
}

} // namespace neuron::chip::plan
