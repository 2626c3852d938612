// SPDX-License-Identifier: MIT
#include "elementwise_loops.hpp"

#include <cstring>
#include <limits>

namespace plain {

namespace {

constexpr std::size_t LANES = 16;

inline float load(float value) { return value; }
inline float load(Bf16 bits) {
    const std::uint32_t wide = std::uint32_t{bits} << 16;
    float value;
    std::memcpy(&value, &wide, sizeof(value));
    return value;
}
inline void store(float value, float &out) { out = value; }
inline void store(float value, Bf16 &out) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    const std::uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    out = static_cast<Bf16>(value == value ? rounded : 0x7fc0);
}

template<class T, class Function>
inline void map(const T *__restrict a, const T *__restrict b, T *__restrict out, std::size_t n, Function function) {
    for (std::size_t i = 0; i < n; ++i)
        store(function(load(a[i]), load(b[i])), out[i]);
}
template<class In, class Out, class Function>
inline void map(const In *__restrict a, Out *__restrict out, std::size_t n, Function function) {
    for (std::size_t i = 0; i < n; ++i)
        store(function(load(a[i])), out[i]);
}

template<class T, class Function>
inline float map_and_sum(const T *__restrict in, T *__restrict out, std::size_t n, Function function) {
    float sums[LANES] = {};
    for (std::size_t i = 0; i < n; i += LANES) {
        for (std::size_t l = 0; l < LANES; ++l) {
            const float value = function(load(in[i + l]));
            sums[l] += value;
            store(value, out[i + l]);
        }
    }
    float sum = 0;
    for (const float value : sums)
        sum += value;
    return sum;
}

template<class T, class Combine>
inline float reduce(const T *in, std::size_t n, float start, Combine combine) {
    float lanes[LANES];
    for (float &lane : lanes)
        lane = start;
    for (std::size_t i = 0; i < n; i += LANES) {
        for (std::size_t l = 0; l < LANES; ++l)
            lanes[l] = combine(lanes[l], load(in[i + l]));
    }
    float result = start;
    for (const float lane : lanes)
        result = combine(result, lane);
    return result;
}

inline float larger(float a, float b) { return a > b ? a : b; }
constexpr float LOWEST = -std::numeric_limits<float>::infinity();

} // namespace

void add(const float *a, const float *b, float *out, std::size_t n) {
    map(a, b, out, n, [](float x, float y) { return x + y; });
}
void add(const Bf16 *a, const Bf16 *b, Bf16 *out, std::size_t n) {
    map(a, b, out, n, [](float x, float y) { return x + y; });
}
void max(const float *a, const float *b, float *out, std::size_t n) { map(a, b, out, n, larger); }
void max(const Bf16 *a, const Bf16 *b, Bf16 *out, std::size_t n) { map(a, b, out, n, larger); }

void mult_add(const float *a, float scale, float bias, float *out, std::size_t n) {
    map(a, out, n, [=](float x) { return x * scale + bias; });
}
void mult_add(const Bf16 *a, float scale, float bias, Bf16 *out, std::size_t n) {
    map(a, out, n, [=](float x) { return x * scale + bias; });
}
void scalar_tensor_tensor(const float *a, float scale, const float *b, float *out, std::size_t n) {
    map(a, b, out, n, [=](float x, float y) { return x * scale + y; });
}
void scalar_tensor_tensor(const Bf16 *a, float scale, const Bf16 *b, Bf16 *out, std::size_t n) {
    map(a, b, out, n, [=](float x, float y) { return x * scale + y; });
}
void copy(const Bf16 *in, float *out, std::size_t n) {
    map(in, out, n, [](float x) { return x; });
}
void copy(const float *in, Bf16 *out, std::size_t n) {
    map(in, out, n, [](float x) { return x; });
}
void reciprocal(const float *in, float *out, std::size_t n) {
    map(in, out, n, [](float x) { return 1 / x; });
}

float activate_copy(const float *in, float scale, float bias, float *out, std::size_t n) {
    return map_and_sum(in, out, n, [=](float x) { return x * scale + bias; });
}
float activate_relu(const float *in, float scale, float bias, float *out, std::size_t n) {
    return map_and_sum(in, out, n, [=](float x) { return larger(x * scale + bias, 0); });
}
float activate_relu(const Bf16 *in, float scale, float bias, Bf16 *out, std::size_t n) {
    return map_and_sum(in, out, n, [=](float x) { return larger(x * scale + bias, 0); });
}
float reduce_add(const float *in, std::size_t n) {
    return reduce(in, n, 0, [](float x, float y) { return x + y; });
}
float reduce_add(const Bf16 *in, std::size_t n) {
    return reduce(in, n, 0, [](float x, float y) { return x + y; });
}
float reduce_max(const float *in, std::size_t n) { return reduce(in, n, LOWEST, larger); }
float reduce_max(const Bf16 *in, std::size_t n) { return reduce(in, n, LOWEST, larger); }

} // namespace plain
