// SPDX-License-Identifier: MIT
#include "fault_text.hpp"

#include <fmt/format.h>

#include "places.hpp"

namespace neuronctl::explain {

neuron::FaultInfo fault_info(const Fault &fault) {
    return {.code = fault.code,
            .unit = fault.unit,
            .job = fault.job,
            .packet = fault.packet,
            .core = fault.core,
            .ring = fault.ring,
            .pc = fault.pc,
            .write = fault.write,
            .va = fault.va,
            .info = fault.info};
}

std::string fault_text(const Fault &fault, const State &state, std::uint64_t ctx) {
    const std::string text = neuron::describe(fault_info(fault));
    // Where there is no address, the text has none either.
    if (text.find(fmt::format("address {:#x}", fault.va)) == std::string::npos)
        return text;
    const auto ranges = mapped(state, ctx);
    if (ranges.empty())
        return text;
    return fmt::format("{} ({})", text, place_text(find_place(ranges, fault.va), fault.va, state));
}

} // namespace neuronctl::explain
