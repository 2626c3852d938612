// SPDX-License-Identifier: MIT
// A small chip in this process, a context and a queue on it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <neuron/neuron.hpp>

#include "hal_buffers.hpp"
#include "hal_kernels.hpp"

namespace hal_test {

using neuron::KernelFile;

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

    explicit Rig(bool stepped = false, std::uint64_t seed = 0) : Rig(open_sim(stepped, seed)) {}
    explicit Rig(Device opened)
        : device(std::move(opened)), context(must(Context::create(device))), queue(must(Queue::create(context))) {}
};

} // namespace hal_test
