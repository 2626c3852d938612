// SPDX-License-Identifier: MIT
#include "terminal.hpp"

#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

namespace neuronctl {
namespace {

/** Often enough to look alive. */
constexpr std::chrono::milliseconds refresh(100);

bool colours_wanted() {
    const char *no = std::getenv("NO_COLOR");
    const char *term = std::getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && (no == nullptr || *no == '\0') &&
           (term == nullptr || std::string_view(term) != "dumb");
}

} // namespace

std::string coloured(Colour colour, std::string_view text) {
    static const bool wanted = colours_wanted();
    if (!wanted)
        return std::string(text);
    constexpr std::string_view codes[] = {"32", "31", "33", "2", "1"};
    return fmt::format("\033[{}m{}\033[0m", codes[static_cast<std::size_t>(colour)], text);
}

Progress::Progress(std::string label, std::uint64_t total)
    : label_(std::move(label)), total_(total), on_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
    if (shown_)
        fmt::print(stderr, "\r\033[K");
}

void Progress::show(std::uint64_t done, std::string_view what) {
    const auto now = std::chrono::steady_clock::now();
    if (!on_ || (shown_ && now - last_ < refresh))
        return;
    last_ = now;
    shown_ = true;
    const std::string of = total_ != 0 ? fmt::format("/{}", total_) : "";
    fmt::print(stderr, "\r\033[K{} {}{}{}{}", label_, done, of, what.empty() ? "" : " ", what);
    std::fflush(stderr);
}

} // namespace neuronctl
