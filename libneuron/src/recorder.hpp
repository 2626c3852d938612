// SPDX-License-Identifier: MIT
// The chip's flight recorder for tools: what debugfs, QEMU and the chip itself give, record by record and as text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <neuron/error.hpp>
#include <neuron/spec.hpp>

namespace neuron::detail {

/** One record as the device writes it. */
using RawRecord = std::array<std::byte, spec::RecordReset::BYTES>;

spec::RecordHead head_of(const RawRecord &record);

/** The records of a file or dump. `origin` is what an error calls it. */
Result<std::vector<RawRecord>> records_of(std::span<const std::byte> bytes, const std::string &origin);
/** Those of a file: the driver's in debugfs, or one that QEMU has written. */
Result<std::vector<RawRecord>> read_records(const std::string &path);

/** A line of text: number, time, kind, then each field by its name in the contract, zeros left out. */
std::string describe(const RawRecord &record);

} // namespace neuron::detail
