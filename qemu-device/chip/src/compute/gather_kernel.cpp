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

#include <algorithm>
#include <atomic>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using U32 = hn::CappedTag<std::uint32_t, 16>;
using VecU32 = hn::Vec<U32>;

bool below(const std::uint32_t *indices, std::size_t n, std::uint32_t limit) {
    const U32 d;
    const std::size_t lanes = hn::Lanes(d);
    const VecU32 last = hn::Set(d, limit - 1);
    VecU32 largest = hn::Zero(d), other = hn::Zero(d);
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

// What comes after it looks at the copy: without the fence the compiler may read an index again that it has checked.
HWY_INLINE void copy_once(std::uint32_t *copy, const std::uint32_t *indices, std::size_t n) {
    const U32 d;
    const std::size_t lanes = hn::Lanes(d);
    std::size_t i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        const VecU32 first = hn::LoadU(d, indices + i), second = hn::LoadU(d, indices + i + lanes);
        hn::StoreU(first, d, copy + i);
        hn::StoreU(second, d, copy + i + lanes);
    }
    for (; i < n; ++i) {
        copy[i] = indices[i];
    }
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

struct Two {
    std::size_t first, second;
};
Two two_indices(const std::uint32_t *indices) {
    std::uint64_t both;
    std::memcpy(&both, indices, sizeof(both));
    return {static_cast<std::uint32_t>(both), both >> 32};
}

// Eight elements are put together in a vector, which the compiler does better than a gather instruction; their indices are
// read two at a time.
template<class T>
HWY_INLINE void gather_checked(T *out, const T *in, const std::uint32_t *indices, std::size_t n) {
    constexpr std::size_t EIGHT = 8;
    using Eight [[gnu::vector_size(EIGHT * sizeof(T))]] = T;
    std::size_t i = 0;
    for (; i + EIGHT <= n; i += EIGHT) {
        const Two a = two_indices(indices + i), b = two_indices(indices + i + 2);
        const Two c = two_indices(indices + i + 4), d = two_indices(indices + i + 6);
        const Eight elements = {in[a.first], in[a.second], in[b.first], in[b.second],
                                in[c.first], in[c.second], in[d.first], in[d.second]};
        std::memcpy(out + i, &elements, sizeof(elements));
    }
    for (; i < n; ++i) {
        out[i] = in[indices[i]];
    }
}

template<class T>
std::optional<std::uint32_t> gather_of(std::byte *out, const std::byte *in, std::uint32_t limit,
                                       const std::uint32_t *indices, std::size_t n) {
    constexpr std::size_t PIECE = 512; // stays in the first-level cache
    alignas(64) std::uint32_t copy[PIECE];
    for (std::size_t done = 0; done < n; done += PIECE) {
        const std::size_t part = std::min(PIECE, n - done);
        copy_once(copy, indices + done, part);
        if (!below(copy, part, limit)) {
            return *std::find_if(copy, copy + part, [=](std::uint32_t index) { return index >= limit; });
        }
        gather_checked(reinterpret_cast<T *>(out) + done, reinterpret_cast<const T *>(in), copy, part);
    }
    return std::nullopt;
}

std::optional<std::uint32_t> gather(std::size_t bytes, std::byte *out, const std::byte *in, std::uint32_t limit,
                                    const std::uint32_t *indices, std::size_t n) {
    switch (bytes) {
    case 1: return gather_of<std::uint8_t>(out, in, limit, indices, n);
    case 2: return gather_of<std::uint16_t>(out, in, limit, indices, n);
    default: return gather_of<std::uint32_t>(out, in, limit, indices, n);
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(below);
HWY_EXPORT(gather);

bool all_below(const std::uint32_t *indices, std::size_t n, std::uint32_t limit) {
    return HWY_DYNAMIC_DISPATCH(below)(indices, n, limit);
}

std::optional<std::uint32_t> gather_elements(std::size_t bytes, std::byte *out, const std::byte *in,
                                             std::uint32_t limit, const std::uint32_t *indices, std::size_t n) {
    return HWY_DYNAMIC_DISPATCH(gather)(bytes, out, in, limit, indices, n);
}

} // namespace neuron::chip
#endif // HWY_ONCE
