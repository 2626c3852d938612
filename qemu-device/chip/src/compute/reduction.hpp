// SPDX-License-Identifier: MIT
// Reductions of many elements to one, in the fixed order of the contract (introduction of
// spec/isa/base.toml), and what accumulators make of the result.
#ifndef NEURON_CHIP_COMPUTE_REDUCTION_HPP
#define NEURON_CHIP_COMPUTE_REDUCTION_HPP

#include "compute/tensor_op.hpp"
#include "neuron/spec.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace neuron::chip {

/// ADD, MULT, MAX, MIN, LOGICAL_AND, LOGICAL_OR or LOGICAL_XOR of n >= 1 numbers; a NaN result is
/// the canonical one. Needs DefaultFpEnvironment. Any number of threads, cannot fail, same bits on
/// every host.
float reduce(spec::TensorOp op, const float *values, std::size_t n);

/// `rows` reductions of n elements each, `stride` floats apart: out[r] = reduce(op, values + r *
/// stride, n). Faster than one by one, because the rows' chains run side by side.
void reduce_rows(spec::TensorOp op, const float *values, std::size_t rows, std::size_t stride, std::size_t n,
                 float *out);

/// The same for rows of F32 or BF16 elements, which count as numbers of fp32; `stride` in elements.
void reduce_rows(ElementKind kind, spec::TensorOp op, const void *values, std::size_t rows, std::size_t stride,
                 std::size_t n, float *out);

/// out[i] = x[i] = a[i] op b, or b op a[i], and results[r] = row r of x reduced, before it is written. Up to PARTITIONS rows of
/// F32 or BF16 elements; `out` may be `a`, and overlaps it in no other way. False: there is no loop for this pair of
/// operations, and nothing has been done.
bool apply_and_reduce(ElementKind kind, spec::TensorOp op, spec::TensorOp reduce, const RowSteps &rows, void *out,
                      const void *a, ScalarColumn b, std::size_t n, float *results);

/// out[r] = ((x0 - x1) - x2) - ... of the n >= 1 numbers from values + r * n on; a NaN is the canonical one. This order has
/// nothing of lanes: only rows run side by side.
void subtract_rows(const float *values, std::size_t rows, std::size_t n, float *out);

/// BITWISE_AND, BITWISE_OR or BITWISE_XOR of n >= 1 integers of `bytes` (1, 2 or 4) bytes each.
std::uint32_t reduce_bits(spec::TensorOp op, const std::byte *values, std::size_t bytes, std::size_t n);

/// The same as reduce() for a row that comes in pieces: every piece but the last has a multiple of
/// LANES elements. ADD, MULT, MAX and MIN.
class Reduction {
public:
    static constexpr std::size_t LANES = 16;
    explicit Reduction(spec::TensorOp op);
    void add(const float *values, std::size_t n);
    /// The result; at least one element has been added.
    float result() const;
    /// For code that adds to the lanes by itself, in the order of add(). At first each is a neutral
    /// element of the operation, -0 for ADD.
    float *lanes() { return lanes_.data(); }

private:
    spec::TensorOp op_;
    alignas(64) std::array<float, LANES> lanes_;
};

/// The neutral element that RESET puts into an accumulator: ADD 0, MULT 1, MAX -inf, MIN +inf; 0
/// for other operations.
float neutral(spec::TensorOp op);

/// The accumulator after `command`, see enum acc_cmd: `acc` is its value before, `r` the result of
/// the instruction's reduction by `op`, `init` the scalar operand of LOAD_REDUCE.
float accumulate(spec::AccCmd command, spec::TensorOp op, float acc, float r, float init);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_REDUCTION_HPP
