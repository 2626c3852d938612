// SPDX-License-Identifier: MIT
// What a job costs by each way in, and what bytes cost. Only results are asserted, never a time.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include <neuron/neuron.hpp>

#include "hal_check.hpp"

using namespace hal_test;
using neuron::Buffer;
using neuron::BufferOptions;
using neuron::CommandList;
using neuron::Context;
using neuron::Device;
using neuron::Placement;
using neuron::Queue;
using neuron::QueueOptions;
using neuron::SubmitPath;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds patience(60);
constexpr int rounds = 15; // odd, for the median
constexpr std::size_t jobs_per_round = 512;
constexpr std::size_t transfer_bytes = 16 << 20;

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    return values[values.size() / 2];
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Kind {
    const char *name;
    SubmitPath path;
    bool polled = false;
    bool sqpoll = false;
    const char *backend = "accel";
    bool runs() const { return backend != std::string_view("null"); } ///< packets, or takes them only
};

constexpr std::array<Kind, 7> driver_kinds{{
    {"ioctl", SubmitPath::ioctl},
    {"io_uring", SubmitPath::uring},
    {"doorbell", SubmitPath::doorbell},
    {"ioctl, polled", SubmitPath::ioctl, true},
    {"io_uring, IOPOLL", SubmitPath::uring, true},
    {"io_uring, SQPOLL", SubmitPath::uring, false, true},
    {"doorbell, polled", SubmitPath::doorbell, true},
}};
constexpr std::array<Kind, 2> other_kinds{{
    {"sim", SubmitPath::automatic, false, false, "sim"},
    {"null", SubmitPath::automatic, false, false, "null"},
}};

/// One of the ways in, with a context of its own: its counters are its alone.
struct Way {
    Kind kind;
    Context context;
    Queue queue;
    std::vector<double> job_ns{};    ///< Submitting and waiting, by round.
    std::vector<double> submit_ns{}; ///< Submitting alone, by round.

    explicit Way(const Kind &wanted)
        : kind(wanted),
          context(must(Context::create(must(Device::open({.backend = kind.backend}))))),
          queue(make(context, kind)) {}

    static Queue make(const Context &context, const Kind &kind) {
        QueueOptions options;
        options.path = kind.path;
        options.polled = kind.polled;
        options.sqpoll = kind.sqpoll;
        options.sqpoll_idle = std::chrono::milliseconds(5); // asleep when the others have their turns
        return must(Queue::create(context, options));
    }

    void round(const std::vector<CommandList> &batch) {
        const auto submit_before = context.stats().submit_time;
        const auto start = Clock::now();
        for (std::size_t done = 0; done < jobs_per_round; done += batch.size()) {
            must(queue.submit_batch(batch));
            must(queue.wait_idle(patience));
        }
        job_ns.push_back(seconds_since(start) * 1e9 / jobs_per_round);
        const std::chrono::duration<double, std::nano> submitting = context.stats().submit_time - submit_before;
        submit_ns.push_back(submitting.count() / jobs_per_round);
    }

    /// Every job was counted, and the device, if there is one, retired them: a fence behind them has written.
    void check(std::size_t batch) {
        constexpr std::uint64_t all = (rounds + 1) * jobs_per_round;
        assert_int_equal(context.stats().jobs, all);
        assert_int_equal(context.stats().submit_calls, all / batch);
        assert_int_equal(context.stats().faults, 0);
        const Buffer buffer = must(Buffer::create(context, 8));
        const auto last = must(queue.submit(CommandList{}.fence(buffer.va(), all)));
        must(queue.wait(last, patience));
        assert_int_equal(last.number, all + 1);
        std::uint64_t word = 0;
        std::memcpy(&word, must(buffer.map()).data(), sizeof(word));
        assert_int_equal(word, kind.runs() ? all : 0);
    }
};

/// Turn by turn, so that whatever else the machine does meets all alike. Gives the time of the first one's jobs.
double measure(std::span<const Kind> kinds, std::size_t size, double base) {
    const std::vector<CommandList> batch(size, CommandList{}.nop());
    std::deque<Way> ways;
    for (const Kind &kind : kinds) {
        ways.emplace_back(kind).round(batch); // all are warm before the first round that counts
        ways.back().job_ns.clear(), ways.back().submit_ns.clear();
    }
    for (int i = 0; i < rounds; ++i) {
        for (Way &way : ways)
            way.round(batch);
    }
    const double first = median(ways[0].job_ns);
    for (Way &way : ways) {
        way.check(size);
        const double whole = median(way.job_ns), submit = median(way.submit_ns);
        std::printf("# %5zu | %-16s | %6.0f | %6.0f | %5.2f\n", size, way.kind.name, whole, submit,
                    (base == 0 ? first : base) / whole);
    }
    return first;
}

void jobs_in_batches(void **state) {
    const std::size_t size = *static_cast<const std::size_t *>(*state);
    if (size == 1)
        std::printf("# no-op jobs, ns per job, median of %d rounds of %zu jobs by turns\n"
                    "# batch | way              |  whole | submit | whole: times ioctl\n",
                    rounds, jobs_per_round);
    const double ioctl = measure(driver_kinds, size, 0);
    measure(other_kinds, size, ioctl); // by themselves: the workers of a chip would take time from the driver
    std::fflush(stdout);
}

std::vector<std::byte> pattern() {
    std::vector<std::byte> bytes(transfer_bytes);
    std::uint32_t state = 1;
    for (std::byte &byte : bytes)
        byte = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24);
    return bytes;
}

struct Target {
    const char *name;
    BufferOptions options;
};

void transfers(void **state) {
    const Target &target = *static_cast<const Target *>(*state);
    const Device device = must(Device::open());
    const Context context = must(Context::create(device));
    Queue queue = must(Queue::create(context));
    const Buffer buffer = must(Buffer::create(context, transfer_bytes, target.options));
    const auto data = pattern();
    std::vector<std::byte> back(transfer_bytes);
    std::vector<double> up, down;
    for (int i = 0; i < rounds + 1; ++i) {
        std::memset(back.data(), 0, back.size());
        auto start = Clock::now();
        must(queue.write(buffer, 0, data));
        const double write_seconds = seconds_since(start);
        start = Clock::now();
        must(queue.read(buffer, 0, back));
        const double read_seconds = seconds_since(start);
        assert_int_equal(std::memcmp(back.data(), data.data(), data.size()), 0);
        if (i == 0) // the first touches the pages
            continue;
        constexpr double mib = transfer_bytes / 1048576.0;
        up.push_back(mib / write_seconds);
        down.push_back(mib / read_seconds);
    }
    std::printf("# %-26s %6.0f MiB/s up, %6.0f MiB/s down (16 MiB, median of %d)\n", target.name, median(up),
                median(down), rounds);
    std::fflush(stdout);
}

std::array<std::size_t, 5> sizes{1, 4, 16, 64, 256};
Target hbm{"HBM, staged with COPY", {.placement = Placement::hbm}};
Target mapped{"HBM, mapped by the CPU", {.placement = Placement::hbm, .mappable = true}};

} // namespace

int main() {
    const CMUnitTest tests[] = {
        {"every job of a batch of 1 ran", jobs_in_batches, nullptr, nullptr, &sizes[0]},
        {"every job of batches of 4 ran", jobs_in_batches, nullptr, nullptr, &sizes[1]},
        {"every job of batches of 16 ran", jobs_in_batches, nullptr, nullptr, &sizes[2]},
        {"every job of batches of 64 ran", jobs_in_batches, nullptr, nullptr, &sizes[3]},
        {"every job of batches of 256 ran", jobs_in_batches, nullptr, nullptr, &sizes[4]},
        {"bytes staged to HBM come back", transfers, nullptr, nullptr, &hbm},
        {"bytes in mapped HBM come back", transfers, nullptr, nullptr, &mapped},
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("submit_bench", tests, nullptr, nullptr);
}
