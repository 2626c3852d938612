// SPDX-License-Identifier: MIT
// Making errors.
#pragma once

#include <string>
#include <utility>

#include <fmt/format.h>

#include <neuron/error.hpp>

namespace neuron::detail {

/** An error for `return`, its message formatted as by fmt::format(). */
template<class... Args>
tl::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format, Args &&...args) {
    return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

/** The error of another result, for `return`. */
template<class T>
tl::unexpected<Error> forward_error(Result<T> &result) {
    return tl::unexpected<Error>(std::move(result.error()));
}

/** Code that fits a positive errno. */
ErrorCode code_of(int error) noexcept;

/** "<what>: <text of the errno>". */
tl::unexpected<Error> fail_errno(int error, std::string_view what);

/** "major.minor" of a contract version. */
std::string version_text(std::uint32_t version);

} // namespace neuron::detail
