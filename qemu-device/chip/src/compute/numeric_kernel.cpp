// SPDX-License-Identifier: MIT
// Compiled once per instruction set (foreach_target), the best one is chosen at run time.

// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "compute/numeric_kernel.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>
// clang-format on

#include "compute/numeric_kernel.hpp"
#include "neuron/spec.hpp"

#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace neuron::chip {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Without its sign an element is no negative integer: signed comparisons, which every instruction set has, will do.
template<class T>
std::uint8_t scan(const std::byte *elements, std::size_t count, const FloatCodes &codes) {
    const hn::ScalableTag<T> d;
    const auto magnitude = hn::Set(d, static_cast<T>(codes.magnitude));
    const auto limit = hn::Set(d, static_cast<T>(codes.limit));
    const T *const from = reinterpret_cast<const T *>(elements);
    auto above = hn::Zero(d); // all ones where there was one
    auto equal = hn::Zero(d);
    std::size_t i = 0;
    for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
        const auto value = hn::And(hn::LoadU(d, from + i), magnitude);
        above = hn::Or(above, hn::VecFromMask(d, hn::Gt(value, limit)));
        equal = hn::Or(equal, hn::VecFromMask(d, hn::Eq(value, limit)));
    }
    bool nan = !hn::AllFalse(d, hn::MaskFromVec(above));
    bool infinity = !hn::AllFalse(d, hn::MaskFromVec(equal));
    for (; i < count; ++i) {
        T value;
        std::memcpy(&value, elements + i * sizeof(T), sizeof(T));
        value = static_cast<T>(value & static_cast<T>(codes.magnitude));
        nan |= value > static_cast<T>(codes.limit);
        infinity |= value == static_cast<T>(codes.limit);
    }
    return static_cast<std::uint8_t>((nan ? spec::raw(spec::NumericFlag::NAN_WRITTEN) : 0) |
                                     (infinity && codes.has_infinity ? spec::raw(spec::NumericFlag::INF_WRITTEN) : 0));
}

std::uint8_t scan_of(const std::byte *elements, std::uint32_t element_bytes, std::size_t count,
                     const FloatCodes &codes) {
    switch (element_bytes) {
    case 1: return scan<std::int8_t>(elements, count, codes);
    case 2: return scan<std::int16_t>(elements, count, codes);
    default: return scan<std::int32_t>(elements, count, codes);
    }
}

} // namespace
} // namespace HWY_NAMESPACE
} // namespace neuron::chip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace neuron::chip {

HWY_EXPORT(scan_of);

std::uint8_t scan_floats(const std::byte *elements, std::uint32_t element_bytes, std::size_t count,
                         const FloatCodes &codes) {
    return HWY_DYNAMIC_DISPATCH(scan_of)(elements, element_bytes, count, codes);
}

} // namespace neuron::chip
#endif // HWY_ONCE
