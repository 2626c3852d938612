// SPDX-License-Identifier: MIT
// Loops over arrays, for code that is compiled once per instruction set. Include after
// hwy/foreach_target.h.
#if defined(NEURON_CHIP_COMPUTE_MAP_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef NEURON_CHIP_COMPUTE_MAP_INL_HPP
#undef NEURON_CHIP_COMPUTE_MAP_INL_HPP
#else
#define NEURON_CHIP_COMPUTE_MAP_INL_HPP
#endif

#include "compute/f32_simd-inl.hpp"
#include "compute/prefetch.hpp"
#include "compute/tensor_op.hpp"

#undef NEURON_UNROLL_TWICE
#if defined(__clang__)
#define NEURON_UNROLL_TWICE _Pragma("clang loop unroll_count(2)")
#else
#define NEURON_UNROLL_TWICE _Pragma("GCC unroll 2")
#endif

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

// Element types (see f32_simd-inl.hpp) say how an array is loaded and stored; functions have a
// member of() on vectors. An output may be an input: a step loads all before it stores.

template<class Elements>
using RawOf = typename Elements::Raw;

// out[i] = function.of(a[i])
template<class Elements, class Function>
HWY_INLINE void map(const Function &function, void *out_bytes, const void *a_bytes, std::size_t n) {
    using Raw = RawOf<Elements>;
    const auto *const a = static_cast<const Raw *>(a_bytes);
    auto *const out = static_cast<Raw *>(out_bytes);
    const std::size_t lanes = hn::Lanes(F32());
    std::size_t i = 0;
    NEURON_UNROLL_TWICE
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        const auto first = function.of(Elements::load_any(a + i));
        const auto second = function.of(Elements::load_any(a + i + lanes));
        Elements::store(first, second, out + i);
    }
    for (; i < n; i += lanes) {
        const std::size_t rest = n - i < lanes ? n - i : lanes;
        Raw last[MAX_LANES] = {};
        std::memcpy(last, a + i, rest * sizeof(Raw));
        Elements::store(function.of(Elements::load_any(last)), last);
        std::memcpy(out + i, last, rest * sizeof(Raw));
    }
}

// out[i] = function.of(a[i], b[i])
template<class Elements, class Function>
HWY_INLINE void map(const Function &function, void *out_bytes, const void *a_bytes, const void *b_bytes,
                    std::size_t n) {
    using Raw = RawOf<Elements>;
    const auto *const a = static_cast<const Raw *>(a_bytes);
    const auto *const b = static_cast<const Raw *>(b_bytes);
    auto *const out = static_cast<Raw *>(out_bytes);
    const std::size_t lanes = hn::Lanes(F32());
    std::size_t i = 0;
    NEURON_UNROLL_TWICE
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        const auto first = function.of(Elements::load_any(a + i), Elements::load_any(b + i));
        const auto second = function.of(Elements::load_any(a + i + lanes), Elements::load_any(b + i + lanes));
        Elements::store(first, second, out + i);
    }
    for (; i < n; i += lanes) {
        const std::size_t rest = n - i < lanes ? n - i : lanes;
        Raw last_a[MAX_LANES] = {}, last_b[MAX_LANES] = {};
        std::memcpy(last_a, a + i, rest * sizeof(Raw));
        std::memcpy(last_b, b + i, rest * sizeof(Raw));
        Elements::store(function.of(Elements::load_any(last_a), Elements::load_any(last_b)), last_a);
        std::memcpy(out + i, last_a, rest * sizeof(Raw));
    }
}

// The same for rows: make(r) gives the function of row r.

template<class Elements, class Make>
HWY_INLINE void map_rows(const RowSteps &rows, const Make &make, void *out_bytes, const void *a_bytes, std::size_t n) {
    auto *out = static_cast<std::byte *>(out_bytes);
    const auto *a = static_cast<const std::byte *>(a_bytes);
    for (std::size_t row = 0; row < rows.count; ++row, out += rows.out, a += rows.a) {
        if (row + 1 < rows.count) {
            prefetch_row<false>(a + rows.a);
            prefetch_row<true>(out + rows.out);
        }
        map<Elements>(make(row), out, a, n);
    }
}

template<class Elements, class Make>
HWY_INLINE void map_rows(const RowSteps &rows, const Make &make, void *out_bytes, const void *a_bytes,
                         const void *b_bytes, std::size_t n) {
    auto *out = static_cast<std::byte *>(out_bytes);
    const auto *a = static_cast<const std::byte *>(a_bytes);
    const auto *b = static_cast<const std::byte *>(b_bytes);
    for (std::size_t row = 0; row < rows.count; ++row, out += rows.out, a += rows.a, b += rows.b) {
        if (row + 1 < rows.count) {
            prefetch_row<false>(a + rows.a);
            prefetch_row<false>(b + rows.b);
            prefetch_row<true>(out + rows.out);
        }
        map<Elements>(make(row), out, a, b, n);
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#endif
