// SPDX-License-Identifier: MIT
// Faults as text.
#include <string>

#include <fmt/format.h>

#include <neuron/error.hpp>

namespace neuron {
namespace {

// The contract documents a code as "Text; info holds the thing." - people want the text here, the thing follows decoded.
std::string_view doc_without_info(spec::Fault code) {
    std::string_view doc = spec::describe(code);
    if (const auto info = doc.find("; info holds"); info != std::string_view::npos)
        doc = doc.substr(0, info);
    while (doc.ends_with('.'))
        doc.remove_suffix(1);
    return doc;
}

std::string info_text(const FaultInfo &fault) {
    switch (fault.code) {
    case spec::Fault::ILLEGAL_PACKET:
    case spec::Fault::ILLEGAL_INSTRUCTION: return fmt::format(", opcode {:#04x}", fault.info);
    case spec::Fault::DOORBELL_RANGE: return fmt::format(", value {}", fault.info);
    case spec::Fault::PROGRAM_HEADER: return fmt::format(", word {:#x}", fault.info);
    case spec::Fault::ILLEGAL_OPERAND:
    case spec::Fault::TILE_RANGE: return fmt::format(", operand at byte {}", fault.info);
    case spec::Fault::PC_RANGE: return fmt::format(", target {}", fault.info);
    case spec::Fault::PSUM_GROUP: return fmt::format(", bank {}", fault.info);
    case spec::Fault::PAGE_TABLE: return fmt::format(", entry at {:#x}", fault.info);
    case spec::Fault::HOST_BUS: return fmt::format(", bus address {:#x}", fault.info);
    case spec::Fault::HBM_RANGE: return fmt::format(", HBM offset {:#x}", fault.info);
    case spec::Fault::QUEUE_CONFIG: return fmt::format(", register {:#x}", fault.info);
    case spec::Fault::SEMAPHORE:
    case spec::Fault::DEADLOCK: return fmt::format(", semaphore {}", fault.info);
    default: return fault.info != 0 ? fmt::format(", info {:#x}", fault.info) : std::string{};
    }
}

std::string unit_text(const FaultInfo &fault) {
    switch (fault.unit) {
    case spec::Unit::QUEUE: return {};
    case spec::Unit::DMA: return fmt::format("core {} DMA ring {}, instruction {}: ", fault.core, fault.ring, fault.pc);
    default: return fmt::format("core {} {} instruction {}: ", fault.core, spec::name(fault.unit), fault.pc);
    }
}

std::string packet_text(const FaultInfo &fault) {
    if (!fault.opcode)
        return fmt::format("packet {}", fault.packet);
    const bool known = spec::find_packet(*fault.opcode) != nullptr;
    return known ? fmt::format("packet {} ({})", fault.packet, spec::name(*fault.opcode))
                 : fmt::format("packet {} (opcode {:#04x})", fault.packet, spec::raw(*fault.opcode));
}

// Codes whose record holds the failed address; it may then be 0 for good reason.
bool has_address(spec::Fault code) {
    switch (code) {
    case spec::Fault::PAGE_NOT_MAPPED:
    case spec::Fault::PAGE_READ_ONLY:
    case spec::Fault::BAD_ADDRESS:
    case spec::Fault::PAGE_TABLE:
    case spec::Fault::HBM_RANGE: return true;
    default: return false;
    }
}

} // namespace

std::string describe(const FaultInfo &fault) {
    std::string text = fmt::format("job {}, {}: {}", fault.job, packet_text(fault), unit_text(fault));
    if (spec::enum_desc<spec::Fault>().find(std::uint64_t{spec::raw(fault.code)}) != nullptr)
        text += fmt::format("{}: {}", spec::name(fault.code), doc_without_info(fault.code));
    else
        text += fmt::format("unknown fault {}", spec::raw(fault.code));
    text += info_text(fault);
    if (fault.va != 0 || has_address(fault.code))
        text += fmt::format(", {} address {:#x}", fault.write ? "writing" : "reading", fault.va);
    return text;
}

} // namespace neuron
