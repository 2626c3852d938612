// SPDX-License-Identifier: MIT
#pragma once

#include "../control/fault_info.hpp"

#include <neuron/spec.hpp>

#include <cstddef>
#include <span>
#include <tl/expected.hpp>

namespace neuron::chip {

/// Checks a program header as it came from memory: PROGRAM_HEADER with the offending word, or BAD_ADDRESS for a stream
/// outside the context's address range.
tl::expected<void, FaultInfo> check_program_header(std::span<const std::byte, spec::ProgramHeader::BYTES> raw);

} // namespace neuron::chip
