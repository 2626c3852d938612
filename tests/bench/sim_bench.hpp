// SPDX-License-Identifier: MIT
// A chip in this process for the benchmarks, with a fixed number of worker threads.
#ifndef NEURON_TESTS_SIM_BENCH_HPP
#define NEURON_TESTS_SIM_BENCH_HPP

#include "assembler.hpp"
#include "hal_check.hpp"

#include <string_view>
#include <vector>

#include <neuron/neuron.hpp>

namespace bench {

struct Sim {
    neuron::Context context;
    neuron::Queue queue;

    explicit Sim(std::uint32_t threads)
        : context(hal_test::must(neuron::Context::create(open(threads)))),
          queue(hal_test::must(neuron::Queue::create(context))) {}

    neuron::Buffer buffer(std::uint64_t bytes, neuron::Placement placement = neuron::Placement::hbm) const {
        return hal_test::must(neuron::Buffer::create(context, bytes, {.placement = placement}));
    }

    static neuron::Device open(std::uint32_t threads) {
        neuron::DeviceOptions options;
        options.backend = "sim";
        options.sim.threads = threads;
        return hal_test::must(neuron::Device::open(options));
    }
};

/// A kernel from its source; should it not assemble, the test ends with the errors.
neuron::KernelFile assemble(std::string_view source,
                            const std::vector<neuron::assembler::Definition> &definitions = {});

} // namespace bench

#endif // NEURON_TESTS_SIM_BENCH_HPP
