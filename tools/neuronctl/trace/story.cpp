// SPDX-License-Identifier: MIT
#include "story.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "../system.hpp"

namespace neuronctl::trace {
namespace {

namespace spec = neuron::spec;

/// The groups of rows, in the order in which they are shown.
enum Process : int { processors = 1, interrupts, threads, queues, engines };

constexpr int rows_per_core = 64;
constexpr int first_ring = 16; ///< Row of a core's ring 0; engines are before.
constexpr std::string_view begin_mark = "neuron:B ";
constexpr std::string_view end_mark = "neuron:E";

template<class T>
T unpacked(const DeviceRecord &record) {
    return spec::unpack<T>(std::span(record).template first<T::BYTES>());
}

std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

class Writer {
public:
    void process(int process, std::string_view name) {
        events_.push_back({{"ph", "M"}, {"name", "process_name"}, {"pid", process}, {"args", {{"name", name}}}});
        events_.push_back(
            {{"ph", "M"}, {"name", "process_sort_index"}, {"pid", process}, {"args", {{"sort_index", process}}}});
    }

    /// Names a row at its first use.
    void row(int process, int row, std::string_view name) {
        if (rows_.insert({process, row}).second)
            events_.push_back(
                {{"ph", "M"}, {"name", "thread_name"}, {"pid", process}, {"tid", row}, {"args", {{"name", name}}}});
    }

    void slice(int process, int row, std::string_view name, std::int64_t from, std::int64_t to, Json args) {
        Json event = common("X", process, row, name, from, std::move(args));
        event["dur"] = micros(std::max<std::int64_t>(0, to - from));
        events_.push_back(std::move(event));
    }

    void instant(int process, int row, std::string_view name, std::int64_t at, Json args) {
        Json event = common("i", process, row, name, at, std::move(args));
        event["s"] = "t";
        events_.push_back(std::move(event));
    }

    Json take() { return std::move(events_); }

private:
    static double micros(std::int64_t ns) { return static_cast<double>(ns) / 1e3; }

    static Json common(std::string_view phase, int process, int row, std::string_view name, std::int64_t at,
                       Json args) {
        return {{"ph", phase}, {"name", name},     {"pid", process},
                {"tid", row},  {"ts", micros(at)}, {"args", std::move(args)}};
    }

    Json events_ = Json::array();
    std::set<std::pair<int, int>> rows_;
};

/// Events of the kernel, and lines that the library has written between them.
class KernelRows {
public:
    explicit KernelRows(Writer &out) : out_(out) {}

    void add(const KernelEvent &event) {
        if (event.name == "sched_switch")
            switched(event);
        else if (event.name == "irq_handler_entry")
            irqs_[event.cpu] = event;
        else if (event.name == "irq_handler_exit")
            handled(event);
        else if (event.name == "tracing_mark_write")
            marked(event);
        else
            instant(event);
    }

    std::size_t spans() const { return spans_; }

private:
    struct Running {
        std::string comm;
        std::uint32_t tid = 0;
        std::int64_t since = 0;
    };
    struct Open {
        std::string name;
        std::int64_t since = 0;
    };

    // "prev_comm=a prev_pid=1 … ==> next_comm=b next_pid=2 next_prio=120": who leaves is the event's own task.
    void switched(const KernelEvent &event) {
        const int cpu = static_cast<int>(event.cpu);
        out_.row(processors, cpu, fmt::format("processor {}", cpu));
        if (const auto at = running_.find(event.cpu); at != running_.end() && at->second.tid != 0)
            out_.slice(processors, cpu, at->second.comm, at->second.since, event.ns, {{"tid", at->second.tid}});
        const auto arrow = event.text.find("==> ");
        const auto next = sys::fields(
            std::string_view(event.text).substr(arrow == std::string::npos ? event.text.size() : arrow + 4));
        const auto tid = next.contains("next_pid") ? sys::number(next.at("next_pid")) : std::nullopt;
        running_[event.cpu] = {next.contains("next_comm") ? next.at("next_comm") : "?",
                               static_cast<std::uint32_t>(tid.value_or(0)), event.ns};
    }

    void handled(const KernelEvent &event) {
        const auto entry = irqs_.find(event.cpu);
        if (entry == irqs_.end())
            return;
        const auto words = sys::fields(entry->second.text);
        const int cpu = static_cast<int>(event.cpu);
        out_.row(interrupts, cpu, fmt::format("processor {}", cpu));
        out_.slice(interrupts, cpu, words.contains("name") ? words.at("name") : "interrupt", entry->second.ns, event.ns,
                   {{"what", entry->second.text}});
        irqs_.erase(entry);
    }

    void marked(const KernelEvent &event) {
        auto &open = open_[event.tid];
        if (event.text.starts_with(begin_mark)) {
            open.push_back({event.text.substr(begin_mark.size()), event.ns});
        } else if (event.text.starts_with(end_mark) && !open.empty()) {
            thread(event);
            out_.slice(threads, static_cast<int>(event.tid), open.back().name, open.back().since, event.ns,
                       Json::object());
            open.pop_back();
            ++spans_;
        }
    }

    void instant(const KernelEvent &event) {
        thread(event);
        out_.instant(threads, static_cast<int>(event.tid), event.name, event.ns,
                     {{"what", event.text}, {"processor", event.cpu}});
    }

    void thread(const KernelEvent &event) {
        out_.row(threads, static_cast<int>(event.tid), fmt::format("{} {}", event.comm, event.tid));
    }

    Writer &out_;
    std::map<std::uint32_t, Running> running_;        // by processor
    std::map<std::uint32_t, KernelEvent> irqs_;       // by processor: entered, not yet left
    std::map<std::uint32_t, std::vector<Open>> open_; // by thread: the library's spans
    std::size_t spans_ = 0;
};

/// What the device recorded, by the host's clock.
class DeviceRows {
public:
    DeviceRows(Writer &out, const ClockMap &clocks) : out_(out), clocks_(clocks) {}

    void add(const DeviceRecord &record) {
        const auto head = unpacked<spec::RecordHead>(record);
        switch (head.kind) {
        case spec::RecordKind::DOORBELL: doorbell(head, unpacked<spec::RecordDoorbell>(record)); break;
        case spec::RecordKind::LAUNCH:
            launches_[head.queue] = {at(head.time_ns), unpacked<spec::RecordLaunch>(record).core_mask};
            break;
        case spec::RecordKind::PACKET: packet(head, unpacked<spec::RecordPacket>(record)); break;
        case spec::RecordKind::TRANSFER: transfer(head, unpacked<spec::RecordTransfer>(record)); break;
        case spec::RecordKind::SEMAPHORE: semaphore(head, unpacked<spec::RecordSemaphore>(record)); break;
        case spec::RecordKind::INTERRUPT:
            on_queue(head, fmt::format("interrupt, vector {}", head.code), Json::object());
            break;
        case spec::RecordKind::FAULT:
            on_queue(head, spec::name(static_cast<spec::Fault>(head.code)),
                     {{"va", hex(unpacked<spec::RecordFault>(record).va)}, {"unit", spec::name(head.unit)}});
            break;
        case spec::RecordKind::QUEUE: on_queue(head, on(head) ? "enabled" : "disabled", Json::object()); break;
        default: break; // what is about no queue
        }
    }

    std::size_t packets() const { return packets_; }

private:
    struct Launch {
        std::int64_t since = 0;
        std::uint32_t cores = 0;
    };

    static bool on(const spec::RecordHead &head) {
        return (static_cast<unsigned>(head.flags) & static_cast<unsigned>(spec::RecordFlag::ON)) != 0;
    }

    std::int64_t at(std::uint64_t device_ns) const { return clocks_.host_of(device_ns); }

    void on_queue(const spec::RecordHead &head, std::string_view what, Json args) {
        out_.row(queues, head.queue, fmt::format("queue {}", head.queue));
        args["context"] = head.ctx;
        args["packet"] = head.packet;
        out_.instant(queues, head.queue, what, at(head.time_ns), std::move(args));
    }

    void doorbell(const spec::RecordHead &head, const spec::RecordDoorbell &record) {
        on_queue(head, "doorbell", {{"old_tail", record.old_tail}, {"tail", record.tail}});
    }

    void packet(const spec::RecordHead &head, const spec::RecordPacket &record) {
        const auto opcode = static_cast<spec::PacketOp>(head.code);
        out_.row(queues, head.queue, fmt::format("queue {}", head.queue));
        out_.slice(queues, head.queue, spec::name(opcode), at(record.start_ns), at(head.time_ns),
                   {{"context", head.ctx},
                    {"packet", head.packet},
                    {"dst", hex(record.dst)},
                    {"src", hex(record.src)},
                    {"bytes", record.bytes}});
        ++packets_;
        const auto launch = launches_.find(head.queue);
        if (opcode != spec::PacketOp::LAUNCH || launch == launches_.end())
            return;
        for (int core = 0; core < 32; ++core) {
            if ((launch->second.cores >> core & 1) == 0)
                continue;
            out_.row(engines, core * rows_per_core, fmt::format("core {}", core));
            out_.slice(engines, core * rows_per_core, fmt::format("launch of queue {}", head.queue),
                       launch->second.since, at(head.time_ns), {{"packet", head.packet}});
        }
        launches_.erase(launch);
    }

    void transfer(const spec::RecordHead &head, const spec::RecordTransfer &record) {
        const int row = head.core * rows_per_core + first_ring + head.ring;
        out_.row(engines, row, fmt::format("core {} DMA ring {}", head.core, head.ring));
        out_.instant(engines, row, spec::name(static_cast<spec::Opcode>(head.code)), at(head.time_ns),
                     {{"dst", hex(record.dst)},
                      {"src", hex(record.src)},
                      {"bytes", record.bytes},
                      {"pc", record.pc},
                      {"engine", spec::name(record.engine)}});
    }

    void semaphore(const spec::RecordHead &head, const spec::RecordSemaphore &record) {
        const bool ring = head.unit == spec::Unit::DMA;
        const int row =
            head.core * rows_per_core + (ring ? first_ring + head.ring : static_cast<int>(spec::raw(head.unit)));
        out_.row(engines, row,
                 ring ? fmt::format("core {} DMA ring {}", head.core, head.ring)
                      : fmt::format("core {} {}", head.core, spec::name(head.unit)));
        out_.instant(engines, row, fmt::format("semaphore {} is {}", record.semaphore, record.value), at(head.time_ns),
                     {{"of_core", record.of_core},
                      {"change", spec::name(static_cast<spec::RecordChange>(head.code))},
                      {"pc", record.pc}});
    }

    Writer &out_;
    const ClockMap &clocks_;
    std::map<int, Launch> launches_; // by queue
    std::size_t packets_ = 0;
};

} // namespace

std::vector<DeviceRecord> device_records(std::span<const std::byte> bytes, std::uint64_t since_ns) {
    std::vector<DeviceRecord> out;
    for (std::size_t at = 0; at + sizeof(DeviceRecord) <= bytes.size(); at += sizeof(DeviceRecord)) {
        DeviceRecord record;
        std::memcpy(record.data(), bytes.data() + at, record.size());
        if (unpacked<spec::RecordHead>(record).time_ns >= since_ns)
            out.push_back(record);
    }
    return out;
}

Story make_story(const KernelTrace &kernel, const std::vector<DeviceRecord> &records, const ClockMap &clocks,
                 const std::string &device) {
    Writer out;
    out.process(processors, "processors");
    out.process(interrupts, "interrupts");
    out.process(threads, "threads");
    out.process(queues, device + " queues");
    out.process(engines, device + " cores");
    KernelRows kernel_rows(out);
    for (const KernelEvent &event : kernel.events)
        kernel_rows.add(event);
    DeviceRows device_rows(out, clocks);
    for (const DeviceRecord &record : records)
        device_rows.add(record);
    Json json = {
        {"traceEvents", out.take()},
        {"displayTimeUnit", "ns"},
        {"otherData",
         {{"program", "neuronctl"}, {"device", device}, {"clock_error_ns", clocks.error_ns()}, {"lost", kernel.lost}}}};
    return {std::move(json), kernel_rows.spans(), device_rows.packets()};
}

} // namespace neuronctl::trace
