// SPDX-License-Identifier: MIT
/**
 * @file
 * What only a terminal sees: colours on standard output, progress on standard error.
 */
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace neuronctl {

enum class Colour { good, bad, warning, faint, strong };

/** The text in a colour, or as it is where standard output is no terminal or NO_COLOR is set (no-color.org). */
std::string coloured(Colour colour, std::string_view text);

/** One line that is written over as work goes on, and gone when it is done. Nothing if standard error is no terminal. */
class Progress {
public:
    /** @param total 0 if it is not known. */
    Progress(std::string label, std::uint64_t total);
    ~Progress();
    Progress(const Progress &) = delete;
    Progress &operator=(const Progress &) = delete;

    void show(std::uint64_t done, std::string_view what = {});

private:
    std::string label_;
    std::uint64_t total_;
    bool on_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point last_{};
};

} // namespace neuronctl
