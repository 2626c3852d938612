// SPDX-License-Identifier: MIT
// A small chip in this process, a context and a queue on it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <neuron/neuron.hpp>

#include "hal_check.hpp"
#include "hal_kernels.hpp"

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
using neuron::KernelFile;
using neuron::Placement;
using neuron::Program;
using neuron::Queue;

inline constexpr BufferOptions hbm{.placement = Placement::hbm};
inline constexpr std::chrono::seconds patience(30); // a job that takes longer is lost

inline Device open_sim(bool stepped = false, std::uint64_t seed = 0) {
    neuron::DeviceOptions options{.backend = "sim"};
    options.sim.hbm_bytes = 256 << 20;
    options.sim.cores = 2;
    options.sim.threads = 2;
    options.sim.stepped = stepped;
    options.sim.seed = seed;
    return must(Device::open(options));
}

struct Rig {
    Device device;
    Context context;
    Queue queue;

    explicit Rig(bool stepped = false, std::uint64_t seed = 0)
        : device(open_sim(stepped, seed)),
          context(must(Context::create(device))),
          queue(must(Queue::create(context))) {}
};

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
