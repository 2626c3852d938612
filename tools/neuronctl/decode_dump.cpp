// SPDX-License-Identifier: MIT
// What the driver's coredump has in numbers, by name: registers, packets, page tables, records of the flight recorder. The rest of it is
// text already: jobs, cores, mappings, events, reports.
#include "decode_dump.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "decode.hpp"
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
        text_ += fmt::format("  {}: {}\n", line.substr(0, line.find(':')), record_text(members));
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

    static std::string record_text(const Json &members) {
        std::string out;
        for (const auto &[name, value] : members.items()) {
            if (value.is_object())
                out += (out.empty() ? "" : " ") + record_text(value);
            else if (name != "index" && name != "kind" && value != 0)
                out += fmt::format("{}{}={}", out.empty() ? "" : " ", name, fields_text_of(value));
        }
        return out;
    }

    static std::string fields_text_of(const Json &value) {
        if (value.is_string())
            return value.get<std::string>();
        return value.is_number_unsigned() ? fmt::format("{:#x}", value.get<std::uint64_t>()) : value.dump();
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

namespace {

template<class E>
Json name_of(std::uint64_t value) {
    const spec::EnumValueDesc *found = spec::enum_desc<E>().find(value);
    return found != nullptr ? Json(found->name) : Json(value);
}

/// What the code of a record is depends on its kind.
Json code_name(const std::string &kind, std::uint64_t code) {
    const auto parsed = spec::parse<spec::RecordKind>(kind);
    switch (parsed.value_or(spec::RecordKind{})) {
    case spec::RecordKind::PACKET_START:
    case spec::RecordKind::PACKET: return name_of<spec::PacketOp>(code);
    case spec::RecordKind::TRANSFER: return name_of<spec::Opcode>(code);
    case spec::RecordKind::SEMAPHORE: return name_of<spec::RecordChange>(code);
    case spec::RecordKind::FAULT:
    case spec::RecordKind::ECC: return name_of<spec::Fault>(code);
    case spec::RecordKind::MAPPING: return name_of<spec::DebugKind>(code);
    default: return code;
    }
}

} // namespace

Json record_line(std::string_view line) {
    constexpr std::string_view prefix = "record ";
    const std::size_t colon = line.find(": ");
    if (!line.starts_with(prefix) || colon == std::string_view::npos)
        return {};
    const std::string_view head = line.substr(prefix.size(), colon - prefix.size());
    const std::size_t blank = head.find(' ');
    const auto bytes = bytes_of_hex(line.substr(colon + 2));
    if (blank == std::string_view::npos || !bytes)
        return {};
    std::string name = "record_";
    for (const char c : head.substr(blank + 1))
        name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto all = spec::structs();
    const auto found = std::ranges::find(all, std::string_view(name), &spec::StructDesc::name);
    if (found == all.end() || (*found)->size != bytes->size())
        return {};
    Json members = struct_json(**found, *bytes);
    Json &code = members["head"]["code"];
    if (code.is_number_unsigned())
        code = code_name(std::string(head.substr(blank + 1)), code.get<std::uint64_t>());
    return members;
}

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
