// SPDX-License-Identifier: MIT
// What belongs to one context never shows in another: on-chip state, page tables, queues and doorbells.
#include "chip_program.hpp"

namespace {

using namespace chip_test;
using spec::Dtype;
using spec::Fault;
using spec::QueueState;
using spec::Space;
using spec::UpdateOp;
using spec::WaitOp;

// The same address means something else in each context.
constexpr std::uint64_t VICTIM_HBM = 0;
constexpr std::uint64_t SPY_HBM = 8 * MiB;
constexpr std::uint32_t BOTH_CORES = 3;

struct Pair {
    explicit Pair(const Mode &mode) : m(mode), victim(m, 1, 0, VICTIM_HBM), spy(m, 2, 1, SPY_HBM) {}
    Machine m;
    Runner victim;
    Runner spy;
};

spec::Mem cell(std::int64_t offset, std::uint8_t reg = 0, std::uint8_t shift = 0) {
    spec::Mem m = mem(0, 1, 4, offset);
    m.dtype = spec::raw(Dtype::U32);
    m.reg = reg;
    m.shift = shift;
    return m;
}
spec::InsnMemStore put(std::uint8_t reg, std::int64_t offset) { return {.dst = cell(offset), .ra = reg}; }

bool all_zero(const std::byte *from, std::size_t bytes) {
    return std::all_of(from, from + bytes, [](std::byte b) { return b == std::byte{0}; });
}

std::uint32_t words_of(Space space) {
    return (space == Space::PSUM ? spec::PSUM_BYTES : spec::find_profile("trn2")->sbuf_bytes) / 4;
}

// Rows of the whole of a memory, as 32-bit words.
spec::Tile whole(Space space) {
    spec::Tile t = tile(128, 1);
    t.space = space;
    const std::uint32_t words = words_of(space);
    t.num = {static_cast<std::uint16_t>(words / 8), 8, 1, 1};
    t.step = {1, static_cast<std::int16_t>(words / 8), 0, 0};
    return t;
}

// ---- what a core remembers ------------------------------------------------------------------------------------------

constexpr std::uint32_t SECRET = 0x5ec4e75a;
constexpr std::uint16_t CHUNK_WORDS = 7168; ///< of each partition: so many as `data` has room for

/// What a context sees of a core: words `first` to `first + CHUNK_WORDS` of every partition of a memory, as far as it goes.
struct Look {
    Look(Runner &who, std::uint32_t mask, Space space, std::uint32_t first)
        : who(who), words(std::min<std::uint32_t>(CHUNK_WORDS, words_of(space) - first)) {
        spec::Tile t = tile(128, static_cast<std::uint16_t>(words), first * 4);
        t.space = space;
        Program program;
        program.add(Engine::SP, store(mem(0, words), t, 0)).add(Engine::SP, end());
        forget();
        launch = who.prepare(program, {Runner::DATA}, mask);
    }
    std::size_t bytes() const { return std::size_t{128} * words * 4; }
    /// So that a launch that stores nothing is noticed.
    void forget() const { std::fill_n(who.data(0), bytes(), std::byte{0x99}); }
    bool shows_only(std::uint32_t word) const {
        return who.word(0) == word && std::memcmp(who.data(0), who.data(4), bytes() - 4) == 0;
    }

    Runner &who;
    std::uint32_t words;
    spec::PacketLaunch launch;
};

// Whether every byte of both memories of the one core of `mask` is that of `word`.
bool all_are(Runner &who, std::uint32_t mask, std::uint32_t word) {
    for (const Space space : {Space::SBUF, Space::PSUM})
        for (std::uint32_t first = 0; first < words_of(space); first += CHUNK_WORDS) {
            const Look look(who, mask, space, first);
            assert_int_equal(who.queue.run(look.launch), Fault::NONE);
            if (!look.shows_only(word))
                return false;
        }
    return true;
}

// Every byte of SBUF and PSUM, on both cores: filled by one context, looked for by the other.
void on_chip_memory_reads_zero(void **state) {
    Pair pair(mode_of(state));
    Program fill;
    for (const Space space : {Space::SBUF, Space::PSUM})
        fill.add(Engine::DVE, spec::InsnMemset{.dst = whole(space), .value = {.value = SECRET, .dtype = Dtype::U32}});
    fill.add(Engine::DVE, end());
    for (const std::uint32_t mask : {1U, 2U}) {
        assert_int_equal(pair.victim.run(fill, {Runner::DATA}, BOTH_CORES), Fault::NONE);
        assert_true(all_are(pair.victim, mask, SECRET)); // its own is still there
        assert_true(all_are(pair.spy, mask, 0));
    }
}

// Stopped with its rings full: not a row of it arrives once the core is somebody else's.
void transfers_of_a_stopped_launch_do_not_arrive(void **state) {
    constexpr std::uint16_t WORDS = 1024;
    constexpr std::uint8_t RINGS = 6;
    Pair pair(mode_of(state));
    Program leave;
    for (std::uint8_t ring = 0; ring < RINGS; ++ring)
        leave.add(Engine::SP, load(tile(128, WORDS, ring * WORDS * 4U), mem(0, WORDS), ring));
    leave.add(Engine::SP, jump(0));
    static_assert(RINGS * WORDS <= CHUNK_WORDS);
    for (unsigned round = 0; round < 8; ++round) {
        for (std::uint64_t i = 0; i < 128 * std::uint64_t{WORDS}; ++i)
            pair.victim.set_word(i * 4, SECRET);
        pair.victim.queue.submit(pair.victim.prepare(leave));
        const std::uint64_t enough = pair.m.r64(reg::QUEUE_PROGRESS(0)) + 20 + 30 * round;
        assert_true(eventually([&] {
            if (mode_of(state).stepped)
                neuron_chip_run(pair.m.chip, 10);
            return pair.m.r64(reg::QUEUE_PROGRESS(0)) > enough;
        }));
        assert_int_equal(pair.victim.queue.state(), QueueState::RUNNING);
        const Look look(pair.spy, 1, Space::SBUF, 0);
        pair.spy.queue.submit(look.launch); // in line before the core is free
        if (round % 2 == 0)
            pair.victim.queue.disable();
        else
            pair.victim.ctx.disable();
        pair.m.settle();
        assert_int_equal(pair.spy.queue.head(), pair.spy.queue.tail());
        assert_true(look.shows_only(0));
        look.forget();
        assert_int_equal(pair.spy.queue.run(look.launch), Fault::NONE); // nor later
        assert_true(look.shows_only(0));
        pair.victim.ctx.enable();
        pair.victim.restart();
    }
}

// Registers and semaphores of every engine start at 0, for the same context as for another one.
void registers_and_semaphores_start_at_zero(void **state) {
    Pair pair(mode_of(state));
    Program leave;
    Program look;
    for (const Engine engine : spec::values<Engine>()) {
        for (std::uint8_t r = 1; r < spec::SEQ_REGISTERS; ++r) {
            leave.add(engine, move(r, 0x5ec4e7));
            look.add(engine, put(r, (spec::raw(engine) * 64 + r) * 4));
        }
        leave.add(engine, end());
    }
    Program raise;
    for (unsigned sem = 0; sem < spec::SEMAPHORES; ++sem) {
        raise.add(Engine::SP, nop(add(static_cast<std::uint8_t>(sem), 1)));
        look.add(Engine::SP, nop(sync(WaitOp::EQ, static_cast<std::uint8_t>(sem), 0))); // else a deadlock
    }
    raise.add(Engine::SP, end());
    for (const Engine engine : spec::values<Engine>())
        look.add(engine, end());
    for (Runner *who : {&pair.spy, &pair.victim}) {
        assert_int_equal(pair.victim.run(leave, {Runner::DATA}, BOTH_CORES), Fault::NONE);
        assert_int_equal(pair.victim.run(raise, {Runner::DATA}, BOTH_CORES), Fault::NONE);
        std::fill_n(who->data(0), 5 * 64 * 4, std::byte{0xff});
        assert_int_equal(who->run(look, {Runner::DATA}, 2), Fault::NONE);
        for (std::uint64_t engine = 0; engine < 5; ++engine)
            assert_true(all_zero(who->data((engine * 64 + 1) * 4), 63 * 4));
    }
}

void the_stationary_operand_is_forgotten(void **state) {
    Pair pair(mode_of(state));
    const spec::Tile operand = tile(2, 2, 0, Dtype::F32);
    spec::Tile acc = operand;
    acc.space = Space::PSUM;
    Program weights;
    weights.add(Engine::PE, spec::InsnLdweights{.src = operand}).add(Engine::PE, end());
    Program use;
    use.add(Engine::PE,
            spec::InsnMatmul{.dst = acc, .moving = operand, .flags = spec::MatmulFlag::START | spec::MatmulFlag::STOP});
    use.add(Engine::PE, end());
    for (Runner *who : {&pair.spy, &pair.victim}) {
        assert_int_equal(pair.victim.run(weights), Fault::NONE);
        assert_int_equal(who->run(use), Fault::ILLEGAL_OPERAND); // nothing is loaded
        who->restart();
    }
}

void an_open_accumulation_group_is_forgotten(void **state) {
    Pair pair(mode_of(state));
    const spec::Tile operand = tile(2, 2, 0, Dtype::F32);
    spec::Tile acc = operand;
    acc.space = Space::PSUM;
    const auto matmul = [&](std::uint8_t flags) {
        Program p;
        p.add(Engine::PE, spec::InsnLdweights{.src = operand});
        p.add(Engine::PE, spec::InsnMatmul{.dst = acc, .moving = operand, .flags = flags}).add(Engine::PE, end());
        return p;
    };
    const std::uint8_t start = 0 | spec::MatmulFlag::START;
    assert_int_equal(pair.victim.run(matmul(start)), Fault::NONE); // and no STOP
    assert_int_equal(pair.spy.run(matmul(start)), Fault::NONE);    // is not refused because of it
    assert_int_equal(pair.spy.run(matmul(0)), Fault::PSUM_GROUP);  // nor let in
}

// Accumulators, random words and rounding: a program gives the same in a core that another one has used.
void engine_state_starts_anew(void **state) {
    Pair pair(mode_of(state));
    const spec::Tile noise = tile(4, 8, 512, Dtype::U32);
    const auto random_words = [&](Program &p, Engine engine) { p.add(engine, spec::InsnRng{.dst = noise}); };
    Program disturb;
    disturb.add(Engine::DVE, move(1, 12345));
    disturb.add(Engine::DVE, spec::InsnTensorStore{.dst = tile(1, 1), .ra = 1});
    disturb.add(Engine::DVE, spec::InsnSetRngSeed{.src = tile(1, 1)});
    random_words(disturb, Engine::DVE);
    disturb.add(Engine::DVE, spec::InsnSetRounding{.mode = spec::Rounding::STOCHASTIC}).add(Engine::DVE, end());
    Program look;
    random_words(look, Engine::DVE);
    look.add(Engine::DVE, nop(add(0, 1))).add(Engine::DVE, end());
    look.add(Engine::SP, store(mem(0, 8), noise, 0, wait_ge(0, 1))).add(Engine::SP, end());
    const auto words = [&](Runner &who) {
        assert_int_equal(who.run(look), Fault::NONE);
        return Bytes(who.data(0), who.data(128));
    };
    const Bytes fresh = words(pair.spy);
    assert_int_equal(pair.victim.run(disturb), Fault::NONE);
    assert_true(words(pair.spy) == fresh);
    assert_int_equal(pair.victim.run(disturb), Fault::NONE);
    assert_true(words(pair.victim) == fresh);
}

void accumulators_start_at_zero(void **state) {
    Pair pair(mode_of(state));
    const spec::Tile ones = tile(128, 4, 0, Dtype::F32);
    const spec::Scalar zero{.dtype = Dtype::F32};
    Program leave;
    leave.add(Engine::DVE, spec::InsnMemset{.dst = ones, .value = {.value = 0x3f800000, .dtype = Dtype::F32}});
    leave.add(Engine::DVE, spec::InsnTensorScalarReduce{.dst = ones,
                                                        .src = ones,
                                                        .op0 = spec::TensorOp::ADD,
                                                        .operand0 = zero,
                                                        .reduce = spec::TensorOp::ADD,
                                                        .acc = spec::AccCmd::RESET_REDUCE,
                                                        .init = zero});
    const auto read = [](Program &p) -> Program & {
        return p.add(Engine::DVE, spec::InsnReadAcc{.header = add(0, 1), .dst = tile(128, 1, 64, Dtype::F32)})
            .add(Engine::DVE, end());
    };
    const auto save = [](Program &p) {
        p.add(Engine::SP, store(mem(0, 1), tile(128, 1, 64), 0, wait_ge(0, 1))).add(Engine::SP, end());
    };
    save(read(leave));
    Program look;
    save(read(look));
    assert_int_equal(pair.victim.run(leave), Fault::NONE);
    assert_false(all_zero(pair.victim.data(0), 512)); // it does leave something
    std::fill_n(pair.spy.data(0), 512, std::byte{0xff});
    assert_int_equal(pair.spy.run(look), Fault::NONE);
    assert_true(all_zero(pair.spy.data(0), 512));
    assert_int_equal(pair.victim.run(leave), Fault::NONE);
    assert_int_equal(pair.victim.run(look), Fault::NONE); // a new launch of the same context, too
    assert_true(all_zero(pair.victim.data(0), 512));
}

// A launch that was stopped half-way leaves its data behind just the same.
void nothing_is_left_of_a_stopped_launch(void **state) {
    Pair pair(mode_of(state));
    Program leave;
    leave.add(Engine::SP, move(1, 0x5ec4e7)).add(Engine::SP, spec::InsnTensorStore{.dst = tile(1, 1), .ra = 1});
    leave.add(Engine::SP, nop(add(9, 4))).add(Engine::SP, jump(3));
    pair.victim.queue.submit(pair.victim.prepare(leave));
    assert_true(eventually([&] {
        if (mode_of(state).stepped)
            neuron_chip_run(pair.m.chip, 100);
        return pair.m.r64(reg::QUEUE_PROGRESS(0)) > 10;
    }));
    pair.victim.queue.disable();
    Program look;
    look.add(Engine::SP, nop(sync(WaitOp::EQ, 9, 0))).add(Engine::SP, put(1, 4));
    look.add(Engine::SP, spec::InsnTensorLoad{.rd = 1, .src = tile(1, 1)}).add(Engine::SP, put(1, 0));
    look.add(Engine::SP, end());
    pair.spy.set_word(0, 1);
    pair.spy.set_word(4, 1);
    assert_int_equal(pair.spy.run(look), Fault::NONE);
    assert_int_equal(pair.spy.word(0), 0);
    assert_int_equal(pair.spy.word(4), 0);
}

// ---- while both run -------------------------------------------------------------------------------------------------

// Each context on a core of its own, at the same time: what one does to its semaphores, memory and registers, the other
// does not see.
void neighbours_do_not_mix(void **state) {
    constexpr std::int32_t ROUNDS = 300;
    Pair pair(mode_of(state));
    const auto program = [](std::int32_t mark) {
        Program p;
        // Writes its mark everywhere and reads it back; a foreign one leads out of the stream.
        p.add(Engine::SP, move(1, mark));
        p.add(Engine::SP, spec::InsnTensorStore{.dst = tile(1, 1, 256), .ra = 1});
        p.add(Engine::SP, spec::InsnMemStore{.dst = cell(64), .ra = 1});
        p.add(Engine::SP, nop(sync(WaitOp::EQ, 5, 0, UpdateOp::ADD, 5, 3)));
        p.add(Engine::SP, spec::InsnTensorLoad{.rd = 2, .src = tile(1, 1, 256)});
        p.add(Engine::SP, spec::InsnMemLoad{.rd = 3, .src = cell(64)});
        p.add(Engine::SP, branch(spec::Cond::NE, 2, mark, 999)).add(Engine::SP, branch(spec::Cond::NE, 3, mark, 999));
        p.add(Engine::SP, nop(sync(WaitOp::EQ, 5, 3, UpdateOp::SET, 5, 0)));
        p.add(Engine::SP, alu(spec::AluOp::ADD, 4, 4, 0, 1)).add(Engine::SP, branch(spec::Cond::LT, 4, ROUNDS, 1));
        p.add(Engine::SP, end());
        return p;
    };
    for (const auto &[first, second] : {std::pair{1U, 2U}, {2U, 1U}, {1U, 1U}}) {
        pair.victim.queue.submit(pair.victim.prepare(program(11), {Runner::DATA}, first));
        pair.spy.queue.submit(pair.spy.prepare(program(22), {Runner::DATA}, second));
        pair.m.settle();
    }
    assert_int_equal(pair.victim.queue.head(), 3);
    assert_int_equal(pair.spy.queue.head(), 3);
    assert_int_equal(pair.victim.word(64), 11);
    assert_int_equal(pair.spy.word(64), 22);
}

// A rank names a core of the own launch. There is no number for a core of another one.
void no_rank_leads_out_of_the_launch(void **state) {
    Pair pair(mode_of(state));
    Program wait; // holds core 1 until somebody gives it what nobody may
    wait.add(Engine::SP, end(wait_ge(0, 1)));
    wait.add(Engine::PE, jump(0));
    pair.victim.queue.submit(pair.victim.prepare(wait, {Runner::DATA}, 2));
    assert_true(eventually([&] {
        if (mode_of(state).stepped)
            neuron_chip_run(pair.m.chip, 100);
        return pair.m.r64(reg::QUEUE_PROGRESS(0)) > 10;
    }));
    std::uint32_t events = 0;
    for (const std::int32_t rank : {1, 2, 31, 32, -1, INT32_MIN}) {
        Program reach;
        reach.add(Engine::SP, move(1, rank));
        reach.add(Engine::SP, spec::InsnSemRemote{.rank = 1, .sem = 0, .op = UpdateOp::ADD, .value = 1});
        reach.add(Engine::SP, end());
        pair.spy.queue.submit(pair.spy.prepare(reach, {Runner::DATA}, 1));
        assert_true(eventually([&] {
            if (mode_of(state).stepped)
                neuron_chip_run(pair.m.chip, 100);
            return pair.spy.queue.state() == QueueState::FAULTED && !pair.spy.queue.busy() &&
                   pair.m.event_count() == events + 1;
        }));
        const auto record = pair.m.event(events++);
        assert_int_equal(record.code, Fault::ILLEGAL_OPERAND);
        assert_int_equal(record.info, 16);
        pair.spy.restart();
    }
    assert_int_equal(pair.victim.queue.state(), QueueState::RUNNING);
    assert_int_equal(pair.victim.queue.head(), 0);
    pair.victim.queue.disable();
    pair.m.settle();
}

void a_fault_leaves_the_neighbour_running(void **state) {
    Pair pair(mode_of(state));
    Program endless;
    endless.add(Engine::SP, jump(0));
    pair.spy.queue.submit(pair.spy.prepare(endless, {Runner::DATA}, 2));
    const auto work = [&](const std::function<bool()> &done) {
        assert_true(eventually([&] {
            if (mode_of(state).stepped)
                neuron_chip_run(pair.m.chip, 100);
            return done();
        }));
    };
    work([&] { return pair.m.r64(reg::QUEUE_PROGRESS(1)) > 10; });
    Program bad;
    bad.add(Engine::SP, jump(77));
    for (std::uint32_t i = 0; i < 5; ++i) {
        pair.victim.queue.submit(pair.victim.prepare(bad, {Runner::DATA}, 1));
        work([&] { return pair.m.event_count() == i + 1 && !pair.victim.queue.busy(); });
        const std::uint64_t before = pair.m.r64(reg::QUEUE_PROGRESS(1));
        work([&] { return pair.m.r64(reg::QUEUE_PROGRESS(1)) > before; });
        assert_int_equal(pair.spy.queue.state(), QueueState::RUNNING);
        pair.victim.restart();
    }
    pair.spy.queue.disable();
    pair.m.settle();
}

// ---- page tables, queues, doorbells ---------------------------------------------------------------------------------

void an_address_means_what_its_own_context_says(void **state) {
    Pair pair(mode_of(state));
    constexpr std::uint64_t ONLY_VICTIM = 0x7000'0000;
    const std::uint64_t bus = pair.victim.ctx.map_host(ONLY_VICTIM, PAGE);
    pair.m.host.set_u64(bus, 0x5ec4e7);
    Program touch;
    spec::Mem there = cell(0);
    touch.add(Engine::SP, spec::InsnMemLoad{.rd = 1, .src = there}).add(Engine::SP, put(1, 0)).add(Engine::SP, end());
    const std::vector<std::uint64_t> args = {ONLY_VICTIM};
    assert_int_equal(pair.victim.run(touch, args), Fault::NONE); // warms TLB and core
    assert_int_equal(pair.spy.run(touch, args), Fault::PAGE_NOT_MAPPED);
    assert_int_equal(pair.m.event(0).ctx, 2);
    pair.spy.restart();
    // Every packet that carries an address, too.
    assert_int_equal(pair.spy.queue.run(spec::PacketCopy{.src = ONLY_VICTIM, .dst = Runner::DATA, .bytes = 8}),
                     Fault::PAGE_NOT_MAPPED);
    pair.spy.restart();
    assert_int_equal(pair.spy.queue.run(spec::PacketFence{.addr = ONLY_VICTIM, .value = 1}), Fault::PAGE_NOT_MAPPED);
    pair.spy.restart();
    assert_int_equal(pair.spy.queue.run(spec::PacketFill{.dst = ONLY_VICTIM, .bytes = 8, .pattern = 1}),
                     Fault::PAGE_NOT_MAPPED);
    pair.spy.restart();
    Program notify;
    notify.add(Engine::SP, spec::InsnNotify{.value = 1}).add(Engine::SP, end());
    auto launch = pair.spy.prepare(notify);
    launch.notify = ONLY_VICTIM;
    assert_int_equal(pair.spy.queue.run(launch), Fault::PAGE_NOT_MAPPED);
    assert_int_equal(pair.m.host.u64(bus), 0x5ec4e7);
    assert_int_equal(pair.victim.queue.state(), QueueState::IDLE);
}

void a_doorbell_page_rings_its_own_queues_only(void **state) {
    Pair pair(mode_of(state));
    pair.victim.queue.push(spec::PacketNop{}); // and is not told
    const std::uint32_t bad = pair.m.bad();
    for (std::uint32_t slot = 0; slot < spec::DOORBELL_SLOTS; ++slot)
        if (slot != pair.spy.queue.index())
            pair.m.doorbell(2, slot, 1);
    for (std::uint32_t ctx = 3; ctx < spec::MAX_CONTEXTS; ++ctx)
        pair.m.doorbell(ctx, pair.victim.queue.index(), 1);
    pair.m.settle();
    assert_int_equal(pair.m.bad() - bad, spec::DOORBELL_SLOTS - 1 + spec::MAX_CONTEXTS - 3);
    assert_int_equal(pair.victim.queue.head(), 0);
    assert_int_equal(pair.m.r64(reg::QUEUE_TAIL(0)), 0);
    // A false number on its own page is the spy's own trouble.
    pair.m.doorbell(2, pair.spy.queue.index(), 0x7fffffff);
    pair.m.settle();
    assert_int_equal(pair.spy.queue.state(), QueueState::FAULTED);
    pair.victim.queue.ring();
    pair.m.settle();
    assert_int_equal(pair.victim.queue.head(), 1);
}

void a_context_that_goes_takes_nobody_with_it(void **state) {
    Pair pair(mode_of(state));
    Program endless;
    endless.add(Engine::SP, jump(0));
    Program good;
    good.add(Engine::SP, end());
    for (int i = 0; i < 5; ++i) {
        pair.victim.queue.submit(pair.victim.prepare(endless, {Runner::DATA}, 1));
        assert_true(eventually([&] {
            if (mode_of(state).stepped)
                neuron_chip_run(pair.m.chip, 100);
            return pair.m.busy(0);
        }));
        pair.victim.ctx.disable();
        assert_int_equal(pair.spy.run(good, {Runner::DATA}, BOTH_CORES), Fault::NONE);
        pair.m.settle();
        assert_int_equal(pair.victim.queue.state(), QueueState::STOPPED);
        assert_int_equal(pair.spy.queue.head(), i + 1);
        pair.victim.ctx.enable();
        pair.victim.restart();
    }
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(on_chip_memory_reads_zero),
        IN_BOTH_MODES(registers_and_semaphores_start_at_zero),
        IN_BOTH_MODES(the_stationary_operand_is_forgotten),
        IN_BOTH_MODES(an_open_accumulation_group_is_forgotten),
        IN_BOTH_MODES(engine_state_starts_anew),
        IN_BOTH_MODES(accumulators_start_at_zero),
        IN_BOTH_MODES(nothing_is_left_of_a_stopped_launch),
        IN_BOTH_MODES(transfers_of_a_stopped_launch_do_not_arrive),
        IN_BOTH_MODES(neighbours_do_not_mix),
        IN_BOTH_MODES(no_rank_leads_out_of_the_launch),
        IN_BOTH_MODES(a_fault_leaves_the_neighbour_running),
        IN_BOTH_MODES(an_address_means_what_its_own_context_says),
        IN_BOTH_MODES(a_doorbell_page_rings_its_own_queues_only),
        IN_BOTH_MODES(a_context_that_goes_takes_nobody_with_it),
    };
    return cmocka_run_group_tests_name("chip isolation", tests, nullptr, nullptr);
}
