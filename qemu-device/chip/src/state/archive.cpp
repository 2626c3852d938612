// SPDX-License-Identifier: MIT
#include "archive.hpp"

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

namespace neuron::chip {

// Numbers are copied as they are.
static_assert(std::endian::native == std::endian::little);

void Archive::reject(std::string_view field, std::string_view problem) const {
    throw StateError(EINVAL, fmt::format("{} {}: {} {}", name_, number_, field, problem));
}

// ---- sections -------------------------------------------------------------------------------------------------------

void Archive::begin(std::string_view name, std::uint32_t number) {
    name_ = name;
    number_ = number;
    at_ = 0;
    if (!loading()) {
        buffer_.clear();
        return;
    }
    if (!next_is(name) || header_number_ != number)
        throw StateError(EINVAL, fmt::format("the stream has section '{} {}' where '{} {}' should be", header_name_,
                                             header_number_, name, number));
    if (header_length_ > MAX_SECTION)
        reject("length", "is more than a section may have");
    buffer_.resize(header_length_);
    read_(buffer_);
    header_known_ = false;
}

void Archive::end() {
    if (loading()) {
        require(left() == 0, "length", "is more than its fields take");
        return;
    }
    std::array<std::byte, HEADER_BYTES> header{};
    const auto length = static_cast<std::uint32_t>(buffer_.size());
    std::memcpy(header.data(), name_.data(), std::min(name_.size(), NAME_BYTES));
    std::memcpy(header.data() + NAME_BYTES, &number_, sizeof number_);
    std::memcpy(header.data() + NAME_BYTES + sizeof number_, &length, sizeof length);
    write_(header);
    write_(buffer_);
}

void Archive::read_header() {
    std::array<std::byte, HEADER_BYTES> header{};
    read_(header);
    const auto *const text = reinterpret_cast<const char *>(header.data());
    header_name_.assign(text, strnlen(text, NAME_BYTES));
    for (char &c : header_name_) // it may end in a message
        if (c < ' ' || c > '~')
            c = '?';
    std::memcpy(&header_number_, header.data() + NAME_BYTES, sizeof header_number_);
    std::memcpy(&header_length_, header.data() + NAME_BYTES + sizeof header_number_, sizeof header_length_);
    header_known_ = true;
}

bool Archive::next_is(std::string_view name) {
    if (!header_known_)
        read_header();
    return header_name_ == name;
}

// ---- fields ---------------------------------------------------------------------------------------------------------

void Archive::raw(void *value, std::size_t size) {
    if (!loading()) {
        const auto *const from = static_cast<const std::byte *>(value);
        buffer_.insert(buffer_.end(), from, from + size);
        return;
    }
    if (left() < size)
        reject("length", "is less than its fields take");
    std::memcpy(value, buffer_.data() + at_, size);
    at_ += size;
}

void Archive::bytes(std::span<std::byte> value) {
    if (!value.empty())
        raw(value.data(), value.size());
}

void Archive::real(std::string_view name, double &value) {
    transfer(value);
    if (!std::isfinite(value))
        reject(name, "is no number");
}

void Archive::wide(Wide &value) { transfer(value); }

} // namespace neuron::chip
