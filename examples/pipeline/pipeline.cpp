// SPDX-License-Identifier: MIT
/**
 * @file
 * Upload, compute and download side by side, with coroutines.
 *
 *     neuronctl asm kernels/hello/hello.s -o hello.nko
 *     g++ -std=c++20 pipeline.cpp $(pkg-config --cflags --libs libneuron) -o pipeline
 *     ./pipeline hello.nko           # the chip in this process
 *     ./pipeline hello.nko accel     # the device of the driver
 *
 * A stream of blocks goes through three queues: one copies in, one computes, one copies out. Two lanes, each a coroutine with
 * buffers of its own, take the blocks in turn, so that one lane's copies go on while the other one computes. The kernel is
 * that of the example hello: 128 x 512 elements from f32 to bf16.
 */
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <poll.h>

#include <neuron/neuron.hpp>

namespace {

constexpr std::size_t elements = 128 * 512, blocks = 12, lanes = 2;
constexpr std::size_t in_bytes = elements * sizeof(float), out_bytes = elements * sizeof(std::uint16_t);

template<class T>
T must(neuron::Result<T> result) {
    if (!result)
        throw std::runtime_error(result.error().message);
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

/** The three stages. */
struct Queues {
    neuron::Queue upload, compute, download;

    explicit Queues(const neuron::Context &context)
        : upload(must(neuron::Queue::create(context))),
          compute(must(neuron::Queue::create(context))),
          download(must(neuron::Queue::create(context))) {}

    /** Sleeps until a job has ended, and lets those go on who wait for it. */
    void poll() {
        neuron::Queue *const all[] = {&upload, &compute, &download};
        pollfd files[std::size(all)];
        for (std::size_t i = 0; i < std::size(all); ++i)
            files[i] = {must(all[i]->poll_fd()), POLLIN, 0};
        if (::poll(files, std::size(files), -1) < 0)
            throw std::runtime_error("poll: " + std::string(std::strerror(errno)));
        for (std::size_t i = 0; i < std::size(all); ++i)
            if (files[i].revents != 0)
                must(all[i]->poll());
    }
};

/** What a block passes through: host memory that the device reaches, and HBM. */
struct Lane {
    neuron::Buffer host_in, in, out, host_out;

    explicit Lane(const neuron::Context &context)
        : host_in(must(neuron::Buffer::create(context, in_bytes))),
          in(must(neuron::Buffer::create(context, in_bytes, {.placement = neuron::Placement::hbm}))),
          out(must(neuron::Buffer::create(context, out_bytes, {.placement = neuron::Placement::hbm}))),
          host_out(must(neuron::Buffer::create(context, out_bytes))) {}
};

/** Element of a block: whole numbers that bf16 has. */
float element(std::size_t block, std::size_t i) { return static_cast<float>((i + 31 * block) % 251) - 125; }

void produce(std::size_t block, std::span<std::byte> to) {
    for (std::size_t i = 0; i < elements; ++i) {
        const float value = element(block, i);
        std::memcpy(to.data() + i * sizeof(value), &value, sizeof(value));
    }
}

bool right(std::size_t block, std::span<const std::byte> got) {
    for (std::size_t i = 0; i < elements; ++i) {
        const float value = element(block, i);
        std::uint32_t want = 0;
        std::uint16_t bits = 0;
        std::memcpy(&want, &value, sizeof(want));
        std::memcpy(&bits, got.data() + i * sizeof(bits), sizeof(bits));
        if (bits != want >> 16)
            return false;
    }
    return true;
}

/** Blocks that are being worked on, and how many there were at most. */
struct Load {
    std::size_t now = 0, most = 0;
    void begin() { most = std::max(most, ++now); }
    void end() { --now; }
};

/** One lane: every second block, through all stages. Gives how many came out right. */
neuron::Task<neuron::Result<std::size_t>> work(std::size_t first, Lane &lane, Queues &queues,
                                               const neuron::Program &program, Load &load) {
    using neuron::Argument;
    const auto host_in = lane.host_in.map();
    const auto host_out = lane.host_out.map();
    if (!host_in || !host_out)
        co_return tl::unexpected(!host_in ? host_in.error() : host_out.error());
    const Argument arguments[] = {Argument::tensor(lane.in), Argument::tensor(lane.out)};
    neuron::CommandList upload, download;
    upload.copy(lane.in.va(), lane.host_in.va(), in_bytes);
    download.copy(lane.host_out.va(), lane.out.va(), out_bytes);

    std::size_t good = 0;
    for (std::size_t block = first; block < blocks; block += lanes) {
        produce(block, *host_in);
        load.begin();
        if (auto done = co_await neuron::submit_async(queues.upload, upload); !done)
            co_return tl::unexpected(done.error());
        if (auto done = co_await neuron::completion(queues.compute, program.launch(queues.compute, arguments)); !done)
            co_return tl::unexpected(done.error());
        if (auto done = co_await neuron::submit_async(queues.download, download); !done)
            co_return tl::unexpected(done.error());
        load.end();
        good += right(block, *host_out) ? 1 : 0;
    }
    co_return good;
}

void run(const std::string &kernel, const std::string &backend) {
    const auto device = must(neuron::Device::open({.backend = backend}));
    const auto context = must(neuron::Context::create(device));
    Queues queues(context);
    const auto program = must(neuron::Program::load(context, queues.compute, must(neuron::KernelFile::load(kernel))));
    Lane even(context), odd(context);
    Load load;
    auto one = work(0, even, queues, program, load); // each runs until it first waits
    auto two = work(1, odd, queues, program, load);
    while (!one.done() || !two.done())
        queues.poll();
    const std::size_t good = must(one.result()) + must(two.result());
    if (good != blocks)
        throw std::runtime_error(std::to_string(blocks - good) + " blocks came out wrong");
    std::printf("pipeline: %zu blocks are right, up to %zu of them under way at a time\n", good, load.most);
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) {
        std::fprintf(stderr, "usage: pipeline KERNEL.nko [BACKEND]\n");
        return 2;
    }
    try {
        run(argv[1], argc > 2 ? argv[2] : "sim");
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "pipeline: %s\n", error.what());
        return 1;
    }
}
