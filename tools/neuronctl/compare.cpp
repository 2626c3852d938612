// SPDX-License-Identifier: MIT
#include "compare.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

namespace neuronctl {
namespace {

using neuron::spec::Dtype;

template<class T>
T load(const std::byte *at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

double half(std::uint16_t bits) {
    const int exponent = bits >> 10 & 0x1f;
    const int fraction = bits & 0x3ff;
    double value = exponent == 0    ? std::ldexp(fraction, -24)
                   : exponent == 31 ? (fraction != 0 ? std::nan("") : HUGE_VAL)
                                    : std::ldexp(fraction + 0x400, exponent - 25);
    return (bits & 0x8000) != 0 ? -value : value;
}

// Of the types that array files have.
double number(Dtype dtype, const std::byte *at) {
    switch (dtype) {
    case Dtype::BF16: return std::bit_cast<float>(std::uint32_t{load<std::uint16_t>(at)} << 16);
    case Dtype::F16: return half(load<std::uint16_t>(at));
    case Dtype::F32: return load<float>(at);
    case Dtype::I8: return load<std::int8_t>(at);
    case Dtype::U8: return load<std::uint8_t>(at);
    case Dtype::I16: return load<std::int16_t>(at);
    case Dtype::U16: return load<std::uint16_t>(at);
    case Dtype::I32: return load<std::int32_t>(at);
    default: return load<std::uint32_t>(at);
    }
}

bool close(double got, double want, double tolerance) {
    if (std::isnan(got) || std::isnan(want))
        return std::isnan(got) && std::isnan(want);
    return got == want || std::abs(got - want) <= tolerance * std::max(1.0, std::abs(want));
}

// What tells floats apart that print alike: NaNs of different bits.
std::string text(Dtype dtype, const std::byte *at, bool bits) {
    // As a float: its shortest text. Only integers need more bits than a float has.
    const bool real = dtype == Dtype::BF16 || dtype == Dtype::F16 || dtype == Dtype::F32;
    const double wide = number(dtype, at);
    const std::string value = real ? fmt::format("{}", static_cast<float>(wide)) : fmt::format("{}", wide);
    if (!bits)
        return value;
    std::uint32_t raw = 0;
    std::memcpy(&raw, at, neuron::spec::bytes(dtype));
    return fmt::format("{} (0x{:0{}x})", value, raw, 2 * neuron::spec::bytes(dtype));
}

} // namespace

std::optional<Mismatch> first_mismatch(Dtype dtype, std::span<const std::uint64_t> shape,
                                       std::span<const std::byte> got, std::span<const std::byte> want,
                                       std::optional<double> tolerance) {
    const std::size_t size = neuron::spec::bytes(dtype);
    const std::size_t elements = std::min(got.size(), want.size()) / size;
    std::optional<Mismatch> out;
    for (std::size_t i = 0; i < elements; ++i) {
        const std::byte *left = got.data() + i * size;
        const std::byte *right = want.data() + i * size;
        if (std::memcmp(left, right, size) == 0 ||
            (tolerance && close(number(dtype, left), number(dtype, right), *tolerance)))
            continue;
        if (!out) {
            const bool alike = number(dtype, left) == number(dtype, right) ||
                               (std::isnan(number(dtype, left)) && std::isnan(number(dtype, right)));
            out.emplace(Mismatch{{}, text(dtype, left, alike), text(dtype, right, alike), 0});
            std::size_t rest = i;
            for (std::size_t d = shape.size(); d-- > 0; rest /= shape[d])
                out->index.insert(out->index.begin(), rest % shape[d]);
        }
        ++out->count;
    }
    return out;
}

} // namespace neuronctl
