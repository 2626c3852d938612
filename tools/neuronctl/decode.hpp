// SPDX-License-Identifier: MIT
/**
 * @file
 * Packets and registers by the contract's names.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <neuron/spec.hpp>

#include "report.hpp"

namespace neuronctl {

/** A packet: {"opcode": "COPY", "flags": ..., "src": ...}; without opcode if it is none of the contract. */
Json packet_json(std::span<const std::byte, neuron::spec::PACKET_BYTES> packet);

/** "COPY src=0x200000 dst=0x400000 bytes=0x40", fields that are zero left out. */
std::string packet_text(const Json &packet);

/** Bytes from hexadecimal digits, blanks between them or not; nothing if they are no whole bytes. */
std::optional<std::vector<std::byte>> bytes_of_hex(std::string_view text);

/** A line of the driver, "packet 17 COPY: 0200000000000000 ...": the bytes follow in the order of memory. */
struct PacketLine {
    std::uint64_t index = 0;
    std::string name;            ///< Of the opcode.
    std::string text;            ///< As packet_text().
    std::uint32_t core_mask = 0; ///< Of a LAUNCH, else 0.
    std::uint64_t program = 0;   ///< Likewise.
    Json fields;                 ///< All of it, by name.
};
std::optional<PacketLine> packet_line(std::string_view line);

/** Members of a structure by name, nested ones as objects. `bytes` holds at least desc.size. */
Json struct_json(const neuron::spec::StructDesc &desc, std::span<const std::byte> bytes);

/** Bit fields by name. */
Json word_json(std::span<const neuron::spec::RegisterFieldDesc> fields, std::uint64_t value);

/** An instruction: opcode, engine-independent fields and operands by name; without opcode if it is unknown. */
Json instruction_json(std::span<const std::byte, neuron::spec::INSTRUCTION_BYTES> bytes);

/** Fields of a register's value by name: {"STATE": "RUNNING", ...}; null for one without fields. */
Json register_fields(std::string_view block, std::string_view name, std::uint64_t value);

/** Fields of a page table's entry, by name. */
Json pte_fields(std::uint64_t entry);

/** A line of the driver about one level of the page tables, "level 3: table=0x... index=5 entry=0x...": its parts and the
 *  entry's fields by name; null for another line. */
Json level_line(const std::string &line);

/** "STATE=RUNNING WAITING=0", or empty. */
std::string fields_text(const Json &fields);

} // namespace neuronctl
