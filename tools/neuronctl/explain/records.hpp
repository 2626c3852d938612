// SPDX-License-Identifier: MIT
/**
 * @file
 * The text that the driver writes: lines of words and KEY=VALUE, in debugfs and in coredumps.
 */
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state.hpp"

namespace neuronctl::explain {

/** A line. What follows comm= is its, to the end. */
class Record {
public:
    explicit Record(std::string_view line);

    const std::string &line() const { return line_; }
    bool has(const std::string &key) const { return values_.contains(key); }
    /** Empty, or 0, if there is no such key. */
    std::string text(const std::string &key) const;
    std::uint64_t number(const std::string &key) const;
    std::optional<std::uint64_t> maybe(const std::string &key) const;
    /** Word i of those without '='; empty if there are fewer. */
    std::string word(std::size_t i) const { return i < words_.size() ? words_[i] : std::string(); }
    bool has_word(std::string_view word) const;
    Process process() const { return {text("comm"), number("pid")}; }

private:
    std::string line_;
    std::vector<std::string> words_;
    std::map<std::string, std::string> values_;
};

std::vector<Record> records(std::string_view text);

/** The lines of a text by the "[name]" that they stand below; what stands before the first one is section "". */
struct Section {
    std::string name;
    std::vector<std::string> lines;
};
std::vector<Section> sections(std::string_view text);

/** The number at the end of "core 3"; nothing if the name does not begin so. */
std::optional<std::uint64_t> section_number(const std::string &name, std::string_view prefix);

/** The sections "core N" of a text. */
std::vector<Core> cores_in(const std::vector<Section> &sections);

/** "packet 17 COPY: 0200...". Nothing if the line is none of a packet. */
std::optional<Packet> packet_in(std::string_view line);

/** A signed number: errors are negative. */
std::optional<std::int64_t> signed_number(std::string_view text);

/** A value by its name in the contract; nothing if it has none. */
template<class E>
std::optional<E> named(std::string_view name) {
    return spec::parse<E>(name);
}

} // namespace neuronctl::explain
