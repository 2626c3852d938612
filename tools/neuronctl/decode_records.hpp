// SPDX-License-Identifier: MIT
/**
 * @file
 * Records of the flight recorder by the contract's names.
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

/** Bytes of a record; all kinds have as many. */
inline constexpr std::size_t record_bytes = neuron::spec::RecordPacket::BYTES;

/** The members of the structure of its kind; null if the contract has no such kind. `record` holds record_bytes. */
Json record_json(std::span<const std::byte> record);

/** A line "record 7 MAPPING: 0700...", as the members of its structure; null if it is none. */
Json record_line(std::string_view line);

/** "queue=0x1 code=COPY packet=0x7 dst=0x200000 ...": without number, time and kind, and without what is 0. */
std::string record_text(const Json &record);

/** Which records are shown. */
struct RecordFilter {
    std::string kind; ///< empty: all
    std::optional<std::uint64_t> queue{};
    std::optional<std::uint64_t> context{};
    std::size_t last = 0; ///< so many of those that match, the newest; 0: all
};

/** Records one after another, as the driver's file `recorder` and QEMU's recorder-file have them: those that are wanted, in order.
 *  @return an error that names the byte if there are no whole records, or one is of no kind. */
Outcome<std::vector<Json>> decode_records(std::span<const std::byte> bytes, const RecordFilter &filter);

/** A line for each: number, time since the device's reset, kind, the rest. */
std::string records_text(const std::vector<Json> &records);

} // namespace neuronctl
