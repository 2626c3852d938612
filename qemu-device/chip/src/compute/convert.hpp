// SPDX-License-Identifier: MIT
// Element type conversion, as instruction COPY defines it.
#ifndef NEURON_CHIP_COMPUTE_CONVERT_HPP
#define NEURON_CHIP_COMPUTE_CONVERT_HPP

#include "compute/engine_state.hpp"
#include "compute/random.hpp"
#include "compute/tensor_op.hpp"
#include "neuron/spec.hpp"

#include <cstddef>

namespace neuron::chip {

/// Convert `count` elements of type `from` at `in` to type `to` at `out`. Both types are known
/// ones, both pointers are aligned to their elements, and the two ranges do not overlap. Equal
/// types: bits unchanged. Otherwise through fp32. Needs DefaultFpEnvironment. Same bits on every
/// host.
void convert(spec::Dtype to, std::byte *out, spec::Dtype from, const std::byte *in, std::size_t count);

/// The same for rows from rows.a to rows.out.
void convert_rows(spec::Dtype to, const RowSteps &rows, std::byte *out, spec::Dtype from, const std::byte *in,
                  std::size_t count);

/// The first half of convert(): to fp32, NaN canonical unless `from` is F32 itself.
void convert_to_f32(float *out, spec::Dtype from, const std::byte *in, std::size_t count);

/// Replaces every NaN by the canonical one.
void canonicalize(float *values, std::size_t count);

/// Whether an engine in this state rounds results of type `to` stochastically.
bool rounds_stochastically(const EngineState &state, spec::Dtype to);

/// From fp32 to a narrower float type (rounds_stochastically() tells which), with STOCHASTIC
/// rounding and word i of `random` for element i. The ranges do not overlap. Needs
/// DefaultFpEnvironment. Same bits on every host.
void convert_stochastic(spec::Dtype to, std::byte *out, const float *in, std::size_t count, const RandomStream &random);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_CONVERT_HPP
