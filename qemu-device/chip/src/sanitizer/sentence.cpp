// SPDX-License-Identifier: MIT
// Reports for people.
#include "../recorder/book.hpp"
#include "reports.hpp"

#include <fmt/format.h>

namespace neuron::chip {

using spec::SanitizerKind;

namespace {

bool has(const spec::SanitizerReport &report, spec::SanitizerFlag flag) {
    return (report.flags & spec::raw(flag)) != 0;
}

std::string_view title(SanitizerKind kind) {
    switch (kind) {
    case SanitizerKind::USE_AFTER_UNMAP: return "use after unmap";
    case SanitizerKind::USE_AFTER_FREE: return "use after free";
    case SanitizerKind::STALE_MAPPING: return "stale mapping";
    case SanitizerKind::OUT_OF_BUFFER: return "out of buffer";
    case SanitizerKind::WRITE_READ_ONLY: return "write to a read-only buffer";
    case SanitizerKind::READ_UNWRITTEN: return "read of never-written memory";
    case SanitizerKind::USE_AFTER_DMA_UNMAP: return "use after DMA unmap";
    case SanitizerKind::STALE_PACKET: return "stale packet";
    case SanitizerKind::EARLY_DOORBELL: return "doorbell before its packet";
    case SanitizerKind::COMPLETION_TWICE: return "completion written twice";
    case SanitizerKind::COMPLETION_MISSING: return "completion missing";
    case SanitizerKind::INTERRUPT_MISSING: return "interrupt missing";
    case SanitizerKind::LEAK: return "leak";
    case SanitizerKind::RACE: return "race";
    case SanitizerKind::FOREIGN_BYTES: return "bytes of another buffer";
    }
    return "unknown";
}

std::string who(const spec::SanitizerReport &report) {
    std::string text = fmt::format("job {} (packet {}) of queue {}", report.seqno, report.packet, report.queue);
    if (report.unit == spec::Unit::QUEUE && report.opcode == 0)
        return text + ",";
    if (report.unit == spec::Unit::QUEUE)
        return fmt::format("{}, a {},", text, spec::name(static_cast<spec::PacketOp>(report.opcode)));
    const std::string where =
        report.unit == spec::Unit::DMA ? fmt::format("DMA ring {}", report.ring) : std::string(spec::name(report.unit));
    const std::string instruction =
        report.opcode != 0 ? fmt::format(" ({})", spec::name(static_cast<spec::Opcode>(report.opcode))) : std::string();
    return fmt::format("{}, {} of core {} at instruction {}{},", text, where, report.core, report.pc, instruction);
}

std::string whose(const spec::SanitizerReport &report, const spec::BlameRecord &found) {
    spec::BlameRecord blame{.relation = report.relation,
                            .pid = report.pid,
                            .va = report.va,
                            .buffer = report.buffer,
                            .start = report.start,
                            .bytes = report.size,
                            .distance = report.distance,
                            .time_ns = report.told_ns,
                            .now_ns = report.time_ns,
                            .label = report.label,
                            .place = found.place,
                            .gone_place = found.gone_place};
    return describe(blame);
}

} // namespace

namespace {

std::string context_of(const spec::SanitizerReport &report) {
    const std::string process = report.comm[0] != '\0' ? fmt::format(" ({})", report.comm.data()) : std::string();
    return fmt::format("context {}{}", report.ctx, process);
}

std::string access_of(const spec::SanitizerReport &report) {
    const std::string bytes = report.bytes == 0   ? std::string()
                              : report.bytes == 1 ? std::string("1 byte ")
                                                  : fmt::format("{} bytes ", report.bytes);
    return fmt::format("{} {}at {}{:#x}", has(report, spec::SanitizerFlag::WRITE) ? "writes" : "reads", bytes,
                       report.va != 0 ? "" : "bus address ", report.va != 0 ? report.va : report.bus);
}

std::string other_of(const spec::SanitizerReport &report) {
    const std::string place = report.other_unit == spec::Unit::DMA
                                  ? fmt::format(", DMA ring {} of core {}", report.other_ring, report.other_core)
                                  : std::string();
    return fmt::format("job {} of queue {}{}", report.other_packet + 1, report.other_queue, place);
}

double ms_between(std::uint64_t from_ns, std::uint64_t to_ns) {
    return to_ns > from_ns ? static_cast<double>(to_ns - from_ns) / 1e6 : 0;
}

// Whether it faulted, and why not, where it should have.
std::string_view outcome(const spec::SanitizerReport &report) {
    const bool read_only = report.kind == SanitizerKind::WRITE_READ_ONLY;
    if (has(report, spec::SanitizerFlag::FAULTED))
        return "; it faulted";
    if (has(report, spec::SanitizerFlag::PERMITTED))
        return read_only ? "; it did not fault: its page table entry is writable"
                         : "; it did not fault: its page table entry is still there";
    if (has(report, spec::SanitizerFlag::CACHED))
        return read_only ? "; it did not fault: its page table entry is not writable, but the TLB was not flushed"
                         : "; it did not fault: its page table entry is gone, but the TLB was not flushed";
    return "";
}

// After the title: who did what, and why it is wrong.
std::string facts(const spec::SanitizerReport &report, const spec::BlameRecord &found) {
    switch (report.kind) {
    case SanitizerKind::USE_AFTER_DMA_UNMAP:
        return fmt::format("{} {}, {}: {} was the device's until {:.3f} ms earlier, when pid {} unmapped it",
                           who(report), context_of(report), access_of(report),
                           report.label[0] != '\0' ? report.label.data() : "it",
                           ms_between(report.told_ns, report.time_ns), report.pid);
    case SanitizerKind::STALE_PACKET:
        return fmt::format("packet {} of queue {} was announced, but its slot holds what was done a lap before",
                           report.packet, report.queue);
    case SanitizerKind::EARLY_DOORBELL:
        return report.opcode == 0
                   ? fmt::format("packet {} of queue {} was announced, but its slot is empty", report.packet,
                                 report.queue)
                   : fmt::format("{} was not yet in its slot when its doorbell came, or is not in it any more: it has "
                                 "changed since it was fetched",
                                 who(report));
    case SanitizerKind::COMPLETION_TWICE:
        return fmt::format("queue {} writes seqno {}, and has written that or a later one before", report.queue,
                           report.seqno);
    case SanitizerKind::COMPLETION_MISSING:
        return fmt::format("{} is over, but its seqno was not written", who(report));
    case SanitizerKind::INTERRUPT_MISSING:
        return fmt::format("{} is over, but its interrupt did not come", who(report));
    case SanitizerKind::LEAK:
        return fmt::format("{} was closed with a buffer bound: {}", context_of(report), whose(report, found));
    case SanitizerKind::RACE:
        return fmt::format("{} {}, {} in no order with {}, which is at the same bytes: {}", who(report),
                           context_of(report), access_of(report), other_of(report), whose(report, found));
    case SanitizerKind::FOREIGN_BYTES:
        return fmt::format(
            "{} {}, {}: {}, and was last written for buffer #{}: that memory was not scrubbed, or is two "
            "buffers' at once",
            who(report), context_of(report), access_of(report), whose(report, found), report.other_buffer);
    default:
        return fmt::format("{} {}, {}: {}{}", who(report), context_of(report), access_of(report), whose(report, found),
                           outcome(report));
    }
}

} // namespace

std::string sentence(const spec::SanitizerReport &report, const spec::BlameRecord &found) {
    return fmt::format("{}: {}", title(report.kind), facts(report, found));
}

} // namespace neuron::chip
