// SPDX-License-Identifier: MIT
// What the tests of shared buffers have in common.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <neuron/neuron.hpp>

#include "hal_check.hpp"

namespace hal_test {

using neuron::Buffer;
using neuron::BufferOptions;
using neuron::CommandList;
using neuron::Context;
using neuron::ErrorCode;
using neuron::Fd;
using neuron::Placement;
using neuron::Queue;

inline constexpr BufferOptions shareable{.shareable = true};
inline constexpr std::size_t size = 3 << 20; // more than a large page
inline constexpr std::chrono::seconds patience(30);

/// A context with a queue.
struct Tenant {
    Context context;
    Queue queue;

    explicit Tenant(const std::string &node = {})
        : context(must(Context::create(must(neuron::Device::open({.backend = "accel", .node = node}))))),
          queue(must(Queue::create(context))) {}

    Buffer imports(const Fd &file, neuron::ImportOptions options = {}) const {
        return must(Buffer::import_fd(context, file.get(), options));
    }
    void fills(const Buffer &buffer, std::uint64_t word) {
        must(queue.run(CommandList{}.fill(buffer.va(), buffer.size(), word), patience));
    }
};

/// Whether the CPU sees this word everywhere.
inline bool all_are(const Buffer &buffer, std::uint64_t word) {
    const auto bytes = must(buffer.map());
    std::vector<std::uint64_t> words(bytes.size() / sizeof(word));
    std::memcpy(words.data(), bytes.data(), bytes.size());
    return std::ranges::all_of(words, [word](std::uint64_t each) { return each == word; });
}

} // namespace hal_test
