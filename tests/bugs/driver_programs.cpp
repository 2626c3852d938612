// SPDX-License-Identifier: MIT
// driver-bug NAME [KERNEL.nko]: a program without a mistake, for a driver with one.
#include "program.hpp"

#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include <poll.h>
#include <unistd.h>

namespace {

using namespace bugs;

constexpr std::uint64_t large = 2 << 20; // bytes; such a buffer is one block of HBM

void one_job(Session &s) { must(s.queue.run(CommandList{}.nop())); }

/// The second job is five packets long, and the ring ends after three of them.
void round_the_ring(Session &s) {
    Queue queue = must(Queue::create(s.context, {.ring_log2 = neuron::spec::RING_LOG2_MIN}));
    constexpr unsigned before = (1U << neuron::spec::RING_LOG2_MIN) - 3;
    for (unsigned i = 0; i < before; ++i)
        must(queue.run(CommandList{}.nop()));
    must(queue.run(CommandList{}.nop().nop().nop().nop().nop()));
}

void more_than_the_ring(Session &s) {
    Queue queue =
        must(Queue::create(s.context, {.ring_log2 = neuron::spec::RING_LOG2_MIN, .path = neuron::SubmitPath::ioctl}));
    const auto program = must(Program::load(s.context, s.queue, must(KernelFile::load(s.kernel))));
    auto last = must(program.launch(queue, {}));
    for (unsigned i = 0; i < 1U << neuron::spec::RING_LOG2_MIN; ++i)
        last = must(queue.submit(CommandList{}.nop()));
    must(queue.wait(last));
}

/// It has waited, so nothing may reach the buffer any more.
void after_destroy(Session &s) {
    const Buffer other = s.buffer(page, "other"); // keeps the table of both in use
    std::optional<Buffer> scratch = s.buffer(page, "scratch");
    const std::uint64_t va = scratch->va();
    must(s.queue.run(CommandList{}.fill(va, page, 1)));
    scratch.reset();
    must(s.queue.run(CommandList{}.fill(va, page, 2)));
}

void clear_read_only(Session &s) {
    const Buffer weights = s.buffer(page, "weights", {.placement = Placement::hbm, .read_only = true});
    must(s.queue.run(CommandList{}.fill(weights.va() + 128, 64, 0)));
}

void read_what_was_scrubbed(Session &s) {
    std::optional<Buffer> secret = s.buffer(large, "secret");
    must(s.queue.run(CommandList{}.fill(secret->va(), large, 0x5ec2e7)));
    secret.reset();
    Session next;
    const Buffer fresh = next.buffer(large, "fresh");
    const Buffer copy = next.buffer(page, "copy", {});
    must(next.queue.run(CommandList{}.copy(copy.va(), fresh.va(), page)));
}

void two_banks(Session &s) {
    const Buffer first = s.buffer(large, "first", {.placement = Placement::hbm, .bank = 1});
    const Buffer second = s.buffer(large, "second", {.placement = Placement::hbm, .bank = 2});
    const Buffer copy = s.buffer(page, "copy", {});
    must(s.queue.run(CommandList{}.fill(second.va(), large, 2).fill(first.va(), large, 1)));
    must(s.queue.run(CommandList{}.copy(copy.va(), second.va(), page)));
}

void nop_by_ioctl(Session &s) {
    Queue queue = must(Queue::create(s.context, {.path = neuron::SubmitPath::ioctl}));
    must(queue.submit(CommandList{}.nop()));
    stay();
}

/// Whoever looks finds one of them under way.
void nops_for_ever(Session &s) {
    std::printf("stuck 0\n");
    std::fflush(stdout);
    for (pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}; ::poll(&input, 1, 0) == 0;)
        must(s.queue.run(CommandList{}.nop()));
}

void second_context(Session &) {
    Session second;
    must(second.queue.submit(CommandList{}.nop()));
    stay();
}

/// One job, and another one when a line has come.
void job_after_a_line(Session &s) {
    must(s.queue.run(CommandList{}.nop()));
    std::printf("stuck 0\n");
    std::fflush(stdout);
    std::array<char, 16> line{};
    if (std::fgets(line.data(), line.size(), stdin) != nullptr)
        must(s.queue.submit(CommandList{}.nop()));
    stay();
}

void use_and_end(Session &s) {
    const Buffer output = s.buffer(page, "output");
    must(s.queue.run(CommandList{}.fill(output.va(), page, 1)));
}

const Programs PROGRAMS{
    {"one-job", one_job},
    {"round-the-ring", round_the_ring},
    {"more-than-the-ring", more_than_the_ring},
    {"after-destroy", after_destroy},
    {"clear-read-only", clear_read_only},
    {"read-what-was-scrubbed", read_what_was_scrubbed},
    {"two-banks", two_banks},
    {"nop-by-ioctl", nop_by_ioctl},
    {"nops-for-ever", nops_for_ever},
    {"second-context", second_context},
    {"job-after-a-line", job_after_a_line},
    {"use-and-end", use_and_end},
};

} // namespace

int main(int argc, char **argv) { return run(argc, argv, PROGRAMS); }
