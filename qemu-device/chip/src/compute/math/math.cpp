// SPDX-License-Identifier: MIT
#include "compute/math/math.hpp"

#include "compute/math/kernels.hpp"

namespace neuron::chip {
namespace {

kernels::Unary *kernel_of(MathFunction function) {
    switch (function) {
    case MathFunction::SIGMOID: return kernels::sigmoid;
    case MathFunction::TANH: return kernels::tanh;
    case MathFunction::EXP: return kernels::exp;
    case MathFunction::LOG: return kernels::log;
    case MathFunction::SQRT: return kernels::sqrt;
    case MathFunction::RSQRT: return kernels::rsqrt;
    case MathFunction::RECIPROCAL: return kernels::reciprocal;
    case MathFunction::GELU: return kernels::gelu;
    case MathFunction::GELU_DX: return kernels::gelu_dx;
    case MathFunction::GELU_TANH: return kernels::gelu_tanh;
    case MathFunction::GELU_SIGMOID: return kernels::gelu_sigmoid;
    case MathFunction::GELU_SIGMOID_DX: return kernels::gelu_sigmoid_dx;
    case MathFunction::SILU: return kernels::silu;
    case MathFunction::SILU_DX: return kernels::silu_dx;
    case MathFunction::SOFTPLUS: return kernels::softplus;
    case MathFunction::MISH: return kernels::mish;
    case MathFunction::ERF: return kernels::erf;
    case MathFunction::ERF_DX: return kernels::erf_dx;
    case MathFunction::SIN: return kernels::sin;
    case MathFunction::ARCTAN: return kernels::arctan;
    case MathFunction::POW: break;
    }
    return nullptr;
}

} // namespace

void activation_function(MathFunction function, const float *in, float *out, std::size_t n, float param) {
    if (kernels::Unary *const kernel = kernel_of(function)) {
        kernel(in, out, n);
    } else {
        kernels::power(in, &param, 0, out, n);
    }
}

void power(const float *base, const float *exponent, float *out, std::size_t n) {
    kernels::power(base, exponent, 1, out, n);
}

} // namespace neuron::chip
