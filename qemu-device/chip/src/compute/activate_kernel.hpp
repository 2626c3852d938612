// SPDX-License-Identifier: MIT
// The inner loop of instruction ACTIVATE.
#ifndef NEURON_CHIP_COMPUTE_ACTIVATE_KERNEL_HPP
#define NEURON_CHIP_COMPUTE_ACTIVATE_KERNEL_HPP

#include "compute/tensor_op.hpp"
#include "neuron/spec.hpp"

#include <cstddef>

namespace neuron::chip {

/// Whether kernel_activate() has this function: those that are exact.
bool is_fused_activation(spec::Activation func);

struct ActivateArgs {
    ElementKind in_kind; ///< F32 or BF16
    const void *in;
    ElementKind out_kind; ///< F32 or BF16
    void *out;            ///< `in`, or overlaps nothing
    std::size_t n;
    float scale, bias, param;
    /// The lanes of a Reduction by ADD that takes the results before they are converted, or null.
    /// Then n is a multiple of its LANES, but for the last piece of a row.
    float *lanes;
};

/// out[i] = func(in[i] * scale + bias), each step rounded; NaNs of `out` are canonical. Needs
/// DefaultFpEnvironment. Same bits on every host.
void kernel_activate(spec::Activation func, const ActivateArgs &args);

/// The same for rows: `in`, `out`, scale, bias and lanes of `args` are the first row's.
struct ActivateRows {
    std::size_t count;
    std::size_t in_step, out_step, lanes_step; ///< bytes from row to row
    const float *scale, *bias;                 ///< one for each row
};
void kernel_activate(spec::Activation func, const ActivateArgs &args, const ActivateRows &rows);

/// The first half: out[i] = in[i] * scale + bias in fp32, for a function that follows. NaNs as they
/// come; out_kind and lanes do not count.
void kernel_scale_and_add(const ActivateArgs &args);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_ACTIVATE_KERNEL_HPP
