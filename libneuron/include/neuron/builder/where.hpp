// SPDX-License-Identifier: MIT
/**
 * @file
 * Places in the source of who calls: errors name them.
 */
#pragma once

#include <cstdint>

namespace neuron::builder {

/** Where a call stands. Leave the argument out: the default is the place of the call. */
struct Where {
    const char *file = "";
    std::uint32_t line = 0;

    static constexpr Where here(const char *file = __builtin_FILE(), std::uint32_t line = __builtin_LINE()) {
        return {file, line};
    }
};

} // namespace neuron::builder
