// SPDX-License-Identifier: MIT
/**
 * @file
 * Names of the hardware contract as people write them.
 */
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace neuron::encoding {

/** Whatever the locale. */
inline std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

inline std::string upper(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return out;
}

} // namespace neuron::encoding
