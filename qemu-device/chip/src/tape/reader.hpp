// SPDX-License-Identifier: MIT
#pragma once

#include "event.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>

namespace neuron::chip::tape {

/// Why a tape cannot be read; the message names the place.
struct Damage {
    int code; ///< errno: EBADMSG, or ENOTSUP for a tape of another version
    std::string message;
};

/// Reads a tape, and checks all of it that it hands out. The bytes outlive the reader.
class Reader {
public:
    static tl::expected<Reader, Damage> open(std::span<const std::byte> tape);

    const spec::TapeHeader &header() const { return header_; }
    /// The next event. Nothing: the tape is over; cut_off() says if it was meant to be.
    tl::expected<std::optional<Event>, Damage> next();
    bool cut_off() const { return !ended_; }
    /// Whether packets are on it.
    bool has_packets() const { return header_.version >= PACKETS_SINCE; }
    /// Number of the next event, and where it is in the file.
    std::uint64_t index() const { return index_; }
    std::size_t offset() const { return at_; }

private:
    static constexpr std::uint32_t OLDEST = 1; ///< version that is understood
    static constexpr std::uint32_t PACKETS_SINCE = 2;

    Reader(std::span<const std::byte> tape, const spec::TapeHeader &header) : tape_(tape), header_(header) {}
    std::optional<std::string> wrong(const Event &event) const;
    tl::unexpected<Damage> damaged(const std::string &why) const;

    std::span<const std::byte> tape_;
    spec::TapeHeader header_;
    std::size_t at_ = spec::TapeHeader::BYTES;
    std::uint64_t index_ = 0;
    std::uint64_t step_ = 0; ///< of the last event
    bool begun_ = false;     ///< something else than the chip's state was there
    bool ended_ = false;
};

} // namespace neuron::chip::tape
