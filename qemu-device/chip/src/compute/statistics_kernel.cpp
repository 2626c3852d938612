// SPDX-License-Identifier: MIT
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/statistics_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/statistics_kernel.hpp"
#include "compute/f32_simd-inl.hpp"

#include <limits>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

constexpr std::size_t LANES = 16; // of a sum, by the contract
constexpr std::size_t VECTOR_LANES = HWY_LANES(float) < LANES ? HWY_LANES(float) : LANES;
constexpr std::size_t VECTORS = LANES / VECTOR_LANES;
constexpr std::size_t PARITIES = 2;

struct alignas(64) Lanes {
    float of[PARITIES][LANES];
};

// Lane l with lane l + 8, then with l + 4, and so on.
float sum_of(const float (&lanes)[LANES]) {
    float tree[LANES / 2];
    for (std::size_t l = 0; l < 8; ++l) {
        tree[l] = lanes[l] + lanes[l + 8];
    }
    for (std::size_t l = 0; l < 4; ++l) {
        tree[l] += tree[l + 4];
    }
    return (tree[0] + tree[2]) + (tree[1] + tree[3]);
}

// term[parity].of(x) of all elements, each added to its lane: element k of a parity to lane k mod 16.
template<class Term>
HWY_INLINE void add_terms(const float *row, std::size_t n, const Term (&term)[PARITIES], Lanes &lanes) {
    const F32 d;
    VecF32 sum[PARITIES][VECTORS];
    for (std::size_t v = 0; v < VECTORS; ++v) {
        sum[0][v] = sum[1][v] = hn::Set(d, -0.0f); // changes nothing that it is added to
    }
    std::size_t i = 0;
    for (; i + PARITIES * LANES <= n; i += PARITIES * LANES) {
        for (std::size_t v = 0; v < VECTORS; ++v) {
            VecF32 even, odd;
            hn::LoadInterleaved2(d, row + i + v * PARITIES * VECTOR_LANES, even, odd);
            sum[0][v] = hn::Add(sum[0][v], term[0].of(even));
            sum[1][v] = hn::Add(sum[1][v], term[1].of(odd));
        }
    }
    for (std::size_t v = 0; v < VECTORS; ++v) {
        hn::StoreU(sum[0][v], d, lanes.of[0] + v * VECTOR_LANES);
        hn::StoreU(sum[1][v], d, lanes.of[1] + v * VECTOR_LANES);
    }
    for (; i < n; ++i) {
        lanes.of[i % PARITIES][i / PARITIES % LANES] += term[i % PARITIES].of(row[i]);
    }
}

struct Itself {
    HWY_INLINE VecF32 of(VecF32 x) const { return x; }
    float of(float x) const { return x; }
};

struct SquaredDifference {
    float mean;

    HWY_INLINE VecF32 of(VecF32 x) const {
        const VecF32 difference = hn::Sub(x, hn::Set(F32(), mean));
        return hn::Mul(difference, difference);
    }
    float of(float x) const { return (x - mean) * (x - mean); }
};

float canonical(float x) { return x == x ? x : std::numeric_limits<float>::quiet_NaN(); }

Statistics statistics(const float *row, std::size_t n) {
    Lanes lanes;
    add_terms(row, n, {Itself(), Itself()}, lanes);
    const std::size_t odd = n / 2, even = n - odd;
    const float count[PARITIES] = {static_cast<float>(even), static_cast<float>(odd)};
    const float mean[PARITIES] = {sum_of(lanes.of[0]) / count[0], sum_of(lanes.of[1]) / count[1]};
    add_terms(row, n, {SquaredDifference{mean[0]}, SquaredDifference{mean[1]}}, lanes);
    Statistics result{};
    for (std::size_t parity = 0; parity < PARITIES; ++parity) {
        if (count[parity] != 0) {
            result[3 * parity] = count[parity];
            result[3 * parity + 1] = canonical(mean[parity]);
            result[3 * parity + 2] = canonical(sum_of(lanes.of[parity]));
        }
    }
    return result;
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(statistics);

Statistics statistics_of(const float *row, std::size_t n) { return HWY_DYNAMIC_DISPATCH(statistics)(row, n); }

} // namespace neuron::chip
#endif // HWY_ONCE
