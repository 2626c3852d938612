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
    }
    return "unknown";
}

std::string who(const spec::SanitizerReport &report) {
    std::string text = fmt::format("job {} (packet {}) of queue {}", report.seqno, report.packet, report.queue);
    if (report.unit == spec::Unit::QUEUE)
        return fmt::format("{}, a {},", text, spec::name(static_cast<spec::PacketOp>(report.opcode)));
    const std::string where =
        report.unit == spec::Unit::DMA ? fmt::format("DMA ring {}", report.ring) : std::string(spec::name(report.unit));
    return fmt::format("{}, {} of core {} at instruction {} ({}),", text, where, report.core, report.pc,
                       spec::name(static_cast<spec::Opcode>(report.opcode)));
}

std::string whose(const spec::SanitizerReport &report) {
    spec::BlameRecord blame{.relation = report.relation,
                            .pid = report.pid,
                            .va = report.va,
                            .buffer = report.buffer,
                            .start = report.start,
                            .bytes = report.size,
                            .distance = report.distance,
                            .time_ns = report.told_ns,
                            .now_ns = report.time_ns,
                            .label = report.label};
    return describe(blame);
}

} // namespace

std::string sentence(const spec::SanitizerReport &report) {
    const std::string process = report.comm[0] != '\0' ? fmt::format(" ({})", report.comm.data()) : std::string();
    return fmt::format("{}: {} context {}{}, {} {} bytes at {:#x}: {}{}", title(report.kind), who(report), report.ctx,
                       process, has(report, spec::SanitizerFlag::WRITE) ? "writes" : "reads", report.bytes, report.va,
                       whose(report), has(report, spec::SanitizerFlag::FAULTED) ? "; it faulted" : "");
}

} // namespace neuron::chip
