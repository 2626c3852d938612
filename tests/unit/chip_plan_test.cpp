// SPDX-License-Identifier: MIT
// Fault plans: their language, and that each event goes wrong as the plan says, and no other.
#include "chip_fault_plan.hpp"

#include "plan/injector.hpp"

#include <sstream>
#include <thread>

namespace {

using namespace chip_test;
using neuron::chip::plan::Injector;
using neuron::chip::plan::parse;
using spec::Fault;
using spec::PlanAction;
using spec::PlanEvent;
using spec::QueueState;

// ---- the language ---------------------------------------------------------------------------------------------------

void a_plan_is_read(void **) {
    const auto plan = parse("seed 7; dma_write addr=0x1000+0x2000 nth=3: flip bits=2 # a comment; irq: drop\n"
                            "\n  irq vector=5 nth=2..4 every=2 : drop\n;doorbell queue=1..: reorder");
    assert_true(plan.has_value());
    assert_int_equal(plan->seed, 7);
    assert_int_equal(plan->rules.size(), 3);
    const auto &flip = plan->rules[0], &drop = plan->rules[1], &reorder = plan->rules[2];
    assert_int_equal(flip.event, PlanEvent::DMA_WRITE);
    assert_int_equal(flip.place.first, 0x1000);
    assert_int_equal(flip.place.last, 0x2fff);
    assert_int_equal(flip.nth.first, 3);
    assert_int_equal(flip.nth.last, 3);
    assert_int_equal(flip.action, PlanAction::FLIP);
    assert_int_equal(flip.argument, 2);
    assert_string_equal(flip.text.c_str(), "dma_write addr=0x1000+0x2000 nth=3: flip bits=2");
    assert_int_equal(drop.place.first, 5);
    assert_int_equal(drop.place.last, 5);
    assert_int_equal(drop.nth.first, 2);
    assert_int_equal(drop.nth.last, 4);
    assert_int_equal(drop.every, 2);
    assert_int_equal(reorder.place.first, 1);
    assert_int_equal(reorder.place.last, ~0ULL);
    assert_int_equal(parse("dma_read: flip")->rules[0].argument, 1);
    assert_int_equal(parse("# nothing\n;;\n")->rules.size(), 0);
}

void what_is_no_plan_is_named(void **) {
    constexpr std::pair<const char *, const char *> wrong[] = {
        {"bell: drop", "fault plan: rule 1: 'bell': is no event; there are doorbell, dma_read, dma_write, irq, "
                       "reg_read, packet, reset, instruction, transfer, hbm_read, hbm_write"},
        {": drop",
         "fault plan: rule 1: '': is no event; there are doorbell, dma_read, dma_write, irq, reg_read, packet, reset, "
         "instruction, transfer, hbm_read, hbm_write"},
        {"irq: drop; irq vector=1", "fault plan: rule 2: has no action; irq takes drop, duplicate, reorder, spurious"},
        {"irq:", "fault plan: rule 1: has no action; irq takes drop, duplicate, reorder, spurious"},
        {"irq: corrupt", "fault plan: rule 1: 'corrupt': irq takes drop, duplicate, reorder, spurious"},
        {"irq: DROP", "fault plan: rule 1: 'DROP': irq takes drop, duplicate, reorder, spurious"},
        {"irq addr=1: drop", "fault plan: rule 1: 'addr=1': irq takes vector, nth and every"},
        {"irq vector: drop", "fault plan: rule 1: 'vector': vector is N, N..M, N.. or N+LENGTH"},
        {"irq vector=x: drop", "fault plan: rule 1: 'vector=x': vector is N, N..M, N.. or N+LENGTH"},
        {"irq vector=-1: drop", "fault plan: rule 1: 'vector=-1': vector is N, N..M, N.. or N+LENGTH"},
        {"irq vector=0x: drop", "fault plan: rule 1: 'vector=0x': vector is N, N..M, N.. or N+LENGTH"},
        {"irq vector=3..2: drop", "fault plan: rule 1: 'vector=3..2': vector is N, N..M, N.. or N+LENGTH"},
        {"dma_read addr=4+0: fail", "fault plan: rule 1: 'addr=4+0': addr is N, N..M, N.. or N+LENGTH"},
        {"dma_read addr=2+0xffffffffffffffff: fail",
         "fault plan: rule 1: 'addr=2+0xffffffffffffffff': addr is N, N..M, N.. or N+LENGTH"},
        {"irq vector=99999999999999999999: drop",
         "fault plan: rule 1: 'vector=99999999999999999999': vector is N, N..M, N.. or N+LENGTH"},
        {"irq nth=0: drop", "fault plan: rule 1: 'nth=0': nth is N, N..M, N.. or N+LENGTH, from 1 on"},
        {"irq every=0: drop", "fault plan: rule 1: 'every=0': every is a number from 1 on"},
        {"irq every=1..2: drop", "fault plan: rule 1: 'every=1..2': every is a number from 1 on"},
        {"irq: drop 3", "fault plan: rule 1: '3': is too much"},
        {"dma_read: flip bits=1 bits=2", "fault plan: rule 1: 'bits=2': is too much"},
        {"dma_read: flip bits=0", "fault plan: rule 1: 'bits=0': flip takes bits=N, from 1 to 4096"},
        {"dma_read: flip bits=4097", "fault plan: rule 1: 'bits=4097': flip takes bits=N, from 1 to 4096"},
        {"dma_read: delay", "fault plan: rule 1: 'delay': needs us=N"},
        {"dma_read: delay us=1000001", "fault plan: rule 1: 'us=1000001': delay takes us=N, from 0 to 1000000"},
        {"dma_read: delay ms=1", "fault plan: rule 1: 'ms=1': delay takes us=N, from 0 to 1000000"},
        {"irq: spurious", "fault plan: rule 1: 'spurious': needs vector=N"},
        {"irq: spurious vector=33", "fault plan: rule 1: 'vector=33': spurious takes vector=N, from 0 to 32"},
        {"packet: ecc_corrected", "fault plan: rule 1: 'ecc_corrected': needs at=N"},
        {"packet: ecc_corrected at=x", "fault plan: rule 1: 'at=x': ecc_corrected takes at=N"},
        {"packet op=mul: drop",
         "fault plan: rule 1: 'op=mul': op is one of nop, copy, copy_strided, fill, launch, fence"},
        {"packet addr=x: drop", "fault plan: rule 1: 'addr=x': addr is N, N..M, N.. or N+LENGTH"},
        {"packet core=1: drop", "fault plan: rule 1: 'core=1': packet takes queue, op, addr, nth and every"},
        {"dma_read op=nop: fail",
         "fault plan: rule 1: 'op=nop': dma_read takes addr, queue, core, unit, nth and every"},
        {"hbm_read op=nop: flip",
         "fault plan: rule 1: 'op=nop': hbm_read takes addr, queue, core, unit, nth and every"},
        {"hbm_write: drop",
         "fault plan: rule 1: 'drop': hbm_write takes corrupt, flip, delay, ecc_corrected, ecc_uncorrected"},
        {"hbm_read: ecc_corrected at=", "fault plan: rule 1: 'at=': ecc_corrected takes at=N"},
        {"hbm_read: ecc_corrected at=1 at=2", "fault plan: rule 1: 'at=2': is too much"},
        {"irq core=1: drop", "fault plan: rule 1: 'core=1': irq takes vector, nth and every"},
        {"dma_read vector=1: fail",
         "fault plan: rule 1: 'vector=1': dma_read takes addr, queue, core, unit, nth and every"},
        {"dma_read queue=x: fail", "fault plan: rule 1: 'queue=x': queue is N, N..M, N.. or N+LENGTH"},
        {"transfer core=: hang", "fault plan: rule 1: 'core=': core is N, N..M, N.. or N+LENGTH"},
        {"instruction unit=1: hang", "fault plan: rule 1: 'unit=1': unit is one of queue, pe, act, dve, pool, sp, dma"},
        {"instruction: duplicate", "fault plan: rule 1: 'duplicate': instruction takes drop, delay, hang, "
                                   "ecc_corrected, ecc_uncorrected, aer_corrected, aer_nonfatal, aer_fatal, link_down, "
                                   "sleep"},
        {"reset addr=1: hang", "fault plan: rule 1: 'addr=1': reset takes nth and every"},
        {"reset =1: hang", "fault plan: rule 1: '=1': reset takes nth and every"},
        {"reset: drop", "fault plan: rule 1: 'drop': reset takes hang"},
        {"packet: link_down", "fault plan: rule 1: 'link_down': needs us=N"},
        {"packet: aer_fatal us=1", "fault plan: rule 1: 'us=1': is too much"},
        {"irq: dr\x1b[op", "fault plan: byte 7 is 0x1b, which is no text"},
        {"seed", "fault plan: 'seed': seed takes one number"},
        {"seed x", "fault plan: 'seed x': seed takes one number"},
        {"seed 1 2", "fault plan: 'seed 1 2': seed takes one number"},
    };
    for (const auto &[text, message] : wrong) {
        const auto plan = parse(text);
        assert_false(plan.has_value());
        assert_string_equal(plan.error().c_str(), message);
    }
}

// ---- counting -------------------------------------------------------------------------------------------------------

std::string hex(std::uint64_t number) {
    std::ostringstream out;
    out << "0x" << std::hex << number;
    return out.str();
}

std::string fired(const char *text, unsigned events) {
    Injector injector([](const std::string &) {}, [] {}, {});
    injector.set(*parse(text));
    std::string out;
    for (unsigned i = 0; i < events; ++i)
        out += injector.ask(PlanEvent::IRQ, i % 2) ? '!' : '.';
    return out;
}

void rules_are_due_as_they_say(void **) {
    assert_string_equal(fired("irq: drop", 4).c_str(), "!!!!");
    assert_string_equal(fired("irq nth=2: drop", 4).c_str(), ".!..");
    assert_string_equal(fired("irq nth=2..3: drop", 4).c_str(), ".!!.");
    assert_string_equal(fired("irq every=3: drop", 7).c_str(), "!..!..!");
    assert_string_equal(fired("irq nth=2..5 every=2: drop", 8).c_str(), ".!.!....");
    assert_string_equal(fired("irq vector=1 nth=2: drop", 6).c_str(), "...!..");
    assert_string_equal(fired("doorbell: drop", 4).c_str(), "....");
    assert_string_equal(fired("", 4).c_str(), "....");
}

void the_first_rule_that_is_due_acts_and_all_count(void **) {
    std::vector<std::string> log;
    Injector injector([&](const std::string &line) { log.push_back(line); }, [] {}, {});
    injector.set(*parse("irq nth=2: drop; irq: duplicate"));
    assert_int_equal(injector.ask(PlanEvent::IRQ, 9)->action, PlanAction::DUPLICATE);
    assert_int_equal(injector.ask(PlanEvent::IRQ, 9)->action, PlanAction::DROP);
    assert_int_equal(injector.ask(PlanEvent::IRQ, 9)->action, PlanAction::DUPLICATE);
    assert_string_equal(injector.report().c_str(), "seed 0\n1: matched=3 made=1 at=2@0x9 rule=irq nth=2: drop\n"
                                                   "2: matched=3 made=2 at=1@0x9,3@0x9 rule=irq: duplicate\n");
    assert_int_equal(log.size(), 3);
    assert_string_equal(log[1].c_str(), "fault plan: rule 1 (irq nth=2: drop): event 2 at 0x9");
}

void what_is_random_comes_from_the_seed(void **) {
    const auto numbers = [](const char *text) {
        Injector injector([](const std::string &) {}, [] {}, {});
        injector.set(*parse(text));
        std::vector<std::uint64_t> out;
        for (int i = 0; i < 4; ++i)
            out.push_back(injector.ask(PlanEvent::DMA_READ, 0)->random);
        return out;
    };
    assert_true(numbers("seed 1; dma_read: flip") == numbers("seed 1; dma_read: flip"));
    assert_true(numbers("seed 1; dma_read: flip") != numbers("seed 2; dma_read: flip"));
}

// ---- the chip -------------------------------------------------------------------------------------------------------

struct Rig {
    explicit Rig(void **state, bool by_register = false) : Rig(mode_of(state), by_register) {}
    explicit Rig(const Mode &mode, bool by_register = false)
        : m(mode), ctx(m, 3), queue(m, 2, 3, {.doorbell_register = by_register}) {}
    void plan(const std::string &text) { set_fault_plan(m, text); }
    std::string report() { return fault_report(m); }
    void nop() {
        queue.submit(spec::PacketNop{});
        m.settle();
    }
    std::string seqno() { return "addr=" + std::to_string(queue.seqno_bus()) + "+8"; }

    Machine m;
    Context ctx;
    TestQueue queue;
};

void doorbells(void **state) {
    for (const bool by_register : {false, true}) {
        Rig r(state, by_register);
        r.plan("doorbell queue=2 nth=2: drop; doorbell queue=2 nth=4: reorder; doorbell queue=3: drop");
        r.nop();
        assert_int_equal(r.queue.seqno(), 1);
        r.nop(); // not heard
        assert_int_equal(r.queue.seqno(), 1);
        r.nop(); // tells of both
        assert_int_equal(r.queue.seqno(), 3);
        r.nop(); // kept
        assert_int_equal(r.queue.seqno(), 3);
        r.plan(""); // forgotten
        assert_int_equal(r.queue.seqno(), 3);
        r.nop();
        assert_int_equal(r.queue.seqno(), 5);
        assert_int_equal(r.queue.state(), QueueState::IDLE);
    }
}

// The one that comes late takes back what the next one has announced.
void late_doorbell(void **state) {
    Rig r(state);
    r.plan("doorbell nth=1: reorder");
    r.nop();
    assert_int_equal(r.queue.seqno(), 0);
    r.queue.submit(spec::PacketNop{});
    r.m.settle();
    assert_int_equal(r.queue.state(), QueueState::FAULTED);
    assert_int_equal(r.m.fault(2), Fault::DOORBELL_RANGE);
}

void doubled_doorbell_does_nothing(void **state) {
    Rig r(state);
    r.plan("doorbell: duplicate");
    r.nop();
    assert_int_equal(r.queue.seqno(), 1);
    assert_int_equal(r.m.host.irqs(1), 1);
}

void interrupts(void **state) {
    Rig r(state);
    r.m.expects(spec::SanitizerKind::INTERRUPT_MISSING);
    r.plan("irq vector=1 nth=1: drop; irq vector=1 nth=2: duplicate; irq vector=1 nth=3: reorder; irq vector=1 nth=5: "
           "spurious vector=7;"
           "irq vector=2: drop");
    const unsigned expected[] = {0, 2, 2, 4, 5};
    for (const unsigned count : expected) {
        r.nop();
        assert_int_equal(r.m.host.irqs(1), count);
    }
    assert_int_equal(r.m.host.irqs(7), 1);
    assert_int_equal(r.queue.seqno(), 5);
}

void writes(void **state) {
    Rig r(state);
    unsigned transfers = 0;
    r.m.host.on_dma = [&](std::uint64_t bus, std::size_t, bool write) {
        transfers += write && bus == r.queue.seqno_bus();
    };
    r.plan("dma_write " + r.seqno() + " nth=1: drop; dma_write " + r.seqno() + " nth=2: duplicate; dma_write " +
           r.seqno() + " nth=3: reorder; dma_write " + r.seqno() + " nth=5: flip bits=1; dma_write " + r.seqno() +
           " nth=6: corrupt");
    r.nop();
    assert_int_equal(r.queue.seqno(), 0);
    assert_int_equal(transfers, 0);
    r.nop();
    assert_int_equal(r.queue.seqno(), 2);
    assert_int_equal(transfers, 2);
    r.nop(); // kept
    assert_int_equal(r.queue.seqno(), 2);
    r.nop(); // 4, and then the 3 that was kept
    assert_int_equal(r.queue.seqno(), 3);
    assert_int_equal(transfers, 4);
    r.nop();
    assert_int_equal(std::popcount(r.queue.seqno() ^ 5), 1);
    r.nop();
    assert_true(std::popcount(r.queue.seqno() ^ 6) > 1);
    r.nop();
    assert_int_equal(r.queue.seqno(), 7);
}

void refused_transfers_are_faults(void **state) {
    for (const char *event : {"dma_write", "dma_read"}) {
        Rig r(state);
        r.plan(std::string(event) + " nth=1: fail");
        r.nop();
        assert_int_equal(r.m.fault(2), Fault::HOST_BUS);
    }
}

void reads(void **state) {
    for (const char *action : {"ones", "corrupt"}) {
        Rig r(state);
        r.plan("dma_read addr=" + std::to_string(r.queue.slot(0)) + "+64: " + action);
        r.nop();
        assert_int_equal(r.m.fault(2), Fault::ILLEGAL_PACKET);
        assert_string_equal(r.report().c_str(),
                            ("seed 0\n1: matched=1 made=1 at=1@" + hex(r.queue.slot(0)) +
                             " rule=dma_read addr=" + std::to_string(r.queue.slot(0)) + "+64: " + action + "\n")
                                .c_str());
    }
    Rig r(state);
    r.plan("dma_read addr=0x0..0x1: ones");
    r.nop();
    assert_int_equal(r.queue.seqno(), 1);
}

void delays(void **state) {
    Rig r(state);
    r.plan("dma_write: delay us=30000; dma_read nth=1: delay us=20000");
    const std::uint64_t before = r.m.r64(reg::GLOBAL_CLOCK_NS);
    r.nop();
    assert_int_equal(r.queue.seqno(), 1);
    assert_true(r.m.r64(reg::GLOBAL_CLOCK_NS) - before >= 50'000'000);
}

/// A delayed write of a packet is over long before its time, once this has been done.
void a_delay_ends_by(void (*end)(Rig &)) {
    Rig r(THREADED);
    r.plan("dma_write: delay us=1000000");
    const auto start = std::chrono::steady_clock::now();
    r.queue.submit(spec::PacketNop{});
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    end(r);
    assert_true(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(900));
    r.plan("");
    r.m.settle();
    assert_int_equal(r.queue.seqno(), 1);
}

void a_delay_ends_with_its_plan(void **) {
    a_delay_ends_by([](Rig &r) {
        r.plan("");
        r.m.settle();
        assert_int_equal(r.queue.seqno(), 1);
    });
}

// A machine's monitor waits for the chip to be paused.
void a_pause_does_not_wait_for_delays(void **) {
    a_delay_ends_by([](Rig &r) {
        neuron_chip_pause(r.m.chip);
        neuron_chip_resume(r.m.chip);
    });
}

// Nor does a processor of the guest wait for what it tells the device, or rings for.
void an_access_does_not_wait_for_delays(void **) {
    Rig r(THREADED);
    const std::uint64_t ring = r.m.host.alloc(PAGE);
    const auto told = spec::packed(spec::DebugRecord{.kind = spec::DebugKind::BIND, .va = PAGE, .bytes = PAGE});
    for (std::size_t i = 0; i < 4; ++i)
        std::ranges::copy(told, r.m.host.at(ring + i * spec::DebugRecord::BYTES, told.size()));
    r.m.w64(reg::REC_DEBUG_RING, ring);
    r.m.w32(reg::REC_DEBUG_LOG2, 4);
    r.plan("dma_read: delay us=1000000");
    const auto start = std::chrono::steady_clock::now();
    r.m.w32(reg::REC_DEBUG_TAIL, 4);
    r.queue.submit(spec::PacketNop{});
    assert_true(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(900));
    assert_true(r.report().find("1: matched=") != std::string::npos);
    r.plan("");
    r.m.settle();
    assert_int_equal(r.queue.seqno(), 1);
}

// A thread may not have got to its sleep yet.
void a_delay_of_a_plan_that_is_over_is_none(void **) {
    Injector injector([](const std::string &) {}, [] {}, {});
    injector.set(*parse("dma_write: delay us=1000000"));
    const auto delay = injector.ask(PlanEvent::DMA_WRITE, 0);
    injector.set(*parse("dma_write: delay us=1000000"));
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i)
        injector.sleep(*delay);
    assert_true(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}

void registers_read_as_ones(void **state) {
    Rig r(state);
    const std::uint32_t version = r.m.r32(reg::GLOBAL_VERSION);
    r.plan("reg_read addr=" + std::to_string(reg::GLOBAL_VERSION) +
           " nth=2: ones; reg_read addr=" + std::to_string(reg::GLOBAL_HBM_BYTES) + ": ones");
    assert_int_equal(r.m.r32(reg::GLOBAL_VERSION), version);
    assert_int_equal(neuron_chip_reg_read(r.m.chip, reg::GLOBAL_VERSION, 4), 0xffffffff);
    assert_int_equal(r.m.r32(reg::GLOBAL_VERSION), version);
    assert_int_equal(r.m.r64(reg::GLOBAL_HBM_BYTES), ~0ULL);
}

void registers_read_wrong(void **state) {
    Rig r(state);
    const std::uint32_t version = r.m.r32(reg::GLOBAL_VERSION);
    const std::uint64_t bytes = r.m.r64(reg::GLOBAL_HBM_BYTES);
    const std::string addr = " addr=" + std::to_string(reg::GLOBAL_VERSION);
    r.plan("reg_read" + addr + " nth=1: flip; reg_read" + addr + " nth=2: flip bits=3; reg_read" + addr +
           " nth=3: corrupt; reg_read addr=" + std::to_string(reg::GLOBAL_HBM_BYTES) + " nth=1: corrupt");
    assert_int_equal(std::popcount(r.m.r32(reg::GLOBAL_VERSION) ^ version), 1);
    assert_int_equal(std::popcount(r.m.r32(reg::GLOBAL_VERSION) ^ version), 3);
    assert_int_not_equal(r.m.r32(reg::GLOBAL_VERSION), version);
    assert_int_equal(r.m.r32(reg::GLOBAL_VERSION), version);
    const std::uint64_t wrong = r.m.r64(reg::GLOBAL_HBM_BYTES);
    assert_true(static_cast<std::uint32_t>(wrong) != static_cast<std::uint32_t>(bytes) && wrong >> 32 != bytes >> 32);
    assert_int_equal(r.m.r64(reg::GLOBAL_HBM_BYTES), bytes);
}

// Or a guest could fill its host's memory.
void as_many_as_may_be_kept_are_and_the_next_one_happens(void **state) {
    Rig r(state);
    r.m.expects(spec::SanitizerKind::INTERRUPT_MISSING);
    r.plan("irq vector=1: reorder; dma_write " + r.seqno() + ": reorder");
    for (unsigned i = 0; i < spec::PLAN_HELD; ++i)
        r.nop();
    assert_int_equal(r.m.host.irqs(1), 0);
    assert_int_equal(r.queue.seqno(), 0);
    r.nop();
    assert_int_equal(r.m.host.irqs(1), spec::PLAN_HELD + 1);
    assert_int_equal(r.queue.seqno(), spec::PLAN_HELD);
}

void a_packet_hangs_until_there_is_another_plan(void **state) {
    Rig r(state);
    r.plan("packet queue=2 nth=2: hang; packet queue=1: hang");
    r.nop();
    r.nop();
    r.nop();
    assert_int_equal(r.queue.seqno(), 1);
    assert_true(r.queue.busy());
    r.plan("");
    r.m.settle();
    assert_int_equal(r.queue.seqno(), 3);
}

void a_packet_that_hangs_can_be_stopped(void **state) {
    Rig r(state);
    r.plan("packet nth=1: hang");
    r.nop();
    r.queue.disable();
    r.m.settle();
    assert_false(r.queue.busy());
    r.queue.enable();
    r.nop();
    assert_int_equal(r.queue.seqno(), 1);
}

void errors_of_hbm(void **state) {
    Rig r(state);
    r.plan("packet nth=1: ecc_corrected at=0x40; packet nth=2: ecc_uncorrected at=0x80");
    r.nop();
    r.nop();
    assert_int_equal(r.m.r32(reg::GLOBAL_HBM_CORRECTED), 1);
    assert_int_equal(r.m.r32(reg::GLOBAL_HBM_UNCORRECTED), 1);
    assert_int_equal(r.m.event(1).info, 0x80);
}

void a_reset_changes_no_plan_but_forgets_what_is_kept(void **state) {
    Rig r(state);
    r.m.expects(spec::SanitizerKind::INTERRUPT_MISSING);
    r.plan("irq vector=1 nth=1: reorder; irq vector=0: drop");
    r.nop();
    neuron_chip_reset(r.m.chip);
    r.m.settle();
    assert_true(r.m.ready());
    Context ctx(r.m, 3);
    TestQueue queue(r.m, 2, 3);
    queue.submit(spec::PacketNop{});
    r.m.settle();
    assert_int_equal(r.m.host.irqs(1), 1);
    assert_true(r.report().starts_with("seed 0\n1: matched=2 made=1 at=1@0x1 rule=irq vector=1 nth=1: reorder\n"));
}

void a_report_names_the_first_sixteen(void **) {
    Injector injector([](const std::string &) {}, [] {}, {});
    injector.set(*parse("irq: drop"));
    std::string at;
    for (int i = 1; i <= 20; ++i) {
        injector.ask(PlanEvent::IRQ, 3);
        if (i <= 16)
            at += (at.empty() ? "" : ",") + std::to_string(i) + "@0x3";
    }
    assert_string_equal(injector.report().c_str(),
                        ("seed 0\n1: matched=20 made=20 at=" + at + " rule=irq: drop\n").c_str());
    injector.set(*parse("reset: hang"));
    assert_string_equal(injector.report().c_str(), "seed 0\n1: matched=0 made=0 at=- rule=reset: hang\n");
}

void a_reset_hangs_until_there_is_another_plan(void **state) {
    Rig r(state);
    r.plan("reset nth=2: hang");
    neuron_chip_reset(r.m.chip);
    r.m.settle();
    assert_true(r.m.ready());
    neuron_chip_reset(r.m.chip);
    r.m.settle();
    assert_false(r.m.ready());
    assert_true(r.report().find("at=2@0x0") != std::string::npos);
    r.plan("reset nth=1: hang");
    r.m.settle();
    assert_true(r.m.ready());
    neuron_chip_reset(r.m.chip);
    r.m.settle();
    assert_false(r.m.ready());
    neuron_chip_reset(r.m.chip); // the second, of which the plan says nothing
    r.m.settle();
    assert_true(r.m.ready());
}

void the_function_is_asked(void **state) {
    Rig r(state);
    r.plan("packet nth=1: aer_corrected; packet nth=2: aer_nonfatal; packet nth=3: aer_fatal; packet nth=4: link_down "
           "us=5; packet nth=5: sleep");
    for (int i = 0; i < 6; ++i)
        r.nop();
    assert_int_equal(r.queue.seqno(), 6); // the chip itself goes on
    using enum PlanAction;
    const std::vector<std::pair<std::uint32_t, std::uint64_t>> expected{{spec::raw(AER_CORRECTED), 0},
                                                                        {spec::raw(AER_NONFATAL), 0},
                                                                        {spec::raw(AER_FATAL), 0},
                                                                        {spec::raw(LINK_DOWN), 5},
                                                                        {spec::raw(SLEEP), 0}};
    assert_true(r.m.host.function_faults() == expected);
}

void what_the_function_does_needs_one(void **) {
    neuron_chip_host_ops ops = FakeHost::ops();
    ops.function_fault = nullptr;
    FakeHost host;
    neuron_chip_config config{};
    config.size = sizeof config;
    config.abi_major = NEURON_CHIP_ABI_MAJOR;
    config.hbm_bytes = 64 * MiB;
    neuron_chip *chip = nullptr;
    char error[256];
    assert_int_equal(neuron_chip_create(&config, &ops, &host, &chip, error, sizeof error), 0);
    for (const char *action : {"aer_corrected", "aer_nonfatal", "aer_fatal", "link_down us=5", "sleep"}) {
        const std::string rule = std::string("packet: ") + action;
        assert_int_equal(neuron_chip_set_fault_plan(chip, rule.c_str(), error, sizeof error), -EINVAL);
        assert_string_equal(error, ("fault plan: '" + rule + "': there is no PCIe function here").c_str());
    }
    neuron_chip_destroy(chip);
}

// The same order of events, which stepped mode gives, makes the same faults and the same bytes.
void a_seed_and_a_plan_decide_everything(void **) {
    const auto run = [](const char *seed) {
        Mode mode = STEPPED;
        void *state = &mode;
        Rig r(&state);
        r.plan(std::string("seed ") + seed + "; dma_write " + r.seqno() +
               " every=2: flip bits=3; irq nth=2..: duplicate; doorbell every=3: drop");
        std::string out;
        for (int i = 0; i < 12; ++i) {
            r.nop();
            out += std::to_string(r.queue.seqno()) + " ";
        }
        return out + r.report();
    };
    assert_string_equal(run("5").c_str(), run("5").c_str());
    assert_true(run("5") != run("6"));
}

// ---- the registers --------------------------------------------------------------------------------------------------

struct Driver {
    static constexpr std::uint32_t ERROR = neuron::spec::field::PLAN_CMD_ERROR.mask;
    explicit Driver(Rig &rig) : r(rig), at(r.m.host.alloc(spec::PLAN_BYTES)) {}
    /// Whether the operation was done.
    bool run(spec::PlanOp op, std::uint32_t bytes) const {
        r.m.w64(reg::PLAN_ADDR, at);
        r.m.w32(reg::PLAN_BYTES, bytes);
        r.m.w32(reg::PLAN_CMD, spec::raw(op));
        assert_int_equal(r.m.r32(reg::PLAN_CMD) & 0xff, spec::raw(op));
        return (r.m.r32(reg::PLAN_CMD) & ERROR) == 0;
    }
    bool set(std::string_view text) const {
        std::ranges::copy(std::as_bytes(std::span(text)), r.m.host.at(at, text.size()));
        return run(spec::PlanOp::SET, static_cast<std::uint32_t>(text.size()));
    }
    std::string report(std::uint32_t room = spec::PLAN_BYTES) const {
        assert_true(run(spec::PlanOp::REPORT, room));
        const std::size_t size = std::min(room, r.m.r32(reg::PLAN_DONE));
        return {reinterpret_cast<const char *>(r.m.host.at(at, size)), size};
    }
    Rig &r;
    std::uint64_t at;
};

void a_driver_sets_a_plan_and_reads_the_report(void **state) {
    Rig r(state);
    const Driver driver(r);
    r.m.expects(spec::SanitizerKind::INTERRUPT_MISSING);
    assert_true(driver.set("irq vector=1 nth=1: drop"));
    r.nop();
    assert_int_equal(r.m.host.irqs(1), 0);
    const std::string report = r.report();
    assert_string_equal(driver.report().c_str(), report.c_str());
    assert_string_equal(driver.report(6).c_str(), report.substr(0, 6).c_str());
    assert_int_equal(r.m.r32(reg::PLAN_DONE), report.size());
    assert_false(driver.set("irq: explode"));
    assert_true(driver.report().find("refused: fault plan: rule 1: 'explode'") != std::string::npos);
    assert_true(driver.set(""));
    assert_string_equal(driver.report().c_str(), "");
}

// A plan that spoils every transfer can be replaced nevertheless, and one that lets resets hang.
void a_plan_does_not_meet_its_own_registers(void **state) {
    Rig r(state);
    const Driver driver(r);
    assert_true(driver.set(
        "dma_read: fail; dma_write: fail; reset: hang; reg_read addr=" + std::to_string(reg::PLAN_ADDR) + "+64: ones"));
    assert_true(driver.report().find("1: matched=0") != std::string::npos);
    assert_true(driver.report().find("4: matched=0") != std::string::npos);
    neuron_chip_reset(r.m.chip);
    r.m.settle();
    assert_false(r.m.ready());
    assert_int_equal(r.m.r64(reg::PLAN_ADDR), 0);
    assert_true(driver.set("irq: drop"));
    r.m.settle();
    assert_true(r.m.ready());
}

void what_is_no_operation_is_refused(void **state) {
    Rig r(state);
    const Driver driver(r);
    assert_true(driver.set("irq: drop"));
    const std::string report = r.report();
    assert_false(driver.run(spec::PlanOp{}, 1));
    assert_false(driver.run(spec::PlanOp{99}, 1));
    assert_false(driver.run(spec::PlanOp::SET, spec::PLAN_BYTES + 1));
    assert_false(driver.run(spec::PlanOp::REPORT, spec::PLAN_BYTES + 1));
    assert_string_equal(r.report().c_str(), report.c_str());
    const Driver nowhere = [&] {
        Driver d(r);
        d.at = ~0xfffULL;
        return d;
    }();
    assert_false(nowhere.run(spec::PlanOp::SET, 10));
    assert_false(nowhere.run(spec::PlanOp::REPORT, 10));
    assert_true(nowhere.run(spec::PlanOp::SET, 0)); // asks no memory
    assert_string_equal(r.report().c_str(), "");
}

// ---- the interface --------------------------------------------------------------------------------------------------

void a_wrong_plan_leaves_the_old_one(void **state) {
    Rig r(state);
    r.m.expects(spec::SanitizerKind::INTERRUPT_MISSING);
    r.plan("irq: drop");
    char error[256] = "?";
    assert_int_equal(neuron_chip_set_fault_plan(r.m.chip, "irq: explode", error, sizeof error), -EINVAL);
    assert_string_equal(error, "fault plan: rule 1: 'explode': irq takes drop, duplicate, reorder, spurious");
    assert_int_equal(
        neuron_chip_set_fault_plan(r.m.chip, "packet: ecc_corrected at=0xffffffffffff", error, sizeof error), -EINVAL);
    assert_string_equal(error,
                        "fault plan: 'packet: ecc_corrected at=0xffffffffffff': byte 0xffffffffffff is outside HBM");
    assert_int_equal(neuron_chip_set_fault_plan(r.m.chip, "nonsense", nullptr, 0), -EINVAL);
    r.nop();
    assert_int_equal(r.m.host.irqs(1), 0);
    const std::string report =
        "seed 0\n1: matched=1 made=1 at=1@0x1 rule=irq: drop\n"
        "refused: fault plan: rule 1: 'nonsense': is no event; there are doorbell, dma_read, dma_write, irq, "
        "reg_read, packet, reset, instruction, transfer, hbm_read, hbm_write\n";
    assert_string_equal(r.report().c_str(), report.c_str());
    char little[8];
    assert_int_equal(neuron_chip_fault_report(r.m.chip, little, sizeof little), report.size());
    assert_string_equal(little, "seed 0\n");
    assert_int_equal(neuron_chip_fault_report(r.m.chip, nullptr, 0), report.size());
    r.plan("");
    assert_string_equal(r.report().c_str(), "");
}

void a_chip_with_a_plan_is_not_saved(void **state) {
    Rig r(unwatched(mode_of(state)));
    r.plan("irq: drop");
    neuron_chip_pause(r.m.chip);
    const auto write = [](void *, const void *, size_t) { return 0; };
    char error[256];
    assert_int_equal(neuron_chip_save(r.m.chip, write, nullptr, error, sizeof error), -ENOTSUP);
    assert_string_equal(error, "fault plan: a chip with one is not saved");
    r.plan("");
    assert_int_equal(neuron_chip_save(r.m.chip, write, nullptr, error, sizeof error), 0);
    neuron_chip_resume(r.m.chip);
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_read),
        cmocka_unit_test(what_is_no_plan_is_named),
        cmocka_unit_test(rules_are_due_as_they_say),
        cmocka_unit_test(the_first_rule_that_is_due_acts_and_all_count),
        cmocka_unit_test(what_is_random_comes_from_the_seed),
        IN_BOTH_MODES(doorbells),
        IN_BOTH_MODES(late_doorbell),
        IN_BOTH_MODES(doubled_doorbell_does_nothing),
        IN_BOTH_MODES(interrupts),
        IN_BOTH_MODES(writes),
        IN_BOTH_MODES(refused_transfers_are_faults),
        IN_BOTH_MODES(reads),
        IN_BOTH_MODES(delays),
        cmocka_unit_test(a_delay_ends_with_its_plan),
        cmocka_unit_test(a_pause_does_not_wait_for_delays),
        cmocka_unit_test(an_access_does_not_wait_for_delays),
        cmocka_unit_test(a_delay_of_a_plan_that_is_over_is_none),
        IN_BOTH_MODES(registers_read_as_ones),
        IN_BOTH_MODES(registers_read_wrong),
        IN_BOTH_MODES(as_many_as_may_be_kept_are_and_the_next_one_happens),
        IN_BOTH_MODES(a_packet_hangs_until_there_is_another_plan),
        IN_BOTH_MODES(a_packet_that_hangs_can_be_stopped),
        IN_BOTH_MODES(errors_of_hbm),
        IN_BOTH_MODES(a_reset_changes_no_plan_but_forgets_what_is_kept),
        cmocka_unit_test(a_report_names_the_first_sixteen),
        IN_BOTH_MODES(a_reset_hangs_until_there_is_another_plan),
        IN_BOTH_MODES(the_function_is_asked),
        cmocka_unit_test(what_the_function_does_needs_one),
        cmocka_unit_test(a_seed_and_a_plan_decide_everything),
        IN_BOTH_MODES(a_driver_sets_a_plan_and_reads_the_report),
        IN_BOTH_MODES(a_plan_does_not_meet_its_own_registers),
        IN_BOTH_MODES(what_is_no_operation_is_refused),
        IN_BOTH_MODES(a_wrong_plan_leaves_the_old_one),
        IN_BOTH_MODES(a_chip_with_a_plan_is_not_saved),
    };
    return cmocka_run_group_tests_name("chip plan", tests, nullptr, nullptr);
}
