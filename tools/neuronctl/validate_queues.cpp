// SPDX-License-Identifier: MIT
// Self tests of the ways in and out: each path that jobs can take, batches, queues side by side, interrupts.
#include <array>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "times.hpp"
#include "validate.hpp"

namespace neuronctl {
namespace {

using std::chrono::steady_clock;

constexpr int jobs = 100;

// A number only the job could have written, so that a job which is told to be done and is not does not pass.
Outcome<Times> fences(Session &session) {
    const auto buffer = neuron::Buffer::create(session.context, 4096);
    if (!buffer)
        return tl::unexpected(device_error(buffer.error()));
    const auto bytes = buffer->map();
    if (!bytes)
        return tl::unexpected(device_error(bytes.error()));
    Times times;
    for (std::uint64_t i = 1; i <= jobs; ++i) {
        const auto start = steady_clock::now();
        neuron::CommandList commands;
        commands.fence(buffer->va(), i);
        if (auto done = execute(session.queue, commands); !done)
            return tl::unexpected(done.error());
        times.push_back(steady_clock::now() - start);
        const auto seen = *reinterpret_cast<const volatile std::uint64_t *>(bytes->data());
        if (seen != i)
            return tl::unexpected(wrong_answer(fmt::format("job {} is done, and has written {}, not {}", i, seen, i)));
    }
    return times;
}

Findings latency(const Times &times) {
    const Spread spread = spread_of(times);
    return {{{"jobs", jobs, ""},
             {"median", static_cast<double>(spread.median), "ns"},
             {"p99", static_cast<double>(spread.p99), "ns"}},
            {}};
}

Outcome<Findings> test_path(const Bench &bench, neuron::SubmitPath path) {
    if (bench.simulated())
        return Findings{{}, "the simulated chip has one way in, which 'submit' tries"};
    auto session = bench.open({.path = path});
    if (!session && session.error().code == neuron::name(neuron::ErrorCode::unsupported))
        return Findings{{}, session.error().message};
    if (!session)
        return tl::unexpected(session.error());
    const auto times = fences(*session);
    if (!times)
        return tl::unexpected(times.error());
    return latency(*times);
}

Outcome<Findings> test_submit(const Bench &bench) {
    auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    const auto times = fences(*session);
    if (!times)
        return tl::unexpected(times.error());
    return latency(*times);
}

Outcome<Findings> test_uring(const Bench &bench) { return test_path(bench, neuron::SubmitPath::uring); }
Outcome<Findings> test_ioctl(const Bench &bench) { return test_path(bench, neuron::SubmitPath::ioctl); }
Outcome<Findings> test_doorbell(const Bench &bench) { return test_path(bench, neuron::SubmitPath::doorbell); }

Outcome<Findings> test_batch(const Bench &bench) {
    auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    const auto buffer = neuron::Buffer::create(session->context, jobs * sizeof(std::uint64_t));
    if (!buffer)
        return tl::unexpected(device_error(buffer.error()));
    std::vector<neuron::CommandList> lists(jobs);
    for (std::uint64_t i = 0; i < jobs; ++i)
        lists[i].fence(buffer->va() + i * sizeof(std::uint64_t), i + 1);
    const auto start = steady_clock::now();
    const auto last = session->queue.submit_batch(lists);
    if (!last)
        return tl::unexpected(device_error(last.error()));
    if (auto done = finish(session->queue, *last); !done)
        return tl::unexpected(done.error());
    const std::chrono::nanoseconds spent = steady_clock::now() - start;
    const auto bytes = buffer->map();
    if (!bytes)
        return tl::unexpected(device_error(bytes.error()));
    for (std::uint64_t i = 0; i < jobs; ++i) {
        const auto seen = reinterpret_cast<const volatile std::uint64_t *>(bytes->data())[i];
        if (seen != i + 1)
            return tl::unexpected(wrong_answer(fmt::format("job {} of the batch has written {}", i + 1, seen)));
    }
    return Findings{{{"jobs", jobs, ""}, {"rate", rate_of(jobs, static_cast<std::uint64_t>(spent.count())), "1/s"}},
                    {}};
}

Outcome<Findings> test_queues(const Bench &bench) {
    auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    const auto buffer = neuron::Buffer::create(session->context, 4096);
    if (!buffer)
        return tl::unexpected(device_error(buffer.error()));
    std::vector<neuron::Queue> queues;
    const std::uint32_t wanted = std::min(4U, bench.info().max_queues - 1);
    for (std::uint32_t i = 0; i < wanted; ++i) {
        auto queue = neuron::Queue::create(session->context);
        if (!queue)
            return tl::unexpected(device_error(queue.error()));
        queues.push_back(std::move(*queue));
    }
    for (int round = 1; round <= jobs; ++round)
        for (std::size_t i = 0; i < queues.size(); ++i) {
            neuron::CommandList commands;
            commands.fence(buffer->va() + 8 * i, static_cast<std::uint64_t>(round));
            if (const auto job = queues[i].submit(commands); !job)
                return tl::unexpected(device_error(job.error()));
        }
    for (neuron::Queue &queue : queues)
        if (auto done = finish(queue, neuron::Job{jobs}); !done)
            return tl::unexpected(done.error());
    const auto bytes = buffer->map();
    if (!bytes)
        return tl::unexpected(device_error(bytes.error()));
    for (std::size_t i = 0; i < queues.size(); ++i)
        if (const auto seen = reinterpret_cast<const volatile std::uint64_t *>(bytes->data())[i]; seen != jobs)
            return tl::unexpected(wrong_answer(fmt::format("queue {} ended with job {} of {}", i, seen, jobs)));
    return Findings{{{"queues", static_cast<double>(queues.size()), ""}, {"jobs", 1.0 * jobs * wanted, ""}}, {}};
}

// Of all CPUs and devices; empty if the kernel does not tell.
std::optional<std::uint64_t> interrupts() {
    std::ifstream file("/proc/interrupts");
    std::optional<std::uint64_t> out;
    for (std::string line; std::getline(file, line);) {
        if (line.find("neuron-queues") == std::string::npos)
            continue;
        std::istringstream words(line.substr(line.find(':') + 1));
        for (std::uint64_t count = 0; words >> count;)
            out = out.value_or(0) + count;
    }
    return out;
}

Outcome<Findings> test_interrupts(const Bench &bench) {
    if (bench.simulated())
        return Findings{{}, "the simulated chip has no interrupts"};
    auto session = bench.open({.path = neuron::SubmitPath::ioctl});
    if (!session)
        return tl::unexpected(session.error());
    const auto before = interrupts();
    if (!before)
        return Findings{{}, "/proc/interrupts has no line of the driver"};
    const auto times = fences(*session);
    if (!times)
        return tl::unexpected(times.error());
    const std::uint64_t count = interrupts().value_or(0) - *before;
    if (count == 0)
        return tl::unexpected(wrong_answer(fmt::format("{} jobs, and not one interrupt", jobs)));
    return Findings{{{"jobs", jobs, ""}, {"interrupts", static_cast<double>(count), ""}}, {}};
}

constexpr std::array tests = {
    SelfTest{"submit", "Jobs one by one, by the way that is chosen without being asked", test_submit},
    SelfTest{"submit-uring", "Jobs one by one through io_uring", test_uring},
    SelfTest{"submit-ioctl", "Jobs one by one through ioctls", test_ioctl},
    SelfTest{"submit-doorbell", "Jobs one by one without a system call", test_doorbell},
    SelfTest{"batch", "Many jobs in one submission", test_batch},
    SelfTest{"queues", "Several queues side by side", test_queues},
    SelfTest{"interrupts", "Jobs that are done raise interrupts", test_interrupts},
};

} // namespace

std::span<const SelfTest> queue_tests() { return tests; }

} // namespace neuronctl
