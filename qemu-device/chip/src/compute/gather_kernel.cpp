// SPDX-License-Identifier: MIT
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/gather_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/gather_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using U32 = hn::CappedTag<std::uint32_t, 16>;

bool below(const std::uint32_t *indices, std::size_t n, std::uint32_t limit) {
    const U32 d;
    const std::size_t lanes = hn::Lanes(d);
    const auto last = hn::Set(d, limit - 1);
    auto largest = hn::Zero(d), other = hn::Zero(d);
    std::size_t i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        largest = hn::Max(largest, hn::LoadU(d, indices + i));
        other = hn::Max(other, hn::LoadU(d, indices + i + lanes));
    }
    bool legal = hn::AllTrue(d, hn::Eq(hn::Max(hn::Max(largest, other), last), last));
    for (; i < n; ++i) {
        legal = legal && indices[i] < limit;
    }
    return legal;
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(below);

bool all_below(const std::uint32_t *indices, std::size_t n, std::uint32_t limit) {
    return HWY_DYNAMIC_DISPATCH(below)(indices, n, limit);
}

} // namespace neuron::chip
#endif // HWY_ONCE
