// SPDX-License-Identifier: MIT
// Self tests of what takes jobs away: the watchdog, and a reset of the device.
#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include "kernels.hpp"
#include "system.hpp"
#include "usage.hpp"
#include "validate.hpp"

namespace neuronctl {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view endless = ".engine sp\nloop: jump loop\n";

/** How late a job may be ended: the driver looks now and then, and an emulated machine is slow. */
constexpr std::chrono::seconds patience(20);

Outcome<LoadedKernel> load_endless(Session &session) {
    const auto file = make_kernel("validate", endless);
    if (!file)
        return tl::unexpected(file.error());
    return LoadedKernel::load(session, *file);
}

// The queue has stopped. A new one of the same context has to work.
Outcome<std::chrono::nanoseconds> works_again(Session &session) {
    const auto start = steady_clock::now();
    auto queue = neuron::Queue::create(session.context);
    if (!queue)
        return tl::unexpected(device_error(queue.error()));
    session.queue = std::move(*queue);
    const auto buffer = neuron::Buffer::create(session.context, 4096);
    if (!buffer)
        return tl::unexpected(device_error(buffer.error()));
    const auto bytes = on_device(buffer->map());
    if (!bytes)
        return tl::unexpected(bytes.error());
    constexpr std::uint64_t mark = 0x600d;
    if (auto done = execute(session.queue, neuron::CommandList().fence(buffer->va(), mark)); !done)
        return tl::unexpected(done.error());
    const std::chrono::nanoseconds spent = steady_clock::now() - start;
    if (const auto seen = *reinterpret_cast<const volatile std::uint64_t *>(bytes->data()); seen != mark)
        return tl::unexpected(wrong_answer(fmt::format("the next job is done, and has written {:#x}", seen)));
    return spent;
}

Outcome<void> expect_end(Session &session, neuron::Job job, neuron::ErrorCode code, std::string_view what) {
    const auto done = session.queue.wait(job, patience);
    if (done)
        return tl::unexpected(wrong_answer("a program that loops for ever has ended well"));
    const auto ended = session.queue.done(job);
    if (!ended || !*ended)
        return tl::unexpected(wrong_answer(fmt::format("{}: after {} the job goes on", what, patience)));
    if (done.error().code != code)
        return tl::unexpected(
            wrong_answer(fmt::format("{}: the job ended with {}, not {}: {}", what, neuron::name(done.error().code),
                                     neuron::name(code), done.error().message)));
    return {};
}

Outcome<Findings> test_watchdog(const Bench &bench) {
    constexpr std::chrono::milliseconds limit(50); // altogether a job may take 32 times as long
    auto session = bench.open({.job_timeout = limit});
    if (!session)
        return tl::unexpected(session.error());
    const auto kernel = load_endless(*session);
    if (!kernel)
        return tl::unexpected(kernel.error());
    const auto start = steady_clock::now();
    const auto job = kernel->start(*session, 1);
    if (!job)
        return tl::unexpected(job.error());
    if (auto done = expect_end(*session, *job, neuron::ErrorCode::timeout, "the watchdog"); !done)
        return tl::unexpected(done.error());
    const std::chrono::nanoseconds ended = steady_clock::now() - start;
    if (ended < limit)
        return tl::unexpected(
            wrong_answer(fmt::format("the job may take {}, and was ended after {} ns", limit, ended.count())));
    const auto again = works_again(*session);
    if (!again)
        return tl::unexpected(again.error());
    return Findings{{{"limit", std::chrono::nanoseconds(limit).count() * 1.0, "ns"},
                     {"ended after", static_cast<double>(ended.count()), "ns"},
                     {"works again after", static_cast<double>(again->count()), "ns"}},
                    {}};
}

// Why the device cannot be reset from here; empty: it can.
std::string no_reset(const std::string &address) {
    if (geteuid() != 0)
        return "only root may reset the device";
    if (!sys::exists("/sys/bus/pci/devices/" + address + "/reset"))
        return "the kernel knows no reset of this device";
    for (const Client &client : take_sample().clients)
        if (client.address == address && client.pid != static_cast<std::uint64_t>(getpid()))
            return fmt::format("a reset would take the jobs of process {} ({})", client.pid, client.command);
    return {};
}

Outcome<void> wait_until_it_runs(Session &session) {
    const auto start = steady_clock::now();
    for (;;) {
        const auto status = on_device(session.queue.status());
        if (!status)
            return tl::unexpected(status.error());
        if (status->core_time.count() > 0)
            return {};
        if (steady_clock::now() - start > patience)
            return tl::unexpected(wrong_answer("a job was submitted, and no core works for it"));
    }
}

Outcome<Findings> reset_under_load(const Bench &bench, const std::string &address) {
    auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    const auto before = on_device(session->context.info());
    if (!before)
        return tl::unexpected(before.error());
    const auto buffer = neuron::Buffer::create(session->context, 4096, {.placement = neuron::Placement::hbm});
    if (!buffer)
        return tl::unexpected(device_error(buffer.error()));
    std::vector<std::byte> bytes(4096, std::byte{0x3c});
    if (auto done = on_device(session->queue.write(*buffer, 0, bytes)); !done)
        return tl::unexpected(done.error());
    const auto kernel = load_endless(*session);
    if (!kernel)
        return tl::unexpected(kernel.error());
    const auto job = kernel->start(*session, 1);
    if (!job)
        return tl::unexpected(job.error());
    if (auto runs = wait_until_it_runs(*session); !runs)
        return tl::unexpected(runs.error());

    const auto start = steady_clock::now();
    if (const int error = sys::write("/sys/bus/pci/devices/" + address + "/reset", "1"); error != 0)
        return tl::unexpected(wrong_answer(fmt::format("{}: reset: {}", address, strerrordesc_np(error))));
    const std::chrono::nanoseconds spent = steady_clock::now() - start;
    if (auto done = expect_end(*session, *job, neuron::ErrorCode::no_device, "a reset"); !done)
        return tl::unexpected(done.error());
    const auto again = works_again(*session);
    if (!again)
        return tl::unexpected(again.error());
    const auto after = on_device(session->context.info());
    if (!after)
        return tl::unexpected(after.error());
    if (after->reset_count != before->reset_count + 1)
        return tl::unexpected(wrong_answer(
            fmt::format("one reset, and their count went from {} to {}", before->reset_count, after->reset_count)));
    if (auto done = on_device(session->queue.read(*buffer, 0, bytes)); !done)
        return tl::unexpected(done.error());
    if (!std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; }))
        return tl::unexpected(wrong_answer("a reset has left something in HBM"));
    return Findings{{{"reset", static_cast<double>(spent.count()), "ns"},
                     {"works again after", static_cast<double>(again->count()), "ns"}},
                    {}};
}

Outcome<Findings> test_reset(const Bench &bench) {
    if (bench.simulated())
        return Findings{{}, "the simulated chip belongs to this process: there is nothing to reset it"};
    const auto address = sys::address_of(bench.info().name);
    if (!address)
        return tl::unexpected(address.error());
    const std::string reason = no_reset(*address);
    return reason.empty() ? reset_under_load(bench, *address) : Findings{{}, reason};
}

constexpr std::array tests = {
    SelfTest{"watchdog", "A program that loops is ended in time, and the next job runs", test_watchdog},
    SelfTest{"reset", "A reset takes the job in flight and what is in HBM, and the next job runs", test_reset},
};

} // namespace

std::span<const SelfTest> recovery_tests() { return tests; }

} // namespace neuronctl
