// SPDX-License-Identifier: MIT
// Each client counts on something that the contract does not promise, and is right as long as the device is as fast as usual.
// Exploring finds each one within some seeds, the same seed finds it again in the same steps, and nothing is found where the mistake is
// mended.
#include "rig.hpp"

#include <cinttypes>

namespace {

using namespace explore_test;

constexpr std::uint64_t SEEDS = 200;

std::string number(std::uint64_t value) { return std::to_string(value); }

// ---- the clients: `wrong` is as the mistake would be made -------------------------------------------------------------

/// The doorbell is rung, and then the packet is written.
Verdict doorbell_before_packet(Rig &r, bool wrong) {
    TestQueue queue(r.m, 0, r.CTX);
    queue.submit(r.store(0, 1));
    if (!r.poll([&] { return queue.seqno() == 1; }))
        return "job 1 does not end";
    if (wrong) {
        r.m.doorbell(r.CTX, 0, 2);
        queue.push(r.store(0, 2));
    } else {
        queue.submit(r.store(0, 2));
    }
    r.m.settle();
    return r.word(0) == 2 ? Verdict() : "job 2 ran with the bytes that were in its slot before: " + number(r.word(0));
}

/// A packet is corrected after it was announced, as long as the one before it has not ended.
Verdict packet_changed_after_doorbell(Rig &r, bool wrong) {
    TestQueue queue(r.m, 0, r.CTX);
    queue.push(r.slow(1));
    queue.push(r.store(0, wrong ? 1 : 2));
    queue.ring();
    if (wrong && queue.seqno() == 0) {
        const auto raw = spec::packed(r.store(0, 2));
        std::memcpy(r.m.host.at(queue.slot(1), raw.size()), raw.data(), raw.size());
    }
    r.m.settle();
    return r.word(0) == 2 ? Verdict() : Verdict("the correction came too late");
}

/// "After so many steps the ring is free again."
Verdict slot_reused_too_early(Rig &r, bool wrong) {
    constexpr std::uint64_t RING = 16;
    constexpr std::uint64_t ENOUGH = 16 * RING;
    TestQueue queue(r.m, 0, r.CTX);
    for (std::uint64_t i = 0; i < RING; ++i)
        queue.push(r.store(i, i + 1));
    queue.ring();
    if (wrong)
        neuron_chip_run(r.m.chip, ENOUGH);
    else if (!r.poll([&] { return queue.seqno() == RING; }))
        return "the ring is not worked off";
    for (std::uint64_t i = 0; i < RING; ++i)
        queue.push(r.store(RING + i, i + 1));
    r.m.settle();
    for (std::uint64_t i = 0; i < RING; ++i)
        if (r.word(i) != i + 1)
            return "job " + number(i + 1) + " was overwritten before it ran";
    return {};
}

/// It looks, then forgets the interrupts so far, then sleeps until the next one.
Verdict lost_wake_up(Rig &r, bool wrong) {
    TestQueue queue(r.m, 0, r.CTX);
    bool pending = false;
    r.m.host.on_irq = [&](std::uint32_t) { pending = true; };
    for (std::uint64_t job = 1; job <= 4; ++job) {
        queue.submit(r.store(0, job));
        for (;;) {
            if (!wrong)
                pending = false;
            r.turn();
            const bool done = queue.seqno() >= job;
            r.turn();
            if (done)
                break;
            if (wrong)
                pending = false;
            if (!r.poll([&] { return pending; }))
                return "asleep for ever though job " + number(job) + " has ended";
        }
    }
    return {};
}

/// Each job has an interrupt of its own.
Verdict one_interrupt_for_each_job(Rig &r, bool wrong) {
    TestQueue queue(r.m, 0, r.CTX);
    std::uint64_t interrupts = 0;
    r.m.host.on_irq = [&](std::uint32_t) { ++interrupts; };
    for (std::uint64_t job = 1; job <= 4; ++job)
        queue.submit(r.store(0, job));
    const bool all = r.poll([&] { return (wrong ? interrupts : queue.seqno()) == 4; });
    return all ? Verdict() : "4 jobs have ended with " + number(interrupts) + " interrupts";
}

/// The result is read, and then it is asked whether it is there.
Verdict data_before_seqno(Rig &r, bool wrong) {
    TestQueue queue(r.m, 0, r.CTX);
    for (std::uint64_t job = 1; job <= 4; ++job) {
        queue.submit(r.store(0, job));
        for (;;) {
            std::uint64_t result = r.word(0);
            r.turn();
            const bool done = queue.seqno() >= job;
            if (!wrong)
                result = r.word(0);
            if (done && result != job)
                return "the result of job " + number(job) + " is that of the one before";
            if (done)
                break;
            if (neuron_chip_run(r.m.chip, 1) == 0 && queue.seqno() < job)
                return "job " + number(job) + " does not end";
        }
    }
    return {};
}

/// What was submitted first, to another queue, has ended first.
Verdict order_between_queues(Rig &r, bool wrong) {
    TestQueue first(r.m, 0, r.CTX), second(r.m, 1, r.CTX, {.vector = 2});
    first.submit(r.store(0, 7));
    if (!wrong && !r.poll([&] { return first.seqno() == 1; }))
        return "the first job does not end";
    r.turn();
    second.push(r.slow(4));
    second.submit(spec::PacketCopy{.src = r.va(0), .dst = r.va(1), .bytes = 8});
    r.m.settle();
    return r.word(1) == 7 ? Verdict() : Verdict("the second job has read what the first one had not written yet");
}

/// The seqno is cleared, and then the device is reset: what ends between the two counts as done in the next life.
Verdict completion_from_before_a_reset(Rig &r, bool wrong) {
    TestQueue queue(r.m, 0, r.CTX);
    for (int i = 0; i < 8; ++i)
        queue.push(r.slow(1));
    queue.ring();
    r.turn();
    const auto clear = [&] { r.m.host.set_u64(queue.seqno_bus(), 0); };
    if (wrong)
        clear();
    r.turn();
    r.m.w32(reg::GLOBAL_CTRL, field::GLOBAL_CTRL_RESET.mask);
    if (!r.poll([&] { return r.m.ready(); }))
        return "the device does not get ready";
    if (!wrong)
        clear();
    return queue.seqno() == 0 ? Verdict() : "a job of before the reset counts as job " + number(queue.seqno());
}

/// A device is ready after so many looks.
Verdict reset_that_takes_longer(Rig &r, bool wrong) {
    constexpr int LOOKS = 256;
    TestQueue queue(r.m, 0, r.CTX);
    queue.submit(r.slow(32));
    r.turn();
    r.m.w32(reg::GLOBAL_CTRL, field::GLOBAL_CTRL_RESET.mask);
    if (wrong)
        neuron_chip_run(r.m.chip, LOOKS);
    else if (!r.poll([&] { return r.m.ready(); }))
        return "the device does not get ready";
    r.ctx.enable();
    r.m.host.set_u64(queue.seqno_bus(), 0);
    TestQueue again(r.m, 0, r.CTX);
    again.submit(r.store(0, 1));
    r.m.settle();
    return again.seqno() == 1 ? Verdict() : Verdict("what was written before READY was ignored");
}

/// A queue is enabled again without a look at BUSY.
Verdict enabled_while_busy(Rig &r, bool wrong) {
    TestQueue queue(r.m, 0, r.CTX);
    queue.submit(r.store(0, 1));
    r.m.settle();
    queue.submit(r.store(0, 2));
    if (!r.poll([&] { return queue.seqno() == 2; }))
        return "job 2 does not end";
    queue.disable();
    if (!wrong && !r.poll([&] { return !queue.busy(); }))
        return "the queue stays busy";
    r.m.host.set_u64(queue.seqno_bus(), 0);
    queue.enable();
    queue.submit(r.store(0, 3));
    r.m.settle();
    return r.word(0) == 3 && queue.seqno() == 1 ? Verdict() : Verdict("the queue was not enabled, as it was busy");
}

/// Who sees that a queue has faulted finds the record.
Verdict state_before_record(Rig &r, bool wrong) {
    TestQueue queue(r.m, 0, r.CTX);
    TestQueue other(r.m, 1, r.CTX + 1, {.vector = 2});
    Context another(r.m, r.CTX + 1);
    other.disable();
    other.enable();
    for (int i = 0; i < 4; ++i)
        other.push(spec::PacketNop{});
    other.ring();
    queue.submit(spec::PacketFill{.dst = 0xdead'0000, .bytes = 8});
    const bool stopped = r.poll([&] { return queue.state() == spec::QueueState::FAULTED; });
    if (!stopped || (!wrong && !r.poll([&] { return r.m.event_count() != 0; })))
        return "the queue does not fault";
    return r.m.event_count() != 0 ? Verdict() : Verdict("the queue has faulted, and there is no record of it");
}

struct Client {
    const char *name;
    Verdict (*run)(Rig &, bool wrong);
    std::uint64_t within; ///< seeds, from 1 on, of which one finds it
    bool only_exploring;  ///< plain stepped mode does not find it in as many
};

constexpr Client CLIENTS[] = {
    {"doorbell_before_packet", doorbell_before_packet, 20, true},
    {"packet_changed_after_doorbell", packet_changed_after_doorbell, 20, true},
    {"slot_reused_too_early", slot_reused_too_early, 20, true},
    {"lost_wake_up", lost_wake_up, 20, false},
    {"one_interrupt_for_each_job", one_interrupt_for_each_job, 20, true},
    {"data_before_seqno", data_before_seqno, 20, false},
    {"order_between_queues", order_between_queues, 20, false},
    {"completion_from_before_a_reset", completion_from_before_a_reset, 50, false},
    {"reset_that_takes_longer", reset_that_takes_longer, 20, true},
    {"enabled_while_busy", enabled_while_busy, 20, false},
    {"state_before_record", state_before_record, 20, true},
};

// ---- the search -------------------------------------------------------------------------------------------------------

struct Run {
    Verdict verdict;
    std::string trace;
};

Run run(const Client &client, std::uint64_t seed, bool wrong, const char *aspects = "") {
    Rig rig(seed, aspects);
    Run out{client.run(rig, wrong), {}};
    out.trace = rig.trace();
    return out;
}

void is_found_and_replays(void **state) {
    const auto &client = *static_cast<const Client *>(*state);
    std::uint64_t seed = 1;
    Run found = run(client, seed, true);
    while (!found.verdict && seed < client.within)
        found = run(client, ++seed, true);
    if (!found.verdict)
        fail_msg("%s: not found by seeds 1 to %" PRIu64, client.name, client.within);
    std::printf("# %s: seed %" PRIu64 ": %s\n", client.name, seed, found.verdict->c_str());
    const Run again = run(client, seed, true);
    assert_true(again.verdict.has_value());
    assert_string_equal(again.verdict->c_str(), found.verdict->c_str());
    assert_string_equal(again.trace.c_str(), found.trace.c_str());
}

void is_not_found_where_it_is_mended(void **state) {
    const auto &client = *static_cast<const Client *>(*state);
    for (std::uint64_t seed = 1; seed <= SEEDS; ++seed)
        if (const Run good = run(client, seed, false); good.verdict)
            fail_msg("%s: seed %" PRIu64 ": %s", client.name, seed, good.verdict->c_str());
}

void is_not_found_without_exploring(void **state) {
    const auto &client = *static_cast<const Client *>(*state);
    for (std::uint64_t seed = 1; seed <= client.within; ++seed)
        if (const Run plain = run(client, seed, true, nullptr); plain.verdict)
            fail_msg("%s: seed %" PRIu64 ": %s", client.name, seed, plain.verdict->c_str());
}

} // namespace

int main() {
    std::vector<std::string> names;
    std::vector<CMUnitTest> tests;
    names.reserve(3 * std::size(CLIENTS));
    const auto add = [&](const Client &client, const char *what, CMUnitTestFunction function) {
        names.push_back(std::string(client.name) + " " + what);
        tests.push_back({names.back().c_str(), function, nullptr, nullptr, const_cast<Client *>(&client)});
    };
    for (const Client &client : CLIENTS) {
        add(client, "is found, and its seed finds it again", is_found_and_replays);
        add(client, "is not found where it is mended", is_not_found_where_it_is_mended);
        if (client.only_exploring)
            add(client, "is not found without exploring", is_not_found_without_exploring);
    }
    return _cmocka_run_group_tests("explore clients", tests.data(), tests.size(), nullptr, nullptr);
}
