// SPDX-License-Identifier: MIT
#include "dma_pattern.hpp"

#include <array>

#include <fmt/format.h>

namespace neuronctl {
namespace {

struct Named {
    std::string_view name;
    Pattern pattern;
};

constexpr std::array<Named, 6> patterns = {{
    {"random", Pattern::random},
    {"address", Pattern::address},
    {"count", Pattern::count},
    {"checker", Pattern::checker},
    {"ones", Pattern::ones},
    {"zeros", Pattern::zeros},
}};

// splitmix64: a word of its own for every number, without a state to keep.
std::uint64_t mixed(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

std::byte of_word(std::uint64_t word, std::uint64_t place) {
    return static_cast<std::byte>(word >> 8 * (place % 8) & 0xff);
}

} // namespace

std::string pattern_names() {
    std::string out;
    for (const Named &entry : patterns)
        out += (out.empty() ? "" : ",") + std::string(entry.name);
    return out;
}

std::optional<Pattern> find_pattern(std::string_view name) {
    for (const Named &entry : patterns)
        if (entry.name == name)
            return entry.pattern;
    return std::nullopt;
}

std::string_view name(Pattern pattern) { return patterns[static_cast<std::size_t>(pattern)].name; }

std::byte byte_at(Pattern pattern, std::uint64_t seed, std::uint64_t place) {
    switch (pattern) {
    case Pattern::random: return of_word(mixed(seed * 0x2545f4914f6cdd1d + place / 8), place);
    case Pattern::address: return of_word(place / 8, place);
    case Pattern::count: return static_cast<std::byte>(place & 0xff);
    case Pattern::checker: return std::byte{place % 2 == 0 ? std::uint8_t{0x55} : std::uint8_t{0xaa}};
    case Pattern::ones: return std::byte{0xff};
    case Pattern::zeros: break;
    }
    return std::byte{0};
}

void write_pattern(Pattern pattern, std::uint64_t seed, std::span<std::byte> bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = byte_at(pattern, seed, i);
}

std::optional<BadByte> verify_pattern(std::span<const std::byte> memory, std::uint64_t offset, std::uint64_t size,
                                      Pattern pattern, std::uint64_t seed) {
    std::optional<BadByte> out;
    for (std::size_t i = 0; i < memory.size(); ++i) {
        const bool inside = i >= offset && i - offset < size;
        const std::byte want = inside ? byte_at(pattern, seed, i - offset) : guard_byte;
        if (memory[i] == want)
            continue;
        if (!out)
            out = BadByte{static_cast<std::int64_t>(i) - static_cast<std::int64_t>(offset), memory[i], want, 0};
        ++out->count;
    }
    return out;
}

std::string describe(const BadByte &bad, std::uint64_t size) {
    const auto end = static_cast<std::int64_t>(size);
    std::string where = fmt::format("byte {}", bad.place);
    if (bad.place < 0)
        where = fmt::format("the byte {} before the destination", -bad.place);
    else if (bad.place >= end)
        where = fmt::format("the byte {} behind the destination's end", bad.place - end);
    return fmt::format("{} is 0x{:02x} and should be 0x{:02x}; {} bytes differ", where, bad.got, bad.want, bad.count);
}

} // namespace neuronctl
