// SPDX-License-Identifier: MIT
/**
 * @file
 * Numbers against the ranges of the hardware contract.
 */
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <neuron/spec.hpp>

#include "diagnostics.hpp"

namespace neuron::encoding {

/** What of the range the number breaks: "at most 15", "a multiple of 32". The range must not hold it. */
std::string broken_rule(const spec::RangeDesc &range, std::int64_t value);

/** False: "WHAT is VALUE: at most 15" was reported. */
bool in_range(std::int64_t value, const spec::RangeDesc &range, std::string_view what, Position at,
              Diagnostics &diagnostics);

/** The range of a field of struct T of the contract. */
template<class T>
const spec::RangeDesc &field_range(std::string_view name) {
    static constexpr spec::RangeDesc any;
    for (const spec::FieldDesc &field : spec::struct_desc<T>().fields)
        if (field.name == name)
            return field.range;
    return any;
}

} // namespace neuron::encoding
