// SPDX-License-Identifier: MIT
#include "compute/tensor_op.hpp"

#include "compute/convert.hpp"
#include "compute/math/math.hpp"
#include "compute/tensor_op_kernel.hpp"

#include <algorithm>
#include <bit>

namespace neuron::chip {

namespace {

using spec::TensorOp;

constexpr std::size_t BLOCK = 512; // elements: a few blocks stay in the first-level cache

bool is_float(ElementKind kind) { return kind == ElementKind::F32 || kind == ElementKind::BF16; }
// Operations of the vector library instead of a loop of their own.
bool is_inexact(TensorOp op) { return op == TensorOp::POW || op == TensorOp::RSQRT; }

std::size_t element_bytes(ElementKind kind) {
    switch (kind) {
    case ElementKind::B8: return 1;
    case ElementKind::BF16:
    case ElementKind::B16: return 2;
    default: return 4;
    }
}

const std::byte *at(const void *array, ElementKind kind, std::size_t index) {
    return static_cast<const std::byte *>(array) + index * element_bytes(kind);
}
std::byte *at(void *array, ElementKind kind, std::size_t index) {
    return static_cast<std::byte *>(array) + index * element_bytes(kind);
}

// POW and RSQRT of fp32 numbers.
void inexact(TensorOp op, float *out, const float *a, const float *b, std::size_t n) {
    if (op == TensorOp::POW) {
        power(a, b, out, n);
    } else {
        activation_function(MathFunction::RSQRT, a, out, n);
    }
}

// Calls step(done, part) for the blocks of an array.
template<class Step>
void for_each_block(std::size_t n, Step step) {
    for (std::size_t done = 0; done < n; done += BLOCK) {
        step(done, std::min(BLOCK, n - done));
    }
}

// A block of BF16 or F32 elements as fp32: in place, or in `buffer`.
const float *as_f32(ElementKind kind, const std::byte *in, float *buffer, std::size_t n) {
    if (kind == ElementKind::F32) {
        return reinterpret_cast<const float *>(in);
    }
    convert_to_f32(buffer, spec::Dtype::BF16, in, n);
    return buffer;
}

void from_f32(ElementKind kind, std::byte *out, const float *in, std::size_t n) {
    const spec::Dtype to = kind == ElementKind::F32 ? spec::Dtype::F32 : spec::Dtype::BF16;
    convert(to, out, spec::Dtype::F32, reinterpret_cast<const std::byte *>(in), n);
}

// The inexact operations with BF16 elements or a scalar: blocks of fp32.
template<class Operands>
void inexact_blocks(ElementKind kind, TensorOp op, void *out, std::size_t n, Operands operands) {
    float a_buffer[BLOCK], b_buffer[BLOCK], result[BLOCK];
    for_each_block(n, [&](std::size_t done, std::size_t part) {
        const auto [a, b] = operands(done, part, a_buffer, b_buffer);
        inexact(op, result, a, b, part);
        from_f32(kind, at(out, kind, done), result, part);
    });
}

struct Pair {
    const float *a;
    const float *b;
};

} // namespace

bool is_bitvec(TensorOp op) { return spec::raw(op) >= spec::raw(TensorOp::BITWISE_AND); }

bool is_comparison(TensorOp op) {
    return spec::raw(op) >= spec::raw(TensorOp::IS_EQUAL) && spec::raw(op) <= spec::raw(TensorOp::IS_LE);
}

bool has_integer_form(TensorOp op) {
    switch (op) {
    case TensorOp::BYPASS:
    case TensorOp::ADD:
    case TensorOp::SUBTRACT:
    case TensorOp::MULT:
    case TensorOp::MAX:
    case TensorOp::MIN:
    case TensorOp::ABS: return true;
    default: return is_comparison(op);
    }
}

bool uses_b(TensorOp op) {
    switch (op) {
    case TensorOp::BYPASS:
    case TensorOp::ABS:
    case TensorOp::RECIPROCAL:
    case TensorOp::RSQRT:
    case TensorOp::SQUARE:
    case TensorOp::RELU:
    case TensorOp::BITWISE_NOT: return false;
    default: return true;
    }
}

void apply(ElementKind kind, TensorOp op, void *out, const void *a, const void *b, std::size_t n) {
    if (!is_float(kind)) {
        kernel_bits_tensor(kind, op, RowSteps(), out, a, b, n);
        return;
    }
    if (!is_inexact(op)) {
        kernel_float_tensor(kind, op, RowSteps(), out, a, b, n);
        return;
    }
    inexact_blocks(kind, op, out, n, [&](std::size_t done, std::size_t part, float *a_buffer, float *b_buffer) {
        return Pair{as_f32(kind, at(a, kind, done), a_buffer, part), as_f32(kind, at(b, kind, done), b_buffer, part)};
    });
}

void apply(ElementKind kind, TensorOp op, void *out, const void *a, ScalarOperand b, std::size_t n) {
    if (!is_float(kind)) {
        kernel_bits_scalar(kind, op, RowSteps(), out, a, {&b.bits, b.reverse}, n);
        return;
    }
    if (!is_inexact(op)) {
        kernel_float_scalar(kind, op, RowSteps(), out, a, {&b.bits, b.reverse}, n);
        return;
    }
    inexact_blocks(kind, op, out, n, [&](std::size_t done, std::size_t part, float *a_buffer, float *b_buffer) {
        const float *const elements = as_f32(kind, at(a, kind, done), a_buffer, part);
        std::fill_n(b_buffer, part, std::bit_cast<float>(b.bits));
        return b.reverse ? Pair{b_buffer, elements} : Pair{elements, b_buffer};
    });
}

void apply(ElementKind kind, TensorOp op0, TensorOp op1, void *out, const void *a, ScalarOperand b, ScalarOperand c,
           std::size_t n) {
    if (op1 == TensorOp::BYPASS && !c.reverse) {
        apply(kind, op0, out, a, b, n);
        return;
    }
    if (op0 == TensorOp::BYPASS && !b.reverse) {
        apply(kind, op1, out, a, c, n);
        return;
    }
    if (is_float(kind) &&
        kernel_two_scalars(kind, op0, op1, RowSteps(), out, a, {&b.bits, b.reverse}, {&c.bits, c.reverse}, n)) {
        return;
    }
    alignas(64) std::byte x[BLOCK * sizeof(float)];
    float widened[BLOCK];
    for_each_block(n, [&](std::size_t done, std::size_t part) {
        if (kind == ElementKind::BF16) {
            apply(ElementKind::F32, op0, x, as_f32(kind, at(a, kind, done), widened, part), b, part);
            apply(ElementKind::F32, op1, x, x, c, part);
            from_f32(kind, at(out, kind, done), reinterpret_cast<const float *>(x), part);
            return;
        }
        apply(kind, op0, x, at(a, kind, done), b, part);
        apply(kind, op1, at(out, kind, done), x, c, part);
    });
}

void apply(ElementKind kind, TensorOp op0, TensorOp op1, void *out, const void *a, ScalarOperand b, const void *c,
           bool reverse1, std::size_t n) {
    if (is_float(kind) &&
        kernel_scalar_tensor(kind, op0, op1, RowSteps(), out, a, {&b.bits, b.reverse}, c, reverse1, n)) {
        return;
    }
    alignas(64) std::byte x[BLOCK * sizeof(float)];
    float widened_a[BLOCK], widened_c[BLOCK];
    for_each_block(n, [&](std::size_t done, std::size_t part) {
        const ElementKind inner = kind == ElementKind::BF16 ? ElementKind::F32 : kind;
        const std::byte *a_part = at(a, kind, done), *c_part = at(c, kind, done);
        std::byte *out_part = at(out, kind, done);
        if (kind == ElementKind::BF16) {
            a_part = reinterpret_cast<const std::byte *>(as_f32(kind, a_part, widened_a, part));
            c_part = reinterpret_cast<const std::byte *>(as_f32(kind, c_part, widened_c, part));
            out_part = x;
        }
        apply(inner, op0, x, a_part, b, part);
        const void *const first = reverse1 ? c_part : x, *const second = reverse1 ? x : c_part;
        apply(inner, op1, out_part, first, second, part);
        if (kind == ElementKind::BF16) {
            from_f32(kind, at(out, kind, done), reinterpret_cast<const float *>(x), part);
        }
    });
}

// ---- rows ----

namespace {

// Calls one_row(out, a, b, row) for each of them.
template<class OneRow>
void for_each_row(const RowSteps &rows, void *out, const void *a, const void *b, OneRow one_row) {
    for (std::size_t row = 0; row < rows.count; ++row) {
        one_row(static_cast<std::byte *>(out) + row * rows.out, static_cast<const std::byte *>(a) + row * rows.a,
                static_cast<const std::byte *>(b) + row * rows.b, row);
    }
}

ScalarOperand at_row(ScalarColumn column, std::size_t row) { return {column.bits[row], column.reverse}; }

} // namespace

void apply(ElementKind kind, TensorOp op, const RowSteps &rows, void *out, const void *a, const void *b,
           std::size_t n) {
    if (!is_float(kind)) {
        kernel_bits_tensor(kind, op, rows, out, a, b, n);
        return;
    }
    if (!is_inexact(op)) {
        kernel_float_tensor(kind, op, rows, out, a, b, n);
        return;
    }
    for_each_row(rows, out, a, b, [&](std::byte *to, const std::byte *first, const std::byte *second, std::size_t) {
        apply(kind, op, to, first, static_cast<const void *>(second), n);
    });
}

void apply(ElementKind kind, TensorOp op, const RowSteps &rows, void *out, const void *a, ScalarColumn b,
           std::size_t n) {
    if (!is_float(kind)) {
        kernel_bits_scalar(kind, op, rows, out, a, b, n);
        return;
    }
    if (!is_inexact(op)) {
        kernel_float_scalar(kind, op, rows, out, a, b, n);
        return;
    }
    for_each_row(rows, out, a, a, [&](std::byte *to, const std::byte *from, const std::byte *, std::size_t row) {
        apply(kind, op, to, from, at_row(b, row), n);
    });
}

void apply(ElementKind kind, TensorOp op0, TensorOp op1, const RowSteps &rows, void *out, const void *a, ScalarColumn b,
           ScalarColumn c, std::size_t n) {
    if (op1 == TensorOp::BYPASS && !c.reverse) {
        apply(kind, op0, rows, out, a, b, n);
        return;
    }
    if (op0 == TensorOp::BYPASS && !b.reverse) {
        apply(kind, op1, rows, out, a, c, n);
        return;
    }
    if (is_float(kind) && kernel_two_scalars(kind, op0, op1, rows, out, a, b, c, n)) {
        return;
    }
    for_each_row(rows, out, a, a, [&](std::byte *to, const std::byte *from, const std::byte *, std::size_t row) {
        apply(kind, op0, op1, to, from, at_row(b, row), at_row(c, row), n);
    });
}

void apply(ElementKind kind, TensorOp op0, TensorOp op1, const RowSteps &rows, void *out, const void *a, ScalarColumn b,
           const void *c, bool reverse1, std::size_t n) {
    if (is_float(kind) && kernel_scalar_tensor(kind, op0, op1, rows, out, a, b, c, reverse1, n)) {
        return;
    }
    for_each_row(rows, out, a, c, [&](std::byte *to, const std::byte *first, const std::byte *second, std::size_t row) {
        apply(kind, op0, op1, to, first, at_row(b, row), static_cast<const void *>(second), reverse1, n);
    });
}

} // namespace neuron::chip
