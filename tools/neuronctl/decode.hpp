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

#include <neuron/spec.hpp>

#include "report.hpp"

namespace neuronctl {

/** A packet: {"opcode": "COPY", "flags": ..., "src": ...}; without opcode if it is none of the contract. */
Json packet_json(std::span<const std::byte, neuron::spec::PACKET_BYTES> packet);

/** "COPY src=0x200000 dst=0x400000 bytes=0x40", fields that are zero left out. */
std::string packet_text(const Json &packet);

/** Fields of a register's value by name: {"STATE": "RUNNING", ...}; null for one without fields. */
Json register_fields(std::string_view block, std::string_view name, std::uint64_t value);

/** "STATE=RUNNING WAITING=0", or empty. */
std::string fields_text(const Json &fields);

} // namespace neuronctl
