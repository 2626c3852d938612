// SPDX-License-Identifier: MIT
#include "reduce_loops.hpp"

#include <algorithm>

namespace reduce_loops {

namespace {

constexpr std::size_t LANES = 16;
constexpr std::size_t BLOCK = 32;

// n is a multiple of LANES.
template<class Op>
float reduce_row(const float *in, std::size_t n, Op op) {
    float lanes[LANES];
    std::copy_n(in, LANES, lanes);
    for (std::size_t i = LANES; i < n; i += LANES) {
        for (std::size_t l = 0; l < LANES; ++l) {
            lanes[l] = op(lanes[l], in[i + l]);
        }
    }
    for (std::size_t half = LANES / 2; half > 0; half /= 2) {
        for (std::size_t l = 0; l < half; ++l) {
            lanes[l] = op(lanes[l], lanes[l + half]);
        }
    }
    return lanes[0];
}

float larger(float a, float b) { return a > b ? a : b; }

} // namespace

void reduce_add(Out out, In in, std::size_t rows, std::size_t n) {
    for (std::size_t p = 0; p < rows; ++p) {
        out[p][0] = reduce_row(in[p], n, [](float a, float b) { return a + b; });
    }
}

void reduce_max(Out out, In in, std::size_t rows, std::size_t n) {
    for (std::size_t p = 0; p < rows; ++p) {
        out[p][0] = reduce_row(in[p], n, larger);
    }
}

void scan(Out out, In a, In b, std::size_t rows, std::size_t n) {
    for (std::size_t p = 0; p < rows; ++p) {
        float st = 0.5F;
        for (std::size_t i = 0; i < n; ++i) {
            st = a[p][i] * st + b[p][i];
            out[p][i] = st;
        }
    }
}

void cumulative(Out out, In in, std::size_t rows, std::size_t n) {
    for (std::size_t p = 0; p < rows; ++p) {
        float sum = 0;
        for (std::size_t i = 0; i < n; ++i) {
            sum = in[p][i] + sum;
            out[p][i] = sum;
        }
    }
}

void transpose(Out out, In in, std::size_t rows, std::size_t n) {
    for (std::size_t q = 0; q < rows; q += BLOCK) {
        for (std::size_t b = 0; b < n; b += BLOCK) {
            for (std::size_t j = 0; j < BLOCK; ++j) {
                for (std::size_t i = 0; i < BLOCK; ++i) {
                    out[q + j][b + i] = in[q + i][b + j];
                }
            }
        }
    }
}

void iota(Rows<std::int32_t> out, std::int32_t base, std::int32_t channel, std::int32_t step, std::size_t rows,
          std::size_t n) {
    for (std::size_t p = 0; p < rows; ++p) {
        const std::int32_t first = base + static_cast<std::int32_t>(p) * channel;
        std::int32_t *const to = out[p];
        for (std::size_t i = 0; i < n; ++i) {
            to[i] = first + static_cast<std::int32_t>(i) * step;
        }
    }
}

void affine_select(Out out, In in, std::int32_t base, std::int32_t channel, std::int32_t step, float fill,
                   std::size_t rows, std::size_t n) {
    for (std::size_t p = 0; p < rows; ++p) {
        const std::int32_t first = base + static_cast<std::int32_t>(p) * channel;
        const float *const from = in[p];
        float *const to = out[p];
        for (std::size_t i = 0; i < n; ++i) {
            to[i] = first + static_cast<std::int32_t>(i) * step >= 0 ? from[i] : fill;
        }
    }
}

void select_reduce(Out out, float *largest, In in, Rows<const std::uint8_t> pred, float other, std::size_t rows,
                   std::size_t n) {
    for (std::size_t p = 0; p < rows; ++p) {
        const float *const from = in[p];
        const std::uint8_t *const holds = pred[p];
        float *const to = out[p];
        for (std::size_t i = 0; i < n; ++i) {
            to[i] = holds[i] != 0 ? from[i] : other;
        }
        largest[p] = reduce_row(to, n, larger);
    }
}

void partition_reduce(float *out, In in, std::size_t rows, std::size_t n) {
    std::copy_n(in[0], n, out);
    for (std::size_t p = 1; p < rows; ++p) {
        const float *const from = in[p];
        for (std::size_t i = 0; i < n; ++i) {
            out[i] += from[i];
        }
    }
}

} // namespace reduce_loops
