// SPDX-License-Identifier: MIT
#include "last_failure.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ago.hpp"
#include "fault_text.hpp"
#include "places.hpp"

namespace neuronctl::explain {
namespace {

using spec::RecordFlag;
using spec::RecordKind;

/// One after another, as the device has them: all kinds are of one size.
class Records {
public:
    explicit Records(std::span<const std::byte> bytes) : bytes_(bytes) {}

    [[nodiscard]] std::size_t size() const { return bytes_.size() / stride; }

    template<class T>
    [[nodiscard]] T as(std::size_t index) const {
        static_assert(T::BYTES <= stride);
        return spec::unpack<T>(bytes_.subspan(index * stride).first<T::BYTES>());
    }
    [[nodiscard]] spec::RecordHead head(std::size_t index) const { return as<spec::RecordHead>(index); }

private:
    static constexpr std::size_t stride = spec::RecordFault::BYTES;
    std::span<const std::byte> bytes_;
};

bool has(const spec::RecordHead &head, RecordFlag flag) { return head.flags & flag; }

/// The first record since the last reset, with which the clock has started anew.
std::size_t begin_of(const Records &records) {
    for (std::size_t i = records.size(); i > 0; --i)
        if (records.head(i - 1).kind == RecordKind::RESET)
            return i;
    return 0;
}

std::optional<std::size_t> last_fault(const Records &records, std::size_t begin) {
    for (std::size_t i = records.size(); i > begin; --i)
        if (records.head(i - 1).kind == RecordKind::FAULT)
            return i - 1;
    return std::nullopt;
}

Mapping mapping_of(const spec::RecordMapping &record) {
    return {.ctx = record.head.ctx, .va = record.va, .size = record.bytes, .buffer = record.buffer};
}

/// What the context of the fault has bound behind it.
std::vector<Mapping> bound_since(const Records &records, std::size_t fault) {
    std::vector<Mapping> out;
    const auto ctx = records.head(fault).ctx;
    for (std::size_t i = fault + 1; i < records.size(); ++i) {
        const spec::RecordHead head = records.head(i);
        if (head.kind == RecordKind::MAPPING && head.ctx == ctx &&
            static_cast<spec::DebugKind>(head.code) == spec::DebugKind::BIND)
            out.push_back(mapping_of(records.as<spec::RecordMapping>(i)));
    }
    return out;
}

/// What a context had when one of its queues faulted; the records before that are told to it one by one.
class ContextLife {
public:
    explicit ContextLife(std::uint64_t ctx, std::uint64_t va) : va_(va) { out_.ctx = ctx; }

    void record(const Records &records, std::size_t index) {
        const spec::RecordHead head = records.head(index);
        if (head.ctx != out_.ctx)
            return;
        if (head.kind == RecordKind::CONTEXT && !has(head, RecordFlag::FLUSH))
            out_ = {.ctx = out_.ctx};
        else if (head.kind == RecordKind::QUEUE && has(head, RecordFlag::ON))
            out_.stopped_too.insert(head.queue);
        else if (head.kind == RecordKind::QUEUE)
            out_.stopped_too.erase(head.queue);
        else if (head.kind == RecordKind::MAPPING)
            mapping(records.as<spec::RecordMapping>(index));
    }

    [[nodiscard]] Failure finish() && { return std::move(out_); }

private:
    void mapping(const spec::RecordMapping &record) {
        out_.pid = record.pid;
        const auto code = static_cast<spec::DebugKind>(record.head.code);
        if (code != spec::DebugKind::BIND && code != spec::DebugKind::UNBIND)
            return;
        const Mapping mapping = mapping_of(record);
        const bool here = va_ >= mapping.va && va_ - mapping.va < mapping.size;
        std::erase_if(out_.mappings, [&](const Mapping &old) { return old.va == mapping.va; });
        if (code == spec::DebugKind::BIND)
            out_.mappings.push_back(mapping);
        if (here)
            out_.unbound = code == spec::DebugKind::UNBIND ? std::optional(mapping) : std::nullopt;
    }

    std::uint64_t va_;
    Failure out_;
};

bool is_about(const spec::RecordHead &head, const spec::RecordHead &fault) {
    return head.queue == fault.queue && head.packet == fault.packet;
}

// Queues of other times have had the same number, and their packets the same indices.
bool is_other_life(const spec::RecordHead &head, const spec::RecordHead &fault) {
    return head.kind == RecordKind::QUEUE && head.queue == fault.queue;
}

std::string opcode_name(const spec::RecordHead &head) {
    return std::string(spec::name(static_cast<spec::PacketOp>(head.code)));
}

/// The packet that a fault stopped has a record when it ended, if not that either when it began.
std::string opcode_of(const Records &records, std::size_t begin, std::size_t at) {
    const spec::RecordHead fault = records.head(at);
    for (std::size_t i = at + 1; i < records.size() && !is_other_life(records.head(i), fault); ++i)
        if (const auto head = records.head(i);
            head.kind == RecordKind::PACKET && has(head, RecordFlag::FAILED) && is_about(head, fault))
            return opcode_name(head);
    for (std::size_t i = at; i > begin && !is_other_life(records.head(i - 1), fault); --i)
        if (const auto head = records.head(i - 1); head.kind == RecordKind::PACKET_START && is_about(head, fault))
            return opcode_name(head);
    return {};
}

Fault fault_of(const spec::RecordFault &record) {
    return {.code = static_cast<spec::Fault>(record.head.code),
            .unit = record.head.unit,
            .core = record.head.core,
            .ring = record.head.ring,
            .pc = record.pc,
            .write = has(record.head, RecordFlag::WRITE),
            .packet = record.head.packet,
            .va = record.va,
            .info = record.info};
}

// The number of the job is the driver's, and it may have forgotten the queue: what it is part of is left out.
std::string what_text(const Fault &fault) {
    const std::string text = neuron::describe(fault_info(fault));
    constexpr std::string_view mark = ": ";
    return text.substr(text.find(mark) + mark.size());
}

std::string where_text(const Failure &failure, const State &state) {
    State then;
    then.buffers = state.buffers;
    then.mappings = failure.mappings;
    const auto ranges = mapped(then, failure.ctx);
    const std::uint64_t va = failure.fault.va;
    if (const auto &was = failure.unbound)
        return fmt::format(" (byte {} of buffer {}, which had been unbound)", va - was->va, was->buffer);
    if (va == 0 || ranges.empty())
        return {};
    return fmt::format(" ({})", place_text(find_place(ranges, va), va, then));
}

std::string process_text(const Failure &failure, const State &state) {
    if (failure.pid == 0)
        return {};
    const auto known = state.contexts.find(failure.ctx);
    return known != state.contexts.end() && known->second.pid == failure.pid
               ? fmt::format(", of {} ({})", known->second.comm, failure.pid)
               : fmt::format(", of process {}", failure.pid);
}

std::string stopped_text(const Failure &failure) {
    if (failure.stopped_too.empty())
        return {};
    const bool one = failure.stopped_too.size() == 1;
    return fmt::format("; queue{} {} of the same context {} stopped with it", one ? "" : "s",
                       fmt::join(failure.stopped_too, ", "), one ? "was" : "were");
}

std::string text_of(const Failure &failure, const State &state) {
    const std::string opcode = failure.opcode.empty() ? std::string() : fmt::format(" ({})", failure.opcode);
    return fmt::format("the last job that failed did so in packet {}{} of queue {} (context {}{}){}: {}{}{}",
                       failure.fault.packet, opcode, failure.queue, failure.ctx, process_text(failure, state),
                       failure.ns_ago ? fmt::format(", {} ago", ago_text(*failure.ns_ago / 1'000'000)) : std::string(),
                       what_text(failure.fault), where_text(failure, state), stopped_text(failure));
}

// The queue that it stopped is still there and says more; or a report of the sanitizer does.
bool is_said(const State &state, const Failure &failure) {
    const Fault &fault = failure.fault;
    const auto stopped = [&](const Queue &queue) { return failure_of(state, queue) != nullptr; };
    const auto reported = [&](const Report &report) {
        return report.faulted && fault.va != 0 &&
               report.text.find(fmt::format("(packet {}) of queue {},", fault.packet, failure.queue)) !=
                   std::string::npos &&
               report.text.find(fmt::format("at {:#x}:", fault.va)) != std::string::npos;
    };
    return std::ranges::any_of(state.queues, stopped) || std::ranges::any_of(state.reports, reported);
}

// What stands still, or fails now, is what is asked for; an old failure is not. But it may be why a queue was stopped.
bool is_asked_for(const Failure &failure, const State &state, const std::vector<Finding> &others) {
    const auto stopped = [&](const Queue &queue) { return queue.state == "canceled" && queue.ctx == failure.ctx; };
    const auto idle = [](const Finding &finding) { return finding.health == Health::idle; };
    return std::ranges::all_of(others, idle) || std::ranges::any_of(state.queues, stopped);
}

} // namespace

const Failure *failure_of(const State &state, const Queue &queue) {
    const auto &failure = state.failure;
    const bool its = failure && queue.state == "faulted" && queue.hw == failure->queue && queue.ctx == failure->ctx &&
                     (!queue.fault || queue.fault->packet == failure->fault.packet);
    return its ? &*failure : nullptr;
}

std::optional<Failure> last_failure_in(std::span<const std::byte> bytes, std::optional<std::uint64_t> now_ns) {
    const Records records(bytes);
    const std::size_t begin = begin_of(records);
    const auto at = last_fault(records, begin);
    if (!at)
        return std::nullopt;
    const auto record = records.as<spec::RecordFault>(*at);
    ContextLife life(record.head.ctx, record.va);
    for (std::size_t i = begin; i < *at; ++i)
        life.record(records, i);
    Failure out = std::move(life).finish();
    out.fault = fault_of(record);
    out.queue = record.head.queue;
    out.opcode = opcode_of(records, begin, *at);
    out.stopped_too.erase(out.queue);
    out.bound_since = bound_since(records, *at);
    if (now_ns && *now_ns >= record.head.time_ns)
        out.ns_ago = *now_ns - record.head.time_ns;
    return out;
}

std::optional<Finding> failure_finding(const State &state, const std::vector<Finding> &others) {
    if (!state.failure || is_said(state, *state.failure) || !is_asked_for(*state.failure, state, others))
        return std::nullopt;
    return Finding{.health = Health::failed,
                   .rule = "last_failure",
                   .chain = {{"device", text_of(*state.failure, state)}},
                   .hint = "it is over, and new queues take jobs; the device remembers it until its next reset",
                   .failure = state.failure};
}

Json json_of(const Failure &failure) {
    const Fault &fault = failure.fault;
    Json out = {{"queue", failure.queue},
                {"context", failure.ctx},
                {"packet", fault.packet},
                {"fault", spec::name(fault.code)},
                {"unit", spec::name(fault.unit)},
                {"va", fault.va},
                {"info", fault.info},
                {"stopped_too", failure.stopped_too}};
    if (!failure.opcode.empty())
        out["opcode"] = failure.opcode;
    if (failure.pid != 0)
        out["pid"] = failure.pid;
    if (failure.ns_ago)
        out["ns_ago"] = *failure.ns_ago;
    return out;
}

} // namespace neuronctl::explain
