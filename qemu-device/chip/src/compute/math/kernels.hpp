// SPDX-License-Identifier: MIT
// One function per array operation, on the best instruction set of the host. For math.cpp only: the
// contract is in math.hpp.
#ifndef NEURON_CHIP_COMPUTE_MATH_KERNELS_HPP
#define NEURON_CHIP_COMPUTE_MATH_KERNELS_HPP

#include <cstddef>

namespace neuron::chip::kernels {

using Unary = void(const float *in, float *out, std::size_t n);

// exp.cpp
Unary exp;
// sigmoid.cpp
Unary sigmoid, silu, silu_dx, gelu_tanh, gelu_sigmoid, gelu_sigmoid_dx;
// hyperbolic.cpp
Unary tanh, softplus, mish;
// normal.cpp
Unary gelu, gelu_dx, erf, erf_dx;
// elementary.cpp
Unary log, sqrt, rsqrt, reciprocal, sin, arctan;
// power.cpp: stride 1, or 0 for one exponent for all elements
void power(const float *base, const float *exponent, std::size_t exponent_stride, float *out, std::size_t n);

} // namespace neuron::chip::kernels

#endif // NEURON_CHIP_COMPUTE_MATH_KERNELS_HPP
