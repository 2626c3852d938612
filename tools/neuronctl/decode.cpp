// SPDX-License-Identifier: MIT
#include "decode.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace neuronctl {
namespace {

namespace spec = neuron::spec;

std::uint64_t element(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < size; ++i)
        out |= std::to_integer<std::uint64_t>(bytes[at + i]) << 8 * i;
    return out;
}

Json named(const spec::EnumDesc *desc, std::uint64_t value) {
    if (desc == nullptr)
        return value;
    std::string flags;
    for (const spec::EnumValueDesc &entry : desc->values) {
        if (!desc->is_flags && entry.value == value)
            return entry.name;
        if (desc->is_flags && (value & entry.value) != 0)
            flags += (flags.empty() ? "" : "|") + std::string(entry.name);
    }
    return desc->is_flags && !flags.empty() ? Json(flags) : Json(value);
}

Json signed_value(const spec::FieldDesc &field, std::uint64_t value) {
    if (field.type != spec::FieldType::SIGNED)
        return named(field.enum_desc, value);
    const unsigned shift = 64 - 8 * field.size;
    return static_cast<std::int64_t>(value << shift) >> shift;
}

Json field_value(const spec::FieldDesc &field, std::span<const std::byte> bytes) {
    if (!field.is_array)
        return signed_value(field, element(bytes, field.offset, field.size));
    Json out = Json::array();
    for (std::uint32_t i = 0; i < field.count; ++i)
        out.push_back(signed_value(field, element(bytes, field.offset + i * field.size, field.size)));
    return out;
}

bool same_name(std::string_view left, std::string_view right) {
    return std::ranges::equal(left, right,
                              [](unsigned char a, unsigned char b) { return std::toupper(a) == std::toupper(b); });
}

std::string value_text(const Json &value) {
    if (value.is_string())
        return value.get<std::string>();
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > 9)
        return fmt::format("{:#x}", value.get<std::uint64_t>());
    return value.dump();
}

} // namespace

Json packet_json(std::span<const std::byte, spec::PACKET_BYTES> packet) {
    Json out = Json::object();
    const auto op = static_cast<spec::PacketOp>(packet[0]);
    const spec::PacketDesc *desc = spec::find_packet(op);
    for (const spec::FieldDesc &field : spec::struct_desc<spec::PacketHeader>().fields)
        if (!field.is_reserved)
            out[std::string(field.name)] = field_value(field, packet);
    if (desc != nullptr)
        for (const spec::FieldDesc &field : desc->fields)
            if (!field.is_reserved)
                out[std::string(field.name)] = field_value(field, packet);
    return out;
}

std::string packet_text(const Json &packet) {
    std::string out;
    for (const auto &[name, value] : packet.items()) {
        if (name == "opcode")
            out = value.is_string() ? value.get<std::string>() : fmt::format("illegal opcode {}", value_text(value));
        else if (!(value.is_number() && value == 0))
            out += fmt::format(" {}={}", name, value_text(value));
    }
    return out;
}

Json register_fields(std::string_view block, std::string_view name, std::uint64_t value) {
    for (const spec::RegisterDesc &desc : spec::registers()) {
        if (!same_name(desc.block, block) || !same_name(desc.name, name))
            continue;
        if (desc.fields.empty())
            return desc.enum_desc != nullptr ? named(desc.enum_desc, value) : Json();
        Json out = Json::object();
        for (const spec::RegisterFieldDesc &field : desc.fields) {
            const std::uint64_t mask = field.bits == 64 ? ~0ULL : (1ULL << field.bits) - 1;
            out[std::string(field.name)] = named(field.enum_desc, value >> field.lsb & mask);
        }
        return out;
    }
    return {};
}

std::string fields_text(const Json &fields) {
    if (fields.is_string())
        return fields.get<std::string>();
    std::string out;
    if (fields.is_object())
        for (const auto &[name, value] : fields.items())
            out += fmt::format("{}{}={}", out.empty() ? "" : " ", name, value_text(value));
    return out;
}

} // namespace neuronctl
