// SPDX-License-Identifier: MIT
#include "records.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "../decode.hpp"
#include "../system.hpp"

namespace neuronctl::explain {
namespace {

constexpr std::string_view comm_key = " comm=";

void read_engine(Core &core, const std::string &name, std::string_view rest) {
    const auto engine = named<spec::Engine>(name);
    const Record record(rest);
    const auto state = named<spec::EngineState>(record.text("state"));
    if (!engine || !state)
        return;
    Engine out{.engine = *engine, .state = *state};
    out.pc = static_cast<std::uint32_t>(record.number("pc"));
    out.retired = record.number("retired");
    out.transfers = static_cast<std::uint32_t>(record.number("transfers"));
    if (const auto op = named<spec::WaitOp>(record.text("wait")))
        out.wait = Wait{.op = *op,
                        .semaphore = static_cast<std::uint32_t>(record.number("semaphore")),
                        .value = static_cast<std::uint32_t>(record.number("value")),
                        .is = static_cast<std::uint32_t>(record.number("is"))};
    core.engines.push_back(std::move(out));
}

void read_core_line(Core &core, const std::string &line) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos)
        return;
    const std::string_view rest = std::string_view(line).substr(colon + 2);
    const auto value = sys::number(rest);
    if (line.starts_with("queue:"))
        core.queue = value.value_or(0);
    else if (line.starts_with("busy:"))
        core.busy = value.value_or(0) != 0;
    else if (line.starts_with("engine "))
        read_engine(core, line.substr(7, colon - 7), rest);
    else if (const auto number = section_number(line.substr(0, colon), "semaphore "); number && value)
        core.semaphores[static_cast<std::uint32_t>(*number)] = static_cast<std::uint32_t>(*value);
}

} // namespace

Record::Record(std::string_view line) : line_(line) {
    std::string_view rest = line;
    // It is the last one, and may hold anything. So may names in quotation marks, before it.
    const std::size_t names = rest.find("\" pid=");
    if (const std::size_t at = rest.find(comm_key, names == std::string_view::npos ? 0 : names);
        at != std::string_view::npos) {
        values_["comm"] = rest.substr(at + comm_key.size());
        rest = rest.substr(0, at);
    }
    for (const std::string &word : sys::words(rest)) {
        if (const std::size_t equals = word.find('='); equals != std::string::npos)
            values_[word.substr(0, equals)] = word.substr(equals + 1);
        else
            words_.push_back(word);
    }
}

std::string Record::text(const std::string &key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? std::string() : found->second;
}

std::optional<std::uint64_t> Record::maybe(const std::string &key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? std::nullopt : sys::number(found->second);
}

std::uint64_t Record::number(const std::string &key) const { return maybe(key).value_or(0); }

bool Record::has_word(std::string_view word) const { return std::ranges::find(words_, word) != words_.end(); }

std::vector<Record> records(std::string_view text) {
    std::vector<Record> out;
    for (const std::string &line : sys::lines(text))
        if (!line.empty())
            out.emplace_back(line);
    return out;
}

std::vector<Section> sections(std::string_view text) {
    std::vector<Section> out(1);
    for (std::string &line : sys::lines(text)) {
        if (line.starts_with('['))
            out.push_back({line.substr(1, line.find(']') - 1), {}});
        else if (!line.empty())
            out.back().lines.push_back(std::move(line));
    }
    return out;
}

std::optional<std::uint64_t> section_number(const std::string &name, std::string_view prefix) {
    return name.starts_with(prefix) ? sys::number(std::string_view(name).substr(prefix.size())) : std::nullopt;
}

std::vector<Core> cores_in(const std::vector<Section> &sections) {
    std::vector<Core> out;
    for (const Section &section : sections) {
        const auto number = section_number(section.name, "core ");
        if (!number)
            continue;
        Core core{.index = static_cast<std::uint32_t>(*number)};
        for (const std::string &line : section.lines)
            read_core_line(core, line);
        out.push_back(std::move(core));
    }
    return out;
}

std::optional<std::int64_t> signed_number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    return status == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::optional<Packet> packet_in(std::string_view line) {
    auto packet = packet_line(line);
    if (!packet)
        return std::nullopt;
    return Packet{packet->index, std::move(packet->name), std::move(packet->text), packet->core_mask, packet->program};
}

} // namespace neuronctl::explain
