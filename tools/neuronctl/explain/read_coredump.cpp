// SPDX-License-Identifier: MIT
#include <algorithm>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "../system.hpp"
#include "readers.hpp"
#include "records.hpp"
#include "sanitizer_reports.hpp"

namespace neuronctl::explain {
namespace {

namespace field = spec::field;

constexpr std::string_view magic = "neuron_accel coredump ";

// "event 3: FAULT DEADLOCK context 0 queue 1 unit ACT core 0 ...": pairs of words behind the first two.
struct Event {
    std::string kind;
    std::string code;
    std::map<std::string, std::string> values;
    std::uint64_t number(const std::string &key) const {
        const auto found = values.find(key);
        return found == values.end() ? 0 : sys::number(found->second).value_or(0);
    }
};

Event event_in(std::string_view rest) {
    std::istringstream words{std::string(rest)};
    Event out;
    words >> out.kind >> out.code;
    for (std::string key, value; words >> key >> value;)
        out.values[key] = value;
    return out;
}

std::optional<Fault> fault_of(const Event &event) {
    const auto code = named<spec::Fault>(event.code);
    if (!code || event.kind != spec::name(spec::Event::FAULT))
        return std::nullopt;
    const auto unit = event.values.find("unit");
    return Fault{.code = *code,
                 .unit = unit == event.values.end() ? spec::Unit::QUEUE
                                                    : named<spec::Unit>(unit->second).value_or(spec::Unit::QUEUE),
                 .core = static_cast<std::uint32_t>(event.number("core")),
                 .ring = static_cast<std::uint32_t>(event.number("ring")),
                 .pc = static_cast<std::uint32_t>(event.number("pc")),
                 .write = event.number("write") != 0,
                 .packet = event.number("packet"),
                 .va = event.number("va"),
                 .info = event.number("info")};
}

/** A queue, with what has to wait until all of its lines are known. */
class QueueReader {
public:
    explicit QueueReader(std::uint64_t hw) { queue_.hw = hw; }

    void line(const std::string &line) {
        const std::size_t colon = line.find(": ");
        if (colon == std::string::npos)
            return;
        const std::string key = line.substr(0, colon);
        const std::string rest = line.substr(colon + 2);
        if (auto packet = packet_in(line))
            queue_.packets.push_back(std::move(*packet));
        else if (key == "fault")
            queue_.fault = fault_of(event_in(rest));
        else if (key.starts_with("job "))
            job(key, rest);
        else
            value(key, rest);
    }

    Queue finish() {
        queue_.registers = regs_;
        if (jobs_ == 0)
            queue_.oldest_end = 0;
        if (queue_.fault)
            queue_.fault->job = fault_job_;
        const auto state = static_cast<spec::QueueState>(field::QUEUE_STATUS_STATE.get(regs_.status));
        // The device had stopped the queue when the driver looked, and had not told yet.
        if (queue_.state == "ok" && state == spec::QueueState::FAULTED)
            queue_.state = "faulted";
        if (queue_.state == "ok" && state == spec::QueueState::STOPPED)
            queue_.state = "canceled";
        return queue_;
    }

private:
    void job(const std::string &key, const std::string &rest) {
        // "job 3: packets 4 to 5": the first one is the oldest.
        const Record record(rest);
        const auto last = sys::number(record.word(3));
        if (jobs_++ == 0 && last)
            queue_.oldest_end = *last + 1;
        (void)key;
    }

    void value(const std::string &key, const std::string &rest) {
        const auto number = sys::number(rest).value_or(0);
        if (key == "context")
            queue_.ctx = number;
        else if (key == "mode")
            queue_.mode = rest;
        else if (key == "state")
            queue_.state = rest.substr(0, rest.find(','));
        else if (key == "submitted")
            queue_.submitted = number;
        else if (key == "completed")
            queue_.completed = number;
        else if (key == "failed" && number != 0)
            queue_.failed = number;
        else if (key == "timeout")
            queue_.timeout_ms = number;
        else if (key == "tail" && queue_.mode != "user")
            queue_.written = number;
        else if (key == "announced" && queue_.mode != "user")
            queue_.announced = number;
        else if (key == "seqno" && queue_.mode != "user")
            queue_.seqno = number;
        else if (key == "fault job")
            fault_job_ = number;
        else if (key == "coalesce")
            coalesce(rest);
        else
            register_value(key, number);
    }

    void coalesce(const std::string &rest) {
        const Record record(rest);
        queue_.coalesce_count = static_cast<std::uint32_t>(sys::number(record.word(0)).value_or(0));
        queue_.coalesce_usecs = static_cast<std::uint32_t>(sys::number(record.word(1)).value_or(0));
    }

    void register_value(const std::string &name, std::uint64_t value) {
        if (name == "STATUS")
            regs_.status = static_cast<std::uint32_t>(value);
        else if (name == "HEAD")
            regs_.head = value;
        else if (name == "TAIL")
            regs_.tail = value;
        else if (name == "PROGRESS")
            regs_.progress = value;
        else if (name == "CORE_NS")
            queue_.core_ns = value;
        else if (name == "RING_LOG2" && value < 64)
            queue_.ring = 1ULL << value;
    }

    Queue queue_;
    QueueRegisters regs_;
    std::uint64_t jobs_ = 0;
    std::uint64_t fault_job_ = 0;
};

void read_header(State &state, const std::vector<std::string> &lines) {
    for (const std::string &line : lines) {
        const std::size_t colon = line.find(": ");
        if (colon == std::string::npos)
            continue;
        const std::string key = line.substr(0, colon);
        const std::string rest = line.substr(colon + 2);
        if (key == "device")
            state.device = rest;
        else if (key == "reason")
            state.reason = rest;
        else if (key == "queue")
            state.dump_queue = sys::number(rest);
    }
}

void read_mappings(State &state, std::uint64_t ctx, const std::vector<std::string> &lines) {
    for (const std::string &line : lines) {
        const Record record(line);
        const auto va = sys::number(record.word(0));
        if (!va || !record.word(1).starts_with('+'))
            continue;
        const std::uint64_t size = sys::number(record.word(1).substr(1)).value_or(0);
        const std::uint64_t buffer = record.number("buffer");
        state.mappings.push_back({.ctx = ctx,
                                  .va = *va,
                                  .size = size,
                                  .place = record.word(2),
                                  .read_only = record.has_word("ro"),
                                  .buffer = buffer,
                                  .offset = record.number("offset"),
                                  .label = record.text("label")});
        Buffer &known = state.buffers[buffer];
        known.id = buffer;
        known.place = record.word(2);
        known.size = std::max(known.size, record.number("offset") + size);
        known.label = record.text("label");
        known.made = record.text("made");
        known.owner = record.process();
    }
}

// A fault that the driver had read, but not yet noted at its queue.
void read_events(State &state, const std::vector<std::string> &lines) {
    for (const std::string &line : lines) {
        const std::size_t colon = line.find(": ");
        if (colon == std::string::npos)
            continue;
        const Event event = event_in(std::string_view(line).substr(colon + 2));
        const auto fault = fault_of(event);
        const auto queue = std::ranges::find(state.queues, event.number("queue"), &Queue::hw);
        if (fault && queue != state.queues.end() && queue->state == "faulted" && !queue->fault) {
            queue->fault = fault;
            queue->fault->job = queue->completed + 1;
        }
    }
}

} // namespace

Outcome<State> read_coredump(const std::string &name, std::string_view text) {
    if (!text.starts_with(magic))
        return tl::unexpected(usage_error(fmt::format("{}: not a coredump of neuron_accel", name)));
    State state;
    state.source = name;
    const auto all = sections(text);
    read_header(state, all.front().lines);
    for (const Section &section : all) {
        if (const auto hw = section_number(section.name, "queue ")) {
            QueueReader reader(*hw);
            for (const std::string &line : section.lines)
                reader.line(line);
            state.queues.push_back(reader.finish());
        } else if (const auto ctx = section_number(section.name, "mappings of context ")) {
            read_mappings(state, *ctx, section.lines);
        } else if (section.name == "events") {
            read_events(state, section.lines);
        } else if (section.name == "sanitizer") {
            for (const std::string &line : section.lines)
                if (auto report = report_of(line))
                    state.reports.push_back(std::move(*report));
        }
    }
    state.cores = cores_in(all);
    return state;
}

} // namespace neuronctl::explain
