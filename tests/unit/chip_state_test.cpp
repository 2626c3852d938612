// SPDX-License-Identifier: MIT
// A chip that is saved in the middle of its work, and another one that goes on with it.
#include "chip_state_work.hpp"

#include <memory>

namespace {

using namespace chip_test;
using spec::Fault;
using spec::QueueState;

// ---- the same with and without hops --------------------------------------------------------------------------------

std::uint64_t hash_of(std::span<const std::byte> bytes) {
    std::uint64_t hash = 0xcbf29ce484222325;
    std::uint64_t word = 0;
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
        std::memcpy(&word, bytes.data() + at, 8);
        hash = (hash ^ word) * 0x100000001b3;
        hash ^= hash >> 29;
    }
    return hash;
}

// Everything that a guest can see.
std::vector<std::uint64_t> observed(Machine &m) {
    std::vector<std::uint64_t> all;
    for (const std::uint32_t offset :
         {reg::GLOBAL_STATUS, reg::GLOBAL_EVENT_TAIL, reg::GLOBAL_EVENTS_LOST, reg::GLOBAL_HBM_CORRECTED,
          reg::GLOBAL_HBM_UNCORRECTED, reg::GLOBAL_TEMPERATURE, reg::GLOBAL_POWER_UW, reg::GLOBAL_BAD_REGISTER,
          reg::GLOBAL_SCRUB_CTRL, reg::GLOBAL_EVENT_RING_LOG2, reg::GLOBAL_EVENT_HEAD})
        all.push_back(m.r32(offset));
    for (const std::uint32_t offset : {reg::GLOBAL_CLOCK_NS, reg::GLOBAL_ENERGY_UJ, reg::GLOBAL_SCRUB_ADDR,
                                       reg::GLOBAL_SCRUB_BYTES, reg::GLOBAL_EVENT_RING_BASE})
        all.push_back(m.r64(offset));
    for (std::uint32_t i = 0; i < spec::MAX_CONTEXTS; ++i)
        for (const std::uint64_t value :
             {m.r64(reg::CTX_PT_ROOT(i)), std::uint64_t{m.r32(reg::CTX_CTRL(i))},
              std::uint64_t{m.r32(reg::CTX_STATUS(i))}, std::uint64_t{m.r32(reg::CTX_TLB_FLUSHING(i))}})
            all.push_back(value);
    for (std::uint32_t i = 0; i < spec::MAX_QUEUES; ++i) {
        for (const std::uint32_t offset : {reg::QUEUE_RING_LOG2(i), reg::QUEUE_CFG(i), reg::QUEUE_CTRL(i),
                                           reg::QUEUE_STATUS(i), reg::QUEUE_COALESCE(i)})
            all.push_back(m.r32(offset));
        for (const std::uint32_t offset :
             {reg::QUEUE_RING_BASE(i), reg::QUEUE_SEQNO_ADDR(i), reg::QUEUE_HEAD(i), reg::QUEUE_TAIL(i),
              reg::QUEUE_STAMP_ADDR(i), reg::QUEUE_BUSY_NS(i), reg::QUEUE_CORE_NS(i), reg::QUEUE_PROGRESS(i)})
            all.push_back(m.r64(offset));
    }
    for (std::uint32_t i = 0; i < spec::MSIX_VECTORS; ++i)
        all.push_back(m.host.irqs(i));
    all.push_back(hash_of({m.host.at(FakeHost::BASE, FakeHost::SIZE), FakeHost::SIZE}));
    all.push_back(hash_of({m.hbm(0), 32 * MiB}));
    return all;
}

// What the chip has written, and the interrupts, in order. What it reads again is nobody's business.
std::vector<std::string> told(Machine &m) {
    auto all = m.host.trace();
    std::erase_if(all, [](const std::string &line) { return line[0] == 'r'; });
    return all;
}

struct Run {
    std::vector<std::uint64_t> observed;
    std::vector<std::string> told;
    std::uint64_t steps = 0;
};

// Runs to the end, in turns of `turn` steps, and hops after each, if that is wanted.
template<class W>
Run run(std::uint64_t seed, std::uint64_t turn, bool hops) {
    const Mode mode{.stepped = true, .seed = seed};
    const auto work = std::make_unique<W>(mode);
    Machine &m = work->m;
    m.host.tracing = true;
    work->start();
    Run result;
    // What a driver does comes at the same step with and without hops.
    for (bool more = true; more;) {
        std::uint64_t taken = 0;
        for (; taken < turn; ++taken) {
            work->meanwhile(result.steps);
            if (neuron_chip_run(m.chip, 1) == 0)
                break;
            ++result.steps;
        }
        more = taken == turn;
        if (hops)
            hop(m, {.stepped = true, .seed = seed + 1}); // the seed goes with the state
    }
    result.observed = observed(m);
    result.told = told(m);
    return result;
}

template<class W>
void goes_on_as_if_nothing_had_happened(void **) {
    for (const std::uint64_t seed : {1, 2, 3}) {
        const Run plain = run<W>(seed, 1, false);
        assert_true(plain.steps > 50);
        for (const std::uint64_t turn : {1, 2, 5, 13, 50}) {
            if (turn < 5 && seed != 1)
                continue; // a hop after each step takes a while
            const Run hopped = run<W>(seed, turn, true);
            if (hopped.steps != plain.steps)
                fail_msg("seed %zu, turns of %zu steps: %zu steps instead of %zu", seed, turn, hopped.steps,
                         plain.steps);
            for (std::size_t i = 0; i < std::min(plain.told.size(), hopped.told.size()); ++i)
                if (plain.told[i] != hopped.told[i])
                    fail_msg("seed %zu, turns of %zu steps: call %zu is '%s' instead of '%s'", seed, turn, i,
                             hopped.told[i].c_str(), plain.told[i].c_str());
            assert_int_equal(hopped.told.size(), plain.told.size());
            for (std::size_t i = 0; i < plain.observed.size(); ++i)
                if (plain.observed[i] != hopped.observed[i])
                    fail_msg("seed %zu, turns of %zu steps: observation %zu is %zx instead of %zx", seed, turn, i,
                             hopped.observed[i], plain.observed[i]);
        }
    }
}

void assert_done(Work &w, std::uint32_t queue, std::uint64_t packets, Fault fault = Fault::NONE) {
    if (w.m.fault(queue) != fault) {
        const spec::EventRecord e = w.m.event(0);
        fail_msg("queue %u: %s, core %u unit %u ring %u pc %u info %zx", queue, std::string(spec::name(e.code)).c_str(),
                 e.core, spec::raw(e.unit), e.ring, e.pc, e.info);
    }
    assert_int_equal(w.m.r64(reg::QUEUE_HEAD(queue)), packets);
}

// The work does what it is for: otherwise the cases above would show little.
void the_work_is_what_it_says(void **) {
    const auto finished = []<class W>(W &&w) -> W & {
        w.start();
        w.m.settle();
        return w;
    };
    const auto compute = std::make_unique<Compute>(STEPPED);
    assert_done(finished(*compute), 0, 2);
    assert_int_not_equal(compute->r.word(MiB), 0);
    assert_int_not_equal(compute->r.word(2 * MiB), 0);
    const auto transfers = std::make_unique<Transfers>(STEPPED);
    assert_done(finished(*transfers), 0, 1);
    const auto cores = std::make_unique<Cores>(STEPPED);
    assert_done(finished(*cores), 0, 1);
    assert_done(*cores, 1, 2);
    const auto packets = std::make_unique<Packets>(STEPPED);
    assert_done(finished(*packets), 0, 4, Fault::PAGE_NOT_MAPPED);
    assert_done(*packets, 1, 8);
    assert_int_equal(packets->sibling.state(), QueueState::STOPPED);
}

// ---- threads --------------------------------------------------------------------------------------------------------

// Under load, some times over; what must come out does not depend on when.
template<class W>
void a_busy_chip_with_threads_hops(void **) {
    W plain(STEPPED);
    plain.start();
    plain.m.settle();
    for (int round = 0; round < 4; ++round) {
        W w(THREADED);
        w.start();
        for (int i = 0; i < 12; ++i) {
            std::this_thread::sleep_for(std::chrono::microseconds(200 * (round + 1)));
            hop(w.m, {.threads = 1 + static_cast<std::uint32_t>(i % 3)});
        }
        w.m.settle();
        assert_int_equal(w.m.fault(0), Fault::NONE);
        assert_int_equal(w.r.queue.head(), plain.r.queue.head());
        // All but what has times in it.
        assert_true(same(w.m.hbm(0), {plain.m.hbm(0), 3 * MiB}));
        assert_true(same(w.m.hbm(8 * MiB), {plain.m.hbm(8 * MiB), 2 * MiB}));
        assert_int_equal(w.m.host.irqs(1), plain.m.host.irqs(1));
    }
}

void pause_stops_everything(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    neuron_chip_pause(m.chip);
    neuron_chip_pause(m.chip);
    const std::uint64_t time = m.r64(reg::GLOBAL_CLOCK_NS);
    r.queue.submit(spec::PacketFill{.dst = Runner::DATA, .bytes = 64, .pattern = 7});
    m.settle();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    assert_int_equal(r.queue.seqno(), 0);
    assert_int_equal(m.r64(reg::GLOBAL_CLOCK_NS), time);
    assert_int_equal(m.host.irqs(1), 0);
    neuron_chip_resume(m.chip);
    neuron_chip_resume(m.chip);
    m.settle();
    assert_int_equal(r.queue.seqno(), 1);
    assert_int_equal(r.word(0), 7);
}

void the_clock_goes_on_from_where_it_stood(void **) {
    Machine m;
    neuron_chip_pause(m.chip);
    const std::uint64_t time = m.r64(reg::GLOBAL_CLOCK_NS);
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    hop(m, THREADED);
    const std::uint64_t later = m.r64(reg::GLOBAL_CLOCK_NS);
    assert_true(later >= time);
    assert_true(later - time < 50'000'000);
}

// The timer of the interrupts that are held back stands still, too, and works in the next chip.
void a_held_back_interrupt_comes_in_the_next_chip(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    m.w32(reg::QUEUE_COALESCE(0), field::QUEUE_COALESCE_COUNT.set(10) | field::QUEUE_COALESCE_USECS.set(20'000));
    Program waits; // the queue never has nothing left to do, so only the timer sends
    waits.add(Engine::SP, spec::InsnMemLoad{.rd = 1, .src = typed(mem(0, 1), Dtype::U32)})
        .add(Engine::SP, branch(spec::Cond::EQ, 1, 0, 0))
        .add(Engine::SP, end());
    r.queue.push(spec::PacketNop{});
    r.queue.push(r.prepare(waits));
    r.queue.ring();
    if (mode_of(state).stepped)
        neuron_chip_run(m.chip, 50);
    else
        assert_true(eventually([&] { return r.queue.head() == 1; }));
    neuron_chip_pause(m.chip);
    if (m.host.irqs(1) != 0)
        skip(); // a host that was away for so long
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    assert_int_equal(m.host.irqs(1), 0);
    hop(m, mode_of(state));
    assert_true(eventually([&] {
        neuron_chip_run(m.chip, 1000);
        return m.host.irqs(1) == 1;
    }));
    r.set_word(0, 1);
    m.settle();
    assert_int_equal(r.queue.head(), 2);
}

void work_that_waits_for_the_guest_waits_in_the_next_chip(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program waits;
    waits.add(Engine::SP, spec::InsnMemLoad{.rd = 1, .src = typed(mem(0, 1), Dtype::U32)})
        .add(Engine::SP, branch(spec::Cond::EQ, 1, 0, 0));
    waits.add(Engine::SP, spec::InsnMemStore{.dst = typed(mem(0, 1, 4, 64), Dtype::U32), .ra = 1})
        .add(Engine::SP, end());
    r.queue.submit(r.prepare(waits));
    neuron_chip_run(m.chip, 100);
    assert_true(eventually([&] { return m.r64(reg::QUEUE_PROGRESS(0)) > 3; }));
    hop(m, mode_of(state));
    assert_int_equal(r.queue.head(), 0);
    assert_int_equal(r.queue.state(), QueueState::RUNNING);
    r.set_word(0, 42);
    m.settle();
    assert_int_equal(r.queue.seqno(), 1);
    assert_int_equal(r.word(64), 42);
}

// ---- what is in a stream --------------------------------------------------------------------------------------------

void an_idle_chip_is_small(void **) {
    Machine m({.cores = 8, .hbm_bytes = 96ULL << 30});
    const auto start = std::chrono::steady_clock::now();
    assert_true(saved(m).size() < 8192);
    assert_true(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

void nothing_changes_by_saving(void **) {
    Machine m(STEPPED);
    Runner r(m);
    r.queue.submit(spec::PacketFill{.dst = Runner::DATA, .bytes = MiB, .pattern = 7});
    neuron_chip_run(m.chip, 4);
    const Bytes first = saved(m);
    assert_true(first == saved(m));
}

void a_loaded_chip_saves_the_same(void **) {
    Transfers w(STEPPED);
    w.start();
    for (int i = 0; i < 40; ++i) {
        neuron_chip_run(w.m.chip, 17);
        const Bytes before = saved(w.m);
        neuron_chip_resume(w.m.chip);
        hop(w.m, STEPPED);
        assert_true(before == saved(w.m));
        neuron_chip_resume(w.m.chip);
    }
}

// A chip that has work of its own forgets it.
void loading_replaces_what_was_there(void **) {
    Cores w(STEPPED);
    w.start();
    Machine empty(STEPPED);
    const Bytes nothing = saved(empty);
    for (int i = 0; i < 60; ++i) {
        neuron_chip_run(w.m.chip, 11);
        const Bytes before = saved(w.m);
        assert_int_equal(load(w.m.chip, nothing).code, 0);
        Bytes after;
        save(w.m.chip, after);
        assert_true(after == nothing);
        assert_int_equal(load(w.m.chip, before).code, 0);
        neuron_chip_resume(w.m.chip);
    }
    w.m.settle();
    assert_int_equal(w.r.queue.head(), 1);
    assert_int_equal(w.second.queue.head(), 2);
}

void secrets_of_a_core_go_with_it(void **) {
    Machine m(STEPPED);
    Runner owner(m, 1, 0, 0);
    Runner other(m, 2, 1, 4 * MiB);
    Program leaves, looks;
    owner.set_word(0, 0x5ec7e7);
    leaves.add(Engine::SP, load(tile(1, 1), mem(0, 1), 0)).add(Engine::SP, spec::InsnDrain{}).add(Engine::SP, end());
    looks.add(Engine::SP, store(mem(0, 1, 4, 128), tile(1, 1), 0))
        .add(Engine::SP, spec::InsnDrain{})
        .add(Engine::SP, end());
    assert_int_equal(owner.run(leaves), Fault::NONE);
    hop(m, STEPPED);
    assert_int_equal(owner.run(looks), Fault::NONE);
    assert_int_equal(owner.word(128), 0x5ec7e7);
    hop(m, STEPPED);
    assert_int_equal(other.run(looks), Fault::NONE);
    assert_int_equal(other.word(128), 0);
}

// ---- refusals -------------------------------------------------------------------------------------------------------

void assert_refused(const Outcome &outcome, int code, const char *what) {
    assert_int_equal(outcome.code, code);
    if (outcome.message.find(what) == std::string::npos)
        fail_msg("'%s' does not say '%s'", outcome.message.c_str(), what);
}

void another_chip_is_refused_by_name(void **) {
    const struct {
        Mode mode;
        const char *name;
    } others[] = {
        {{.profile = "trn1"}, "profile: the saved chip has trn2, this one has trn1"},
        {{.cores = 3}, "cores: the saved chip has 2, this one has 3"},
        {{.hbm_bytes = 128 * MiB}, "hbm_bytes"},
        {{.stepped = true}, "stepped"},
    };
    Machine m;
    const Bytes bytes = saved(m);
    for (const auto &other : others) {
        Machine wrong(other.mode);
        wrong.w32(reg::QUEUE_CFG(3), 5);
        neuron_chip_pause(wrong.chip);
        assert_refused(load(wrong.chip, bytes), -EINVAL, other.name);
        assert_int_equal(wrong.r32(reg::QUEUE_CFG(3)), 5); // it is as it was
    }
}

void a_chip_that_runs_is_refused(void **) {
    Machine m;
    Bytes bytes;
    assert_refused(save(m.chip, bytes), -EBUSY, "not paused");
    assert_refused(load(m.chip, bytes), -EBUSY, "not paused");
    assert_true(bytes.empty());
}

void hazard_detection_is_refused(void **) {
    Machine m({.hazards = true});
    neuron_chip_pause(m.chip);
    Bytes bytes;
    assert_refused(save(m.chip, bytes), -ENOTSUP, "hazards");
    assert_refused(load(m.chip, bytes), -ENOTSUP, "hazards");
}

void the_sanitizer_is_refused(void **) {
    Machine m({.sanitizer = true});
    neuron_chip_pause(m.chip);
    Bytes bytes;
    assert_refused(save(m.chip, bytes), -ENOTSUP, "sanitizer");
    assert_refused(load(m.chip, bytes), -ENOTSUP, "sanitizer");
}

void what_the_host_says_comes_back(void **) {
    Machine m;
    neuron_chip_pause(m.chip);
    char message[64];
    const auto full = [](void *, const void *, std::size_t) { return -ENOSPC; };
    assert_int_equal(neuron_chip_save(m.chip, full, nullptr, message, sizeof message), -ENOSPC);
    assert_string_equal(message, "writing the stream: No space left on device");
    assert_refused(load(m.chip, {}), -EIO, "reading the stream: ");
    neuron_chip_resume(m.chip); // and it works
    Runner r(m);
    assert_int_equal(r.queue.run(spec::PacketNop{}), Fault::NONE);
}

} // namespace

int main() {
    without_sanitizer();
    const CMUnitTest tests[] = {
        cmocka_unit_test(the_work_is_what_it_says),
        cmocka_unit_test(goes_on_as_if_nothing_had_happened<Packets>),
        cmocka_unit_test(goes_on_as_if_nothing_had_happened<Compute>),
        cmocka_unit_test(goes_on_as_if_nothing_had_happened<Cores>),
        cmocka_unit_test(goes_on_as_if_nothing_had_happened<Endings>),
        cmocka_unit_test(goes_on_as_if_nothing_had_happened<Transfers>),
        cmocka_unit_test(a_busy_chip_with_threads_hops<Compute>),
        cmocka_unit_test(a_busy_chip_with_threads_hops<Transfers>),
        cmocka_unit_test(a_busy_chip_with_threads_hops<Cores>),
        IN_BOTH_MODES(pause_stops_everything),
        cmocka_unit_test(the_clock_goes_on_from_where_it_stood),
        IN_BOTH_MODES(a_held_back_interrupt_comes_in_the_next_chip),
        IN_BOTH_MODES(work_that_waits_for_the_guest_waits_in_the_next_chip),
        cmocka_unit_test(an_idle_chip_is_small),
        cmocka_unit_test(nothing_changes_by_saving),
        cmocka_unit_test(a_loaded_chip_saves_the_same),
        cmocka_unit_test(loading_replaces_what_was_there),
        cmocka_unit_test(secrets_of_a_core_go_with_it),
        cmocka_unit_test(another_chip_is_refused_by_name),
        cmocka_unit_test(a_chip_that_runs_is_refused),
        cmocka_unit_test(hazard_detection_is_refused),
        cmocka_unit_test(the_sanitizer_is_refused),
        cmocka_unit_test(what_the_host_says_comes_back),
    };
    return cmocka_run_group_tests_name("chip state", tests, nullptr, nullptr);
}
