// SPDX-License-Identifier: MIT
// Self tests of what goes wrong: faults are reported with their place, and the next job runs.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "kernels.hpp"
#include "validate.hpp"

namespace neuronctl {
namespace {

/** Provokes a fault, and looks at what is said about it. */
Outcome<void> expect_fault(Session &session, const neuron::CommandList &commands, neuron::spec::Fault code,
                           std::uint64_t va) {
    const auto job = session.queue.submit(commands);
    if (!job)
        return tl::unexpected(device_error(job.error()));
    const auto done = session.queue.wait(*job, job_limit);
    const std::string_view wanted = neuron::spec::name(code);
    if (done)
        return tl::unexpected(wrong_answer(fmt::format("a job that must fault ({}) has succeeded", wanted)));
    if (!done.error().fault)
        return tl::unexpected(wrong_answer(fmt::format("{} was reported as: {}", wanted, done.error().message)));
    const neuron::FaultInfo &fault = *done.error().fault;
    if (fault.code != code || fault.job != job->number || (va != 0 && fault.va != va))
        return tl::unexpected(wrong_answer(
            fmt::format("{} of job {} at {:#x} was reported as: {}", wanted, job->number, va, done.error().message)));
    return {};
}

Outcome<Findings> test_faults(const Bench &bench) {
    neuron::CommandList unmapped;
    const std::uint64_t nowhere = bench.info().va_end - bench.info().page_size;
    unmapped.fill(nowhere, 64, 0);
    neuron::CommandList illegal;
    illegal.add(neuron::Packet{std::byte{0xff}});
    struct Case {
        const neuron::CommandList *commands;
        neuron::spec::Fault code;
        std::uint64_t va;
    };
    const Case cases[] = {{&unmapped, neuron::spec::Fault::PAGE_NOT_MAPPED, nowhere},
                          {&illegal, neuron::spec::Fault::ILLEGAL_PACKET, 0}};
    for (const Case &each : cases) {
        auto session = bench.open();
        if (!session)
            return tl::unexpected(session.error());
        if (auto done = expect_fault(*session, *each.commands, each.code, each.va); !done)
            return tl::unexpected(done.error());
    }
    return Findings{{{"faults", static_cast<double>(std::size(cases)), ""}}, {}};
}

Outcome<Findings> test_deadlock(const Bench &bench) {
    auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    const auto file = make_kernel("validate", ".engine act\nnop wait s7>=1\nend\n");
    if (!file)
        return tl::unexpected(file.error());
    const auto kernel = LoadedKernel::load(*session, *file);
    if (!kernel)
        return tl::unexpected(kernel.error());
    const auto start = std::chrono::steady_clock::now();
    const auto done = kernel->run(*session, 1);
    const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - start;
    if (done)
        return tl::unexpected(wrong_answer("a program that waits for ever has ended"));
    if (done.error().message.find("DEADLOCK") == std::string::npos)
        return tl::unexpected(wrong_answer("a program that waits for ever was reported as: " + done.error().message));
    return Findings{{{"found after", static_cast<double>(spent.count()), "ns"}}, {}};
}

Outcome<Findings> test_recovery(const Bench &bench) {
    auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    // Another process, as it were: it must not notice.
    auto neighbour = bench.open();
    if (!neighbour)
        return tl::unexpected(neighbour.error());
    const auto buffer = neuron::Buffer::create(session->context, 4096, {.placement = neuron::Placement::hbm});
    if (!buffer)
        return tl::unexpected(device_error(buffer.error()));
    std::vector<std::byte> bytes(4096, std::byte{0x3c});
    if (auto done = on_device(session->queue.write(*buffer, 0, bytes)); !done)
        return tl::unexpected(done.error());
    neuron::CommandList unmapped;
    unmapped.fill(bench.info().va_end - bench.info().page_size, 64, 0);
    if (auto done = expect_fault(*session, unmapped, neuron::spec::Fault::PAGE_NOT_MAPPED, 0); !done)
        return tl::unexpected(done.error());
    if (auto done = execute(neighbour->queue, neuron::CommandList().nop()); !done)
        return tl::unexpected(wrong_answer("another context's job failed as well: " + done.error().message));
    const auto start = std::chrono::steady_clock::now();
    auto queue = neuron::Queue::create(session->context);
    if (!queue)
        return tl::unexpected(device_error(queue.error()));
    session->queue = std::move(*queue);
    if (auto done = on_device(session->queue.read(*buffer, 0, bytes)); !done)
        return tl::unexpected(done.error());
    const std::chrono::nanoseconds spent = std::chrono::steady_clock::now() - start;
    if (!std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0x3c}; }))
        return tl::unexpected(wrong_answer("a fault has changed the memory of its context"));
    return Findings{{{"works again after", static_cast<double>(spent.count()), "ns"}}, {}};
}

constexpr std::array tests = {
    SelfTest{"faults", "Faults name code, job and address", test_faults},
    SelfTest{"deadlock", "A program that waits for ever is found out", test_deadlock},
    SelfTest{"recovery", "After a fault a new queue works, memory is intact, and no other context has noticed",
             test_recovery},
};

} // namespace

std::span<const SelfTest> failure_tests() { return tests; }

} // namespace neuronctl
