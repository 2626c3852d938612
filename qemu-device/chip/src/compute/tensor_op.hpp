// SPDX-License-Identifier: MIT
// The operations of enum tensor_op on arrays, element by element.
#ifndef NEURON_CHIP_COMPUTE_TENSOR_OP_HPP
#define NEURON_CHIP_COMPUTE_TENSOR_OP_HPP

#include "neuron/spec.hpp"

#include <cstddef>
#include <cstdint>

namespace neuron::chip {

/// What the elements of the arrays of one call are.
enum class ElementKind : std::uint8_t {
    F32,  ///< arithmetic (spec: operations up to 31)
    BF16, ///< the same: read as fp32, the result rounded to nearest even when it is written
    I32,  ///< exact 32-bit arithmetic, wrapping, signed: the operations of has_integer_form()
    U32,  ///< the same, unsigned
    B8,   ///< bits of 8-bit elements (spec: operations from 32 on, and BYPASS)
    B16,
    B32,
};

/// Whether `op` works on bits instead of numbers. BYPASS does either and counts as arithmetic.
bool is_bitvec(spec::TensorOp op);
/// Whether `op` has a form that is exact on 32-bit integers.
bool has_integer_form(spec::TensorOp op);
/// Whether the result depends on operand b.
bool uses_b(spec::TensorOp op);
/// IS_EQUAL to IS_LE.
bool is_comparison(spec::TensorOp op);

/// An operand of one value for all elements: bits of an fp32 number for F32 and BF16, of a 32-bit
/// integer for I32 and U32, otherwise the low bits count. `reverse`: scalar op element.
struct ScalarOperand {
    std::uint32_t bits = 0;
    bool reverse = false;
};

/// The same for arrays that come in rows: one value for each row.
struct ScalarColumn {
    const std::uint32_t *bits = nullptr;
    bool reverse = false;
};

/// Rows of arrays: `count` of them, each so many bytes behind the one before it. Rows are worked on one after the other.
struct RowSteps {
    std::size_t count = 1;
    std::size_t out = 0, a = 0, b = 0;
};

// Arrays hold `n` elements of `kind`, aligned to an element; `out` may be an input, but overlaps
// none otherwise. `op` belongs to `kind`. A NaN result of F32 and BF16 is the canonical one (of
// BYPASS and ABS too). Any number of threads; they cannot fail and need DefaultFpEnvironment. Same
// bits on every host and however an array is cut into calls.

/// out[i] = a[i] op b[i].
void apply(ElementKind kind, spec::TensorOp op, void *out, const void *a, const void *b, std::size_t n);

/// out[i] = a[i] op b, or b op a[i].
void apply(ElementKind kind, spec::TensorOp op, void *out, const void *a, ScalarOperand b, std::size_t n);

/// out[i] = (a[i] op0 b) op1 c, each in the order that its operand says; x of F32 and BF16 stays
/// fp32.
void apply(ElementKind kind, spec::TensorOp op0, spec::TensorOp op1, void *out, const void *a, ScalarOperand b,
           ScalarOperand c, std::size_t n);

/// out[i] = (a[i] op0 b) op1 c[i]; with `reverse1` c[i] op1 (a[i] op0 b).
void apply(ElementKind kind, spec::TensorOp op0, spec::TensorOp op1, void *out, const void *a, ScalarOperand b,
           const void *c, bool reverse1, std::size_t n);

// The same for rows of `n` elements, for less than a call for each.

void apply(ElementKind kind, spec::TensorOp op, const RowSteps &rows, void *out, const void *a, const void *b,
           std::size_t n);
void apply(ElementKind kind, spec::TensorOp op, const RowSteps &rows, void *out, const void *a, ScalarColumn b,
           std::size_t n);
void apply(ElementKind kind, spec::TensorOp op0, spec::TensorOp op1, const RowSteps &rows, void *out, const void *a,
           ScalarColumn b, ScalarColumn c, std::size_t n);
/// rows.b is for the array `c`.
void apply(ElementKind kind, spec::TensorOp op0, spec::TensorOp op1, const RowSteps &rows, void *out, const void *a,
           ScalarColumn b, const void *c, bool reverse1, std::size_t n);

/// One element of F32, with the same result as an array of one: for recurrences.
float apply(spec::TensorOp op, float a, float b);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_TENSOR_OP_HPP
