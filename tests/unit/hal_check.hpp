// SPDX-License-Identifier: MIT
// CMocka for code that returns neuron::Result.
#pragma once

#include <string>
#include <string_view>

extern "C" {
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
}

#include <neuron/error.hpp>

namespace hal_test {

/// The value, or the end of the test with the error's message.
template<class T>
T must(neuron::Result<T> result, int line = __builtin_LINE()) {
    if (!result)
        fail_msg("line %d: %s: %s", line, std::string(neuron::name(result.error().code)).c_str(),
                 result.error().message.c_str());
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

/// The result must be an error of that code whose message contains the text. Returns it.
template<class T>
neuron::Error must_fail(const neuron::Result<T> &result, neuron::ErrorCode code, std::string_view text,
                        int line = __builtin_LINE()) {
    if (result)
        fail_msg("line %d: no error, where one with '%s' is due", line, std::string(text).c_str());
    if (result.error().code != code || result.error().message.find(text) == std::string::npos)
        fail_msg("line %d: %s '%s', where %s with '%s' is due", line,
                 std::string(neuron::name(result.error().code)).c_str(), result.error().message.c_str(),
                 std::string(neuron::name(code)).c_str(), std::string(text).c_str());
    return result.error();
}

} // namespace hal_test
