// SPDX-License-Identifier: MIT
// Transcendental functions of fp32 arrays, element by element.
//
// Every result lies within 1 ulp of the exact value (a subnormal one within 1 step of the subnormal
// grid, one beyond the largest float may be infinity), and is the same bits on every host: the code
// uses IEEE additions, multiplications, divisions and square roots and nothing else, neither fused
// operations nor the host's C library.
#ifndef NEURON_CHIP_COMPUTE_MATH_MATH_HPP
#define NEURON_CHIP_COMPUTE_MATH_MATH_HPP

#include <cstddef>
#include <cstdint>

namespace neuron::chip {

/// A NaN gives the canonical NaN (0x7fc00000), as does any input outside the domain. The table
/// tells the domain if it is not all numbers, and the exact results at -inf, -0, +0, +inf.
enum class MathFunction : std::uint8_t {
    SIGMOID,         ///< 1 / (1 + e^-x)                          0     0.5   0.5   1
    TANH,            ///<                                         -1    -0    0     1
    EXP,             ///< e^x                                     0     1     1     inf
    LOG,             ///< ln(x), x >= -0                          NaN   -inf  -inf  inf
    SQRT,            ///< correctly rounded, x >= -0              NaN   -0    0     inf
    RSQRT,           ///< 1 / sqrt(x), x >= -0                    NaN   -inf  inf   0
    RECIPROCAL,      ///< 1 / x, correctly rounded                -0    -inf  inf   0
    GELU,            ///< x Phi(x) = x / 2 (1 + erf(x / sqrt 2))  -0    -0    0     inf
    GELU_DX,         ///< Phi(x) + x phi(x)                       -0    0.5   0.5   1
    GELU_TANH,       ///< x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))  -0  -0  0  inf
    GELU_SIGMOID,    ///< x sigmoid(1.702 x)                      -0    -0    0     inf
    GELU_SIGMOID_DX, ///< s (1 + 1.702 x (1 - s)), s = sigmoid(1.702 x)      -0  0.5  0.5  1
    SILU,            ///< x sigmoid(x)                            -0    -0    0     inf
    SILU_DX,         ///< s (1 + x (1 - s)), s = sigmoid(x)       -0    0.5   0.5   1
    SOFTPLUS,        ///< ln(1 + e^x)                             0     ln 2  ln 2  inf
    MISH,            ///< x tanh(ln(1 + e^x))                     -0    -0    0     inf
    ERF,             ///<                                         -1    -0    0     1
    ERF_DX,          ///< 2 / sqrt(pi) e^(-x^2)                   0     2 / sqrt(pi) at both zeros   0
    SIN,             ///< |x| <= pi rounded up to fp32            NaN   -0    0     NaN
    ARCTAN,          ///<                                         -pi/2 -0    0     pi/2
    POW,             ///< x^param, see power()
};

/// out[i] = function(in[i]) for i < n. The arrays may be the same one, but not overlap otherwise,
/// and need no alignment. `param` is the exponent of POW, others ignore it. Cannot fail. Any number
/// of threads; the calling thread rounds to nearest even and keeps subnormals
/// (DefaultFpEnvironment).
void activation_function(MathFunction function, const float *in, float *out, std::size_t n, float param = 0);

/// out[i] = base[i] ^ exponent[i] for i < n, with the special cases of the C standard's pow(): x^0
/// and 1^y are 1 even for a NaN, a negative finite base with an exponent that is no integer gives
/// NaN, and so on. Otherwise like activation_function().
void power(const float *base, const float *exponent, float *out, std::size_t n);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_MATH_MATH_HPP
