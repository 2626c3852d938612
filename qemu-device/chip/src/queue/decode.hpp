// SPDX-License-Identifier: MIT
#pragma once

#include "launch_job.hpp"
#include "transfer_jobs.hpp"

#include <neuron/spec.hpp>

#include <cstddef>
#include <span>
#include <tl/expected.hpp>
#include <variant>

namespace neuron::chip {

using PacketJob = std::variant<NopJob, CopyJob, StridedCopyJob, FillJob, FenceJob, LaunchJob>;

/// Checks all that can be checked without touching memory, and makes the job. `cores` is the number of cores of the chip,
/// `launch` what a LaunchJob uses.
tl::expected<PacketJob, FaultInfo> decode_packet(std::span<const std::byte, spec::PACKET_BYTES> raw,
                                                 std::uint32_t cores, Launch &launch);

} // namespace neuron::chip
