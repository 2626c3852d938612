// SPDX-License-Identifier: MIT
/**
 * @file
 * Errors of the assembler: where, what, and through which macros it was reached.
 */
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace neuron::encoding {

/** A place in the source, both counted from 1. Line 0 is the command line. */
struct Position {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::uint32_t length = 1; ///< Columns to underline.
};

/** A macro call or a repetition that was being expanded. */
struct Frame {
    std::string what; ///< "in macro 'load'".
    Position where;   ///< Of the call.
};

struct Diagnostic {
    Position where;
    std::string message;
    std::vector<Frame> frames; ///< Innermost last.
};

/**
 * Collects errors. Not thread-safe.
 *
 * Errors beyond the limit are counted but not kept: one broken macro in a loop must not print a book.
 */
class Diagnostics {
public:
    static constexpr std::size_t limit = 20;

    void error(Position where, std::string message);

    bool any() const noexcept { return !list_.empty(); }
    bool full() const noexcept { return list_.size() >= limit; }
    const std::vector<Diagnostic> &list() const noexcept { return list_; }

    void push_frame(Frame frame) { frames_.push_back(std::move(frame)); }
    void pop_frame() { frames_.pop_back(); }
    const std::vector<Frame> &frames() const noexcept { return frames_; }

    /** Reports with the frames of another moment, for what is only known to be wrong at the end of the file. */
    void error_in(std::vector<Frame> frames, Position where, std::string message);

private:
    std::vector<Diagnostic> list_;
    std::vector<Frame> frames_;
};

/** "file:line:column: error: message", the source line and a caret, then the frames. Ends with a newline. */
std::string render(const Diagnostic &diagnostic, std::string_view file, std::string_view source);

/** The candidate nearest to a misspelt word, or "" if none is near. */
std::string_view closest(std::string_view word, const std::vector<std::string_view> &candidates);

} // namespace neuron::encoding
