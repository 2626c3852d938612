// SPDX-License-Identifier: MIT
#include "sanitizer_reports.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "../system.hpp"
#include "records.hpp"

namespace neuronctl::explain {
namespace {

constexpr std::string_view sentence_mark = ": ";

// What faulted its job's owner knows, and what a program leaves bound goes with it: nothing is wrong any more.
bool is_over(const Report &report) {
    return report.faulted || named<spec::SanitizerKind>(report.kind) == spec::SanitizerKind::LEAK;
}

std::string hint_of(const State &state, const Report &report) {
    std::string out = report.repeats != 0 ? fmt::format("seen {} times more", report.repeats) : std::string();
    if (state.source == "live")
        out += fmt::format("{}a write to /sys/kernel/debug/accel/{}/sanitizer forgets it", out.empty() ? "" : "; ",
                           state.device);
    return out;
}

} // namespace

// "report 3 OUT_OF_BUFFER faulted repeats=2: out of buffer: job 5 …"; the sentence may hold anything.
std::optional<Report> report_of(std::string_view line) {
    const std::size_t mark = line.find(sentence_mark);
    if (mark == std::string_view::npos)
        return std::nullopt;
    const Record head(line.substr(0, mark));
    const auto index = sys::number(head.word(1));
    if (head.word(0) != "report" || !index)
        return std::nullopt;
    return Report{.index = *index,
                  .kind = head.word(2),
                  .faulted = head.has_word("faulted"),
                  .repeats = head.number("repeats"),
                  .text = std::string(line.substr(mark + sentence_mark.size()))};
}

std::vector<Report> reports_of(std::string_view text) {
    std::vector<Report> out;
    for (const std::string &line : sys::lines(text))
        if (auto report = report_of(line))
            out.push_back(std::move(*report));
    return out;
}

std::vector<Finding> sanitizer_findings(const State &state) {
    std::vector<Finding> out;
    for (const Report &report : state.reports) {
        out.push_back({.health = is_over(report) ? Health::idle : Health::failed,
                       .rule = "sanitizer",
                       .chain = {{"sanitizer", report.text}},
                       .hint = hint_of(state, report),
                       .report = report});
    }
    return out;
}

} // namespace neuronctl::explain
