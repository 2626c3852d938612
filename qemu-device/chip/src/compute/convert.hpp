// SPDX-License-Identifier: MIT
// Element type conversion, as instruction COPY defines it.
#ifndef NEURON_CHIP_COMPUTE_CONVERT_HPP
#define NEURON_CHIP_COMPUTE_CONVERT_HPP

#include "neuron/spec.hpp"

#include <cstddef>

namespace neuron::chip {

/// Convert `count` elements of type `from` at `in` to type `to` at `out`. Both types are known
/// ones, both pointers are aligned to their elements, and the two ranges do not overlap. Equal
/// types: bits unchanged. Otherwise through fp32. Needs DefaultFpEnvironment. Same bits on every
/// host.
void convert(spec::Dtype to, std::byte *out, spec::Dtype from, const std::byte *in, std::size_t count);

/// The first half of convert(): to fp32, NaN canonical unless `from` is F32 itself.
void convert_to_f32(float *out, spec::Dtype from, const std::byte *in, std::size_t count);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_CONVERT_HPP
