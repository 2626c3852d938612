// SPDX-License-Identifier: MIT
#include "kernel_place.hpp"

#include <fmt/format.h>

namespace neuron::detail {

std::string kernel_mark(std::string_view device, std::uint32_t context, std::uint64_t va) {
    return fmt::format("neuron-kernel:{}:{}:{:#x}", device, context, va);
}

std::optional<spec::Engine> engine_of(const FaultInfo &fault, const Streams &streams) {
    std::optional<spec::Engine> found;
    for (const spec::Engine engine : spec::values<spec::Engine>()) {
        const auto stream = streams[spec::raw(engine)];
        if (fault.pc >= stream.size())
            continue;
        if (fault.unit != spec::Unit::DMA) {
            if (spec::name(engine) == spec::name(fault.unit))
                return engine;
            continue;
        }
        const auto header = std::span(stream[fault.pc]).first<spec::InstructionHeader::BYTES>();
        const auto *desc = spec::find_instruction(spec::unpack<spec::InstructionHeader>(header).opcode);
        if (desc == nullptr || !desc->name.starts_with("DMA_"))
            continue;
        if (found)
            return std::nullopt;
        found = engine;
    }
    return found;
}

} // namespace neuron::detail
