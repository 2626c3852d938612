// SPDX-License-Identifier: MIT
// What the driver's coredump has in numbers, by name: registers, packets, page tables, records of the flight recorder. The rest of it is
// text already: jobs, cores, mappings, events, reports.
#include "decode_dump.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "decode.hpp"
#include "decode_records.hpp"
#include "explain/records.hpp"
#include "system.hpp"

namespace neuronctl {
namespace {

namespace spec = neuron::spec;

constexpr std::string_view magic = "neuron_accel coredump ";

/// "key: value".
std::pair<std::string, std::string> split(const std::string &line) {
    const std::size_t colon = line.find(": ");
    return colon == std::string::npos ? std::pair(line, std::string())
                                      : std::pair(line.substr(0, colon), line.substr(colon + 2));
}

std::string_view block_of(const std::string &section) {
    if (section == "device")
        return "GLOBAL";
    if (section.starts_with("context "))
        return "CTX";
    return section.starts_with("queue ") ? "QUEUE" : "";
}

bool is_register(std::string_view block, std::string_view name) {
    const auto all = spec::registers();
    return std::ranges::any_of(all, [&](const auto &desc) { return desc.block == block && desc.name == name; });
}

/// A section on its way; each line goes where it fits first.
class SectionDecoder {
public:
    explicit SectionDecoder(const explain::Section &section) : block_(block_of(section.name)) {
        json_["name"] = section.name;
        text_ = fmt::format("\n[{}]\n", section.name);
        for (const std::string &line : section.lines)
            if (!packet(line) && !record(line) && !level(line) && !reg(line))
                other(line);
    }

    const std::string &text() const { return text_; }
    const Json &json() const { return json_; }

private:
    bool reg(const std::string &line) {
        const auto [name, rest] = split(line);
        const auto value = sys::number(rest);
        if (block_.empty() || !value || !is_register(block_, name))
            return false;
        const Json fields = register_fields(block_, name, *value);
        Json entry = {{"name", name}, {"value", *value}};
        if (!fields.is_null())
            entry["fields"] = fields;
        json_["registers"].push_back(std::move(entry));
        const std::string named = fields_text(fields);
        text_ += fmt::format("  {}: {:#x}{}\n", name, *value, named.empty() ? "" : "  " + named);
        return true;
    }

    bool packet(const std::string &line) {
        const auto found = packet_line(line);
        if (!found)
            return false;
        json_["packets"].push_back({{"index", found->index}, {"packet", found->fields}});
        text_ += fmt::format("  packet {}: {}\n", found->index, found->text);
        return true;
    }

    bool record(const std::string &line) {
        Json members = record_line(line);
        if (members.is_null())
            return false;
        text_ += "  " + records_text({members});
        json_["records"].push_back(std::move(members));
        return true;
    }

    bool level(const std::string &line) {
        Json entry = level_line(line);
        if (entry.is_null())
            return false;
        text_ += fmt::format("  {}  {}\n", line, fields_text(entry["fields"]));
        json_["levels"].push_back(std::move(entry));
        return true;
    }

    void other(const std::string &line) {
        json_["lines"].push_back(line);
        text_ += fmt::format("  {}\n", line);
    }

    std::string_view block_;
    std::string text_;
    Json json_ = Json::object();
};

} // namespace

std::optional<DecodedDump> decode_dump(std::string_view text) {
    if (!text.starts_with(magic))
        return std::nullopt;
    DecodedDump out;
    const auto sections = explain::sections(text);
    Json header = Json::object();
    for (const std::string &line : sections.front().lines) {
        const auto [key, value] = split(line);
        if (!value.empty())
            header[key] = value;
        out.text += line + "\n";
    }
    Json list = Json::array();
    for (auto section = sections.begin() + 1; section != sections.end(); ++section) {
        if (section->name == "end")
            continue;
        const SectionDecoder decoded(*section);
        out.text += decoded.text();
        list.push_back(decoded.json());
    }
    const bool complete = sections.back().name == "end";
    if (!complete)
        out.text += "\nIt is not complete: its end is missing.\n";
    out.json = {{"header", header}, {"sections", list}, {"complete", complete}};
    return out;
}

} // namespace neuronctl
