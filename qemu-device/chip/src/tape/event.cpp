// SPDX-License-Identifier: MIT
#include "event.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace neuron::chip::tape {

namespace {

using spec::TapeFlag;
using spec::TapeKind;

std::string register_name(std::uint64_t offset) {
    if (offset >= spec::BAR_REGS_SIZE)
        return fmt::format("0x{:x} of BAR REGS", offset);
    const spec::RegisterRef where = spec::find_register(static_cast<std::uint32_t>(offset));
    if (where.desc == nullptr)
        return fmt::format("0x{:x} of BAR REGS", offset);
    const std::string index = where.desc->stride != 0 ? fmt::format("[{}]", where.index) : "";
    const std::string byte = where.byte != 0 ? fmt::format(" from byte {} on", where.byte) : "";
    return fmt::format("{}{}.{}{}", where.desc->block, index, where.desc->name, byte);
}

// The slot of a context, if it is one.
std::string doorbell_name(std::uint64_t offset) {
    const std::uint64_t ctx = offset / spec::PAGE_SIZE;
    const std::uint64_t slot = offset % spec::PAGE_SIZE / spec::DOORBELL_STRIDE;
    if (offset < spec::BAR_DOORBELLS_SIZE &&
        spec::doorbell(static_cast<std::uint32_t>(ctx), static_cast<std::uint32_t>(slot)) == offset)
        return fmt::format("slot {} of context {}", slot, ctx);
    return fmt::format("0x{:x} of BAR DOORBELLS", offset);
}

std::string first_bytes(const Event &event) {
    constexpr std::size_t shown = 16;
    if (event.has(TapeFlag::SAME))
        return fmt::format("all 0x{:02x}", std::to_integer<unsigned>(event.data[0]));
    std::string text;
    for (std::size_t i = 0; i < std::min(shown, event.data.size()); ++i)
        text += fmt::format("{}{:02x}", i % 8 == 0 && i != 0 ? " " : "", std::to_integer<unsigned>(event.data[i]));
    return text + (event.data.size() > shown ? " ..." : "");
}

std::string packet_name(const Event &event) {
    const spec::PacketDesc *desc = spec::find_packet(static_cast<spec::PacketOp>(event.data[0]));
    return desc != nullptr ? std::string(desc->name) + " " : "";
}

std::string_view text_of(const Event &event) {
    return {reinterpret_cast<const char *>(event.data.data()), event.data.size()};
}

} // namespace

std::uint32_t check_sum(std::span<const std::byte> bytes, std::uint32_t hash) {
    constexpr std::uint32_t prime = 0x01000193; // spec-ok: FNV's
    for (const std::byte byte : bytes)
        hash = (hash ^ std::to_integer<std::uint32_t>(byte)) * prime;
    return hash;
}

std::uint32_t check_of(const spec::TapeHeader &head) {
    spec::TapeHeader unchecked = head;
    unchecked.check = 0;
    return check_sum(spec::packed(unchecked));
}

std::uint32_t check_of(const Event &event) {
    spec::TapeEvent unchecked = event.head;
    unchecked.check = 0;
    return check_sum(event.data, check_sum(spec::packed(unchecked)));
}

std::string describe(const Event &event) {
    const spec::TapeEvent &head = event.head;
    switch (head.kind) {
    case TapeKind::REG_READ: return fmt::format("read of {} ({} bytes)", register_name(head.addr), head.size);
    case TapeKind::REG_WRITE: return fmt::format("write of {} ({} bytes)", register_name(head.addr), head.size);
    case TapeKind::DOORBELL: return fmt::format("doorbell: {}", doorbell_name(head.addr));
    case TapeKind::IDLE: return "turn with nothing to do";
    case TapeKind::RESET: return "reset";
    case TapeKind::PAUSE: return "pause";
    case TapeKind::RESUME: return "resume";
    case TapeKind::ECC:
        return fmt::format("{} error of HBM at 0x{:x}", head.value != 0 ? "uncorrectable" : "corrected", head.addr);
    case TapeKind::TEST_FAULT: return "set of ways to misbehave";
    case TapeKind::PLAN: return "fault plan";
    case TapeKind::FORGET: return "sanitizer forgets its reports";
    case TapeKind::STATE: return fmt::format("state of the chip ({} bytes)", head.bytes);
    case TapeKind::DMA_READ: return fmt::format("DMA read of 0x{:x} ({} bytes)", head.addr, head.value);
    case TapeKind::DMA_WRITE: return fmt::format("DMA write to 0x{:x} ({} bytes)", head.addr, head.value);
    case TapeKind::IRQ: return fmt::format("interrupt, vector {}", head.value);
    case TapeKind::FUNCTION:
        return fmt::format("fault of the PCIe function: {}", spec::name(static_cast<spec::PlanAction>(head.addr)));
    case TapeKind::LOG: return "log";
    case TapeKind::PATCH: return fmt::format("HBM changed by the CPU at 0x{:x} ({} bytes)", head.addr, head.bytes);
    case TapeKind::TOUCHED: return fmt::format("page of HBM at 0x{:x}", head.addr);
    case TapeKind::PACKET: return fmt::format("packet {} of queue {}", head.value, head.addr);
    case TapeKind::RETIRED: return fmt::format("end of packet {} of queue {}", head.value, head.addr);
    case TapeKind::END: return "end";
    }
    return fmt::format("event of unknown kind {}", spec::raw(head.kind));
}

std::string describe_unit(const Event &event) {
    using spec::TapeUnit;
    const spec::TapeEvent &head = event.head;
    if (head.kind == TapeKind::PACKET || head.kind == TapeKind::RETIRED) // it names its queue
        return {};
    switch (head.unit) {
    case TapeUnit::NONE: return {};
    case TapeUnit::RESET: return "the reset";
    case TapeUnit::EVENTS: return "the event ring";
    case TapeUnit::SCRUBBER: return "the scrubber";
    case TapeUnit::RECORDER: return "the flight recorder";
    case TapeUnit::COALESCER: return "the coalescer";
    case TapeUnit::QUEUE: return fmt::format("queue {}", head.index);
    case TapeUnit::ENGINE:
        return fmt::format("{} of core {}", spec::name(static_cast<spec::Engine>(head.index)), head.core);
    case TapeUnit::DMA_RING: return fmt::format("DMA ring {} of core {}", head.index, head.core);
    }
    return {};
}

std::string describe_value(const Event &event) {
    switch (event.kind()) {
    case TapeKind::REG_READ:
    case TapeKind::REG_WRITE:
    case TapeKind::DOORBELL:
    case TapeKind::TEST_FAULT: return fmt::format("0x{:x}", event.head.value);
    case TapeKind::FUNCTION: return fmt::format("argument {}", event.head.value);
    case TapeKind::TOUCHED: return event.head.value != 0 ? "touched by the CPU" : "not touched by the CPU";
    case TapeKind::PLAN:
    case TapeKind::LOG: return std::string(text_of(event));
    case TapeKind::PACKET: return packet_name(event) + first_bytes(event);
    case TapeKind::DMA_READ:
    case TapeKind::DMA_WRITE:
    case TapeKind::PATCH: return event.has(TapeFlag::FAILED) ? "refused by the bus" : first_bytes(event);
    default: return {};
    }
}

} // namespace neuron::chip::tape
