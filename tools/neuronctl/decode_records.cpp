// SPDX-License-Identifier: MIT
#include "decode_records.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "decode.hpp"

namespace neuronctl {
namespace {

namespace spec = neuron::spec;

template<class E>
Json name_of(std::uint64_t value) {
    const spec::EnumValueDesc *found = spec::enum_desc<E>().find(value);
    return found != nullptr ? Json(found->name) : Json(value);
}

/// What the code of a record is depends on its kind.
Json code_name(spec::RecordKind kind, std::uint64_t code) {
    switch (kind) {
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

/// "record_packet" for PACKET; nullptr: there is none.
const spec::StructDesc *structure_of(std::string_view kind) {
    std::string name = "record_";
    for (const char c : kind)
        name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const auto all = spec::structs();
    const auto found = std::ranges::find(all, std::string_view(name), &spec::StructDesc::name);
    return found != all.end() ? *found : nullptr;
}

std::string member_text(const std::string &name, const Json &value) {
    if (value.is_string())
        return value.get<std::string>();
    return value.is_number_unsigned() && !name.ends_with("_ns") ? fmt::format("{:#x}", value.get<std::uint64_t>())
                                                                : value.dump();
}

/// Stands in each line anyway, or says nothing: the unit of what is no fault is most often the queue.
bool is_noise(const Json &part, const std::string &name, const Json &value) {
    return value == 0 || name == "index" || name == "time_ns" || name == "kind" ||
           (name == "unit" && value == "QUEUE" && part.at("kind") != "FAULT");
}

bool wanted(const Json &record, const RecordFilter &filter) {
    const Json &head = record.at("head");
    return (filter.kind.empty() || head.at("kind") == filter.kind) &&
           (!filter.queue || head.at("queue") == *filter.queue) &&
           (!filter.context || head.at("ctx") == *filter.context);
}

} // namespace

Json record_json(std::span<const std::byte> record) {
    const auto head = spec::unpack<spec::RecordHead>(record.first<spec::RecordHead::BYTES>());
    const spec::EnumValueDesc *kind = spec::enum_desc<spec::RecordKind>().find(spec::raw(head.kind));
    const spec::StructDesc *desc = kind != nullptr ? structure_of(kind->name) : nullptr;
    if (desc == nullptr || desc->size != record.size())
        return {};
    Json members = struct_json(*desc, record);
    members["head"]["code"] = code_name(head.kind, head.code);
    return members;
}

Json record_line(std::string_view line) {
    constexpr std::string_view prefix = "record ";
    const std::size_t colon = line.find(": ");
    if (!line.starts_with(prefix) || colon == std::string_view::npos)
        return {};
    const auto bytes = bytes_of_hex(line.substr(colon + 2));
    return bytes && bytes->size() == record_bytes ? record_json(*bytes) : Json();
}

std::string record_text(const Json &record) {
    std::string out;
    for (const auto &[name, value] : record.items()) {
        if (value.is_object())
            out += (out.empty() ? "" : " ") + record_text(value);
        else if (!is_noise(record, name, value))
            out += fmt::format("{}{}={}", out.empty() ? "" : " ", name, member_text(name, value));
    }
    return out;
}

Outcome<std::vector<Json>> decode_records(std::span<const std::byte> bytes, const RecordFilter &filter) {
    if (bytes.size() % record_bytes != 0)
        return tl::unexpected(
            usage_error(fmt::format("{} bytes are no whole records of {}", bytes.size(), record_bytes)));
    std::vector<Json> out;
    // From the newest on: a large recorder has a million, of which few are wanted.
    for (std::size_t at = bytes.size(); at != 0 && (filter.last == 0 || out.size() < filter.last);) {
        at -= record_bytes;
        Json record = record_json(bytes.subspan(at, record_bytes));
        if (record.is_null())
            return tl::unexpected(
                usage_error(fmt::format("byte {}: no record of the contract's kinds begins there", at)));
        if (wanted(record, filter))
            out.push_back(std::move(record));
    }
    std::ranges::reverse(out);
    return out;
}

std::string records_text(const std::vector<Json> &records) {
    std::string out;
    for (const Json &record : records) {
        const Json &head = record.at("head");
        const auto ns = head.at("time_ns").get<std::uint64_t>();
        out += fmt::format("{:>8} {:>5}.{:09} {:<12} {}\n", head.at("index").get<std::uint64_t>(), ns / 1'000'000'000,
                           ns % 1'000'000'000, head.at("kind").get<std::string>(), record_text(record));
    }
    return out;
}

} // namespace neuronctl
