// SPDX-License-Identifier: MIT
// The rules of `neuronctl explain`: states as data, and what must be said of them; places, names, and lines of the log.
#include "../../tools/neuronctl/decode.hpp"
#include "../../tools/neuronctl/explain/lines.hpp"
#include "../../tools/neuronctl/explain/loaded_programs.hpp"
#include "../../tools/neuronctl/explain/log_lines.hpp"
#include "../../tools/neuronctl/explain/places.hpp"
#include "../../tools/neuronctl/explain/readers.hpp"
#include "../../tools/neuronctl/explain/records.hpp"
#include "../../tools/neuronctl/explain/remembered.hpp"
#include "../../tools/neuronctl/explain/rules.hpp"
#include "../../tools/neuronctl/explain/sanitizer_reports.hpp"
#include "../../tools/neuronctl/registers_by_name.hpp"
#include "hal_check.hpp"

#include "../../tools/asm/assembler.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include <dlfcn.h>
#include <unistd.h>

#include <fmt/format.h>

namespace {

using namespace neuronctl;
using namespace neuronctl::explain;
using spec::EngineState;
using Which = spec::Engine;

constexpr std::uint32_t RUNNING = 0xa; // STATE=RUNNING, BUSY
constexpr std::uint32_t WAITING = 0x1a;

void says(const Finding &finding, std::initializer_list<const char *> parts) {
    for (const char *part : parts)
        if (finding.sentence.find(part) == std::string::npos)
            fail_msg("'%s' does not say '%s'", finding.sentence.c_str(), part);
}

void is(const Finding &finding, const char *rule, Health health, std::initializer_list<const char *> parts) {
    assert_string_equal(finding.rule.c_str(), rule);
    assert_int_equal(static_cast<int>(finding.health), static_cast<int>(health));
    says(finding, parts);
}

/// A queue with a packet in the works.
Queue busy_queue(std::uint64_t hw = 0, std::uint32_t status = RUNNING) {
    Queue queue;
    queue.hw = hw;
    queue.ctx = hw;
    queue.submitted = 1;
    queue.ring = 16;
    queue.written = queue.announced = 1;
    queue.seqno = 0;
    queue.oldest_end = 1;
    queue.registers = QueueRegisters{.status = status, .head = 0, .tail = 1, .progress = 5};
    return queue;
}

Queue idle_queue(std::uint64_t hw = 0) {
    Queue queue = busy_queue(hw, 1);
    queue.completed = 1;
    queue.seqno = 1;
    queue.oldest_end = 0;
    queue.registers->head = 1;
    return queue;
}

Engine waiting(Which which, std::uint32_t semaphore, std::uint32_t value, std::uint32_t is, std::uint32_t pc = 0,
               EngineState state = EngineState::WAITING) {
    return {.engine = which,
            .state = state,
            .pc = pc,
            .wait = Wait{.op = spec::WaitOp::GE, .semaphore = semaphore, .value = value, .is = is}};
}

Engine running(Which which, std::uint32_t pc, std::set<std::uint32_t> pcs, std::uint64_t moved) {
    return {.engine = which,
            .state = EngineState::RUNNING,
            .pc = pc,
            .retired = moved,
            .pcs = std::move(pcs),
            .moved = moved};
}

Core core_of(std::uint32_t index, std::uint64_t queue, std::vector<Engine> engines, bool busy = true) {
    return {.index = index, .queue = queue, .busy = busy, .engines = std::move(engines)};
}

State state_of(std::vector<Queue> queues, std::vector<Core> cores = {}) {
    State state;
    state.device = "0000:01:00.0";
    state.source = "live";
    state.span_ms = 200;
    state.queues = std::move(queues);
    state.cores = std::move(cores);
    return state;
}

ProgramView program(const char *source) {
    auto image = neuron::assembler::assemble(source);
    if (!image)
        fail_msg("%s", image.error().front().message.c_str());
    return {"/some/where/kern.s", std::move(*image)};
}

Finding only(const State &state, const ProgramView *view = nullptr) {
    const auto findings = explain::explain(state, view);
    assert_int_equal(findings.size(), 1);
    return findings.front();
}

// ---- queues ---------------------------------------------------------------------------------------------------------

void nothing_to_do_is_said(void **) {
    is(only(state_of({})), "no_queues", Health::idle, {"the device is ready, and nobody has a queue"});
    is(only(state_of({idle_queue()})), "idle", Health::idle, {"queue 0 has nothing to do: its 1 jobs are done"});
    Queue fresh = idle_queue(4);
    fresh.submitted = fresh.completed = 0;
    fresh.registers->head = fresh.registers->tail = 0;
    fresh.written = fresh.announced = 0;
    is(only(state_of({fresh})), "idle", Health::idle, {"queue 4 is empty: nothing was submitted"});
    Queue user = idle_queue();
    user.mode = "user";
    user.written = user.oldest_end = {};
    is(only(state_of({user})), "idle", Health::idle, {"its 1 packets that its process has rung for are done"});
}

void doorbell_that_nobody_rang_or_that_was_lost(void **) {
    Queue queue = idle_queue();
    queue.submitted = 2;
    queue.written = 3;
    queue.announced = 1;
    queue.oldest_end = 3;
    is(only(state_of({queue})), "doorbell_behind", Health::stuck,
       {"queue 0 has 3 packets in its ring", "told of 1 only", "the driver has not rung the doorbell"});
    queue.announced = 3;
    is(only(state_of({queue})), "doorbell_behind", Health::stuck, {"the driver has rung, and the doorbell was lost"});
}

void program_comes_from_the_process_of_the_launch(void **) {
    const std::string maps =
        "7f0000000000-7f0000001000 r--s 00000000 00:01 1026    /memfd:neuron-kernel:0000:01:00.0:0:0x200000 (deleted)\n"
        "7f0000001000-7f0000002000 r--s 00000000 00:01 1027    /memfd:neuron-kernel:0000:01:00.0:0:0x2000 (deleted)\n"
        "7f0000002000-7f0000003000 r--s 00000000 00:1f 9       /tmp/memfd:neuron-kernel:0000:01:00.0:0:0x200000 "
        "(deleted)\n"
        "7f0000003000-7f0000004000 rw-p 00000000 00:00 0\n";
    const auto found = explain::mapped_memory(maps, "neuron-kernel:0000:01:00.0:0:0x200000");
    assert_int_equal(found.size(), 1);
    assert_string_equal(found[0].c_str(), "7f0000000000-7f0000001000");
    assert_true(explain::mapped_memory(maps, "neuron-kernel:0000:01:00.0:1:0x200000").empty());
}

void completion_that_the_watchdog_had_to_see(void **) {
    Queue queue = idle_queue();
    queue.unheard = 1;
    queue.unheard_job = 1;
    queue.unheard_ns = 987'000'000;
    const auto findings = explain::explain(state_of({queue}), nullptr);
    assert_int_equal(findings.size(), 2);
    is(findings[1], "interrupts_missed", Health::idle,
       {"no interrupt has told of job 1 of queue 0: it had been done for 987 ms when the watchdog completed it"});
    queue.unheard = 3;
    is(explain::explain(state_of({queue}), nullptr).at(1), "interrupts_missed", Health::idle,
       {"of job 1 of queue 0, and 2 before it: it had"});
}

void completion_that_is_not_seen(void **) {
    Queue queue = idle_queue();
    queue.completed = 0;
    queue.oldest_end = 1;
    is(only(state_of({queue})), "interrupt_lost", Health::stuck,
       {"has done job 1 of queue 0", "not seen its interrupt"});
    queue.coalesce_count = 8;
    is(only(state_of({queue})), "interrupt_lost", Health::stuck, {}); // nothing is held back without a time
    queue.coalesce_usecs = 50;
    is(only(state_of({queue})), "interrupt_coalesced", Health::waiting, {"up to 8 jobs or 50 µs"});
    queue.mode = "polled";
    is(only(state_of({queue})), "not_polled", Health::waiting, {"nobody has looked"});
    queue.mode = "kernel";
    queue.seqno = 0;
    is(only(state_of({queue})), "seqno_behind", Health::stuck, {"written back is 0 instead of 1"});
}

void transfer_moves_or_not(void **) {
    Queue queue = busy_queue();
    queue.packets = {{0, "COPY", "COPY src=0x200000", 0}};
    is(only(state_of({queue})), "packet_stuck", Health::stuck,
       {"queue 0 is at packet 0 (COPY src=0x200000), which has not moved for 200 ms"});
    queue.progressed = 7;
    is(only(state_of({queue})), "packet_moves", Health::busy, {"which moves"});
    State once = state_of({queue});
    once.span_ms = 0;
    is(only(once), "runs", Health::busy, {"queue 0 is at packet 0", "a single look does not tell"});
}

void higher_priority_goes_first(void **) {
    Queue low = busy_queue(1, 2);
    low.priority = "low";
    Queue high = busy_queue(2);
    high.priority = "high";
    high.progressed = 3;
    const auto findings = explain::explain(state_of({low, high}));
    is(findings[0], "priority", Health::waiting,
       {"queue 1 has not begun packet 0", "queue 2 has a higher priority", "queue 2 is at packet 0, which moves"});
    is(only(state_of({low})), "not_begun", Health::stuck, {"queue 1 has not begun packet 0"});
}

void cut_off_from_its_registers(void **) {
    Queue queue = busy_queue();
    queue.registers.reset();
    State state = state_of({queue});
    state.device_state = "resetting";
    const auto findings = explain::explain(state);
    is(findings[0], "resetting", Health::waiting, {"being reset from outside"});
    is(findings[1], "device_away", Health::waiting, {"queue 0 has 1 jobs in flight, and the device is resetting"});
}

// ---- launches -------------------------------------------------------------------------------------------------------

constexpr const char *CIRCLE = ".engine act\n"
                               "nop\n"
                               "here: nop wait s5>=1 then s6+=1\n"
                               "end\n"
                               ".engine dve\n"
                               "nop wait s6>=1 then s5+=1\n"
                               "end\n";

void circle_of_a_deadlock_is_printed(void **) {
    Queue queue = busy_queue();
    queue.state = "faulted";
    queue.fault = Fault{.code = spec::Fault::DEADLOCK, .unit = spec::Unit::ACT, .pc = 1, .job = 1, .info = 5};
    // Of one that waits the fault is a step ahead.
    for (const EngineState act : {EngineState::HALTED, EngineState::WAITING}) {
        const State state = state_of(
            {queue},
            {core_of(0, 0, {waiting(Which::ACT, 5, 1, 0, 1, act), waiting(Which::DVE, 6, 1, 0, 0, EngineState::HALTED)},
                     false)});
        const ProgramView view = program(CIRCLE);
        is(only(state, &view), "deadlock", Health::failed,
           {"queue 0 was halted by a fault: job 1, packet 0: core 0 ACT instruction 1: DEADLOCK",
            "the ACT of core 0 waited at instruction 1 (here, line 3 of kern: nop wait s5>=1 then s6+=1) for semaphore "
            "5 "
            ">= 1, it was "
            "0",
            "the DVE of core 0 signals it at instruction 0 (line 6 of kern", "was halted before", "a circle: the ",
            "waits for the DVE of core 0", "waits for the ACT of core 0"});
        // Without the program, what is known is said.
        const Finding blind = only(state);
        says(blind, {"the ACT of core 0 waited at instruction 1 for semaphore 5 >= 1", "the DVE of core 0 waited"});
        assert_true(blind.sentence.find("circle") == std::string::npos);
    }
}

void semaphore_that_nobody_signals(void **) {
    const ProgramView view = program(".engine act\nnop wait s9>=2\nend\n.engine sp\nloop: jump loop\n");
    const State state =
        state_of({busy_queue()}, {core_of(0, 0, {waiting(Which::ACT, 9, 2, 1), running(Which::SP, 0, {0}, 90000)})});
    is(only(state, &view), "endless_loop", Health::stuck,
       {"queue 0 is at packet 0, a launch on core 0", "nothing in kern signals semaphore 9",
        "the SP of core 0 is in a loop without an end at instruction 0 (loop, line 5 of kern",
        "no branch leads out of "
        "instruction 0"});
}

void producer_that_has_ended(void **) {
    const ProgramView view = program(".engine act\nnop wait s3>=2\nend\n.engine pe\nnop then s3+=1\nend\n"
                                     ".engine sp\nloop: jump loop\n");
    Engine ended{.engine = Which::PE, .state = EngineState::ENDED, .pc = 1, .retired = 2};
    const State state = state_of(
        {busy_queue()}, {core_of(0, 0, {waiting(Which::ACT, 3, 2, 1), ended, running(Which::SP, 0, {0}, 90000)})});
    says(only(state, &view),
         {"for semaphore 3 >= 2, it is 1", "the PE of core 0 signals it at instruction 0", "has ended"});
}

// Without its text, a kernel is known by the name of the buffer that its code is in.
void the_kernel_is_named(void **) {
    Queue queue = busy_queue();
    queue.ctx = 3;
    queue.packets = {{.index = queue.registers->head, .name = "LAUNCH", .core_mask = 1, .program = 0x2040}};
    State state = state_of({queue}, {core_of(0, 0, {running(Which::PE, 7, {7}, 0)})});
    state.mappings = {{.ctx = 2, .va = 0x2000, .size = 0x1000, .place = "hbm", .buffer = 8},
                      {.ctx = 3, .va = 0x2000, .size = 0x1000, .place = "hbm", .buffer = 9}};
    state.buffers = {{8, {.id = 8, .label = "other"}}, {9, {.id = 9, .label = "matmul"}}};
    says(only(state), {"the PE of core 0 stands still at instruction 7 of 'matmul'"});
    const ProgramView view = program(".engine pe\nend\n");
    assert_true(only(state, &view).sentence.find("matmul") == std::string::npos);
    state.buffers[9].label.clear();
    assert_true(only(state).sentence.find(" of '") == std::string::npos);
    state.buffers[9].label = "matmul";
    state.queues[0].packets[0].index += 1;
    assert_true(only(state).sentence.find("matmul") == std::string::npos);
}

void loops_programs_and_what_stands_still(void **) {
    const auto of = [](Engine engine) { return only(state_of({busy_queue()}, {core_of(0, 0, {std::move(engine)})})); };
    is(of(running(Which::SP, 3, {2, 3}, 5000)), "loops", Health::busy,
       {"goes round a loop at instruction 3: 5000 instructions in 200 ms, seen only at instructions 2 to 3"});
    is(of(running(Which::SP, 900, {100, 900}, 800)), "computes", Health::busy, {"800 instructions in 200 ms"});
    is(of(running(Which::PE, 7, {7}, 0)), "stands_still", Health::stuck,
       {"the PE of core 0 stands still at instruction 7"});
    Engine drains{.engine = Which::SP, .state = EngineState::DRAINING, .pc = 4, .transfers = 2};
    is(of(drains), "transfers_stuck", Health::stuck, {"waits at instruction 4 for 2 transfers", "do not move"});
    // A single look tells nothing of what moves.
    State state = state_of({busy_queue()}, {core_of(0, 0, {running(Which::SP, 3, {}, 0)})});
    state.span_ms = 0;
    is(only(state), "runs", Health::busy, {"the SP of core 0 is at instruction 3"});
}

// A loop with a way out may end.
void loop_with_a_way_out_is_not_called_endless(void **) {
    const ProgramView view = program(".engine sp\nmove r1, 0\nloop: add r1, r1, 1\nblt r1, 100, loop\nend\n");
    const State state = state_of({busy_queue()}, {core_of(0, 0, {running(Which::SP, 2, {1, 2}, 5000)})});
    const char *const where = "goes round a loop at instruction 2 (loop+1, line 4 of kern";
    is(only(state, &view), "loops", Health::busy, {where});
    // What the process has loaded does as well, unless somebody says otherwise; that of another queue does not.
    explain::Programs loaded;
    loaded.emplace(state.queues[0].hw + 1, view);
    is(explain::explain(state, nullptr, loaded).at(0), "loops", Health::busy, {"goes round a loop at instruction 2:"});
    loaded.emplace(state.queues[0].hw, program(".engine sp\nnop\nnop\nhere: jump here\n"));
    is(explain::explain(state, nullptr, loaded).at(0), "endless_loop", Health::stuck,
       {"instruction 2 (here, line 4 of kern: jump"});
    is(explain::explain(state, &view, loaded).at(0), "loops", Health::busy, {where});
}

void waits_for_the_cores_of_another(void **) {
    Queue waiter = busy_queue(1, WAITING);
    const State state = state_of({busy_queue(0), waiter}, {core_of(0, 0, {running(Which::SP, 0, {0}, 99999)})});
    const auto findings = explain::explain(state);
    const auto found = std::ranges::find(findings, std::optional<std::uint64_t>(1), &Finding::queue);
    is(*found, "waits_for_cores", Health::waiting,
       {"queue 1 is at packet 0 and waits for cores that queue 0 has", "queue 0 is at packet 0, a launch on core 0",
        "the SP of core 0 goes round a loop"});
    assert_int_equal(found->chain.size(), 3);
    // A mask that does not meet the cores that are busy.
    State other = state;
    other.queues[1].packets = {{0, "LAUNCH", "LAUNCH core_mask=2", 2}};
    for (const Finding &finding : explain::explain(other))
        if (finding.queue == 1)
            says(finding, {"another launch had a moment ago"});
}

void waiting_in_a_circle_ends(void **) {
    Queue a = busy_queue(0, WAITING), b = busy_queue(1, WAITING);
    const State state = state_of({a, b}, {core_of(0, 1, {}), core_of(1, 0, {})});
    for (const Finding &finding : explain::explain(state))
        is(finding, "waits_for_cores", Health::stuck, {"was met before: a circle"});
}

// ---- queues that have stopped ---------------------------------------------------------------------------------------

State faulted() {
    Queue queue = busy_queue();
    queue.state = "faulted";
    queue.fault = Fault{.code = spec::Fault::PAGE_NOT_MAPPED,
                        .unit = spec::Unit::DMA,
                        .ring = 2,
                        .pc = 4,
                        .write = true,
                        .job = 17,
                        .packet = 3,
                        .va = 0x203040};
    State state = state_of({queue});
    state.contexts[0] = {"matmul", 812};
    state.buffers[5] = {.id = 5, .place = "hbm", .size = 0x3000, .label = "weights", .owner = {"matmul", 812}};
    state.mappings.push_back({.ctx = 0, .va = 0x200000, .size = 0x3000, .place = "hbm", .buffer = 5});
    return state;
}

void fault_names_the_buffer(void **) {
    is(only(faulted()), "fault", Health::failed,
       {"job 17, packet 3: core 0 DMA ring 2, instruction 4: PAGE_NOT_MAPPED", "writing address 0x203040",
        "(64 bytes behind the end of buffer 5 'weights' (hbm, 12.0 KiB) of matmul (812))"});
    State state = faulted();
    state.queues[0].fault->va = 0x201010;
    state.queues[0].fault->code = spec::Fault::PAGE_READ_ONLY;
    says(only(state), {"(byte 4112 of buffer 5 'weights'"});
    state.queues[0].fault.reset();
    says(only(state), {"halted by a fault that nothing is known of"});
}

void siblings_follow_to_the_guilty_one(void **) {
    State state = faulted();
    Queue sibling = busy_queue(3);
    sibling.ctx = 0;
    sibling.state = "canceled";
    state.queues.push_back(sibling);
    const auto findings = explain::explain(state);
    const auto found = std::ranges::find(findings, std::optional<std::uint64_t>(3), &Finding::queue);
    is(*found, "canceled", Health::failed,
       {"queue 3 was stopped because queue 0 of the same context had a fault", "PAGE_NOT_MAPPED"});
    state.queues.erase(state.queues.begin());
    says(only(state), {"another queue of its context, which is gone, had a fault"});
}

void stopped_by_the_watchdog_or_lost(void **) {
    Queue queue = busy_queue();
    queue.state = "timed out";
    queue.failed = 4;
    queue.timeout_ms = 500;
    Engine halted{.engine = Which::SP, .state = EngineState::HALTED, .pc = 6, .retired = 1000};
    is(only(state_of({queue}, {core_of(0, 0, {halted}, false)})), "timed_out", Health::failed,
       {"queue 0 was stopped by the watchdog in job 4: it took too long for a time-out of 500 ms",
        "the SP of core 0 was halted at instruction 6 after 1000 instructions"});
    queue.state = "lost";
    is(only(state_of({queue})), "lost", Health::failed, {"queue 0 was lost in a reset of the device"});
}

// There may have been no reset, and the link may have been why.
void lost_without_a_reset_and_in_an_error_of_the_link(void **) {
    Queue queue = idle_queue();
    queue.state = "lost";
    State state = state_of({queue});
    state.device_state = "gone";
    state.losses = Losses{};
    is(explain::explain(state)[1], "lost", Health::failed, {"queue 0 was lost when the device stopped answering"});
    state.device_state = "ready";
    state.losses = Losses{.resets = 1, .fatal_link_errors = 1, .link_error = "MalfTLP", .link_ms_ago = 3400};
    is(only(state), "lost", Health::failed,
       {"queue 0 was lost in a fatal error of the PCIe link (AER: MalfTLP) 3 s ago: the kernel has reset the slot"});
    state.losses->resets = 3;
    is(only(state), "lost", Health::failed,
       {"in a reset of the device: the driver has counted 3, 1 of them for fatal errors of the PCIe link (AER: "
        "MalfTLP), the "
        "last of these 3 s ago"});
    state.queues.clear();
    is(only(state), "link_errors", Health::idle,
       {"1 fatal error of the PCIe link (AER: MalfTLP), the last one 3 s ago"});
}

// ---- submissions ----------------------------------------------------------------------------------------------------

void ring_that_is_full(void **) {
    State state = state_of({busy_queue()}, {core_of(0, 0, {running(Which::SP, 0, {0}, 99999)})});
    state.stalls.push_back({.queue = 0, .packets = 4, .waited_ms = 70, .room = true, .process = {"app", 33}});
    const auto findings = explain::explain(state);
    is(findings[0], "ring_full", Health::waiting,
       {"app (33) waits for 70 ms for room for 4 packets: the ring of queue 0, of 16 packets, is full",
        "the SP of core 0 goes round a loop"});
}

void fences_of_queues_and_of_others(void **) {
    State state = state_of({busy_queue(2), idle_queue(5)}, {core_of(0, 2, {running(Which::SP, 0, {0}, 99999)})});
    Stall stall{.queue = 5, .packets = 1, .waited_ms = 9, .driver = "neuron", .context = 8, .seqno = 3, .of = 2};
    stall.process = {"app", 33};
    state.stalls.push_back(stall);
    is(explain::explain(state)[0], "waits_for_fence", Health::waiting,
       {"app (33) waits for 9 ms, before its job enters queue 5, for job 3 of queue 2", "queue 2 is at packet 0",
        "goes round a loop"});
    state.stalls[0].of.reset();
    state.stalls[0].driver = "vgem";
    state.stalls[0].timeline = "user";
    is(explain::explain(state)[0], "foreign_fence", Health::waiting,
       {"fence 8:3 of driver vgem, timeline user: that driver has to signal it"});
}

// ---- the device -----------------------------------------------------------------------------------------------------

void states_of_the_device(void **) {
    const struct {
        const char *state;
        Health health;
        const char *part;
    } all[] = {{"unbound", Health::failed, "no driver is bound"},
               {"gone", Health::failed, "all ones"},
               {"wedged", Health::failed, "a reset of the device has failed"},
               {"sleeping", Health::idle, "sleeps"},
               {"recovering", Health::waiting, "link"}};
    for (const auto &one : all) {
        State state = state_of({});
        state.device_state = one.state;
        is(only(state), one.state, one.health, {one.part});
    }
    State state = state_of({idle_queue()});
    state.events_lost = 3;
    is(explain::explain(state)[0], "events_lost", Health::busy, {"3 event records were lost"});
}

/// A configuration space with power management at 0x40 and MSI-X at 0x50.
std::string config(std::uint8_t command, std::uint8_t power, std::uint8_t msix) {
    std::string out(256, '\0');
    out[0x00] = 0x34, out[0x01] = 0x12;
    out[0x04] = static_cast<char>(command);
    out[0x06] = 0x10;
    out[0x34] = 0x40;
    out[0x40] = 0x01, out[0x41] = 0x50, out[0x44] = static_cast<char>(power);
    out[0x50] = 0x11, out[0x51] = 0x00, out[0x53] = static_cast<char>(msix);
    return out;
}

void configuration_space_is_read(void **) {
    constexpr std::uint8_t on = 6, enabled = 0x80, masked = 0xc0;
    const auto rule = [](const std::string &bytes) {
        State state = state_of({});
        state.function = function_of(bytes);
        return explain::explain(state)[0].rule;
    };
    assert_string_equal(rule(config(on, 0, enabled)).c_str(), "no_queues");
    assert_string_equal(rule(config(2, 0, enabled)).c_str(), "no_bus_master");
    assert_string_equal(rule(config(4, 0, enabled)).c_str(), "no_memory_space");
    assert_string_equal(rule(config(on, 3, enabled)).c_str(), "asleep");
    assert_string_equal(rule(config(on, 0, 0)).c_str(), "no_interrupts");
    assert_string_equal(rule(config(on, 0, masked)).c_str(), "interrupts_masked");
    assert_string_equal(rule(std::string(256, '\xff')).c_str(), "no_answer");
    // Who has given up a device does not use it, whatever its configuration space says.
    State wedged = state_of({});
    wedged.device_state = "wedged";
    wedged.function = function_of(config(2, 3, 0));
    is(only(wedged), "wedged", Health::failed, {"its configuration space answers now"});
    // A list of capabilities that goes round, and one that leaves the space.
    std::string round = config(on, 0, enabled);
    round[0x51] = 0x40;
    assert_true(function_of(round).msix);
    assert_true(function_of(config(on, 0, enabled).substr(0, 64)).answers);
}

constexpr const char *RESOURCE = "0x00000000fe800000 0x00000000fe8fffff 0x0000000000140204\n"
                                 "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";

// A link that was down takes the addresses of the BARs with it, and no reset gives them back.
void lost_addresses_are_seen_and_the_remedy_is_told(void **) {
    std::string there = config(6, 0, 0x80);
    there[0x10] = 0x04;
    State state = state_of({});
    state.device_state = "gone";
    state.function = function_of(there, RESOURCE);
    assert_false(state.function->placed);
    is(only(state), "gone", Health::failed, {"it answers now, but its BARs have no addresses"});
    assert_non_null(std::strstr(only(state).hint.c_str(), "/sys/bus/pci/devices/0000:01:00.0/remove"));
    assert_null(std::strstr(only(state).hint.c_str(), "neuronctl reset"));
    there[0x12] = static_cast<char>(0x80), there[0x13] = static_cast<char>(0xfe);
    state.function = function_of(there, RESOURCE);
    assert_true(state.function->placed);
    state.losses = Losses{.gone_ms_ago = 12'345};
    is(only(state), "gone", Health::failed, {"given up the device 12 s ago", "its configuration space answers now"});
    assert_non_null(std::strstr(only(state).hint.c_str(), "'neuronctl reset'"));
    state.function = function_of(std::string(256, '\xff'), RESOURCE);
    is(only(state), "gone", Health::failed, {"its configuration space reads as all ones now"});
    assert_non_null(std::strstr(only(state).hint.c_str(), "once its link is up: "));
    // Above 4 GiB, with nothing in the low half; and one that the kernel has given none.
    std::string high = config(6, 0, 0x80);
    high[0x10] = 0x0c, high[0x14] = 0x01;
    assert_true(function_of(high, RESOURCE).placed);
    assert_true(function_of(config(6, 0, 0x80), "0x0 0x0 0x0\n").placed);
}

void log_of_the_kernel_says_when(void **) {
    Losses losses;
    const auto note = [&](const char *record) { note_log_record(losses, "0000:01:00.0", record, 10'000'000); };
    note("3,512,4000000,-;neuron_accel 0000:01:00.0: [drm] *ERROR* the device does not answer any more\n");
    note("3,513,9000000,-;neuron_accel 0000:02:00.0: [drm] *ERROR* the device does not answer any more\n");
    note("3,514,8000000,-;neuron_accel 0000:01:00.0: [drm] *ERROR* the link has failed: all jobs are lost\n");
    note("3,515,11000000,-;neuron_accel 0000:01:00.0: [drm] *ERROR* the reset failed (-110): from the future\n");
    note("nonsense");
    note("");
    assert_int_equal(losses.gone_ms_ago.value(), 6000);
    assert_int_equal(losses.link_ms_ago.value(), 2000);
    assert_false(losses.wedged_ms_ago.has_value());
}

// ---- texts ----------------------------------------------------------------------------------------------------------

void records_keep_names_of_processes_whole(void **) {
    const Record record("7 state=timed out stopped=1 failed=3 pid=12 comm=a pid=99 b");
    assert_string_equal(record.word(0).c_str(), "7");
    assert_int_equal(record.number("pid"), 12);
    assert_string_equal(record.text("comm").c_str(), "a pid=99 b");
    assert_true(record.has_word("out"));
    assert_false(record.has("nothing"));
    assert_int_equal(record.number("state"), 0);
}

void places_have_neighbours(void **) {
    const std::vector<Range> ranges = {
        {.start = 0x1000, .size = 0x1000, .what = "ring", .more = "queue 3"},
        {.start = 0x4000, .size = 0x1000, .what = "buffer", .buffer = 2, .offset = 0x2000},
        {.start = 0x5000, .size = 0x9000, .what = "free"}};
    const State state;
    const auto text = [&](std::uint64_t at) { return place_text(find_place(ranges, at), at, state); };
    assert_string_equal(text(0x1fff).c_str(), "byte 4095 of ring of queue 3");
    assert_string_equal(text(0x4010).c_str(), "byte 8208 of buffer 2");
    assert_string_equal(text(0x2000).c_str(), "0 bytes behind the end of ring of queue 3, 8192 bytes before buffer 2");
    assert_string_equal(text(0xfff).c_str(), "1 bytes before ring of queue 3");
    assert_string_equal(text(0x5004).c_str(), "4 bytes behind the end of buffer 2");
    assert_string_equal(place_text(find_place({}, 0), 0, state).c_str(), "nothing is near");
    assert_true(find_place({{.start = ~0ULL - 15, .size = 16, .what = "ring"}}, ~0ULL).in != nullptr);
}

void registers_have_names(void **) {
    const auto name = [](const char *text) {
        const auto found = register_by_name(text);
        return found ? register_name(*found) : found.error().message;
    };
    assert_string_equal(name("0x2001c").c_str(), "QUEUE[0].STATUS");
    assert_string_equal(name("queue[3].status").c_str(), "QUEUE[3].STATUS");
    assert_string_equal(name("QUEUE.HEAD").c_str(), "QUEUE[0].HEAD");
    assert_string_equal(name("BAD_REGISTER").c_str(), "GLOBAL.BAD_REGISTER");
    assert_string_equal(name("STATUS").c_str(),
                        "STATUS: may be GLOBAL.STATUS or CTX.STATUS or QUEUE.STATUS or CORE.STATUS or ENGINE.STATUS");
    assert_string_equal(name("0x34").c_str(), "0x34: no register at this offset of BAR REGS");
    assert_string_equal(name("0x14").c_str(), "0x14: byte 4 of GLOBAL.HBM_BYTES");
    assert_string_equal(name("0x100000").c_str(), "0x100000: no register at this offset of BAR REGS");
    assert_string_equal(name("QUEUE[128].HEAD").c_str(), "QUEUE[128].HEAD: QUEUE.HEAD has 128 blocks");
    assert_string_equal(name("QUEUE[x].HEAD").c_str(), "QUEUE[x].HEAD: QUEUE.HEAD has 128 blocks");
    assert_string_equal(name("NONE").c_str(), "NONE: no register of this name");
}

void hexadecimal_text_is_bytes(void **) {
    assert_int_equal(bytes_of_hex("0x01 ff\n10")->size(), 3);
    assert_int_equal(std::to_integer<int>((*bytes_of_hex("01ff"))[1]), 255);
    assert_false(bytes_of_hex("1").has_value());
    assert_false(bytes_of_hex("0g").has_value());
    assert_true(bytes_of_hex("")->empty());
}

void what_the_driver_believes_and_the_device_was_told(void **) {
    State state;
    Queue queue = idle_queue(3);
    queue.vector = 4;
    const auto cfg = [](std::uint32_t ctx, std::uint32_t vector) {
        return spec::field::QUEUE_CFG_CTX.set(ctx) | spec::field::QUEUE_CFG_VECTOR.set(vector);
    };
    const auto found = [&] {
        state.queues = {queue};
        return explain::explain(state).front();
    };
    queue.registers->cfg = cfg(3, 4);
    is(found(), "idle", Health::idle, {});
    queue.registers->cfg = cfg(3, 5);
    is(found(), "configuration", Health::stuck, {"queue 3 raises interrupt vector 5", "listens to vector 4"});
    queue.registers->cfg = cfg(2, 5);
    is(found(), "configuration", Health::stuck, {"queue 3 works in context 2", "one of context 3"});
    queue.vector = 0; // it is being made
    queue.registers->cfg = cfg(3, 5);
    is(found(), "idle", Health::idle, {});
    // Off, which one is that is being made, or one that was forgotten.
    queue.registers->status = 0;
    is(found(), "forgotten", Health::stuck, {"queue 3 is off in the device", "1 so far"});
    queue.submitted = 0;
    is(found(), "idle", Health::idle, {});
}

void completed_before_it_is_done(void **) {
    State state;
    Queue queue = busy_queue();
    queue.collected = 0;
    state.queues = {queue};
    is(explain::explain(state).front(), "runs", Health::busy, {});
    queue.collected = 1;
    queue.completed = 1;
    state.queues = {queue};
    is(explain::explain(state).front(), "completed_early", Health::stuck,
       {"completed job 1 of queue 0, up to packet 1", "the device is at packet 0 only", "too early"});
}

void what_a_driver_does_not_give_back(void **) {
    State state;
    state.events = Events{.handled = 5, .head = 5, .tail = 6};
    state.buffers[7] = {.id = 7, .place = "hbm", .size = 4096, .owner = {"prog", 12}, .used = true, .owner_gone = true};
    state.buffers[8] = {.id = 8, .place = "hbm", .size = 4096, .owner = {"prog", 12}, .used = false};
    state.power = Power{.active = true, .allowed = true, .delay_ms = 100};
    state.span_ms = 250;
    is(explain::explain(state).front(), "no_queues", Health::idle, {});
    state.events->head = 4;
    is(explain::explain(state).front(), "events_not_returned", Health::stuck,
       {"handled 5", "told the device of 4 only"});
    state.events.reset();
    state.buffers[7].used = false;
    is(explain::explain(state).front(), "buffer_leaked", Health::stuck, {"buffer 7 (hbm, 4096 bytes) of prog (12)"});
    state.buffers.clear();
    state.used = false;
    is(explain::explain(state).front(), "never_sleeps", Health::stuck,
       {"nobody has had it open for 250 ms", "after 100 ms"});
    // Not long enough, not allowed to, or asleep at some moment.
    state.span_ms = 200;
    is(explain::explain(state).front(), "no_queues", Health::idle, {});
    state.span_ms = 250;
    state.power->allowed = false;
    is(explain::explain(state).front(), "no_queues", Health::idle, {});
    state.power->allowed = true;
    State later = state;
    later.power->active = false;
    observe(state, later);
    is(explain::explain(state).front(), "no_queues", Health::idle, {});
}

void reports_of_the_sanitizer(void **) {
    const auto reports = reports_of("report 4 OUT_OF_BUFFER repeats=2: out of buffer: job 5: 'a: b=1' repeats=9\n"
                                    "report 5 USE_AFTER_FREE faulted repeats=0: use after free: job 6\n"
                                    "report 6 LEAK repeats=0: leak: context 1\n"
                                    "nonsense: report 7\nreport x LEAK repeats=0: no\nreport 8 LEAK\n\n");
    assert_int_equal(reports.size(), 3);
    assert_int_equal(reports[0].index, 4);
    assert_string_equal(reports[0].kind.c_str(), "OUT_OF_BUFFER");
    assert_int_equal(reports[0].repeats, 2);
    assert_false(reports[0].faulted);
    assert_string_equal(reports[0].text.c_str(), "out of buffer: job 5: 'a: b=1' repeats=9");
    assert_true(reports[1].faulted);

    State state = state_of({idle_queue()});
    state.reports = reports;
    auto findings = explain::explain(state);
    assert_int_equal(findings.size(), 4);
    is(findings[0], "sanitizer", Health::failed, {"out of buffer: job 5: 'a: b=1' repeats=9"});
    assert_string_equal(findings[0].hint.c_str(),
                        "seen 2 times more; a write to /sys/kernel/debug/accel/0000:01:00.0/sanitizer forgets it");
    is(findings[1], "idle", Health::idle, {});
    is(findings[2], "sanitizer", Health::idle, {"use after free: job 6"});
    is(findings[3], "sanitizer", Health::idle, {"leak: context 1"});
    const Json json = finding_json(findings[0]);
    assert_int_equal(json["report"]["index"].get<int>(), 4);
    assert_string_equal(json["report"]["kind"].get<std::string>().c_str(), "OUT_OF_BUFFER");
    assert_int_equal(json["report"]["repeats"].get<int>(), 2);
    assert_false(json["report"]["faulted"].get<bool>());
    assert_false(finding_json(findings[1]).contains("report"));
    // What stands still comes first; a coredump cannot be written to.
    state.queues = {busy_queue()};
    state.queues[0].state = "lost";
    state.source = "dump";
    state.reports = {reports[0]};
    findings = explain::explain(state);
    assert_int_equal(findings.size(), 2);
    is(findings[0], "lost", Health::failed, {});
    is(findings[1], "sanitizer", Health::failed, {});
    assert_string_equal(findings[1].hint.c_str(), "seen 2 times more");
}

void places_in_programs_that_run_have_lines(void **) {
    Dl_info info{};
    void *const here = reinterpret_cast<void *>(&places_in_programs_that_run_have_lines);
    assert_int_not_equal(::dladdr(here, &info), 0);
    const std::string place = fmt::format("ctl_explain_test+{:#x}",
                                          static_cast<const char *>(here) - static_cast<const char *>(info.dli_fbase));
    const std::string known = with_line(static_cast<std::uint64_t>(::getpid()), place);
    assert_true(known.starts_with("tests/unit/ctl_explain_test.cpp:"));
    assert_true(known.ends_with(" (" + place + ")"));
    // A process that does not exist, a place that is not of this one, and text that looks like one.
    const auto said = [&](const std::string &second) {
        return fmt::format("a, freed by pid {0} at {2}, b by pid {0} at other+0x1, c by pid 999999999 at {1}; pid 7",
                           ::getpid(), place, second);
    };
    assert_string_equal(with_lines(said(place)).c_str(), said(known).c_str());
    assert_string_equal(with_lines("").c_str(), "");
}

void every_instruction_and_structure_decodes(void **) {
    for (const spec::InsnDesc &desc : spec::instructions()) {
        neuron::InstructionBytes bytes{};
        bytes[0] = static_cast<std::byte>(spec::raw(desc.opcode));
        const Json json = instruction_json(bytes);
        assert_true(json["opcode"] == desc.name);
        for (const spec::OperandDesc &operand : desc.operands)
            assert_true(json.contains(operand.name));
    }
    const std::vector<std::byte> zeroes(4096);
    for (const spec::StructDesc *desc : spec::structs())
        assert_true(struct_json(*desc, zeroes).is_object());
    assert_int_equal(spec::words().size(), 3);
}

// ---- the kernel's log -----------------------------------------------------------------------------------------------

void lines_of_iommus(void **) {
    const auto intel = log_line("[   12.1] DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr 0xfffff000 "
                                "[fault reason 0x05] PTE Write access is not set");
    assert_true(intel.has_value());
    assert_string_equal(intel->device.c_str(), "0000:01:00.0");
    assert_int_equal(*intel->bus_address, 0xfffff000);
    assert_true(*intel->write);
    assert_string_equal(intel->reason.c_str(), "PTE Write access is not set");
    const auto older =
        log_line("DMAR: [DMA Read] Request device [0002:01:00.1] fault addr 7de0000 [fault reason 06] PTE Read "
                 "access is not set");
    assert_true(older.has_value());
    assert_string_equal(older->device.c_str(), "0002:01:00.1");
    assert_int_equal(*older->bus_address, 0x7de0000);
    assert_false(*older->write);
    for (const char *line :
         {"AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x0010 address=0xfff0 flags=0x0020]",
          "neuron_accel 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0010 address=0xfff0 "
          "flags=0x0020]"}) {
        const auto amd = log_line(line);
        assert_true(amd.has_value());
        assert_string_equal(amd->kind.c_str(), "iommu");
        assert_string_equal(amd->device.c_str(), "0000:01:00.0");
        assert_int_equal(*amd->bus_address, 0xfff0);
        assert_true(*amd->write);
        assert_string_equal(amd->reason.c_str(), "nothing is mapped there");
    }
    const auto aer =
        log_line("neuron_accel 0000:01:00.0: PCIe Bus Error: severity=Uncorrectable (Fatal), type=Transaction "
                 "Layer, (Requester ID)");
    assert_true(aer.has_value());
    assert_string_equal(aer->kind.c_str(), "aer");
    for (const char *line :
         {"", "DMAR: IOMMU enabled", "usb 1-1: new device", "neuron_accel 0000:01:00.0: [drm] hello",
          "DMAR: [DMA Write NO_PASID] Request device [xx:00.0] fault addr 0xfffff000 [fault reason 0x05]"})
        assert_false(log_line(line).has_value());
    const std::set<std::string> ours{"0000:01:00.0"};
    for (const char *line :
         {"neuron_accel 0000:01:00.0: [drm] hello", "pci 0000:01:00.0: hello", "a device [01:00.0]"}) {
        const auto unknown = unknown_line(line, ours);
        assert_true(unknown.has_value());
        assert_string_equal(unknown->kind.c_str(), "unknown");
        assert_string_equal(unknown->device.c_str(), "0000:01:00.0");
    }
    assert_string_equal(unknown_line("neuron_accel: hello", ours)->device.c_str(), "");
    assert_false(unknown_line("pci 0000:02:00.0: hello", ours).has_value());
}

// What is explained is said by the driver, and what the driver says is explained.
void messages_are_those_of_the_driver(void **) {
    const char *const top = std::getenv("NEURON_TOP");
    assert_non_null(top);
    const std::string folder = std::string(top) + "/kmod/";
    std::string source;
    for (const char *file : {"aer", "drv", "gem_coherent", "hw", "hwmon", "irq", "pm", "ras", "reset", "tdr"}) {
        std::ifstream in(folder + "neuron_" + file + ".c");
        source.append(std::istreambuf_iterator<char>(in), {});
    }
    for (const DriverMessage &message : driver_messages()) {
        if (source.find("\"" + std::string(message.begins)) == std::string::npos)
            fail_msg("the driver does not say '%s'", std::string(message.begins).c_str());
        const auto line =
            log_line("[ 1.0] neuron_accel 0000:01:00.0: [drm] *ERROR* " + std::string(message.begins) + "7");
        assert_true(line.has_value());
        assert_string_equal(line->means.c_str(), std::string(message.means).c_str());
    }
    std::istringstream lines(source);
    const auto is_message = [](const std::string &line) {
        return line.find("drm_err") != std::string::npos || line.find("drm_info(") != std::string::npos ||
               line.find("drm_warn(") != std::string::npos || line.find("dev_err_probe(") != std::string::npos;
    };
    std::size_t said = 0;
    for (std::string line; std::getline(lines, line);) {
        if (!is_message(line))
            continue;
        std::string next = line;
        if (line.find('"') == std::string::npos)
            std::getline(lines, next);
        const std::string text = next.substr(next.find('"') + 1);
        const auto known = [&](const DriverMessage &message) { return text.starts_with(message.begins); };
        if (std::ranges::none_of(driver_messages(), known))
            fail_msg("'%s' is not explained", text.c_str());
        ++said;
    }
    assert_true(said >= driver_messages().size());
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_do_is_said),
        cmocka_unit_test(doorbell_that_nobody_rang_or_that_was_lost),
        cmocka_unit_test(program_comes_from_the_process_of_the_launch),
        cmocka_unit_test(completion_that_the_watchdog_had_to_see),
        cmocka_unit_test(completion_that_is_not_seen),
        cmocka_unit_test(transfer_moves_or_not),
        cmocka_unit_test(higher_priority_goes_first),
        cmocka_unit_test(cut_off_from_its_registers),
        cmocka_unit_test(circle_of_a_deadlock_is_printed),
        cmocka_unit_test(semaphore_that_nobody_signals),
        cmocka_unit_test(producer_that_has_ended),
        cmocka_unit_test(the_kernel_is_named),
        cmocka_unit_test(loops_programs_and_what_stands_still),
        cmocka_unit_test(loop_with_a_way_out_is_not_called_endless),
        cmocka_unit_test(waits_for_the_cores_of_another),
        cmocka_unit_test(waiting_in_a_circle_ends),
        cmocka_unit_test(fault_names_the_buffer),
        cmocka_unit_test(siblings_follow_to_the_guilty_one),
        cmocka_unit_test(stopped_by_the_watchdog_or_lost),
        cmocka_unit_test(lost_without_a_reset_and_in_an_error_of_the_link),
        cmocka_unit_test(ring_that_is_full),
        cmocka_unit_test(fences_of_queues_and_of_others),
        cmocka_unit_test(states_of_the_device),
        cmocka_unit_test(configuration_space_is_read),
        cmocka_unit_test(lost_addresses_are_seen_and_the_remedy_is_told),
        cmocka_unit_test(log_of_the_kernel_says_when),
        cmocka_unit_test(records_keep_names_of_processes_whole),
        cmocka_unit_test(places_have_neighbours),
        cmocka_unit_test(registers_have_names),
        cmocka_unit_test(hexadecimal_text_is_bytes),
        cmocka_unit_test(what_the_driver_believes_and_the_device_was_told),
        cmocka_unit_test(completed_before_it_is_done),
        cmocka_unit_test(what_a_driver_does_not_give_back),
        cmocka_unit_test(reports_of_the_sanitizer),
        cmocka_unit_test(places_in_programs_that_run_have_lines),
        cmocka_unit_test(every_instruction_and_structure_decodes),
        cmocka_unit_test(lines_of_iommus),
        cmocka_unit_test(messages_are_those_of_the_driver),
    };
    return cmocka_run_group_tests_name("explain", tests, nullptr, nullptr);
}
