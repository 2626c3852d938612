// SPDX-License-Identifier: MIT
// Boots in which the DMA API copies what it maps for a device (swiotlb=force).
#pragma once

#include <cstdint>

namespace kmod {

/// Whether this boot is one.
bool bounces();
/// Bytes of bounce buffers that are in use, by all devices.
std::uint64_t bounced_bytes();
/// What jobs of a device may have of them at a time.
inline constexpr std::uint64_t BOUNCED_MAX = 32 << 20;

} // namespace kmod
