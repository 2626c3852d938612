// SPDX-License-Identifier: MIT
// Rows that are filled or copied.
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/move_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/move_kernel.hpp"
#include "compute/prefetch.hpp"

#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using U8 = hn::CappedTag<std::uint8_t, 64>;
using VecU8 = hn::Vec<U8>;
constexpr std::size_t MAX_BYTES = 64; // of a vector
constexpr std::size_t UNROLL = 4;

// Four bytes that repeat the element.
std::uint32_t repeated(std::size_t element_bytes, std::uint32_t bits) {
    switch (element_bytes) {
    case 1: return (bits & 0xff) * 0x01010101u;
    case 2: return (bits & 0xffff) * 0x00010001u;
    default: return bits;
    }
}

void fill_row(std::byte *out_bytes, std::uint32_t pattern, std::size_t bytes) {
    const U8 d;
    const std::size_t size = hn::Lanes(d);
    alignas(MAX_BYTES) std::uint32_t words[MAX_BYTES / sizeof(std::uint32_t)];
    for (std::uint32_t &word : words) {
        word = pattern;
    }
    const VecU8 value = hn::LoadU(d, reinterpret_cast<const std::uint8_t *>(words));
    auto *const out = reinterpret_cast<std::uint8_t *>(out_bytes);
    std::size_t i = 0;
    for (; size >= sizeof(pattern) && i + UNROLL * size <= bytes; i += UNROLL * size) {
        hn::StoreU(value, d, out + i);
        hn::StoreU(value, d, out + i + size);
        hn::StoreU(value, d, out + i + 2 * size);
        hn::StoreU(value, d, out + i + 3 * size);
    }
    for (; i < bytes; i += sizeof(words)) {
        std::memcpy(out + i, words, bytes - i < sizeof(words) ? bytes - i : sizeof(words));
    }
}

void fill(std::size_t element_bytes, const RowSteps &rows, std::byte *out, const std::uint32_t *bits, std::size_t n) {
    for (std::size_t row = 0; row < rows.count; ++row, out += rows.out) {
        if (row + 1 < rows.count) {
            prefetch_row<true>(out + rows.out);
        }
        fill_row(out, repeated(element_bytes, bits[row]), n * element_bytes);
    }
}

void copy_row(std::byte *out_bytes, const std::byte *in_bytes, std::size_t bytes) {
    const U8 d;
    const std::size_t size = hn::Lanes(d);
    auto *const out = reinterpret_cast<std::uint8_t *>(out_bytes);
    const auto *const in = reinterpret_cast<const std::uint8_t *>(in_bytes);
    std::size_t i = 0;
    if (size > sizeof(std::uint64_t)) { // without vectors memcpy is the better loop
        for (; i + UNROLL * size <= bytes; i += UNROLL * size) {
            const VecU8 v0 = hn::LoadU(d, in + i), v1 = hn::LoadU(d, in + i + size);
            const VecU8 v2 = hn::LoadU(d, in + i + 2 * size), v3 = hn::LoadU(d, in + i + 3 * size);
            hn::StoreU(v0, d, out + i);
            hn::StoreU(v1, d, out + i + size);
            hn::StoreU(v2, d, out + i + 2 * size);
            hn::StoreU(v3, d, out + i + 3 * size);
        }
    }
    std::memcpy(out + i, in + i, bytes - i);
}

void copy(const RowSteps &rows, std::byte *out, const std::byte *in, std::size_t row_bytes) {
    for (std::size_t row = 0; row < rows.count; ++row, out += rows.out, in += rows.a) {
        if (row + 1 < rows.count) {
            prefetch_row<false>(in + rows.a);
            prefetch_row<true>(out + rows.out);
        }
        copy_row(out, in, row_bytes);
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(fill);
HWY_EXPORT(copy);

void fill_rows(std::size_t element_bytes, const RowSteps &rows, std::byte *out, const std::uint32_t *bits,
               std::size_t n) {
    HWY_DYNAMIC_DISPATCH(fill)(element_bytes, rows, out, bits, n);
}

void copy_rows(const RowSteps &rows, std::byte *out, const std::byte *in, std::size_t row_bytes) {
    HWY_DYNAMIC_DISPATCH(copy)(rows, out, in, row_bytes);
}

} // namespace neuron::chip
#endif // HWY_ONCE
