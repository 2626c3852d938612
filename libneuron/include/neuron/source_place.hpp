// SPDX-License-Identifier: MIT
/**
 * @file
 * A place in a program's source.
 */
#pragma once

namespace neuron {

/** Like std::source_location, which clang has from version 16 on. */
struct SourcePlace {
    const char *file = ""; ///< As the compiler was given it; lives as long as the program.
    unsigned line = 0;     ///< 0: nobody knows.

    /** As a default argument: the place of the call. */
    static constexpr SourcePlace current(const char *file = __builtin_FILE(),
                                         unsigned line = __builtin_LINE()) noexcept {
        return {file, line};
    }
};

} // namespace neuron
