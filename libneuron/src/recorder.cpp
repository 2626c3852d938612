// SPDX-License-Identifier: MIT
#include "recorder.hpp"

#include "error.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <neuron/fd.hpp>

namespace neuron::detail {
namespace {

std::string lower(std::string_view name) {
    std::string text(name);
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/** The struct of a kind; nullptr: the kind is of a later minor version. */
const spec::StructDesc *struct_of(spec::RecordKind kind) {
    const spec::EnumValueDesc *const value = spec::enum_desc<spec::RecordKind>().find(std::uint64_t{spec::raw(kind)});
    if (value == nullptr)
        return nullptr;
    const std::string name = "record_" + lower(value->name);
    const auto found = std::ranges::find(spec::structs(), name, &spec::StructDesc::name);
    return found != spec::structs().end() ? *found : nullptr;
}

std::uint64_t number_at(std::span<const std::byte> from, std::uint32_t size) {
    std::uint64_t value = 0;
    for (std::uint32_t i = 0; i < size; ++i)
        value |= std::to_integer<std::uint64_t>(from[i]) << 8 * i;
    return value;
}

std::string flags_text(const spec::EnumDesc &desc, std::uint64_t value) {
    std::string text;
    for (const spec::EnumValueDesc &flag : desc.values)
        if ((value & flag.value) != 0) {
            text += fmt::format("{}{}", text.empty() ? "" : "|", flag.name);
            value &= ~std::uint64_t{flag.value};
        }
    return value == 0 ? text : fmt::format("{}{}{:#x}", text, text.empty() ? "" : "|", value);
}

std::string value_text(const spec::FieldDesc &field, std::uint64_t value) {
    if (field.enum_desc != nullptr && field.enum_desc->is_flags)
        return flags_text(*field.enum_desc, value);
    if (field.enum_desc != nullptr)
        if (const spec::EnumValueDesc *const known = field.enum_desc->find(value); known != nullptr)
            return std::string(known->name);
    return value > 0xffff ? fmt::format("{:#x}", value) : fmt::format("{}", value);
}

/** What the code of a record means, which depends on the kind. */
std::string code_text(const spec::RecordHead &head) {
    switch (head.kind) {
    case spec::RecordKind::PACKET_START:
    case spec::RecordKind::PACKET: return std::string(spec::name(static_cast<spec::PacketOp>(head.code)));
    case spec::RecordKind::TRANSFER: return std::string(spec::name(static_cast<spec::Opcode>(head.code)));
    case spec::RecordKind::SEMAPHORE: return std::string(spec::name(static_cast<spec::RecordChange>(head.code)));
    case spec::RecordKind::FAULT:
    case spec::RecordKind::ECC: return std::string(spec::name(static_cast<spec::Fault>(head.code)));
    case spec::RecordKind::MAPPING: return std::string(spec::name(static_cast<spec::DebugKind>(head.code)));
    case spec::RecordKind::INTERRUPT: return fmt::format("vector {}", head.code);
    default: return {};
    }
}

void add_fields(std::string &text, const spec::StructDesc &desc, std::span<const std::byte> bytes) {
    for (const spec::FieldDesc &field : desc.fields) {
        if (field.type == spec::FieldType::STRUCT)
            continue; // the head
        if (const std::uint64_t value = number_at(bytes.subspan(field.offset), field.size); value != 0)
            text += fmt::format(" {}={}", field.name, value_text(field, value));
    }
}

void add_head(std::string &text, const spec::RecordHead &head, std::span<const std::byte> bytes) {
    for (const spec::FieldDesc &field : spec::struct_desc<spec::RecordHead>().fields) {
        if (field.name == "index" || field.name == "time_ns" || field.name == "kind" || field.name == "code")
            continue;
        const std::uint64_t value = number_at(bytes.subspan(field.offset), field.size);
        // Which context, queue and packet is of interest also if it is the first one.
        const bool place = field.name == "ctx" || field.name == "queue" || field.name == "packet";
        if (value != 0 || (place && head.kind != spec::RecordKind::RESET))
            text += fmt::format(" {}={}", field.name, value_text(field, value));
    }
}

} // namespace

spec::RecordHead head_of(const RawRecord &record) {
    return spec::unpack<spec::RecordHead>(std::span(record).first<spec::RecordHead::BYTES>());
}

Result<std::vector<RawRecord>> records_of(std::span<const std::byte> bytes, const std::string &origin) {
    constexpr std::size_t size = std::tuple_size_v<RawRecord>;
    if (bytes.size() % size != 0)
        return fail(ErrorCode::invalid_argument, "{}: {} bytes are no whole number of records of {}", origin,
                    bytes.size(), size);
    std::vector<RawRecord> records(bytes.size() / size);
    std::memcpy(records.data(), bytes.data(), bytes.size());
    return records;
}

Result<std::vector<RawRecord>> read_records(const std::string &path) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0)
        return fail_errno(errno, path);
    std::vector<std::byte> bytes;
    std::array<std::byte, 64 * sizeof(RawRecord)> some;
    for (;;) {
        const ssize_t count = ::read(file.get(), some.data(), some.size());
        if (count < 0)
            return fail_errno(errno, path);
        if (count == 0)
            return records_of(bytes, path);
        bytes.insert(bytes.end(), some.begin(), some.begin() + count);
    }
}

std::string describe(const RawRecord &record) {
    const spec::RecordHead head = head_of(record);
    const spec::StructDesc *const desc = struct_of(head.kind);
    std::string text = fmt::format("{} {:.6f} {}", head.index, static_cast<double>(head.time_ns) / 1e9,
                                   desc != nullptr ? std::string(spec::name(head.kind))
                                                   : fmt::format("kind {}", spec::raw(head.kind)));
    if (const std::string code = code_text(head); !code.empty())
        text += " " + code;
    add_head(text, head, record);
    if (desc != nullptr)
        add_fields(text, *desc, record);
    return text;
}

} // namespace neuron::detail
