// SPDX-License-Identifier: MIT
#include "history.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "../decode_records.hpp"
#include "../system.hpp"
#include "lines.hpp"
#include "records.hpp"

namespace neuronctl::explain {
namespace {

// The clock starts anew with a reset; then a difference says nothing.
std::optional<std::int64_t> ago(const Record &record, const std::string &key) {
    const auto value = signed_number(record.text(key));
    return value && *value >= 0 ? value : std::nullopt;
}

std::string ago_text(std::optional<std::int64_t> ns) {
    return ns ? fmt::format(" {:.3f} ms ago", static_cast<double>(*ns) / 1e6) : std::string();
}

std::string by_text(std::uint64_t pid, const std::string &comm, const std::string &place) {
    return (pid != 0 ? fmt::format(" by pid {}", pid) : std::string()) +
           (comm.empty() ? comm : fmt::format(" ({})", comm)) + (place.empty() ? place : " at " + place);
}

/// How a space calls that somebody gets a range, that it is over, and that the buffer is gone.
struct Verbs {
    std::string_view got, over, freed;
};

Verbs verbs_of(const std::string &space) {
    if (space == "bus")
        return {"mapped", "unmapped", "freed"};
    return {space == "hbm" ? "allocated" : "bound", "unbound", "freed"};
}

/// The mapping records of a coredump, oldest first.
std::vector<Json> mapping_records(std::string_view text) {
    std::vector<Json> out;
    for (const Section &section : sections(text))
        if (section.name == "recorder")
            for (const std::string &line : section.lines)
                if (Json record = record_line(line); !record.is_null())
                    out.push_back(std::move(record));
    return out;
}

bool is_mapping_of(const Json &record, std::uint64_t ctx) {
    return record.at("head").value("kind", Json()) == spec::name(spec::RecordKind::MAPPING) &&
           record.at("head").value("ctx", Json()) == ctx;
}

std::int64_t time_of(const Json &record) { return record.at("head").value("time_ns", std::int64_t{0}); }

/// The newest of the buffer that is still bound, or, to one that is freed, was unbound. None if the recorder, which
/// keeps the newest records only, no longer has how that began.
Past *newest(std::vector<Past> &past, std::uint64_t buffer, bool bound) {
    const auto found = std::ranges::find_if(past.rbegin(), past.rend(), [&](const Past &entry) {
        return entry.buffer == buffer && entry.relation != spec::name(spec::BlameRelation::FREED) &&
               entry.gone_ns_ago.has_value() != bound;
    });
    return found == past.rend() ? nullptr : &*found;
}

/// What a mapping record of the context says about the address.
void take(std::vector<Past> &out, const Json &record, std::uint64_t va, std::int64_t ns_ago) {
    const Json &name = record.at("head").at("code");
    const auto code = named<spec::DebugKind>(name.is_string() ? name.get<std::string>() : std::string());
    const auto number = [&](const char *key) { return record.value(key, std::uint64_t{0}); };
    const Past fresh{.relation = std::string(spec::name(spec::BlameRelation::INSIDE)),
                     .buffer = number("buffer"),
                     .start = number("va"),
                     .bytes = number("bytes")};
    const bool there = va >= fresh.start && va - fresh.start < fresh.bytes;
    const auto ends = [&](Past &past, spec::BlameRelation relation) {
        past.relation = spec::name(relation);
        past.gone_pid = number("pid");
        past.gone_ns_ago = ns_ago;
    };
    if (code == spec::DebugKind::BIND && there) {
        Past &past = out.emplace_back(fresh);
        past.bound_pid = number("pid");
        past.bound_ns_ago = ns_ago;
    } else if (code == spec::DebugKind::UNBIND && there) {
        Past *known = newest(out, fresh.buffer, true);
        ends(known != nullptr ? *known : out.emplace_back(fresh), spec::BlameRelation::UNBOUND);
    } else if (code == spec::DebugKind::FREE) {
        if (Past *known = newest(out, fresh.buffer, false))
            ends(*known, spec::BlameRelation::FREED);
    }
}

} // namespace

std::vector<Past> history_of(std::string_view text) {
    std::vector<Past> out;
    for (const Record &record : records(text)) {
        const std::string relation = record.word(0);
        const bool gone = relation != spec::name(spec::BlameRelation::INSIDE);
        out.push_back({.space = record.text("space"),
                       .relation = relation,
                       .buffer = record.number("buffer"),
                       .start = record.number("start"),
                       .bytes = record.number("bytes"),
                       .label = record.text("label"),
                       .made = record.text("made"),
                       .gone = record.text("gone"),
                       .bound_pid = record.number("bound_pid"),
                       .bound_comm = record.text("space").empty() ? std::string() : record.text("comm"),
                       .bound_ns_ago = ago(record, "bound_earlier_ns"),
                       .gone_pid = gone ? record.number("pid") : 0,
                       .gone_ns_ago = gone ? ago(record, "earlier_ns") : std::nullopt});
    }
    return out;
}

std::vector<Past> ask_history(const std::string &device, std::string_view space, std::uint64_t address) {
    const auto path = sys::debugfs_path(device, "history");
    if (!path)
        return {};
    const sys::Answer answer = sys::ask(*path, fmt::format("{} {:#x}", space, address));
    auto out = answer.error == 0 ? history_of(answer.text) : std::vector<Past>();
    for (Past &past : out)
        past.gone = with_line(past.gone_pid, past.gone);
    return out;
}

std::vector<Past> history_in_coredump(std::string_view text, const State &state, std::uint64_t ctx, std::uint64_t va) {
    std::vector<Past> out;
    const std::vector<Json> all = mapping_records(text);
    const std::int64_t now = all.empty() ? 0 : time_of(all.back());
    for (const Json &record : all)
        if (is_mapping_of(record, ctx))
            take(out, record, va, now - time_of(record));
    for (Past &past : out)
        if (const auto known = state.buffers.find(past.buffer); known != state.buffers.end()) {
            past.label = known->second.label;
            past.made = known->second.made;
        }
    std::ranges::reverse(out);
    return out;
}

std::string text_of(const Past &past) {
    const Verbs verbs = verbs_of(past.space);
    const std::string label = past.label.empty() ? std::string() : fmt::format(" '{}'", past.label);
    std::string out = past.buffer != 0 ? fmt::format("buffer {}{}", past.buffer, label) : past.label;
    out += fmt::format(" at [{:#x}, {:#x})", past.start, past.start + past.bytes);
    if (past.bound_ns_ago || past.bound_pid != 0 || !past.made.empty())
        out += fmt::format(", {}{}{}", verbs.got, ago_text(past.bound_ns_ago),
                           by_text(past.bound_pid, past.bound_comm, past.made));
    const bool freed = past.relation == spec::name(spec::BlameRelation::FREED);
    if (freed || past.relation == spec::name(spec::BlameRelation::UNBOUND))
        out += fmt::format(", {}{}{}", freed ? verbs.freed : verbs.over, ago_text(past.gone_ns_ago),
                           by_text(past.gone_pid, {}, past.gone));
    return out;
}

Json json_of(const Past &past) {
    Json out = {{"relation", past.relation}, {"buffer", past.buffer}, {"start", past.start}, {"size", past.bytes}};
    for (const auto &[key, text] : {std::pair("label", &past.label), {"made", &past.made}, {"gone", &past.gone}})
        if (!text->empty())
            out[key] = *text;
    if (past.bound_pid != 0)
        out["bound_pid"] = past.bound_pid;
    if (!past.bound_comm.empty())
        out["bound_comm"] = past.bound_comm;
    if (past.bound_ns_ago)
        out["bound_ns_ago"] = *past.bound_ns_ago;
    if (past.gone_pid != 0)
        out["gone_pid"] = past.gone_pid;
    if (past.gone_ns_ago)
        out["gone_ns_ago"] = *past.gone_ns_ago;
    return out;
}

} // namespace neuronctl::explain
