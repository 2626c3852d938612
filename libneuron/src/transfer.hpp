// SPDX-License-Identifier: MIT
// Bytes between the CPU and buffers.
#pragma once

#include <cstddef>
#include <span>

#include "queue_state.hpp"

namespace neuron::detail {

Result<void> write_buffer(QueueState &queue, const Buffer &buffer, std::uint64_t offset,
                          std::span<const std::byte> bytes);
Result<void> read_buffer(QueueState &queue, const Buffer &buffer, std::uint64_t offset, std::span<std::byte> bytes);

} // namespace neuron::detail
