// SPDX-License-Identifier: MIT
// What the programs with mistakes share.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include <neuron/neuron.hpp>

namespace bugs {

using neuron::Argument;
using neuron::Buffer;
using neuron::CommandList;
using neuron::Context;
using neuron::Device;
using neuron::KernelFile;
using neuron::Placement;
using neuron::Program;
using neuron::Queue;

constexpr std::uint64_t page = 4096;

template<class T>
T must(neuron::Result<T> result) {
    if (!result)
        throw std::runtime_error(result.error().message);
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

/// What most programs begin with.
struct Session {
    Device device = must(Device::open({.backend = "accel"}));
    Context context = must(Context::create(device));
    Queue queue = must(Queue::create(context));
    std::string kernel{};

    Buffer buffer(std::uint64_t size, const char *label, neuron::BufferOptions options = {.placement = Placement::hbm},
                  neuron::SourcePlace where = neuron::SourcePlace::current()) {
        options.label = label;
        return must(Buffer::create(context, size, options, where));
    }
};

/// Says "stuck", with an address that tests want to know, and stays until standard input ends.
void stay(std::uint64_t address = 0);

using Programs = std::map<std::string, std::function<void(Session &)>>;

/// `main` of a program NAME [KERNEL.nko]. It says on standard error what the library says, as programs do, and ends with 1.
int run(int argc, char **argv, const Programs &programs);

} // namespace bugs
