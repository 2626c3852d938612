// SPDX-License-Identifier: MIT
#include "dma_elements.hpp"

#include "compute/convert.hpp"

#include <cmath>

namespace neuron::chip {

namespace {

// A constant element size makes each move one load and one store.
template<std::size_t BYTES>
void copy_sized(std::byte *out, std::int64_t out_step, const std::byte *in, std::int64_t in_step, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i, out += out_step, in += in_step)
        std::memcpy(out, in, BYTES);
}

// NaN if one is NaN: the sum of the two is one. Equal numbers differ at most in the sign of zero.
float larger(float a, float b) {
    if (std::isunordered(a, b))
        return a + b;
    if (a == b)
        return std::signbit(a) ? b : a;
    return a > b ? a : b;
}

float smaller(float a, float b) {
    if (std::isunordered(a, b))
        return a + b;
    if (a == b)
        return std::signbit(a) ? a : b;
    return a < b ? a : b;
}

void apply(spec::DmaOp op, float *acc, const float *in, std::size_t count) {
    switch (op) {
    case spec::DmaOp::WRITE: return;
    case spec::DmaOp::ADD: return add_floats(acc, in, count);
    case spec::DmaOp::MAX:
        for (std::size_t i = 0; i < count; ++i)
            acc[i] = larger(acc[i], in[i]);
        return;
    case spec::DmaOp::MIN:
        for (std::size_t i = 0; i < count; ++i)
            acc[i] = smaller(acc[i], in[i]);
        return;
    }
}

} // namespace

void copy_elements(std::uint32_t element_bytes, std::byte *out, std::int64_t out_step, const std::byte *in,
                   std::int64_t in_step, std::size_t count) {
    if (out_step == element_bytes && in_step == element_bytes) {
        std::memcpy(out, in, count * element_bytes);
        return;
    }
    switch (element_bytes) {
    case 1: return copy_sized<1>(out, out_step, in, in_step, count);
    case 2: return copy_sized<2>(out, out_step, in, in_step, count);
    default: return copy_sized<4>(out, out_step, in, in_step, count);
    }
}

void add_floats(float *__restrict out, const float *__restrict in, std::size_t count) {
    constexpr std::size_t BLOCK = 16; // a constant count makes vectors of it
    std::size_t i = 0;
    for (; i + BLOCK <= count; i += BLOCK)
        for (std::size_t j = 0; j < BLOCK; ++j)
            out[i + j] += in[i + j];
    for (; i < count; ++i)
        out[i] += in[i];
}

void combine(spec::DmaOp op, spec::Dtype dtype, std::byte *at, std::int64_t step, const float *in, std::size_t count) {
    const std::uint32_t bytes = spec::bytes(dtype);
    alignas(64) std::byte raw[COMBINE_ELEMENTS * sizeof(float)];
    alignas(64) float acc[COMBINE_ELEMENTS];
    copy_elements(bytes, raw, bytes, at, step, count);
    convert_to_f32(acc, dtype, raw, count);
    apply(op, acc, in, count);
    canonicalize(acc, count);
    convert(dtype, raw, spec::Dtype::F32, reinterpret_cast<const std::byte *>(acc), count);
    copy_elements(bytes, at, step, raw, bytes, count);
}

} // namespace neuron::chip
