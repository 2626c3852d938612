// SPDX-License-Identifier: MIT
// The operations of enum tensor_op on one pair of numbers.
#include "compute/tensor_op.hpp"

#include "compute/math/math.hpp"

#include <cmath>
#include <limits>

namespace neuron::chip {

namespace {

using spec::TensorOp;

float number(bool condition) { return condition ? 1.0f : 0.0f; }

// -0 before +0; neither is NaN.
bool precedes(float a, float b) { return a < b || (a == b && std::signbit(a) && !std::signbit(b)); }

float chosen(TensorOp op, float a, float b) {
    if (a != a || b != b) {
        return std::numeric_limits<float>::quiet_NaN();
    }
    switch (op) {
    case TensorOp::MAX: return precedes(a, b) ? b : a;
    case TensorOp::MIN: return precedes(b, a) ? b : a;
    case TensorOp::ABS_MAX: return std::fabs(a) > std::fabs(b) ? a : b;
    default: return std::fabs(a) < std::fabs(b) ? a : b; // ABS_MIN
    }
}

float inexact(TensorOp op, float a, float b) {
    float result = 0;
    if (op == TensorOp::POW) {
        power(&a, &b, &result, 1);
    } else {
        activation_function(MathFunction::RSQRT, &a, &result, 1);
    }
    return result;
}

float result(TensorOp op, float a, float b) {
    switch (op) {
    case TensorOp::ADD: return a + b;
    case TensorOp::SUBTRACT: return a - b;
    case TensorOp::MULT: return a * b;
    case TensorOp::MAX:
    case TensorOp::MIN:
    case TensorOp::ABS_MAX:
    case TensorOp::ABS_MIN: return chosen(op, a, b);
    case TensorOp::ABS: return std::fabs(a);
    case TensorOp::RECIPROCAL: return 1.0f / a;
    case TensorOp::IS_EQUAL: return number(a == b);
    case TensorOp::NOT_EQUAL: return number(!(a == b));
    case TensorOp::IS_GT: return number(a > b);
    case TensorOp::IS_GE: return number(a >= b);
    case TensorOp::IS_LT: return number(a < b);
    case TensorOp::IS_LE: return number(a <= b);
    case TensorOp::LOGICAL_AND: return number(a != 0 && b != 0);
    case TensorOp::LOGICAL_OR: return number(a != 0 || b != 0);
    case TensorOp::LOGICAL_XOR: return number((a != 0) != (b != 0));
    case TensorOp::POW:
    case TensorOp::RSQRT: return inexact(op, a, b);
    case TensorOp::SQUARE: return a * a;
    case TensorOp::RELU: return chosen(TensorOp::MAX, a, 0.0f);
    default: return a; // BYPASS
    }
}

} // namespace

float apply(TensorOp op, float a, float b) {
    const float value = result(op, a, b);
    return value == value ? value : std::numeric_limits<float>::quiet_NaN();
}

} // namespace neuron::chip
