// SPDX-License-Identifier: MIT
#include "decode.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "system.hpp"

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

std::string chars(std::span<const std::byte> bytes) {
    std::string out;
    for (const std::byte byte : bytes) {
        if (byte == std::byte{0})
            break;
        const auto c = std::to_integer<unsigned char>(byte);
        out += std::isprint(c) != 0 ? static_cast<char>(c) : '?';
    }
    return out;
}

Json element_value(const spec::FieldDesc &field, std::span<const std::byte> bytes, std::size_t at) {
    if (field.type == spec::FieldType::STRUCT)
        return struct_json(*field.struct_desc, bytes.subspan(at, field.size));
    return signed_value(field, element(bytes, at, field.size));
}

Json operand_value(const spec::OperandDesc &operand, std::span<const std::byte> bytes) {
    if (operand.struct_desc != nullptr)
        return struct_json(*operand.struct_desc, bytes.subspan(operand.offset, operand.size));
    if (operand.count == 1)
        return named(operand.enum_desc, element(bytes, operand.offset, operand.size));
    Json out = Json::array();
    const std::uint32_t size = operand.size / operand.count;
    for (std::uint32_t i = 0; i < operand.count; ++i)
        out.push_back(element(bytes, operand.offset + i * size, size));
    return out;
}

Json field_value(const spec::FieldDesc &field, std::span<const std::byte> bytes) {
    if (field.type == spec::FieldType::CHAR)
        return chars(bytes.subspan(field.offset, std::size_t{field.size} * field.count));
    if (!field.is_array)
        return element_value(field, bytes, field.offset);
    Json out = Json::array();
    for (std::uint32_t i = 0; i < field.count; ++i)
        out.push_back(element_value(field, bytes, field.offset + std::size_t{i} * field.size));
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

Json word_json(std::span<const spec::RegisterFieldDesc> fields, std::uint64_t value) {
    Json out = Json::object();
    for (const spec::RegisterFieldDesc &field : fields) {
        const std::uint64_t mask = field.bits == 64 ? ~0ULL : (1ULL << field.bits) - 1;
        out[std::string(field.name)] = named(field.enum_desc, value >> field.lsb & mask);
    }
    return out;
}

Json struct_json(const spec::StructDesc &desc, std::span<const std::byte> bytes) {
    Json out = Json::object();
    for (const spec::FieldDesc &field : desc.fields)
        if (!field.is_reserved)
            out[std::string(field.name)] = field_value(field, bytes);
    return out;
}

Json instruction_json(std::span<const std::byte, spec::INSTRUCTION_BYTES> bytes) {
    Json out = Json::object();
    const auto opcode = static_cast<spec::Opcode>(bytes[0]);
    const spec::InsnDesc *desc = spec::find_instruction(opcode);
    if (desc == nullptr)
        return out;
    out["opcode"] = desc->name;
    for (const spec::FieldDesc &field : spec::struct_desc<spec::InstructionHeader>().fields)
        if (!field.is_reserved && field.name != "opcode")
            out[std::string(field.name)] = field_value(field, bytes);
    for (const spec::OperandDesc &operand : desc->operands)
        out[std::string(operand.name)] = operand_value(operand, bytes);
    return out;
}

std::optional<PacketLine> packet_line(std::string_view line) {
    constexpr std::string_view prefix = "packet ";
    const std::size_t colon = line.find(": ");
    if (!line.starts_with(prefix) || colon == std::string_view::npos)
        return std::nullopt;
    const std::string_view head = line.substr(prefix.size(), colon - prefix.size());
    const auto index = sys::number(head.substr(0, head.find(' ')));
    const auto bytes = bytes_of_hex(line.substr(colon + 2));
    if (!index || !bytes || bytes->size() != spec::PACKET_BYTES)
        return std::nullopt;
    const std::span<const std::byte, spec::PACKET_BYTES> raw(bytes->data(), bytes->size());
    const Json fields = packet_json(raw);
    spec::PacketLaunch launch{};
    if (spec::unpack<spec::PacketHeader>(raw.first<spec::PacketHeader::BYTES>()).opcode == spec::PacketOp::LAUNCH)
        launch = spec::unpack<spec::PacketLaunch>(raw);
    const Json opcode = fields.value("opcode", Json());
    return PacketLine{*index,
                      opcode.is_string() ? opcode.get<std::string>() : std::string(),
                      packet_text(fields),
                      launch.core_mask,
                      launch.program,
                      fields};
}

std::optional<std::vector<std::byte>> bytes_of_hex(std::string_view text) {
    std::string digits;
    for (const char c : text.starts_with("0x") ? text.substr(2) : text)
        if (std::isspace(static_cast<unsigned char>(c)) == 0)
            digits += c;
    if (digits.size() % 2 != 0)
        return std::nullopt;
    std::vector<std::byte> out;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        const auto value = sys::number("0x" + digits.substr(i, 2));
        if (!value)
            return std::nullopt;
        out.push_back(static_cast<std::byte>(*value));
    }
    return out;
}

Json register_fields(std::string_view block, std::string_view name, std::uint64_t value) {
    for (const spec::RegisterDesc &desc : spec::registers()) {
        if (!same_name(desc.block, block) || !same_name(desc.name, name))
            continue;
        if (desc.fields.empty())
            return desc.enum_desc != nullptr ? named(desc.enum_desc, value) : Json();
        return word_json(desc.fields, value);
    }
    return {};
}

Json pte_fields(std::uint64_t entry) {
    const auto all = spec::words();
    return word_json((*std::ranges::find(all, std::string_view("pte"), &spec::WordDesc::name)).fields, entry);
}

Json level_line(const std::string &line) {
    constexpr std::string_view prefix = "level ";
    if (!line.starts_with(prefix))
        return {};
    const auto level = sys::number(line.substr(prefix.size(), line.find(':') - prefix.size()));
    Json out = {{"level", level.value_or(0)}};
    const auto fields = sys::fields(line);
    for (const char *part : {"table", "index", "entry"}) {
        const auto text = fields.find(part);
        const auto value = text != fields.end() ? sys::number(text->second) : std::nullopt;
        if (!level || !value)
            return {};
        out[part] = *value;
    }
    out["fields"] = pte_fields(out["entry"].get<std::uint64_t>());
    return out;
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
