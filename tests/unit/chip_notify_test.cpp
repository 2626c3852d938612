// SPDX-License-Identifier: MIT
// The notification ring of a launch: NOTIFY, traces of instructions, and what a broken ring does.
#include "chip_program.hpp"

namespace {

using namespace chip_test;
using spec::Fault;
using spec::Notification;
using spec::NotificationKind;
using spec::Opcode;
using spec::TraceFlag;

constexpr std::uint64_t RING = 0x6000'0000;
constexpr std::uint64_t IN_HBM = Runner::DATA + MiB;

spec::PacketLaunch with_ring(spec::PacketLaunch packet, std::uint64_t ring, std::uint8_t log2, std::uint8_t trace = 0) {
    packet.notify = ring;
    packet.notify_log2 = log2;
    packet.trace = trace;
    return packet;
}

Notification note_at(const std::byte *ring, std::uint64_t slot) {
    return spec::unpack<Notification>(
        std::span<const std::byte, Notification::BYTES>(ring + slot * Notification::BYTES, Notification::BYTES));
}

// Of one ring, in order of sequence.
std::vector<Notification> notes(const std::byte *ring, unsigned log2) {
    std::vector<Notification> all;
    for (std::uint64_t i = 0; i < 1ULL << log2; ++i)
        if (const Notification note = note_at(ring, i); note.sequence != 0) {
            assert_int_equal((note.sequence - 1) % (1ULL << log2), i);
            all.push_back(note);
        }
    std::ranges::sort(all, {}, &Notification::sequence);
    return all;
}

void notes_carry_value_and_place(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::POOL, move(3, -1)).add(Engine::POOL, spec::InsnNotify{.value = 100, .ra = 3});
    p.add(Engine::POOL, spec::InsnNotify{.value = 7, .ra = 0}).add(Engine::POOL, end());
    const std::uint64_t before = m.r64(reg::GLOBAL_CLOCK_NS);
    // A context address in HBM, and one in host memory.
    const std::byte *host = m.host.at(r.ctx.map_host(RING, PAGE));
    const std::byte *hbm = r.data(MiB);
    for (const auto &[va, at] : {std::pair{IN_HBM, hbm}, {RING, host}}) {
        assert_int_equal(r.queue.run(with_ring(r.prepare(p, {Runner::DATA}, 2), va, 3)), Fault::NONE);
        const auto all = notes(at, 3);
        assert_int_equal(all.size(), 2);
        for (const Notification &note : all) {
            assert_int_equal(note.kind, NotificationKind::NOTIFY);
            assert_int_equal(note.core, 1);
            assert_int_equal(note.engine, Engine::POOL);
            assert_int_equal(note.opcode, Opcode::NOTIFY);
            assert_true(before <= note.start_ns && note.start_ns <= note.end_ns);
            assert_true(note.end_ns <= m.r64(reg::GLOBAL_CLOCK_NS));
        }
        assert_int_equal(all[0].value, 99);
        assert_int_equal(all[0].pc, 1);
        assert_int_equal(all[1].value, 7);
        assert_int_equal(all[1].pc, 2);
        assert_int_equal(all[1].sequence, 2); // and each launch counts from 1
    }
}

void without_a_ring_notify_does_nothing(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::SP, spec::InsnNotify{.header = add(0, 1), .value = 1}).add(Engine::SP, end(wait_ge(0, 1)));
    assert_int_equal(r.run(p), Fault::NONE);
}

void the_newest_overwrite_the_oldest(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p; // five engines of two cores, a thousand notes
    for (const Engine engine : spec::values<Engine>()) {
        p.add(engine, spec::InsnNotify{.value = 0, .ra = 1}).add(engine, alu(spec::AluOp::ADD, 1, 1, 0, 1));
        p.add(engine, branch(spec::Cond::LT, 1, 100, 0)).add(engine, end());
    }
    for (const std::uint8_t log2 : {std::uint8_t{0}, std::uint8_t{4}, std::uint8_t{10}}) {
        assert_int_equal(r.queue.run(with_ring(r.prepare(p, {Runner::DATA}, 3), IN_HBM, log2)), Fault::NONE);
        const auto all = notes(r.data(MiB), log2);
        assert_int_equal(all.size(), std::min(1000, 1 << log2));
        assert_int_equal(all.back().sequence, 1000);
        assert_int_equal(all.front().sequence, 1000 - all.size() + 1);
        std::map<std::pair<unsigned, Engine>, std::uint32_t> seen; // of an engine they come in order
        for (const Notification &note : all) {
            auto &last = seen[{note.core, note.engine}];
            assert_true(note.value >= last);
            last = note.value;
        }
    }
}

spec::Mem word_at(std::int64_t offset) {
    spec::Mem word = mem(0, 1, 4, offset);
    word.dtype = spec::raw(spec::Dtype::U32);
    return word;
}

// The host keeps SP's record until DVE has left so many that the ring has wrapped several times.
void a_host_that_keeps_one_record_keeps_no_other(void **) {
    constexpr unsigned LOG2 = 2;
    constexpr int NOTES = 50;
    constexpr std::int64_t KEPT = 0, DONE = 4;
    Machine m;
    Runner r(m);
    const std::uint64_t ring = r.ctx.map_host(RING, PAGE);
    Program p;
    p.add(Engine::SP, spec::InsnNotify{.value = 0}).add(Engine::SP, end());
    p.add(Engine::DVE, spec::InsnMemLoad{.rd = 1, .src = word_at(KEPT)});
    p.add(Engine::DVE, branch(spec::Cond::EQ, 1, 0, 0));
    p.add(Engine::DVE, spec::InsnNotify{.value = 0, .ra = 1}).add(Engine::DVE, alu(spec::AluOp::ADD, 1, 1, 0, 1));
    p.add(Engine::DVE, branch(spec::Cond::LE, 1, NOTES, 2));
    p.add(Engine::DVE, spec::InsnMemStore{.dst = word_at(DONE), .ra = 1}).add(Engine::DVE, end());
    std::atomic<bool> first{true}, kept_alone{false};
    m.host.on_dma = [&](std::uint64_t bus, std::size_t, bool write) {
        if (!write || bus < ring || bus >= ring + PAGE || !first.exchange(false))
            return;
        r.set_word(KEPT, 1);
        kept_alone = !eventually([&] { return r.word(DONE) != 0; });
    };
    assert_int_equal(r.queue.run(with_ring(r.prepare(p), RING, LOG2)), Fault::NONE);
    assert_false(kept_alone);
    const auto all = notes(m.host.at(ring), LOG2);
    assert_int_equal(all.size(), 1 << LOG2);
    for (std::size_t i = 0; i < all.size(); ++i) {
        assert_int_equal(all[i].sequence, NOTES + 1 - 3 + i);
        assert_int_equal(all[i].value, all[i].sequence - 1); // not one's body with another's sequence
        assert_int_equal(all[i].engine, Engine::DVE);
    }
}

void traces_show_what_ran(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::SP, move(1, 5)).add(Engine::SP, nop(wait_ge(0, 1)));
    p.add(Engine::SP, branch(spec::Cond::EQ, 1, 5, 4)).add(Engine::SP, nop()).add(Engine::SP, end());
    p.add(Engine::DVE, spec::InsnCopy{.header = add(0, 1), .dst = tile(1, 1, 64), .src = tile(1, 1)});
    p.add(Engine::DVE, end());
    p.add(Engine::PE, nop()).add(Engine::PE, end());
    const std::uint8_t trace = TraceFlag::SP | TraceFlag::DVE;
    assert_int_equal(r.queue.run(with_ring(r.prepare(p), IN_HBM, 4, trace)), Fault::NONE);
    const auto all = notes(r.data(MiB), 4);
    std::vector<std::pair<std::uint32_t, Opcode>> sp;
    std::vector<std::pair<std::uint32_t, Opcode>> dve;
    for (const Notification &note : all) {
        assert_int_equal(note.kind, NotificationKind::TRACE);
        assert_int_equal(note.value, 0);
        assert_true(note.start_ns <= note.end_ns);
        assert_true(note.engine == Engine::SP || note.engine == Engine::DVE); // PE was not asked for
        (note.engine == Engine::SP ? sp : dve).emplace_back(note.pc, note.opcode);
    }
    using List = std::vector<std::pair<std::uint32_t, Opcode>>;
    assert_true((sp == List{{0, Opcode::MOVE}, {1, Opcode::NOP}, {2, Opcode::BRANCH}, {4, Opcode::END}}));
    assert_true((dve == List{{0, Opcode::COPY}, {1, Opcode::END}}));
    // Who waits for an instruction comes after it in the ring, and begins after it has ended.
    const auto find = [&](Engine engine, std::uint32_t pc) {
        return *std::ranges::find_if(all, [&](const Notification &n) { return n.engine == engine && n.pc == pc; });
    };
    assert_true(find(Engine::DVE, 0).sequence < find(Engine::SP, 1).sequence);
    assert_true(find(Engine::DVE, 0).end_ns <= find(Engine::SP, 1).start_ns);
}

void notify_is_traced_like_any_other(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program p;
    p.add(Engine::ACT, spec::InsnNotify{.value = 3}).add(Engine::ACT, end());
    const std::uint8_t trace = 0 | TraceFlag::ACT;
    assert_int_equal(r.queue.run(with_ring(r.prepare(p), IN_HBM, 4, trace)), Fault::NONE);
    const auto all = notes(r.data(MiB), 4);
    assert_int_equal(all.size(), 3);
    assert_int_equal(all[0].kind, NotificationKind::NOTIFY);
    assert_int_equal(all[1].kind, NotificationKind::TRACE);
    assert_int_equal(all[1].opcode, Opcode::NOTIFY);
    assert_int_equal(all[2].opcode, Opcode::END);
}

spec::InsnMemset fill(const spec::Tile &dst, std::uint32_t value, spec::Dtype type = spec::Dtype::F32) {
    return {.dst = dst, .value = {.value = value, .dtype = type}};
}

// Of what the instructions wrote only, of float types only, and of transfers not at all.
void nan_and_infinity_are_told(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    constexpr std::uint32_t ONE = 0x3f800000, NOT_A_NUMBER = 0x7fc00000, MINUS_INFINITY = 0xff800000;
    r.set_word(0, NOT_A_NUMBER);
    const auto number = tile(3, 40, 0, spec::Dtype::F32), one_more = tile(3, 40, 160, spec::Dtype::F32);
    auto both = tile(3, 80, 0, spec::Dtype::F32);
    Program p;
    p.add(Engine::DVE, fill(number, ONE));                                       // 0
    p.add(Engine::DVE, fill(one_more, MINUS_INFINITY));                          // 1: infinity
    p.add(Engine::DVE, fill(one_more, NOT_A_NUMBER));                            // 2: NaN
    p.add(Engine::DVE, fill(tile(3, 40, 400), NOT_A_NUMBER, spec::Dtype::U32));  // 3: its bits, as integers
    p.add(Engine::DVE, fill(tile(1, 1, 160, spec::Dtype::F32), MINUS_INFINITY)); // 4: infinity
    p.add(Engine::DVE, spec::InsnCopy{.dst = tile(3, 80, 800, spec::Dtype::BF16), .src = both}); // 5: both
    p.add(Engine::DVE, spec::InsnCopy{.dst = tile(3, 80, 800, spec::Dtype::I16), .src = both});  // 6: integers
    p.add(Engine::DVE, spec::InsnCopy{.dst = number, .src = number});                            // 7
    p.add(Engine::DVE, end(add(0, 1)));
    p.add(Engine::SP, nop(wait_ge(0, 1))).add(Engine::SP, load(one_more, mem(0, 40), 0)); // a transfer
    p.add(Engine::SP, spec::InsnTensorStore{.dst = tile(1, 1, 0, spec::Dtype::F32), .ra = 1}).add(Engine::SP, end());
    const std::uint8_t trace = 0 | TraceFlag::NUMERIC;
    assert_int_equal(r.queue.run(with_ring(r.prepare(p), IN_HBM, 4, trace)), Fault::NONE);
    const auto all = notes(r.data(MiB), 4);
    const std::pair<std::uint32_t, std::uint32_t> want[] = {{1, 2}, {2, 1}, {4, 2}, {5, 3}};
    assert_int_equal(all.size(), std::size(want));
    for (std::size_t i = 0; i < all.size(); ++i) {
        assert_int_equal(all[i].kind, NotificationKind::NUMERIC);
        assert_int_equal(all[i].engine, Engine::DVE);
        assert_int_equal(all[i].opcode, want[i].first == 5 ? Opcode::COPY : Opcode::MEMSET);
        assert_int_equal(all[i].pc, want[i].first);
        assert_int_equal(all[i].value, want[i].second);
        assert_true(all[i].start_ns != 0 && all[i].start_ns <= all[i].end_ns);
    }
    // Without the flag nothing is told, and with the trace both are.
    std::memset(r.data(MiB), 0, 16 * Notification::BYTES);
    assert_int_equal(r.queue.run(with_ring(r.prepare(p), IN_HBM, 4)), Fault::NONE);
    assert_int_equal(notes(r.data(MiB), 4).size(), 0);
    const std::uint8_t traces = TraceFlag::NUMERIC | TraceFlag::DVE;
    assert_int_equal(r.queue.run(with_ring(r.prepare(p), IN_HBM, 4, traces)), Fault::NONE);
    const auto mixed = notes(r.data(MiB), 4);
    assert_int_equal(mixed.size(), 9 + std::size(want));
    assert_int_equal(mixed[1].kind, NotificationKind::NUMERIC); // of instruction 1, before its TRACE
    assert_int_equal(mixed[1].pc, 1);
    assert_int_equal(mixed[2].kind, NotificationKind::TRACE);
    assert_int_equal(mixed[2].pc, 1);
    assert_int_equal(mixed[1].start_ns, mixed[2].start_ns);
}

// An accumulation group that overflows, on the tensor engine; what is left as it was counts as well.
void every_engine_tells_of_nan(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    constexpr std::uint32_t HUGE_NUMBER = 0x7f000000, INFINITE = 0x7f800000;
    const auto weights = tile(2, 2, 0, spec::Dtype::F32);
    auto product = tile(2, 2, 0, spec::Dtype::F32);
    product.space = spec::Space::PSUM;
    Program p;
    p.add(Engine::DVE, fill(weights, HUGE_NUMBER)).add(Engine::DVE, fill(tile(1, 2, 64, spec::Dtype::F32), INFINITE));
    p.add(Engine::DVE, fill(tile(1, 2, 128, spec::Dtype::U8), 0, spec::Dtype::U32)); // a predicate that never holds
    p.add(Engine::DVE, spec::InsnCopyPredicated{.dst = tile(1, 2, 64, spec::Dtype::F32),
                                                .src = tile(1, 2, 0, spec::Dtype::F32),
                                                .pred = tile(1, 2, 128, spec::Dtype::U8)});
    p.add(Engine::DVE, end(add(0, 1)));
    p.add(Engine::PE, spec::InsnLdweights{.header = wait_ge(0, 1), .src = weights});
    p.add(
        Engine::PE,
        spec::InsnMatmul{.dst = product, .moving = weights, .flags = spec::MatmulFlag::START | spec::MatmulFlag::STOP});
    p.add(Engine::PE, end());
    const std::uint8_t trace = 0 | TraceFlag::NUMERIC;
    assert_int_equal(r.queue.run(with_ring(r.prepare(p), IN_HBM, 4, trace)), Fault::NONE);
    const auto all = notes(r.data(MiB), 4);
    assert_int_equal(all.size(), 3);
    const std::pair<Engine, std::uint32_t> want[] = {{Engine::DVE, 1}, {Engine::DVE, 3}, {Engine::PE, 1}};
    for (std::size_t i = 0; i < all.size(); ++i) {
        assert_int_equal(all[i].engine, want[i].first);
        assert_int_equal(all[i].pc, want[i].second);
        assert_int_equal(all[i].value, spec::NumericFlag::INF_WRITTEN);
    }
}

void a_ring_out_of_reach_is_a_fault_of_the_instruction(void **state) {
    const auto check = [&](bool traced, std::uint64_t ring, Fault fault, std::uint64_t va, Engine engine,
                           std::uint32_t pc) {
        Machine m(mode_of(state));
        Runner r(m);
        r.ctx.map_host(RING, PAGE, 0); // read only
        Program p;
        p.add(Engine::DVE, nop()).add(Engine::DVE, nop());
        if (!traced)
            p.add(Engine::DVE, spec::InsnNotify{});
        p.add(Engine::DVE, end());
        const std::uint8_t trace = traced ? 0 | TraceFlag::DVE : 0;
        assert_int_equal(r.queue.run(with_ring(r.prepare(p), ring, 2, trace)), fault);
        assert_int_equal(m.event_count(), 1);
        const auto record = m.event(0);
        assert_int_equal(record.unit, spec::raw(spec::Unit::PE) + spec::raw(engine));
        assert_int_equal(record.pc, pc);
        assert_int_equal(record.va, va);
        assert_int_equal(record.write, 1);
    };
    check(false, RING, Fault::PAGE_READ_ONLY, RING, Engine::DVE, 2);
    check(true, RING, Fault::PAGE_READ_ONLY, RING, Engine::DVE, 0);
    check(false, 0x7000'0000, Fault::PAGE_NOT_MAPPED, 0x7000'0000, Engine::DVE, 2);
    // The second record lies on the next page.
    check(true, Runner::DATA + Runner::DATA_BYTES - 64, Fault::PAGE_NOT_MAPPED, Runner::DATA + Runner::DATA_BYTES,
          Engine::DVE, 2);
}

void the_packet_is_checked(void **state) {
    struct Case {
        std::uint64_t ring;
        std::uint8_t log2, trace;
        Fault fault;
    };
    const Case cases[] = {
        {IN_HBM, 0, 0, Fault::NONE},
        {IN_HBM, 4, 0x7f, Fault::NONE},
        {IN_HBM, 20, 0, Fault::NONE}, // longer than what is mapped, which nobody uses
        {IN_HBM, 21, 0, Fault::ILLEGAL_PACKET},
        {IN_HBM, 255, 0, Fault::ILLEGAL_PACKET},
        {IN_HBM, 4, 0x80, Fault::ILLEGAL_PACKET},
        {IN_HBM + 32, 4, 0, Fault::ILLEGAL_PACKET},
        {0, 1, 0, Fault::ILLEGAL_PACKET},
        {0, 0, 1, Fault::ILLEGAL_PACKET},
        {(1ULL << 48) - 64, 1, 0, Fault::NONE},
        {(1ULL << 48) - 64, 2, 0, Fault::BAD_ADDRESS},
        {~63ULL, 4, 0, Fault::BAD_ADDRESS},
    };
    for (const Case &c : cases) {
        Machine m(mode_of(state));
        Runner r(m);
        Program p;
        p.add(Engine::SP, spec::InsnMove{}).add(Engine::SP, end());
        const Fault fault = r.queue.run(with_ring(r.prepare(p), c.ring, c.log2, c.trace));
        if (fault != c.fault)
            fail_msg("ring %#llx, log2 %u, trace %u: %s", static_cast<unsigned long long>(c.ring), c.log2, c.trace,
                     spec::name(fault).data());
    }
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(notes_carry_value_and_place),
        IN_BOTH_MODES(without_a_ring_notify_does_nothing),
        IN_BOTH_MODES(the_newest_overwrite_the_oldest),
        cmocka_unit_test(a_host_that_keeps_one_record_keeps_no_other),
        IN_BOTH_MODES(traces_show_what_ran),
        IN_BOTH_MODES(notify_is_traced_like_any_other),
        IN_BOTH_MODES(nan_and_infinity_are_told),
        IN_BOTH_MODES(every_engine_tells_of_nan),
        IN_BOTH_MODES(a_ring_out_of_reach_is_a_fault_of_the_instruction),
        IN_BOTH_MODES(the_packet_is_checked),
    };
    return cmocka_run_group_tests_name("chip notifications", tests, nullptr, nullptr);
}
