// SPDX-License-Identifier: MIT
/**
 * @file
 * Loads a kernel from a file, runs it, and checks what it computed.
 *
 *     neuronctl asm kernels/hello/hello.s -o hello.nko
 *     g++ -std=c++20 hello.cpp $(pkg-config --cflags --libs libneuron) -o hello
 *     ./hello hello.nko              # the chip in this process
 *     ./hello hello.nko accel        # the device of the driver
 *
 * The kernel converts Y = X from f32 to bf16, which is the upper half of a float. It was written with 128 x 512 elements.
 */
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <neuron/neuron.hpp>

namespace {

constexpr std::size_t elements = 128 * 512;

/** The library throws nothing. A program that cannot go on may as well. */
template<class T>
T must(neuron::Result<T> result) {
    if (!result)
        throw std::runtime_error(result.error().message);
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

std::vector<std::uint16_t> convert(const std::string &kernel, const std::string &backend, const std::vector<float> &x) {
    const auto device = must(neuron::Device::open({.backend = backend}));
    const auto context = must(neuron::Context::create(device));
    auto queue = must(neuron::Queue::create(context));

    const auto program = must(neuron::Program::load(context, queue, must(neuron::KernelFile::load(kernel))));
    std::vector<std::uint16_t> y(x.size());
    const neuron::BufferOptions hbm{.placement = neuron::Placement::hbm};
    const auto in = must(neuron::Buffer::create(context, x.size() * sizeof(x[0]), hbm));
    const auto out = must(neuron::Buffer::create(context, y.size() * sizeof(y[0]), hbm));

    must(queue.write(in, 0, std::as_bytes(std::span(x))));
    const neuron::Argument arguments[] = {neuron::Argument::tensor(in), neuron::Argument::tensor(out)};
    const auto job = must(program.launch(queue, arguments));
    must(queue.wait(job, std::chrono::seconds(60)));
    must(queue.read(out, 0, std::as_writable_bytes(std::span(y))));
    return y;
}

/** Empty, or what is wrong. */
std::string difference(const std::vector<float> &x, const std::vector<std::uint16_t> &y) {
    for (std::size_t i = 0; i < x.size(); ++i) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, &x[i], sizeof(bits));
        if (y[i] != bits >> 16)
            return "element " + std::to_string(i) + " has the bits " + std::to_string(y[i]) + ", not " +
                   std::to_string(bits >> 16);
    }
    return {};
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) {
        std::fprintf(stderr, "usage: hello KERNEL.nko [BACKEND]\n");
        return 2;
    }
    try {
        std::vector<float> x(elements);
        for (std::size_t i = 0; i < x.size(); ++i)
            x[i] = static_cast<float>(i % 251) - 125; // small whole numbers: bf16 has them all
        const auto y = convert(argv[1], argc > 2 ? argv[2] : "sim", x);
        if (const auto wrong = difference(x, y); !wrong.empty())
            throw std::runtime_error(wrong);
        std::printf("hello: %zu elements are right\n", x.size());
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "hello: %s\n", error.what());
        return 1;
    }
}
