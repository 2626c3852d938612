// SPDX-License-Identifier: MIT
// The events of a tape (spec/tape.toml) as bytes, and as text.
#pragma once

#include <neuron/spec.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace neuron::chip::tape {

/// An event and its data, which belongs to somebody else.
struct Event {
    spec::TapeEvent head;
    std::span<const std::byte> data;

    spec::TapeKind kind() const { return head.kind; }
    bool has(spec::TapeFlag flag) const { return (head.flags & spec::raw(flag)) != 0; }
    /// Whether the host did it: the replay does it again. Otherwise the chip did.
    bool of_host() const { return spec::raw(head.kind) < spec::raw(spec::TapeKind::DMA_READ); }
    bool is_dma() const { return head.kind == spec::TapeKind::DMA_READ || head.kind == spec::TapeKind::DMA_WRITE; }
    bool is_access() const {
        return head.kind == spec::TapeKind::REG_READ || head.kind == spec::TapeKind::REG_WRITE ||
               head.kind == spec::TapeKind::DOORBELL;
    }
    /// Of the DMA, number `i`.
    std::byte byte(std::size_t i) const { return data[has(spec::TapeFlag::SAME) ? 0 : i]; }
};

/// Bytes up to the next event.
constexpr std::size_t padded(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

/// FNV-1a, going on from `hash`.
constexpr std::uint32_t CHECK_START = 0x811c9dc5; // spec-ok: FNV's
std::uint32_t check_sum(std::span<const std::byte> bytes, std::uint32_t hash = CHECK_START);

/// What `head.check` must be.
std::uint32_t check_of(const spec::TapeHeader &head);
std::uint32_t check_of(const Event &event);

/// "DMA write to 0x1000 (64 bytes)", "read of GLOBAL.STATUS (4 bytes)": what happens, without what comes of it.
std::string describe(const Event &event);
/// Who in the chip did it: "queue 3", "PE of core 1". Empty: nobody, or a tape that does not know.
std::string describe_unit(const Event &event);
/// What comes of it: a value, the first bytes, a text. May be empty.
std::string describe_value(const Event &event);

} // namespace neuron::chip::tape
