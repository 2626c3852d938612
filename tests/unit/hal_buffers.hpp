// SPDX-License-Identifier: MIT
// What all tests of libneuron's interface do with buffers, and the names that they use without a prefix.
#pragma once

#include <cstdint>
#include <cstring>

#include <neuron/neuron.hpp>

#include "hal_check.hpp"
#include "hal_kernel_image.hpp"

namespace hal_test {

using neuron::Argument;
using neuron::Buffer;
using neuron::BufferOptions;
using neuron::CommandList;
using neuron::Context;
using neuron::Device;
using neuron::ErrorCode;
using neuron::Event;
using neuron::Job;
using neuron::Placement;
using neuron::Program;
using neuron::Queue;

inline const BufferOptions hbm{.placement = Placement::hbm};

inline Bytes pattern(std::size_t size, unsigned seed = 1) {
    Bytes bytes(size);
    std::uint32_t state = seed;
    for (std::byte &byte : bytes)
        byte = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24);
    return bytes;
}

inline Bytes read_back(Queue &queue, const Buffer &buffer, std::size_t size, std::uint64_t offset = 0) {
    Bytes bytes(size, std::byte{0xcd});
    must(queue.read(buffer, offset, bytes));
    return bytes;
}

inline std::uint64_t word_at(const Buffer &buffer, std::size_t offset = 0) {
    std::uint64_t word = 0;
    std::memcpy(&word, must(buffer.map()).data() + offset, sizeof(word));
    return word;
}

} // namespace hal_test
