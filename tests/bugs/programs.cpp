// SPDX-License-Identifier: MIT
// bug NAME [KERNEL.nko]: a program with a mistake. It says on standard error what the library says of it, as programs do, and ends with 1; or it
// says "stuck" on standard output when it no longer gets on, and stays so until standard input ends.
#include "program.hpp"

#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

namespace {

using namespace bugs;

// ---- bytes ----

void copy_past_end(Session &s) {
    const Buffer activations = must(Buffer::create(s.context, 2 * page, {.label = "activations"}));
    const Buffer weights = must(Buffer::create(s.context, page, {.placement = Placement::hbm, .label = "weights"}));
    must(s.queue.run(CommandList{}.nop().copy(weights.va(), activations.va(), 2 * page)));
}

void read_before_start(Session &s) {
    const Buffer first = must(Buffer::create(s.context, page, {.label = "first"}));
    must(s.queue.run(CommandList{}.copy(first.va(), first.va() - 64, 64)));
}

void use_after_destroy(Session &s) {
    const Buffer large = s.buffer(64 << 20, "large");
    std::optional<Buffer> scratch = must(Buffer::create(s.context, page, {.label = "scratch"}));
    must(s.queue.submit(CommandList{}.fill(large.va(), large.size(), 1)));
    const auto job = must(s.queue.submit(CommandList{}.fill(scratch->va(), page, 2)));
    scratch.reset(); // the job has not ended
    must(s.queue.wait(job));
}

void write_to_read_only(Session &s) {
    const Buffer weights = must(Buffer::create(s.context, page, {.read_only = true, .label = "weights"}));
    must(s.queue.run(CommandList{}.nop().nop().fill(weights.va() + 128, 64, 0)));
}

void address_of_another_context(Session &s) {
    const Context other = must(Context::create(s.device));
    const Buffer theirs = must(Buffer::create(other, 4 * page, {.placement = Placement::hbm, .label = "theirs"}));
    const Buffer ours = must(Buffer::create(s.context, page, {.label = "ours"}));
    must(s.queue.run(CommandList{}.copy(theirs.va() + 2 * page, ours.va(), 64)));
}

void uninitialised_address(Session &s) {
    std::uint64_t destination = 0; // nobody has set it
    must(s.queue.run(CommandList{}.fence(destination, 1)));
}

void wild_address(Session &s) { must(s.queue.run(CommandList{}.fence(0xdead000000000000, 1))); }

void bytes_taken_for_elements(Session &s) {
    constexpr std::uint64_t elements = 2048;
    const Buffer input = must(Buffer::create(s.context, elements * sizeof(float), {.label = "input"}));
    const Buffer output = must(Buffer::create(s.context, elements, {.placement = Placement::hbm, .label = "output"}));
    must(s.queue.run(CommandList{}.copy(output.va(), input.va(), elements * sizeof(float))));
}

// ---- packets ----

void unknown_packet(Session &s) {
    neuron::Packet packet{};
    packet[0] = std::byte{0xee};
    must(s.queue.run(CommandList{}.nop().add(packet)));
}

void misaligned_fence(Session &s) {
    const Buffer flag = must(Buffer::create(s.context, page, {.label = "flag"}));
    must(s.queue.run(CommandList{}.fence(flag.va() + 4, 1)));
}

void program_was_never_loaded(Session &s) {
    const Buffer code = must(Buffer::create(s.context, page, {.label = "code"}));
    must(s.queue.run(CommandList{}.launch(code.va(), 0, 0, 1)));
}

void too_many_packets(Session &s) {
    CommandList commands;
    for (int i = 0; i < 4096; ++i)
        commands.nop();
    must(s.queue.submit(commands));
}

// ---- launches ----

void tensor_too_small(Session &s) {
    const auto program = must(Program::load(s.context, s.queue, must(KernelFile::load(s.kernel))));
    const Buffer x = s.buffer(page, "x"), y = s.buffer(1 << 20, "y");
    const Argument arguments[] = {Argument::tensor(x), Argument::tensor(y)};
    must(program.launch(s.queue, arguments));
}

void argument_forgotten(Session &s) {
    const auto program = must(Program::load(s.context, s.queue, must(KernelFile::load(s.kernel))));
    const Buffer x = s.buffer(1 << 20, "x");
    const Argument arguments[] = {Argument::tensor(x)};
    must(program.launch(s.queue, arguments));
}

void program_destroyed_too_early(Session &s) {
    std::optional<Program> program = must(Program::load(s.context, s.queue, must(KernelFile::load(s.kernel))));
    const Buffer x = s.buffer(1 << 20, "x"), y = s.buffer(1 << 20, "y"), large = s.buffer(64 << 20, "large");
    const Argument arguments[] = {Argument::tensor(x), Argument::tensor(y)};
    must(s.queue.submit(CommandList{}.fill(large.va(), large.size(), 1)));
    const auto job = must(program->launch(s.queue, arguments));
    program.reset();
    must(s.queue.wait(job));
}

// ---- order ----

void point_that_nobody_signals(Session &s) {
    const auto timeline = must(neuron::Timeline::create(s.context));
    must(s.queue.submit(CommandList{}.nop(), {.wait = {timeline.at(7)}}));
}

void point_of_another_context(Session &s) {
    const Context other = must(Context::create(s.device));
    const auto timeline = must(neuron::Timeline::create(other));
    must(timeline.signal(1));
    must(s.queue.submit(CommandList{}.nop(), {.wait = {timeline.at(1)}}));
}

void queue_used_by_two_threads(Session &s) {
    const Buffer large = s.buffer(64 << 20, "large");
    must(s.queue.submit(CommandList{}.fill(large.va(), large.size(), 1)));
    std::optional<std::string> said;
    std::thread([&] {
        if (const auto job = s.queue.submit(CommandList{}.nop()); !job)
            said = job.error().message;
    }).join();
    if (said)
        throw std::runtime_error(*said);
}

void goes_on_after_a_fault(Session &s) {
    const Buffer flag = must(Buffer::create(s.context, page, {.read_only = true, .label = "flag"}));
    (void)s.queue.run(CommandList{}.fence(flag.va(), 1)); // nobody looks at the result
    must(s.queue.submit(CommandList{}.nop()));
}

void sibling_of_a_fault(Session &s) {
    Queue other = must(Queue::create(s.context));
    const Buffer flag = must(Buffer::create(s.context, page, {.read_only = true, .label = "flag"}));
    (void)s.queue.run(CommandList{}.fence(flag.va(), 1));
    must(other.run(CommandList{}.nop()));
}

// ---- standing still ----

void launch_and_stay(Session &s) {
    const auto program = must(Program::load(s.context, s.queue, must(KernelFile::load(s.kernel))));
    must(program.launch(s.queue, {}));
    stay();
}

void fault_and_stay(Session &s) {
    const auto program = must(Program::load(s.context, s.queue, must(KernelFile::load(s.kernel))));
    (void)s.queue.wait(must(program.launch(s.queue, {})));
    stay();
}

void cores_taken(Session &s) {
    const auto program = must(Program::load(s.context, s.queue, must(KernelFile::load(s.kernel))));
    must(program.launch(s.queue, {}));
    Session second;
    const auto again = must(Program::load(second.context, second.queue, must(KernelFile::load(s.kernel))));
    must(again.launch(second.queue, {}));
    stay();
}

void makes_no_progress(Session &s) {
    Queue queue = must(Queue::create(s.context, {.job_timeout = std::chrono::milliseconds(20)}));
    const auto program = must(Program::load(s.context, s.queue, must(KernelFile::load(s.kernel))));
    must(queue.wait(must(program.launch(queue, {}))));
}

void ring_is_full(Session &s) {
    Queue queue =
        must(Queue::create(s.context, {.ring_log2 = neuron::spec::RING_LOG2_MIN, .path = neuron::SubmitPath::ioctl}));
    const auto program = must(Program::load(s.context, s.queue, must(KernelFile::load(s.kernel))));
    must(program.launch(queue, {}));
    // The second thread is the queue's from now on, and waits for room.
    std::thread([&queue] {
        for (;;)
            if (!queue.submit(CommandList{}.nop()))
                return;
    }).detach();
    stay();
    std::_Exit(0); // the thread still waits
}

void canceled_with_its_queue(Session &s) {
    const auto program = must(Program::load(s.context, s.queue, must(KernelFile::load(s.kernel))));
    std::optional<Queue> queue = must(Queue::create(s.context));
    const auto event = must(queue->event(must(program.launch(*queue, {}))));
    queue.reset(); // and the job with it
    must(event.wait());
}

void waits_for_reset(Session &s) {
    const auto program = must(Program::load(s.context, s.queue, must(KernelFile::load(s.kernel))));
    const auto job = must(program.launch(s.queue, {}));
    std::printf("stuck\n");
    std::fflush(stdout);
    must(s.queue.wait(job));
}

void nop_and_stay(Session &s) {
    must(s.queue.submit(CommandList{}.nop()));
    stay();
}

void copies(Session &s) {
    const Buffer input = must(Buffer::create(s.context, page, {.label = "input"}));
    const Buffer output = must(Buffer::create(s.context, page, {.placement = Placement::hbm, .label = "output"}));
    must(s.queue.run(CommandList{}.copy(output.va(), input.va(), page)));
}

void reads_weights_later(Session &s) {
    const Buffer weights = must(Buffer::create(s.context, page, {.placement = Placement::hbm, .label = "weights"}));
    const Buffer output = must(Buffer::create(s.context, page, {.label = "output"}));
    stay(weights.va());
    must(s.queue.run(CommandList{}.nop().copy(output.va(), weights.va(), page)));
}

void fill_and_stay(Session &s) {
    const Buffer large = s.buffer(64 << 20, "large");
    must(s.queue.submit(CommandList{}.fill(large.va(), large.size(), 1)));
    stay(large.va());
}

void destroy_and_stay(Session &s) {
    std::optional<Buffer> scratch = s.buffer(page, "scratch");
    const std::uint64_t va = scratch->va();
    scratch.reset();
    stay(va);
}

const Programs BUGS{
    {"copy-past-end", copy_past_end},
    {"read-before-start", read_before_start},
    {"use-after-destroy", use_after_destroy},
    {"write-to-read-only", write_to_read_only},
    {"address-of-another-context", address_of_another_context},
    {"uninitialised-address", uninitialised_address},
    {"wild-address", wild_address},
    {"bytes-taken-for-elements", bytes_taken_for_elements},
    {"unknown-packet", unknown_packet},
    {"misaligned-fence", misaligned_fence},
    {"program-was-never-loaded", program_was_never_loaded},
    {"too-many-packets", too_many_packets},
    {"tensor-too-small", tensor_too_small},
    {"argument-forgotten", argument_forgotten},
    {"program-destroyed-too-early", program_destroyed_too_early},
    {"point-that-nobody-signals", point_that_nobody_signals},
    {"point-of-another-context", point_of_another_context},
    {"queue-used-by-two-threads", queue_used_by_two_threads},
    {"goes-on-after-a-fault", goes_on_after_a_fault},
    {"sibling-of-a-fault", sibling_of_a_fault},
    {"launch-and-stay", launch_and_stay},
    {"fault-and-stay", fault_and_stay},
    {"cores-taken", cores_taken},
    {"makes-no-progress", makes_no_progress},
    {"ring-is-full", ring_is_full},
    {"canceled-with-its-queue", canceled_with_its_queue},
    {"waits-for-reset", waits_for_reset},
    {"nop-and-stay", nop_and_stay},
    {"destroy-and-stay", destroy_and_stay},
    {"copies", copies},
    {"reads-weights-later", reads_weights_later},
    {"fill-and-stay", fill_and_stay},
};

} // namespace

int main(int argc, char **argv) { return bugs::run(argc, argv, BUGS); }
