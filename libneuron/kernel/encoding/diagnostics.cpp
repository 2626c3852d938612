// SPDX-License-Identifier: MIT
#include "diagnostics.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace neuron::encoding {
namespace {

std::string_view line_of(std::string_view source, std::uint32_t number) {
    for (std::uint32_t i = 1; i < number; ++i) {
        const auto end = source.find('\n');
        if (end == std::string_view::npos)
            return {};
        source.remove_prefix(end + 1);
    }
    return source.substr(0, source.find_first_of("\r\n"));
}

// Tabs stay tabs, so that the caret stands under its token whatever the tab width.
std::string caret(std::string_view line, Position where) {
    std::string out;
    for (std::uint32_t i = 0; i + 1 < where.column; ++i)
        out += i < line.size() && line[i] == '\t' ? '\t' : ' ';
    out += '^';
    const std::size_t room = line.size() > where.column ? line.size() - where.column : 0;
    out.append(std::min<std::size_t>(where.length > 0 ? where.length - 1 : 0, room), '~');
    return out;
}

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0]++;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
        }
    }
    return row[b.size()];
}

} // namespace

void Diagnostics::error(Position where, std::string message) { error_in(frames_, where, std::move(message)); }

void Diagnostics::error_in(std::vector<Frame> frames, Position where, std::string message) {
    if (!full())
        list_.push_back({where, std::move(message), std::move(frames)});
}

std::string render(const Diagnostic &diagnostic, std::string_view file, std::string_view source) {
    const Position at = diagnostic.where;
    if (at.line == 0)
        return fmt::format("{}: error: {}\n", file, diagnostic.message);
    std::string out = fmt::format("{}:{}:{}: error: {}\n", file, at.line, at.column, diagnostic.message);
    const std::string_view line = line_of(source, at.line);
    if (!line.empty())
        out += fmt::format("    {}\n    {}\n", line, caret(line, at));
    for (auto frame = diagnostic.frames.rbegin(); frame != diagnostic.frames.rend(); ++frame)
        out += fmt::format("{}:{}:{}: note: {}\n", file, frame->where.line, frame->where.column, frame->what);
    return out;
}

std::string_view closest(std::string_view word, const std::vector<std::string_view> &candidates) {
    std::string_view best;
    // Two swapped letters count as two changes; among short words, two changes make any word of any other.
    std::size_t best_distance = (word.size() < 5 ? 1 : std::max<std::size_t>(2, word.size() / 3)) + 1;
    for (const std::string_view candidate : candidates)
        if (const std::size_t d = distance(word, candidate); d < best_distance) {
            best = candidate;
            best_distance = d;
        }
    return best;
}

} // namespace neuron::encoding
