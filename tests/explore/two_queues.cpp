// SPDX-License-Identifier: MIT
// A program as people write it: one queue makes a tensor, another one takes it. With "wait" it waits in between, without it relies on luck.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <neuron/neuron.hpp>

namespace {

constexpr std::uint64_t BYTES = 64 << 10;
constexpr int WRONG = 3;

template<class T>
T must(neuron::Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "two_queues: %s\n", result.error().message.c_str());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

} // namespace

int main(int argc, char **argv) {
    const bool waits = argc > 1 && std::string_view(argv[1]) == "wait";
    neuron::DeviceOptions options{.backend = "sim"};
    options.sim.stepped = true;
    const auto device = must(neuron::Device::open(options));
    const auto context = must(neuron::Context::create(device));
    auto maker = must(neuron::Queue::create(context)), taker = must(neuron::Queue::create(context));
    const auto x = must(neuron::Buffer::create(context, BYTES)), y = must(neuron::Buffer::create(context, BYTES));
    for (std::uint64_t round = 1; round <= 3; ++round) {
        const auto made = must(maker.submit(neuron::CommandList().fill(x.va(), BYTES, round)));
        if (waits)
            must(maker.wait(made));
        const auto taken = must(taker.submit(neuron::CommandList().copy(y.va(), x.va(), BYTES)));
        must(taker.wait(taken));
        std::uint64_t last = 0;
        std::memcpy(&last, must(y.map()).data() + BYTES - sizeof last, sizeof last);
        if (last != round) {
            std::fprintf(stderr, "two_queues: round %d took what round %d had made\n", static_cast<int>(round),
                         static_cast<int>(last));
            return WRONG;
        }
        must(maker.wait(made));
    }
    std::printf("well at %llu ns\n", static_cast<unsigned long long>(must(context.info()).clock_ns));
    return 0;
}
