// SPDX-License-Identifier: MIT
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "memory/stream_copy.cpp"
#include <hwy/foreach_target.h>

#include <hwy/cache_control.h>
#include <hwy/highway.h>
// clang-format on

#include "memory/stream_copy.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

[[maybe_unused]] constexpr std::size_t LINE = 64;
[[maybe_unused]] constexpr std::size_t AHEAD = 16 * LINE; // how far before its use a line is asked for

// `bytes` is a multiple of LINE, and `out` aligned to it.
void copy_lines(std::uint8_t *out, const std::uint8_t *in, std::size_t bytes) {
#if HWY_TARGET == HWY_SCALAR // single bytes, and no way past the caches
    std::memcpy(out, in, bytes);
#else
    const hn::CappedTag<std::uint8_t, LINE> d;
    for (std::size_t at = 0; at < bytes; at += LINE) {
        hwy::Prefetch(in + at + AHEAD);
        for (std::size_t i = at; i < at + LINE; i += hn::Lanes(d)) {
            hn::Stream(hn::LoadU(d, in + i), d, out + i);
        }
    }
    hwy::FlushStream();
#endif
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(copy_lines);

void stream_copy(std::span<std::byte> to, std::span<const std::byte> from) {
    constexpr std::size_t LINE = 64;
    const std::size_t past_line = reinterpret_cast<std::uintptr_t>(to.data()) % LINE;
    const std::size_t head = std::min(to.size(), (LINE - past_line) % LINE);
    const std::size_t lines = (to.size() - head) / LINE * LINE;
    std::memcpy(to.data(), from.data(), head);
    HWY_DYNAMIC_DISPATCH(copy_lines)
    (reinterpret_cast<std::uint8_t *>(to.data() + head), reinterpret_cast<const std::uint8_t *>(from.data() + head),
     lines);
    std::memcpy(to.data() + head + lines, from.data() + head + lines, to.size() - head - lines);
}

} // namespace neuron::chip
#endif // HWY_ONCE
