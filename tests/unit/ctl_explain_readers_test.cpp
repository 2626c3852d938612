// SPDX-License-Identifier: MIT
// From where `neuronctl explain` knows: a chip that really is in a state, and the text of a coredump.
#include "../../tools/neuronctl/explain/readers.hpp"
#include "../../tools/neuronctl/explain/rules.hpp"
#include "chip_program.hpp"

namespace {

using namespace chip_test;
using neuronctl::explain::Finding;
using neuronctl::explain::State;
namespace explain = neuronctl::explain;

State look(Machine &m) {
    return explain::read_registers(
        [&](std::uint64_t offset, unsigned bytes) { return neuron_chip_reg_read(m.chip, offset, bytes); });
}

void says(const Finding &finding, const char *rule, std::initializer_list<const char *> parts) {
    assert_string_equal(finding.rule.c_str(), rule);
    for (const char *part : parts)
        if (finding.sentence.find(part) == std::string::npos)
            fail_msg("'%s' does not say '%s'", finding.sentence.c_str(), part);
}

Finding about(const State &state, std::uint64_t queue) {
    for (Finding &finding : explain::explain(state))
        if (finding.queue == queue)
            return finding;
    fail_msg("nothing is said of queue %d", static_cast<int>(queue));
    std::abort();
}

void an_idle_chip(void **state) {
    Machine m(mode_of(state));
    says(explain::explain(look(m)).front(), "no_queues", {"nobody has a queue"});
    Runner r(m, 1, 3);
    says(about(look(m), 3), "idle", {"queue 3 is empty"});
    assert_int_equal(r.queue.run(spec::PacketNop{}), spec::Fault::NONE);
    says(about(look(m), 3), "idle", {"queue 3 has nothing to do"});
}

void a_chip_that_loops_and_one_that_waits_for_it(void **state) {
    Machine m(mode_of(state));
    Runner holder(m, 1, 0, 0);
    Runner waiter(m, 2, 5, 4 * MiB);
    Program loops, fine;
    loops.add(Engine::SP, nop()).add(Engine::SP, jump(1));
    loops.add(Engine::ACT, nop(wait_ge(5, 3))).add(Engine::ACT, end());
    fine.add(Engine::SP, end());
    holder.queue.submit(holder.prepare(loops));
    assert_true(eventually([&] {
        neuron_chip_run(m.chip, 100);
        return m.r64(reg::ENGINE_RETIRED(spec::raw(Engine::SP))) > 8;
    }));
    waiter.queue.submit(waiter.prepare(fine));
    assert_true(eventually([&] {
        neuron_chip_run(m.chip, 100);
        return field::QUEUE_STATUS_WAITING.get(m.r32(reg::QUEUE_STATUS(5))) != 0;
    }));
    State first = look(m);
    neuron_chip_run(m.chip, 1000);
    assert_true(eventually([&] {
        neuron_chip_run(m.chip, 1000);
        return m.r64(reg::ENGINE_RETIRED(spec::raw(Engine::SP))) > first.cores[0].engines.back().retired + 100;
    }));
    explain::observe(first, look(m));
    first.span_ms = 1;
    says(about(first, 0), "loops",
         {"a launch on core 0", "the ACT of core 0 waits at instruction 0 for semaphore 5 >= 3, it is 0",
          "the SP of core 0 goes round a loop at instruction 1"});
    says(about(first, 5), "waits_for_cores",
         {"waits for cores that queue 0 has", "the SP of core 0 goes round a loop"});
}

void a_chip_that_has_faulted(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::ACT, nop(wait_ge(5, 3))).add(Engine::ACT, end());
    p.add(Engine::DVE, nop(take(6, 1))).add(Engine::DVE, end());
    assert_int_equal(r.run(p), spec::Fault::DEADLOCK);
    says(about(look(m), 0), "deadlock",
         {"DEADLOCK", "the ACT of core 0 waited at instruction 0 for semaphore 5 >= 3, it was 0",
          "the DVE of core 0 waited at instruction 0 for semaphore 6 >= 1 to take"});
}

void a_chip_that_is_not_there(void **) {
    const State gone = explain::read_registers([](std::uint64_t, unsigned) { return ~0ULL; });
    says(explain::explain(gone).front(), "gone", {"all ones"});
}

// ---- coredumps ------------------------------------------------------------------------------------------------------

constexpr const char *DUMP = R"(neuron_accel coredump 1
kernel: 6.12.0
device: 0000:01:00.0
reason: a job has faulted
context: 0
queue: 2

[device]
MAGIC: 0x4e524e41

[context 0]
STATUS: 0x3

[queue 2]
context: 0
id: 1
mode: kernel
coalesce: 0 0
timeout: 10000
failed: 0
state: ok
submitted: 7
completed: 6
head: 6
tail: 8
announced: 8
seqno: 7
fault job: 7
fault: FAULT PAGE_NOT_MAPPED context 0 queue 2 unit DMA core 0 ring 3 write 1 pc 4 packet 7 va 0x203040 info 0x0 time 99
RING_LOG2: 0x4
STATUS: 0x103
HEAD: 0x7
TAIL: 0x8
PROGRESS: 0x9
jobs: 1
job 7: packets 6 to 7
packet 7 LAUNCH: 0500000001000000 4000100000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000

[core 0]
queue: 2
busy: 0
engine ACT: state=HALTED pc=1 retired=1 transfers=0 wait=GE semaphore=5 value=3 is=2
engine SP: state=HALTED pc=4 retired=9 transfers=1
semaphore 5: 2

[mappings of context 0]
mappings: 2
0x100000 +0x1000 hbm ro buffer=4 offset=0x0 label="mul" pid=812 comm=mat mul
0x200000 +0x3000 hbm rw buffer=5 offset=0x0 pid=812 comm=mat mul

[events]
event 0: FAULT PAGE_NOT_MAPPED context 0 queue 2 unit DMA core 0 ring 3 write 1 pc 4 packet 7 va 0x203040 info 0x0 time 99

[sanitizer]
report 3 OUT_OF_BUFFER faulted repeats=0: out of buffer: job 7

[end]
)";

void a_coredump_of_a_fault(void **) {
    const auto state = explain::read_coredump("dump", DUMP);
    assert_true(state.has_value());
    assert_string_equal(state->device.c_str(), "0000:01:00.0");
    assert_string_equal(state->reason.c_str(), "a job has faulted");
    assert_int_equal(state->reports.size(), 1);
    assert_string_equal(state->reports[0].text.c_str(), "out of buffer: job 7");
    says(about(*state, 2), "fault",
         {"queue 2 was halted by a fault: job 7, packet 7: core 0 DMA ring 3, instruction 4: PAGE_NOT_MAPPED",
          "(64 bytes behind the end of buffer 5 (hbm, 12.0 KiB) of mat mul (812))",
          "the ACT of core 0 waited at instruction 1 of 'mul' for semaphore 5 >= 3, it was 2",
          "the SP of core 0 was halted at instruction 4 of 'mul'"});
    assert_int_equal(state->queues[0].packets[0].core_mask, 1);
    assert_int_equal(state->queues[0].oldest_end.value(), 8);
}

// Before the driver has noted the fault at its queue, it is among the events.
void a_coredump_with_the_fault_in_the_events_only(void **) {
    std::string text = DUMP;
    const auto at = text.find("fault: FAULT");
    text.erase(at, text.find('\n', at) + 1 - at);
    const auto state = explain::read_coredump("dump", text);
    says(about(*state, 2), "fault", {"job 7", "PAGE_NOT_MAPPED"});
}

void a_coredump_of_a_time_out(void **) {
    std::string text = DUMP;
    const auto replace = [&](const std::string &from, const std::string &to) {
        const auto at = text.find(from);
        assert_true(at != std::string::npos);
        text.replace(at, from.size(), to);
    };
    replace("reason: a job has faulted", "reason: a job has timed out");
    replace("fault: FAULT PAGE_NOT_MAPPED context 0 queue 2 unit DMA core 0 ring 3 write 1 pc 4 packet 7 va 0x203040 "
            "info 0x0 "
            "time 99\n",
            "");
    replace("STATUS: 0x103", "STATUS: 0xa");
    replace("busy: 0", "busy: 1");
    replace("engine ACT: state=HALTED", "engine ACT: state=WAITING");
    replace("engine SP: state=HALTED", "engine SP: state=RUNNING");
    const auto state = explain::read_coredump("dump", text);
    says(about(*state, 2), "runs",
         {"a job of queue 2 has timed out", "queue 2 is at packet 7 (LAUNCH core_mask=1", "a launch on core 0",
          "the ACT of core 0 waits at instruction 1 of 'mul' for semaphore 5 >= 3, it is 2",
          "the SP of core 0 is at instruction 4 of 'mul'"});
    assert_int_equal(static_cast<int>(about(*state, 2).health), static_cast<int>(explain::Health::stuck));
}

void what_is_no_coredump(void **) {
    for (const char *text : {"", "neuron", "neuron_accel coredum", "x\nneuron_accel coredump 1\n"}) {
        const auto state = explain::read_coredump("dump.txt", text);
        assert_false(state.has_value());
        assert_string_equal(state.error().message.c_str(), "dump.txt: not a coredump of neuron_accel");
    }
    // Anything behind the first line is taken for what it says.
    const std::string whole = DUMP;
    for (std::size_t cut = 24; cut < whole.size(); ++cut)
        explain::explain(*explain::read_coredump("cut", whole.substr(0, cut)));
}

// ---- memory ---------------------------------------------------------------------------------------------------------

void files_of_memory(void **) {
    const auto map =
        explain::memory_map_of("[bank 0] size=0x6000 free=0x5000\n0x0000000000 +0x1000 used buffer=3 "
                               "offset=0x0 client=1 pid=7 comm=a b\n0x0000001000 +0x5000 free\n",
                               "0x7000 +0x1000 phys=0x9000 buffer=4 offset=0x2000 client=1 pid=7 comm=a b\n"
                               "0x8000 +0x400 phys=0x8000 ring offset=0x0 queue=2\n"
                               "0xa000 +0x1000 phys=0xb000 table level=3 ctx=1\nnonsense\n");
    assert_int_equal(map.hbm.size(), 2);
    assert_int_equal(map.bus.size(), 3);
    const State state;
    const auto text = [&](const std::vector<explain::Range> &ranges, std::uint64_t at) {
        return explain::place_text(explain::find_place(ranges, at), at, state);
    };
    assert_string_equal(text(map.hbm, 0x10).c_str(), "byte 16 of buffer 3 of a b (7)");
    assert_string_equal(text(map.bus, 0x7010).c_str(), "byte 8208 of buffer 4 of a b (7)");
    assert_string_equal(text(map.physical, 0x9010).c_str(), "byte 8208 of buffer 4 of a b (7)");
    assert_string_equal(text(map.bus, 0x8001).c_str(), "byte 1 of ring of queue 2");
    assert_string_equal(text(map.bus, 0xa008).c_str(), "byte 8 of table of context 1");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(an_idle_chip),
        IN_BOTH_MODES(a_chip_that_loops_and_one_that_waits_for_it),
        IN_BOTH_MODES(a_chip_that_has_faulted),
        cmocka_unit_test(a_chip_that_is_not_there),
        cmocka_unit_test(a_coredump_of_a_fault),
        cmocka_unit_test(a_coredump_with_the_fault_in_the_events_only),
        cmocka_unit_test(a_coredump_of_a_time_out),
        cmocka_unit_test(what_is_no_coredump),
        cmocka_unit_test(files_of_memory),
    };
    return cmocka_run_group_tests_name("explain readers", tests, nullptr, nullptr);
}
