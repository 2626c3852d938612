// SPDX-License-Identifier: MIT
#include "vector_loops.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

namespace plain {

namespace {

constexpr std::size_t LANES = 16;

float sum_of(const float (&lanes)[LANES]) {
    float sum = 0;
    for (const float lane : lanes)
        sum += lane;
    return sum;
}

// Every second element from the first.
template<class Function>
float sum_every_second(const float *in, std::size_t n, Function function) {
    float lanes[LANES] = {};
    for (std::size_t i = 0; i < n; i += 2 * LANES) {
        for (std::size_t l = 0; l < LANES; ++l)
            lanes[l] += function(in[i + 2 * l]);
    }
    return sum_of(lanes);
}

} // namespace

template<class T>
void fill(T value, T *out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        out[i] = value;
}
template void fill(float, float *, std::size_t);
template void fill(Bits16, Bits16 *, std::size_t);

template<class T>
void copy_bits(const T *__restrict in, T *__restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        out[i] = in[i];
}
template void copy_bits(const float *, float *, std::size_t);
template void copy_bits(const Bits16 *, Bits16 *, std::size_t);
template void copy_bits(const std::uint8_t *, std::uint8_t *, std::size_t);

void f32_to_f16(const float *__restrict in, Bits16 *__restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        const auto half = static_cast<_Float16>(in[i]);
        std::memcpy(&out[i], &half, sizeof half);
    }
}
void f16_to_f32(const Bits16 *__restrict in, float *__restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        _Float16 half;
        std::memcpy(&half, &in[i], sizeof half);
        out[i] = static_cast<float>(half);
    }
}
void i32_to_f32(const std::int32_t *__restrict in, float *__restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        out[i] = static_cast<float>(in[i]);
}
void f32_to_i32(const float *__restrict in, std::int32_t *__restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        const float rounded = std::nearbyint(in[i]);
        const float clamped = std::min(std::max(rounded, -2147483648.0f), 2147483520.0f);
        out[i] =
            rounded >= 2147483648.0f ? std::numeric_limits<std::int32_t>::max() : static_cast<std::int32_t>(clamped);
    }
}

void add(const std::int32_t *__restrict a, const std::int32_t *__restrict b, std::int32_t *__restrict out,
         std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        out[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(a[i]) + static_cast<std::uint32_t>(b[i]));
}
void mult(const float *__restrict a, const float *__restrict b, float *__restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        out[i] = a[i] * b[i];
}
void greater(const float *__restrict a, const float *__restrict b, float *__restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        out[i] = a[i] > b[i] ? 1.0f : 0.0f;
}
float mult_and_sum(const float *__restrict in, float scale, float *__restrict out, std::size_t n) {
    float lanes[LANES] = {};
    for (std::size_t i = 0; i < n; i += LANES) {
        for (std::size_t l = 0; l < LANES; ++l) {
            out[i + l] = in[i + l] * scale;
            lanes[l] += out[i + l];
        }
    }
    return sum_of(lanes);
}

void statistics(const float *__restrict in, float *__restrict out, std::size_t n) {
    for (std::size_t odd = 0; odd < 2; ++odd) {
        const auto count = static_cast<float>(n / 2);
        const float mean = sum_every_second(in + odd, n, [](float x) { return x; }) / count;
        out[3 * odd] = count;
        out[3 * odd + 1] = mean;
        out[3 * odd + 2] = sum_every_second(in + odd, n, [=](float x) { return (x - mean) * (x - mean); });
    }
}

void max8(const float *__restrict in, float *__restrict out, std::size_t n) {
    std::partial_sort_copy(in, in + n, out, out + 8, std::greater<>());
}

template<class T>
void find8(const T *__restrict values, const T *__restrict in, std::uint32_t *__restrict out, std::size_t n) {
    for (int v = 0; v < 8; ++v) {
        out[v] = ~std::uint32_t{0};
        for (std::uint32_t i = 0; i < n; ++i) {
            if (in[i] == values[v] && std::find(out, out + v, i) == out + v) {
                out[v] = i;
                break;
            }
        }
    }
}
template void find8(const float *, const float *, std::uint32_t *, std::size_t);
template void find8(const std::uint8_t *, const std::uint8_t *, std::uint32_t *, std::size_t);

void match_replace8(const float *__restrict values, const float *__restrict in, float replacement,
                    float *__restrict out, std::size_t n) {
    std::uint32_t found[8];
    find8(values, in, found, n);
    copy_bits(in, out, n);
    for (const std::uint32_t i : found) {
        if (i < n)
            out[i] = replacement;
    }
}

template<class T>
void copy_where(const T *__restrict in, const std::uint8_t *__restrict pred, T *__restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        out[i] = pred[i] ? in[i] : out[i];
}
template void copy_where(const float *, const std::uint8_t *, float *, std::size_t);
template void copy_where(const Bits16 *, const std::uint8_t *, Bits16 *, std::size_t);

template<class T>
void fill_where(T value, const std::uint8_t *__restrict pred, T *__restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        out[i] = pred[i] ? value : out[i];
}
template void fill_where(float, const std::uint8_t *, float *, std::size_t);
template void fill_where(Bits16, const std::uint8_t *, Bits16 *, std::size_t);

float select_range(const float *__restrict in, float low, float high, float *__restrict out, std::size_t n) {
    float lanes[LANES];
    std::fill_n(lanes, LANES, std::numeric_limits<float>::lowest());
    for (std::size_t i = 0; i < n; i += LANES) {
        for (std::size_t l = 0; l < LANES; ++l) {
            const auto index = static_cast<float>(static_cast<std::int32_t>(i + l));
            const bool within = (index >= low) & (index < high);
            out[i + l] = within ? in[i + l] : std::numeric_limits<float>::lowest();
            lanes[l] = lanes[l] > out[i + l] ? lanes[l] : out[i + l];
        }
    }
    return *std::max_element(lanes, lanes + LANES);
}
template<class T>
void gather(const T *__restrict in, const std::uint32_t *__restrict index, T *__restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        out[i] = in[index[i]];
}
template void gather(const float *, const std::uint32_t *, float *, std::size_t);
template void gather(const Bits16 *, const std::uint32_t *, Bits16 *, std::size_t);

template<class T, std::size_t RUN>
void gather_runs(const T *__restrict in, const std::uint16_t *__restrict index, T *__restrict out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t r = 0; r < RUN; ++r)
            out[RUN * i + r] = in[index[i] + r];
    }
}
template void gather_runs<Bits16, 1>(const Bits16 *, const std::uint16_t *, Bits16 *, std::size_t);
template void gather_runs<Bits16, 4>(const Bits16 *, const std::uint16_t *, Bits16 *, std::size_t);

void random_words(std::uint32_t seed, std::uint32_t partition, std::uint32_t engine, std::uint32_t *__restrict out,
                  std::size_t n) {
    for (std::size_t i = 0; i < n / 4; ++i) {
        std::uint32_t x0 = static_cast<std::uint32_t>(i), x1 = 0, x2 = engine, x3 = 0, key0 = seed, key1 = partition;
        for (int round = 0; round < 10; ++round) {
            const std::uint64_t a = std::uint64_t{x0} * 0xD2511F53, b = std::uint64_t{x2} * 0xCD9E8D57;
            x0 = static_cast<std::uint32_t>(b >> 32) ^ x1 ^ key0;
            x1 = static_cast<std::uint32_t>(b);
            x2 = static_cast<std::uint32_t>(a >> 32) ^ x3 ^ key1;
            x3 = static_cast<std::uint32_t>(a);
            key0 += 0x9E3779B9;
            key1 += 0xBB67AE85;
        }
        out[4 * i] = x0;
        out[4 * i + 1] = x1;
        out[4 * i + 2] = x2;
        out[4 * i + 3] = x3;
    }
}
void drop(const float *__restrict in, const std::uint32_t *__restrict words, std::uint32_t limit, float *__restrict out,
          std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        out[i] = words[i] < limit ? 0.0f : in[i];
}

} // namespace plain
