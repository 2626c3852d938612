// SPDX-License-Identifier: MIT
// Elements that are equally far apart, in memory that the model can point to.
#pragma once

#include <neuron/spec.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace neuron::chip {

/// Most elements of one call of combine().
inline constexpr std::size_t COMBINE_ELEMENTS = 1024;

/// Copies `count` elements of `element_bytes` (1, 2 or 4) bytes; the steps are in bytes. In order: where `out` names an
/// element twice, the later one stays. The two sides do not overlap.
void copy_elements(std::uint32_t element_bytes, std::byte *out, std::int64_t out_step, const std::byte *in,
                   std::int64_t in_step, std::size_t count);

/// What operation `op` (not WRITE) of a transfer makes of `count` elements of type `dtype`, `step` bytes apart and at any
/// alignment: at[i] = at[i] op in[i] in fp32. At most COMBINE_ELEMENTS, none of which overlaps another. Needs
/// DefaultFpEnvironment.
void combine(spec::DmaOp op, spec::Dtype dtype, std::byte *at, std::int64_t step, const float *in, std::size_t count);

/// out[i] += in[i], in fp32. The two do not overlap.
void add_floats(float *out, const float *in, std::size_t count);

} // namespace neuron::chip
