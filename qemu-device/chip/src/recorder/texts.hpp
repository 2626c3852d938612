// SPDX-License-Identifier: MIT
// Texts of records: zero-padded, with a zero at their end.
#pragma once

#include "../state/archive.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

namespace neuron::chip {

/// What fits of a text, with a zero at its end.
template<class To, class From>
To cut(const From &from) {
    To to{};
    std::copy_n(from.begin(), std::min(to.size() - 1, from.size()), to.begin());
    return to;
}

template<class Text>
std::string_view text_of(const Text &text) {
    const auto end = std::ranges::find(text, '\0');
    return {text.data(), static_cast<std::size_t>(end - text.begin())};
}

template<class Text>
void serialize_text(Archive &archive, std::string_view name, Text &text) {
    archive.bytes(std::as_writable_bytes(std::span(text)));
    archive.require(text.back() == '\0', name, "has no end");
}

} // namespace neuron::chip
