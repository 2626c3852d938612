// SPDX-License-Identifier: MIT
// Self tests of the device and its driver: what they say about themselves, and their clock.
#include <array>

#include <fmt/format.h>

#include "kernels.hpp"
#include "times.hpp"
#include "validate.hpp"

namespace neuronctl {
namespace {

using std::chrono::steady_clock;

Outcome<Findings> test_facts(const Bench &bench) {
    const auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    const auto info = on_device(session->context.info());
    if (!info)
        return tl::unexpected(info.error());
    const neuron::spec::ProfileDesc *profile = neuron::spec::find_profile(info->profile);
    const auto major = [](std::uint32_t version) { return version >> 16; };
    if (major(info->spec_version) != major(neuron::spec::VERSION))
        return tl::unexpected(
            wrong_answer(fmt::format("hardware contract {}, this library speaks {}", version_text(info->spec_version),
                                     version_text(neuron::spec::VERSION))));
    if (profile == nullptr)
        return tl::unexpected(wrong_answer("the device has a profile that is not known here"));
    if (info->cores == 0 || info->hbm_banks == 0 || info->hbm_bytes == 0 || info->hbm_free > info->hbm_bytes ||
        info->va_start >= info->va_end || info->page_size == 0 || info->max_queues == 0)
        return tl::unexpected(wrong_answer(
            fmt::format("impossible facts: {} cores, {} stacks, {} of {} bytes of HBM free, addresses {:#x} to {:#x}",
                        info->cores, info->hbm_banks, info->hbm_free, info->hbm_bytes, info->va_start, info->va_end)));
    return Findings{{{"cores", static_cast<double>(info->cores), ""},
                     {"hbm", static_cast<double>(info->hbm_bytes), "B"},
                     {"resets", static_cast<double>(info->reset_count), ""}},
                    {}};
}

Outcome<Findings> test_clock(const Bench &bench) {
    const auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    constexpr int readings = 100;
    Times times;
    std::uint64_t last = 0;
    std::uint64_t first = 0;
    for (int i = 0; i < readings; ++i) {
        const auto start = steady_clock::now();
        const auto info = on_device(session->context.info());
        times.push_back(steady_clock::now() - start);
        if (!info)
            return tl::unexpected(info.error());
        if (info->clock_ns < last)
            return tl::unexpected(
                wrong_answer(fmt::format("the device's clock went back from {} to {} ns", last, info->clock_ns)));
        last = info->clock_ns;
        first = i == 0 ? last : first;
    }
    // A stepped chip's clock stands still as long as nobody has work for it.
    if (last == first && !bench.options.sim.stepped)
        return tl::unexpected(wrong_answer(fmt::format("the device's clock stands still at {} ns", last)));
    return Findings{{{"reading", static_cast<double>(spread_of(times).median), "ns"}}, {}};
}

Outcome<Findings> test_timestamps(const Bench &bench) {
    auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    const auto file = make_kernel("validate", ".engine sp\nnop then s0+=1\nend\n.engine dve\nnop wait s0>=1\nend\n");
    if (!file)
        return tl::unexpected(file.error());
    const auto kernel = LoadedKernel::load(*session, *file);
    if (!kernel)
        return tl::unexpected(kernel.error());
    const auto before = on_device(session->context.info());
    const auto records = kernel->run_traced(*session, 1);
    const auto after = on_device(session->context.info());
    if (!before)
        return tl::unexpected(before.error());
    if (!records)
        return tl::unexpected(records.error());
    if (!after)
        return tl::unexpected(after.error());
    constexpr std::size_t instructions = 4;
    if (records->size() != instructions)
        return tl::unexpected(wrong_answer(
            fmt::format("the launch has left {} records of {} instructions", records->size(), instructions)));
    std::uint64_t end = 0;
    for (const neuron::spec::Notification &record : *records) {
        if (record.start_ns < before->clock_ns || record.end_ns < record.start_ns || record.end_ns > after->clock_ns)
            return tl::unexpected(
                wrong_answer(fmt::format("an instruction ran from {} to {} ns, in a launch between {} and {} ns",
                                         record.start_ns, record.end_ns, before->clock_ns, after->clock_ns)));
        end = std::max(end, record.end_ns);
    }
    return Findings{{{"records", static_cast<double>(records->size()), ""},
                     {"launch", static_cast<double>(end - records->front().start_ns), "ns"}},
                    {}};
}

constexpr std::array tests = {
    SelfTest{"facts", "What device and driver say about themselves is possible", test_facts},
    SelfTest{"clock", "The device's clock goes on, and never back", test_clock},
    SelfTest{"timestamps", "What a launch records of its instructions lies within the launch", test_timestamps},
};

} // namespace

std::span<const SelfTest> device_tests() { return tests; }

} // namespace neuronctl
