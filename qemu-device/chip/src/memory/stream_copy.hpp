// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>

namespace neuron::chip {

/// memcpy that leaves the destination out of the caches: for blocks so large that their beginning would be pushed out
/// before anybody reads it. An ordinary store would first fetch the line that it overwrites, a third of all the traffic.
/// `to` and `from` have the same size and do not overlap. Ordered like any other stores when it returns.
void stream_copy(std::span<std::byte> to, std::span<const std::byte> from);

} // namespace neuron::chip
