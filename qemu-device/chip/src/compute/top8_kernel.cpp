// SPDX-License-Identifier: MIT
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/top8_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/top8_kernel.hpp"
#include "compute/f32_simd-inl.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

constexpr std::size_t EIGHT = 8;
constexpr std::size_t BLOCK_VECTORS = 4;
constexpr std::int32_t MAGNITUDE = 0x7fffffff;

// Integers in the order of MAX8: -inf .. -0, +0 .. inf, NaN. The same turns them back.
HWY_INLINE VecI32 flipped(VecI32 v) { return hn::Xor(v, hn::And(hn::ShiftRight<31>(v), hn::Set(I32(), MAGNITUDE))); }
HWY_INLINE VecI32 keys_of(const float *values) {
    return flipped(hn::BitCast(I32(), canonical_nan(hn::LoadU(F32(), values))));
}

std::int32_t key_of(float value) {
    const auto bits = value == value ? std::bit_cast<std::int32_t>(value) : static_cast<std::int32_t>(QUIET_NAN_F32);
    return bits < 0 ? bits ^ MAGNITUDE : bits;
}
float value_of(std::int32_t key) { return std::bit_cast<float>(key < 0 ? key ^ MAGNITUDE : key); }

// The eight largest keys so far, descending.
class Largest {
public:
    explicit Largest(const float *values) {
        std::transform(values, values + EIGHT, keys_.begin(), key_of);
        std::sort(keys_.begin(), keys_.end(), std::greater<>());
    }

    std::int32_t least() const { return keys_.back(); }

    // A key above least(): those below it move down by one, the last falls out.
    HWY_INLINE void insert(std::int32_t key) {
        for (std::int32_t &place : keys_) {
            const std::int32_t larger = std::max(place, key);
            key = std::min(place, key);
            place = larger;
        }
    }

    std::array<float, EIGHT> values() const {
        std::array<float, EIGHT> result;
        std::transform(keys_.begin(), keys_.end(), result.begin(), value_of);
        return result;
    }

private:
    std::array<std::int32_t, EIGHT> keys_;
};

// Most blocks have nothing above the eighth largest so far, and cost a comparison.
std::array<float, EIGHT> largest_of(const float *values, std::size_t n) {
    const I32 di;
    const std::size_t lanes = hn::Lanes(di);
    Largest largest(values);
    std::size_t i = EIGHT;
    for (; i + BLOCK_VECTORS * lanes <= n; i += BLOCK_VECTORS * lanes) {
        VecI32 keys[BLOCK_VECTORS];
        for (std::size_t v = 0; v < BLOCK_VECTORS; ++v) {
            keys[v] = keys_of(values + i + v * lanes);
        }
        const VecI32 top = hn::Max(hn::Max(keys[0], keys[1]), hn::Max(keys[2], keys[3]));
        if (hn::AllFalse(di, hn::Gt(top, hn::Set(di, largest.least())))) {
            continue;
        }
        for (const VecI32 &vector : keys) {
            const auto above = hn::Gt(vector, hn::Set(di, largest.least()));
            if (hn::AllFalse(di, above)) {
                continue;
            }
            std::int32_t candidates[MAX_LANES];
            hn::StoreU(hn::Compress(vector, above), di, candidates);
            const std::size_t count = hn::CountTrue(di, above);
            for (std::size_t c = 0; c < count; ++c) {
                if (candidates[c] > largest.least()) {
                    largest.insert(candidates[c]);
                }
            }
        }
    }
    for (; i < n; ++i) {
        const std::int32_t key = key_of(values[i]);
        if (key > largest.least()) {
            largest.insert(key);
        }
    }
    return largest.values();
}

std::size_t find(const float *values, std::size_t first, std::size_t n, float value) {
    const F32 d;
    const std::size_t lanes = hn::Lanes(d);
    const VecF32 wanted = hn::Set(d, value);
    std::size_t i = first;
    const auto equal = [&](std::size_t v) HWY_ATTR { return hn::Eq(hn::LoadU(d, values + i + v * lanes), wanted); };
    for (; i + BLOCK_VECTORS * lanes <= n; i += BLOCK_VECTORS * lanes) {
        const auto any = hn::Or(hn::Or(equal(0), equal(1)), hn::Or(equal(2), equal(3)));
        if (!hn::AllFalse(d, any)) {
            break; // the loop below tells where
        }
    }
    for (; i + lanes <= n; i += lanes) {
        const auto at = hn::FindFirstTrue(d, equal(0));
        if (at >= 0) {
            return i + static_cast<std::size_t>(at);
        }
    }
    while (i < n && values[i] != value) {
        ++i;
    }
    return i;
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(largest_of);
HWY_EXPORT(find);

std::array<float, 8> eight_largest(const float *values, std::size_t n) {
    return HWY_DYNAMIC_DISPATCH(largest_of)(values, n);
}

std::size_t find_equal(const float *values, std::size_t first, std::size_t n, float value) {
    return HWY_DYNAMIC_DISPATCH(find)(values, first, n, value);
}

} // namespace neuron::chip
#endif // HWY_ONCE
