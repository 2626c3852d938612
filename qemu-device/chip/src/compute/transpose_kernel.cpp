// SPDX-License-Identifier: MIT
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/transpose_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/transpose_kernel.hpp"

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template<class T>
constexpr std::size_t SQUARE = transpose_multiple(sizeof(T)); // rows and columns in 128 bits

#if HWY_TARGET == HWY_SCALAR

template<class T>
void transpose_all(Block<std::byte> out, Block<const std::byte> in, std::size_t rows, std::size_t columns) {
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < columns; ++j) {
            reinterpret_cast<T *>(out.first + j * out.stride)[i] =
                reinterpret_cast<const T *>(in.first + i * in.stride)[j];
        }
    }
}

#else

// A vector of `SQUARES` blocks of 128 bits: the first columns of row 0, of row SQUARE, ...
template<class T, std::size_t SQUARES>
using Wide = hn::FixedTag<T, SQUARES * SQUARE<T>>;

template<class T, std::size_t SQUARES>
HWY_INLINE hn::Vec<Wide<T, SQUARES>> load_blocks(const std::byte *in, std::size_t stride) {
    const Wide<T, SQUARES> d;
    if constexpr (SQUARES == 1) {
        return hn::LoadU(d, reinterpret_cast<const T *>(in));
    } else {
        constexpr std::size_t HALF = SQUARES / 2;
        return hn::Combine(d, load_blocks<T, HALF>(in + HALF * SQUARE<T> * stride, stride),
                           load_blocks<T, HALF>(in, stride));
    }
}

// `SQUARES` squares below each other, which end up side by side.
template<class T, std::size_t SQUARES>
HWY_INLINE void transpose_squares(const std::byte *in, std::size_t in_stride, std::byte *out, std::size_t out_stride) {
    constexpr std::size_t N = SQUARE<T>;
    const Wide<T, SQUARES> d;
    hn::Vec<Wide<T, SQUARES>> rows[N];
    for (std::size_t i = 0; i < N; ++i) {
        rows[i] = load_blocks<T, SQUARES>(in + i * in_stride, in_stride);
    }
    // A perfect shuffle of all elements of a square rotates the bits of their index by one; log2(N)
    // of them exchange the bits of row and column.
    for (std::size_t step = 1; step < N; step *= 2) {
        hn::Vec<Wide<T, SQUARES>> next[N];
        for (std::size_t i = 0; i < N / 2; ++i) {
            next[2 * i] = hn::InterleaveLower(d, rows[i], rows[i + N / 2]);
            next[2 * i + 1] = hn::InterleaveUpper(d, rows[i], rows[i + N / 2]);
        }
        for (std::size_t i = 0; i < N; ++i) {
            rows[i] = next[i];
        }
    }
    for (std::size_t i = 0; i < N; ++i) {
        hn::StoreU(rows[i], d, reinterpret_cast<T *>(out + i * out_stride));
    }
}

// As many rows from `i` on as come in whole vectors; returns the first of the others.
template<class T, std::size_t SQUARES>
HWY_INLINE std::size_t transpose_rows(Block<std::byte> out, Block<const std::byte> in, std::size_t i, std::size_t rows,
                                      std::size_t columns) {
    for (; i + SQUARES * SQUARE<T> <= rows; i += SQUARES * SQUARE<T>) {
        for (std::size_t j = 0; j < columns; j += SQUARE<T>) {
            transpose_squares<T, SQUARES>(in.first + i * in.stride + j * sizeof(T), in.stride,
                                          out.first + j * out.stride + i * sizeof(T), out.stride);
        }
    }
    return i;
}

template<class T>
void transpose_all(Block<std::byte> out, Block<const std::byte> in, std::size_t rows, std::size_t columns) {
    std::size_t i = 0;
#if HWY_MAX_BYTES >= 64
    i = transpose_rows<T, 4>(out, in, i, rows, columns);
#endif
#if HWY_MAX_BYTES >= 32
    i = transpose_rows<T, 2>(out, in, i, rows, columns);
#endif
    transpose_rows<T, 1>(out, in, i, rows, columns);
}

#endif

void transpose_of(std::size_t element_bytes, Block<std::byte> out, Block<const std::byte> in, std::size_t rows,
                  std::size_t columns) {
    switch (element_bytes) {
    case 1: return transpose_all<std::uint8_t>(out, in, rows, columns);
    case 2: return transpose_all<std::uint16_t>(out, in, rows, columns);
    default: return transpose_all<std::uint32_t>(out, in, rows, columns);
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(transpose_of);

void transpose_block(std::size_t element_bytes, Block<std::byte> out, Block<const std::byte> in, std::size_t rows,
                     std::size_t columns) {
    HWY_DYNAMIC_DISPATCH(transpose_of)(element_bytes, out, in, rows, columns);
}

} // namespace neuron::chip
#endif // HWY_ONCE
