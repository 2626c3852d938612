// SPDX-License-Identifier: MIT
#include "compute/reduction.hpp"

#include "compute/reduction_kernel.hpp"
#include "compute/tensor_op.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace neuron::chip {

namespace {

using spec::TensorOp;

constexpr float INFINITE = std::numeric_limits<float>::infinity();

// What a lane without elements holds: it changes nothing that it is combined with.
float lane_start(TensorOp op) {
    switch (op) {
    case TensorOp::ADD: return -0.0f;
    case TensorOp::LOGICAL_AND: return 1.0f;
    default: return neutral(op);
    }
}

template<class T>
std::uint32_t reduce_integers(TensorOp op, const std::byte *values, std::size_t n) {
    T result = op == TensorOp::BITWISE_AND ? static_cast<T>(~T{}) : T{};
    const auto combine = [&](auto step) {
        for (std::size_t i = 0; i < n; ++i) {
            T value;
            std::memcpy(&value, values + i * sizeof(T), sizeof(T));
            result = static_cast<T>(step(result, value));
        }
    };
    switch (op) {
    case TensorOp::BITWISE_AND: combine([](T a, T b) { return a & b; }); break;
    case TensorOp::BITWISE_OR: combine([](T a, T b) { return a | b; }); break;
    default: combine([](T a, T b) { return a ^ b; }); break;
    }
    return result;
}

} // namespace

float reduce(TensorOp op, const float *values, std::size_t n) {
    float result = 0;
    reduce_rows(op, values, 1, 0, n, &result);
    return result;
}

void reduce_rows(TensorOp op, const float *values, std::size_t rows, std::size_t stride, std::size_t n, float *out) {
    reduce_rows(ElementKind::F32, op, values, rows, stride, n, out);
}

void reduce_rows(ElementKind kind, TensorOp op, const void *values, std::size_t rows, std::size_t stride, std::size_t n,
                 float *out) {
    constexpr std::size_t BATCH = 32;
    alignas(64) float lanes[BATCH * Reduction::LANES];
    const std::size_t row_bytes = stride * (kind == ElementKind::BF16 ? sizeof(std::uint16_t) : sizeof(float));
    for (std::size_t done = 0; done < rows; done += BATCH) {
        const std::size_t batch = std::min(BATCH, rows - done);
        std::fill_n(lanes, batch * Reduction::LANES, lane_start(op));
        const auto *const first = static_cast<const std::byte *>(values) + done * row_bytes;
        kernel_add_to_lanes(kind, op, lanes, first, batch, stride, n);
        kernel_combine_lanes(op, lanes, batch, out + done);
    }
}

bool apply_and_reduce(ElementKind kind, TensorOp op, TensorOp reduce, const RowSteps &rows, void *out, const void *a,
                      ScalarColumn b, std::size_t n, float *results) {
    alignas(64) float lanes[spec::PARTITIONS * Reduction::LANES];
    if (!kernel_scalar_reduce(kind, op, reduce, rows, out, a, b, lanes, n)) {
        return false;
    }
    kernel_combine_lanes(reduce, lanes, rows.count, results);
    return true;
}

void subtract_rows(const float *values, std::size_t rows, std::size_t n, float *out) {
    constexpr std::size_t SIDE_BY_SIDE = 8; // as many chains as hide the latency of one
    for (std::size_t done = 0; done < rows; done += SIDE_BY_SIDE) {
        const std::size_t batch = std::min(SIDE_BY_SIDE, rows - done);
        const float *const first = values + done * n;
        std::array<float, SIDE_BY_SIDE> results;
        for (std::size_t r = 0; r < batch; ++r) {
            results[r] = first[r * n];
        }
        for (std::size_t i = 1; i < n; ++i) {
            for (std::size_t r = 0; r < batch; ++r) {
                results[r] -= first[r * n + i];
            }
        }
        std::transform(
            results.begin(), results.begin() + static_cast<std::ptrdiff_t>(batch), out + done,
            [](float result) { return std::isnan(result) ? std::numeric_limits<float>::quiet_NaN() : result; });
    }
}

std::uint32_t reduce_bits(TensorOp op, const std::byte *values, std::size_t bytes, std::size_t n) {
    switch (bytes) {
    case 1: return reduce_integers<std::uint8_t>(op, values, n);
    case 2: return reduce_integers<std::uint16_t>(op, values, n);
    default: return reduce_integers<std::uint32_t>(op, values, n);
    }
}

Reduction::Reduction(TensorOp op) : op_(op) { lanes_.fill(lane_start(op)); }

void Reduction::add(const float *values, std::size_t n) {
    kernel_add_to_lanes(ElementKind::F32, op_, lanes_.data(), values, 1, 0, n);
}

float Reduction::result() const {
    float result = 0;
    kernel_combine_lanes(op_, lanes_.data(), 1, &result);
    return result;
}

float neutral(TensorOp op) {
    switch (op) {
    case TensorOp::MULT: return 1.0f;
    case TensorOp::MAX: return -INFINITE;
    case TensorOp::MIN: return INFINITE;
    default: return 0.0f;
    }
}

float accumulate(spec::AccCmd command, TensorOp op, float acc, float r, float init) {
    switch (command) {
    case spec::AccCmd::RESET: return neutral(op);
    case spec::AccCmd::REDUCE: return apply(op, acc, r);
    case spec::AccCmd::RESET_REDUCE: return r;
    case spec::AccCmd::LOAD_REDUCE: return apply(op, init, r);
    default: return acc; // IDLE
    }
}

} // namespace neuron::chip
