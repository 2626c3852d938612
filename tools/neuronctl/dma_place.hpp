// SPDX-License-Identifier: MIT
/**
 * @file
 * Memory that transfers go from and to, and how its bytes are seen without the transfer under test.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <neuron/neuron.hpp>

#include "report.hpp"

namespace neuronctl {

/** "host", "hbm", "hbm:2". */
struct Place {
    neuron::Placement placement = neuron::Placement::host;
    std::optional<std::uint32_t> bank;
};

std::optional<Place> parse_place(std::string_view text);
std::string text(const Place &place);

/** Host memory, and each stack of HBM. */
std::vector<Place> all_places(const neuron::DeviceInfo &device);

/** A buffer in a place. */
class Arena {
public:
    /** HBM is taken where the CPU can see it, if it can. */
    static Outcome<Arena> create(neuron::Context &context, neuron::Queue &queue, const Place &place,
                                 std::uint64_t size);

    const neuron::Buffer &buffer() const { return buffer_; }
    /** Whether the CPU sees the bytes itself. If not, they are copied by the device to be looked at. */
    bool visible() const { return visible_; }

    Outcome<void> write(neuron::Queue &queue, std::uint64_t offset, std::span<const std::byte> bytes) const;
    Outcome<void> read(neuron::Queue &queue, std::uint64_t offset, std::span<std::byte> bytes) const;

private:
    Arena(neuron::Buffer buffer, bool visible) : buffer_(std::move(buffer)), visible_(visible) {}
    neuron::Buffer buffer_;
    bool visible_;
};

} // namespace neuronctl
