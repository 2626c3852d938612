// SPDX-License-Identifier: MIT
// What an idle chip of 8 cores and 96 GiB of HBM costs: memory of this process, and the time until it is ready.
#include "bench.hpp"
#include "sim_bench.hpp"

#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace {

constexpr int ROUNDS = 15;
constexpr double LIMIT_MIB = 300;
constexpr double LIMIT_MS = 50;

neuron::Device open() {
    neuron::DeviceOptions options;
    options.backend = "sim";
    options.sim.cores = 8;
    options.sim.hbm_bytes = 96ULL << 30;
    return hal_test::must(neuron::Device::open(options));
}

/// Memory of this process that is its own, page tables included, in MiB.
double resident() {
    std::ifstream status("/proc/self/status");
    double kib = 0;
    for (std::string line; std::getline(status, line);) {
        std::istringstream words(line);
        std::string name;
        double value = 0;
        if (words >> name >> value && (name == "RssAnon:" || name == "VmPTE:"))
            kib += value;
    }
    return kib / 1024;
}

void idle_memory(void **) {
    const double before = resident();
    const neuron::Device device = open();
    // A context and a queue: a chip that is ready for work, and has none.
    const auto context = hal_test::must(neuron::Context::create(device));
    const auto queue = hal_test::must(neuron::Queue::create(context));
    bench::report({"idle chip, 8 cores and 96 GiB HBM: host memory", resident() - before, "MiB", LIMIT_MIB, 1.0,
                   "limit", bench::Better::LESS});
    assert_int_equal(device.info().cores, 8);
    assert_int_equal(device.info().hbm_bytes, 96ULL << 30);
}

void start_time(void **) {
    std::optional<neuron::Device> device;
    const auto seconds = bench::by_turns(ROUNDS, {{[&] { device.emplace(open()); }, [&] { device.reset(); }}});
    assert_int_equal(device->info().cores, 8);
    bench::report({"idle chip, 8 cores and 96 GiB HBM: start", seconds[0] * 1e3, "ms", LIMIT_MS, 1.0, "limit",
                   bench::Better::LESS});
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(idle_memory), // first: nothing is in the heap yet
        cmocka_unit_test(start_time),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("idle_bench", tests, nullptr, nullptr);
}
