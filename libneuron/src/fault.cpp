// SPDX-License-Identifier: MIT
// Faults as text.
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <neuron/error.hpp>
#include <neuron/source_place.hpp>

#include "address_map.hpp"
#include "source_line.hpp"

namespace neuron {
namespace {

// The contract documents a code as "Text; what the record holds." - people want the text here, the thing follows decoded.
std::string_view doc_without_info(spec::Fault code) {
    std::string_view doc = spec::describe(code);
    if (const auto info = doc.find("; "); info != std::string_view::npos)
        doc = doc.substr(0, info);
    while (doc.ends_with('.'))
        doc.remove_suffix(1);
    return doc;
}

std::string info_text(const FaultInfo &fault) {
    switch (fault.code) {
    case spec::Fault::ILLEGAL_PACKET: return fmt::format(", opcode {:#04x}", fault.info);
    case spec::Fault::UNSUPPORTED:
    case spec::Fault::ILLEGAL_INSTRUCTION: {
        const auto opcode = static_cast<spec::Opcode>(fault.info);
        const bool known = fault.code == spec::Fault::UNSUPPORTED && spec::find_instruction(opcode) != nullptr;
        return known ? fmt::format(", {}", spec::name(opcode)) : fmt::format(", opcode {:#04x}", fault.info);
    }
    case spec::Fault::DOORBELL_RANGE: return fmt::format(", value {}", fault.info);
    case spec::Fault::PROGRAM_HEADER: return fmt::format(", word {:#x}", fault.info);
    case spec::Fault::INDEX_RANGE: return fmt::format(", index {}", static_cast<std::int64_t>(fault.info));
    case spec::Fault::UNSUPPORTED_OPERAND:
    case spec::Fault::ILLEGAL_OPERAND:
    case spec::Fault::TILE_RANGE: return fmt::format(", operand at byte {}", fault.info);
    case spec::Fault::PC_RANGE: return fmt::format(", target {}", fault.info);
    case spec::Fault::PSUM_GROUP: return fmt::format(", bank {}", fault.info);
    case spec::Fault::PAGE_TABLE: return fmt::format(", entry at {:#x}", fault.info);
    case spec::Fault::HOST_BUS: return fmt::format(", bus address {:#x}", fault.info);
    case spec::Fault::HBM_ECC:
    case spec::Fault::HBM_RANGE: return fmt::format(", HBM offset {:#x}", fault.info);
    case spec::Fault::QUEUE_CONFIG: return fmt::format(", register {:#x}", fault.info);
    case spec::Fault::SEMAPHORE:
    case spec::Fault::DEADLOCK: return fmt::format(", semaphore {}", fault.info);
    default: return fault.info != 0 ? fmt::format(", info {:#x}", fault.info) : std::string{};
    }
}

std::string place_text(const FaultInfo &at) {
    const std::string unit =
        at.unit == spec::Unit::DMA ? fmt::format("DMA ring {},", at.ring) : std::string(spec::name(at.unit));
    const std::string written = at.line.empty() ? std::string() : fmt::format(" ({})", at.line);
    return fmt::format("core {} {} instruction {}{}", at.core, unit, at.pc, written);
}

std::string unit_text(const FaultInfo &fault) {
    if (fault.unit == spec::Unit::QUEUE)
        return {};
    return place_text(fault) + ": ";
}

// What hazard detection found, with both instructions and the place.
std::string hazard_text(const FaultInfo &fault) {
    namespace field = spec::field;
    const auto space = static_cast<spec::Space>(field::HAZARD_PLACE_SPACE.get(fault.va));
    const std::string place =
        fmt::format("{} of core {}, partition {}, byte {}", spec::name(space), field::HAZARD_PLACE_CORE.get(fault.va),
                    field::HAZARD_PLACE_PARTITION.get(fault.va), field::HAZARD_PLACE_BYTE.get(fault.va));
    if (fault.code == spec::Fault::HAZARD_UNWRITTEN)
        return fmt::format("{}: reads {}, which nothing has written", spec::name(fault.code), place);
    const std::string other = place_text(*detail::other_access(fault));
    const auto verb = [](std::uint64_t writes) { return writes != 0 ? "writes" : "reads"; };
    return fmt::format("{}: {} {}, which {} {}; no semaphore orders the two", spec::name(fault.code),
                       verb(field::HAZARD_OTHER_WRITES.get(fault.info)), place, other,
                       verb(field::HAZARD_OTHER_OTHER_WRITES.get(fault.info)));
}

std::string packet_text(const FaultInfo &fault) {
    if (!fault.opcode)
        return fmt::format("packet {}", fault.packet);
    const bool known = spec::find_packet(*fault.opcode) != nullptr;
    return known ? fmt::format("packet {} ({})", fault.packet, spec::name(*fault.opcode))
                 : fmt::format("packet {} (opcode {:#04x})", fault.packet, spec::raw(*fault.opcode));
}

std::string buffer_text(const BufferPlace &buffer) {
    return buffer.label.empty() ? std::string("the buffer") : fmt::format("buffer '{}'", buffer.label);
}

std::string made_text(const BufferPlace &buffer) {
    return buffer.made.empty() ? std::string() : fmt::format(", made at {}", buffer.made);
}

std::string gone_text(const FaultPlace &place) {
    if (!place.destroyed)
        return {};
    const double ms = std::chrono::duration<double, std::milli>(place.gone_for).count();
    return fmt::format(", which was destroyed {:.1f} ms ago{}", ms,
                       place.gone_by.empty() ? std::string() : " at " + place.gone_by);
}

std::string end_text(const BufferPlace &buffer) {
    return fmt::format("{} that ends at address {:#x}{}", buffer_text(buffer), buffer.va + buffer.size,
                       made_text(buffer));
}

std::string start_text(const BufferPlace &buffer) {
    return fmt::format("{} at address {:#x}{}", buffer_text(buffer), buffer.va, made_text(buffer));
}

// Who runs over the end of a buffer meets the next one.
std::string overrun_text(const FaultPlace &place, std::uint64_t va) {
    constexpr std::uint64_t near = 64 << 10;
    if (place.destroyed || !place.below || va - place.below->va - place.below->size >= near)
        return {};
    return fmt::format("; {} bytes behind {}", va - place.below->va - place.below->size, end_text(*place.below));
}

std::string place_text(const FaultPlace &place, std::uint64_t va) {
    if (place.buffer)
        return fmt::format(" (byte {} of {} at address {:#x}, {} bytes{}{}{})", va - place.buffer->va,
                           buffer_text(*place.buffer), place.buffer->va, place.buffer->size, made_text(*place.buffer),
                           gone_text(place), overrun_text(place, va));
    if (place.below && place.above)
        return fmt::format(" (between {} and {})", end_text(*place.below), start_text(*place.above));
    if (place.below)
        return fmt::format(" (behind {}, the last one)", end_text(*place.below));
    return place.above ? fmt::format(" (before {}, the first one)", start_text(*place.above)) : std::string{};
}

bool is_hazard(spec::Fault code) { return code == spec::Fault::HAZARD_ORDER || code == spec::Fault::HAZARD_UNWRITTEN; }

} // namespace

std::string detail::submitted_text(const std::string &place) {
    return place.empty() ? std::string() : fmt::format("; the job was submitted at {}", place);
}

// Compilers are given paths relative to the folder that they work in.
std::string detail::code_place(SourcePlace where) {
    return where.line == 0 ? std::string() : fmt::format("{}:{}", below_build_folder(where.file), where.line);
}

std::optional<FaultInfo> detail::other_access(const FaultInfo &fault) {
    namespace field = spec::field;
    if (fault.code != spec::Fault::HAZARD_ORDER)
        return std::nullopt;
    FaultInfo other;
    other.unit = static_cast<spec::Unit>(field::HAZARD_OTHER_UNIT.get(fault.info));
    other.core = static_cast<std::uint32_t>(field::HAZARD_OTHER_CORE.get(fault.info));
    other.ring = static_cast<std::uint32_t>(field::HAZARD_OTHER_RING.get(fault.info));
    other.pc = static_cast<std::uint32_t>(field::HAZARD_OTHER_PC.get(fault.info));
    other.line = fault.other_line;
    return other;
}

// For some codes the address may be 0 for good reason; hazards have a place on the chip instead.
bool detail::has_address(const FaultInfo &fault) {
    switch (fault.code) {
    case spec::Fault::PAGE_NOT_MAPPED:
    case spec::Fault::PAGE_READ_ONLY:
    case spec::Fault::BAD_ADDRESS:
    case spec::Fault::PAGE_TABLE:
    case spec::Fault::HBM_RANGE: return true;
    default: return fault.va != 0 && !is_hazard(fault.code);
    }
}

std::string describe(const FaultInfo &fault) {
    std::string text = fmt::format("job {}, {}: {}", fault.job, packet_text(fault), unit_text(fault));
    if (is_hazard(fault.code))
        return text + hazard_text(fault) + detail::submitted_text(fault.submitted);
    if (spec::enum_desc<spec::Fault>().find(std::uint64_t{spec::raw(fault.code)}) != nullptr)
        text += fmt::format("{}: {}", spec::name(fault.code), doc_without_info(fault.code));
    else
        text += fmt::format("unknown fault {}", spec::raw(fault.code));
    text += info_text(fault);
    if (detail::has_address(fault))
        text += fmt::format(", {} address {:#x}", fault.write ? "writing" : "reading", fault.va);
    if (fault.place)
        text += place_text(*fault.place, fault.va);
    return text + detail::submitted_text(fault.submitted);
}

} // namespace neuron
