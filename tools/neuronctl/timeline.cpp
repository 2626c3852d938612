// SPDX-License-Identifier: MIT
#include "timeline.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "../asm/disassembler.hpp"
#include "../asm/symbols.hpp"

namespace neuronctl {
namespace {

using neuron::assembler::lower;
using neuron::spec::Notification;
using neuron::spec::NotificationKind;

constexpr int host_process = 0; ///< Chip i is process i + 1.
/** Threads of a core: engines, then rings. */
constexpr int threads_per_core = 64;
constexpr int first_ring = 16;

class Writer {
public:
    Writer(const neuron::KernelFile &file) : file_(file), image_(neuron::assembler::to_image(file)) {}

    void host(const std::vector<HostSpan> &spans) {
        name("process_name", host_process, 0, "host");
        name("thread_name", host_process, 1, "steps");
        for (const HostSpan &span : spans)
            add(span.name, host_process, 1, span.start_ns, span.ns, {{"bytes", span.bytes}});
    }

    void chip(int process, const ChipTrace &trace) {
        name("process_name", process, 0, trace.device);
        name("thread_name", process, 1, "launch");
        std::set<int> threads;
        std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
        std::uint64_t last = 0;
        for (const Notification &record : trace.kept) {
            const int thread = thread_of(record);
            if (threads.insert(thread).second)
                name("thread_name", process, thread, thread_name(record));
            first = std::min(first, record.start_ns);
            last = std::max(last, record.end_ns);
            instruction(process, thread, trace, record);
        }
        if (!trace.kept.empty())
            add("launch", process, 1, static_cast<std::int64_t>(first) + trace.host_minus_device_ns,
                static_cast<std::int64_t>(last - first), {{"device_start_ns", first}, {"device_end_ns", last}});
    }

    Json take() { return std::move(events_); }

private:
    static int thread_of(const Notification &record) {
        const int base = 2 + record.core * threads_per_core;
        return record.kind == NotificationKind::DMA ? base + first_ring + static_cast<int>(record.value)
                                                    : base + static_cast<int>(record.engine);
    }

    static std::string thread_name(const Notification &record) {
        return record.kind == NotificationKind::DMA
                   ? fmt::format("core {} DMA ring {}", record.core, record.value)
                   : fmt::format("core {} {}", record.core, neuron::spec::name(record.engine));
    }

    void instruction(int process, int thread, const ChipTrace &trace, const Notification &record) {
        const auto stream = file_.stream(record.engine);
        Json args = {{"pc", record.pc}, {"device_start_ns", record.start_ns}, {"device_end_ns", record.end_ns}};
        if (record.pc < stream.size())
            args["text"] = neuron::assembler::instruction_text(stream[record.pc], image_, record.engine);
        if (record.kind == NotificationKind::NOTIFY)
            args["value"] = record.value;
        add(lower(neuron::spec::name(record.opcode)), process, thread,
            static_cast<std::int64_t>(record.start_ns) + trace.host_minus_device_ns,
            static_cast<std::int64_t>(record.end_ns - record.start_ns), std::move(args));
    }

    void name(std::string_view what, int process, int thread, std::string_view text) {
        events_.push_back({{"ph", "M"}, {"name", what}, {"pid", process}, {"tid", thread}, {"args", {{"name", text}}}});
    }

    // The format wants microseconds.
    void add(std::string_view what, int process, int thread, std::int64_t start_ns, std::int64_t ns, Json args) {
        events_.push_back({{"ph", "X"},
                           {"name", what},
                           {"pid", process},
                           {"tid", thread},
                           {"ts", static_cast<double>(start_ns) / 1e3},
                           {"dur", static_cast<double>(ns) / 1e3},
                           {"args", std::move(args)}});
    }

    const neuron::KernelFile &file_;
    neuron::assembler::KernelImage image_;
    Json events_ = Json::array();
};

} // namespace

Json timeline_json(const neuron::KernelFile &file, const std::vector<HostSpan> &host,
                   const std::vector<ChipTrace> &chips) {
    Writer writer(file);
    writer.host(host);
    Json records = Json::array();
    for (std::size_t i = 0; i < chips.size(); ++i) {
        writer.chip(static_cast<int>(i) + 1, chips[i]);
        records.push_back({{"device", chips[i].device}, {"records", chips[i].records}, {"kept", chips[i].kept.size()}});
    }
    return {{"traceEvents", writer.take()},
            {"displayTimeUnit", "ns"},
            {"otherData", {{"program", "neuronctl"}, {"kernel", file.name()}, {"chips", records}}}};
}

} // namespace neuronctl
