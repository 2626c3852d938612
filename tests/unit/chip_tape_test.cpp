// SPDX-License-Identifier: MIT
// Tapes: what is recorded replays with the same results, what was changed in a tape is found and named, and a damaged tape is refused.
#include "chip_state_work.hpp"
#include "chip_teller.hpp"

#include <optional>

namespace {

using namespace chip_test;
using spec::TapeEvent;
using spec::TapeFlag;
using spec::TapeHeader;
using spec::TapeKind;

struct Replayed {
    int code = 0;
    std::string message;
    neuron_chip_replay_result result{};
};

Replayed replay(std::span<const std::byte> tape, neuron_chip_replay_options options = neuron_chip_replay_options()) {
    Replayed out;
    std::array<char, 512> error{};
    options.size = sizeof options;
    out.result.size = sizeof out.result;
    out.code = neuron_chip_replay(tape.data(), tape.size(), &options, &out.result, error.data(), error.size());
    out.message = error.data();
    return out;
}

void same(const Bytes &tape) {
    const Replayed done = replay(tape);
    if (done.code != 0 || !done.result.complete)
        fail_msg("%d: %s", done.code, done.message.c_str());
}

void says(const Replayed &done, int code, const char *text) {
    if (done.code != code || done.message.find(text) == std::string::npos)
        fail_msg("%d: \"%s\", expected %d and \"%s\"", done.code, done.message.c_str(), code, text);
}

// ---- recording -----------------------------------------------------------------------------------------------------

/// The tape of a machine that does this work to its end. `explores`: by its seed.
template<class W>
Bytes tape_of(std::uint64_t seed, std::uint64_t turn = 10, bool sanitizer = false, bool explores = false) {
    auto work = std::make_unique<W>(Mode{.stepped = true, .seed = seed, .sanitizer = sanitizer, .tape = true});
    const std::string plan = "explore seed=" + std::to_string(seed);
    if (explores)
        assert_int_equal(neuron_chip_set_fault_plan(work->m.chip, plan.c_str(), nullptr, 0), 0);
    work->start();
    std::uint64_t steps = 0;
    for (std::uint64_t done = turn; done == turn && steps < 2000;) {
        done = neuron_chip_run(work->m.chip, turn);
        steps += done;
        work->meanwhile(steps);
        work->m.r64(reg::GLOBAL_CLOCK_NS);
    }
    work->m.end();
    return std::move(work->m.tape);
}

template<class W>
void replays(void **) {
    for (const std::uint64_t seed : {1, 2}) {
        const Bytes tape = tape_of<W>(seed);
        same(tape);
        const Replayed done = replay(tape);
        assert_true(done.result.steps > 50 && done.result.accesses > 10 && done.result.dma_reads > 0);
    }
    same(tape_of<W>(3, 1, true));
}

// What the chip has chosen it chooses again, also where nothing is left to do but to let out what was held back.
template<class W>
void explored(void **) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
        same(tape_of<W>(seed, 10, false, true));
}

// What the CPU stores behind the aperture reaches the tape where the chip reads it, and what the chip stores reaches the CPU.
void aperture(void **) {
    Machine m({.stepped = true, .tape = true});
    Context ctx(m, 1, true);
    TestQueue queue(m, 2, 1);
    ctx.map(0x10000, 4 * MiB, 64 * PAGE, Context::HBM | Context::WRITE);
    for (std::uint64_t i = 0; i < 8192; ++i)
        m.hbm(4 * MiB)[i] = static_cast<std::byte>(i * 7);
    assert_int_equal(queue.run(spec::PacketCopy{.src = 0x10000, .dst = 0x20000, .bytes = 8192}), spec::Fault::NONE);
    assert_memory_equal(m.hbm(4 * MiB + 0x10000), m.hbm(4 * MiB), 8192);
    m.hbm(4 * MiB)[5] = std::byte{99};
    m.hbm(4 * MiB + 0x10000)[0] = std::byte{98}; // is overwritten
    assert_int_equal(queue.run(spec::PacketCopy{.src = 0x10000, .dst = 0x20000, .bytes = 100}), spec::Fault::NONE);
    assert_memory_equal(m.hbm(4 * MiB + 0x10000), m.hbm(4 * MiB), 8192);
    neuron_chip_reset(m.chip);
    m.settle();
    assert_int_equal(static_cast<int>(m.hbm(4 * MiB)[5]), 0);
    m.end();
    same(m.tape);
    assert_true(replay(m.tape).result.patches >= 4);
}

// All that a host can do beside accesses.
void calls(void **) {
    Machine m({.stepped = true, .tape = true});
    Context ctx(m, 1);
    TestQueue queue(m, 2, 1);
    ctx.map_host(0x10000, 16 * PAGE);
    char error[128];
    assert_int_equal(neuron_chip_set_fault_plan(m.chip, "nonsense", error, sizeof error), -EINVAL);
    assert_int_equal(neuron_chip_set_fault_plan(m.chip, "dma_write nth=2: corrupt", error, sizeof error), 0);
    assert_int_equal(neuron_chip_inject_ecc(m.chip, 4096, false), 0);
    assert_int_equal(neuron_chip_set_test_fault(m.chip, NEURON_CHIP_TEST_HANG_STOP), 0);
    queue.submit(spec::PacketFill{.dst = 0x10000, .bytes = 40000, .pattern = 4});
    neuron_chip_pause(m.chip);
    assert_int_equal(neuron_chip_run(m.chip, 10), 0);
    neuron_chip_resume(m.chip);
    neuron_chip_quiesce(m.chip);
    neuron_chip_reset(m.chip);
    neuron_chip_forget_reports(m.chip);
    m.settle();
    neuron_chip_end_tape(m.chip);
    const std::size_t size = m.tape.size();
    m.r32(reg::GLOBAL_VERSION);
    neuron_chip_end_tape(m.chip);
    assert_int_equal(m.tape.size(), size);
    m.end();
    same(m.tape);
}

// An access from inside a DMA, as of a device that writes to another one's registers, or of another thread meanwhile.
void inside(void **) {
    Machine m({.stepped = true, .tape = true});
    Context ctx(m, 1);
    TestQueue queue(m, 2, 1);
    ctx.map_host(0x10000, 64 * PAGE);
    unsigned seen = 0;
    m.host.on_dma = [&](std::uint64_t, std::size_t, bool) {
        std::thread other([&] { seen += m.r64(reg::QUEUE_HEAD(2)) == 0; });
        other.join();
        m.w32(reg::GLOBAL_EVENT_HEAD, 0);
    };
    assert_int_equal(queue.run(spec::PacketFill{.dst = 0x10000, .bytes = 200000, .pattern = 4}), spec::Fault::NONE);
    m.host.on_dma = nullptr;
    assert_true(seen > 1);
    m.end();
    same(m.tape);
}

// A register write that reads host memory, and steps that another thread takes meanwhile.
void steps_inside(void **) {
    Teller teller({.stepped = true, .tape = true});
    Machine &m = teller.m;
    Context ctx(m, 1);
    TestQueue queue(m, 2, 1);
    ctx.map_host(0x10000, 64 * PAGE);
    queue.submit(spec::PacketFill{.dst = 0x10000, .bytes = 2000, .pattern = 4});
    bool within = false;
    std::uint64_t steps = 0;
    m.host.on_dma = [&](std::uint64_t, std::size_t, bool) {
        if (within)
            return;
        within = true;
        std::thread other([&] { steps = neuron_chip_run(m.chip, 1000); });
        other.join();
    };
    teller.open(1, 412);
    m.host.on_dma = nullptr;
    assert_true(steps > 2);
    m.settle();
    m.end();
    same(m.tape);
}

void busy_threads(void **) {
    Machine m({.stepped = true, .tape = true});
    Context ctx(m, 1);
    TestQueue queue(m, 2, 1);
    ctx.map_host(0x10000, 64 * PAGE);
    std::atomic<bool> stop{false};
    std::thread reader([&] {
        for (unsigned i = 0; !stop && i < 20000; ++i)
            m.r64(reg::GLOBAL_CLOCK_NS), m.r64(reg::QUEUE_HEAD(2));
    });
    for (int i = 0; i < 20; ++i)
        assert_int_equal(queue.run(spec::PacketFill{.dst = 0x10000, .bytes = 100000, .pattern = 4}), spec::Fault::NONE);
    stop = true;
    reader.join();
    m.end();
    same(m.tape);
}

// ---- a start in the middle of a run --------------------------------------------------------------------------------

int take(void *opaque, const void *data, std::size_t size) {
    auto &tape = *static_cast<Bytes *>(opaque);
    const auto *bytes = static_cast<const std::byte *>(data);
    tape.insert(tape.end(), bytes, bytes + size);
    return 0;
}

/// Begins a tape; whether it was paused is as it was.
Outcome start(Machine &m, Bytes &tape, bool pause = true) {
    std::array<char, 512> error{};
    if (pause)
        neuron_chip_pause(m.chip);
    const int code = neuron_chip_start_tape(m.chip, take, &tape, error.data(), error.size());
    if (pause)
        neuron_chip_resume(m.chip);
    return {code, error.data()};
}

void refuses(const Outcome &outcome, int code, const char *message) {
    assert_int_equal(outcome.code, code);
    assert_string_equal(outcome.message.c_str(), message);
}

// Whatever is in flight, the tape goes on from there; and the work ends as it would have without.
template<class W>
void late_at(std::uint64_t when) {
    const Mode mode{.stepped = true, .seed = 1, .unwatched = true};
    auto plain = std::make_unique<W>(mode), late = std::make_unique<W>(mode);
    Bytes tape;
    for (W *work : {plain.get(), late.get()}) {
        work->start();
        const void *const aperture = work->m.hbm(0);
        for (std::uint64_t steps = 0, done = 10; done == 10 && steps < 2000;) {
            if (work == late.get() && steps == when)
                assert_int_equal(start(work->m, tape).code, 0);
            done = neuron_chip_run(work->m.chip, 10);
            steps += done;
            work->meanwhile(steps);
            work->m.r64(reg::GLOBAL_CLOCK_NS);
        }
        std::uint64_t bytes = 0;
        assert_ptr_equal(neuron_chip_aperture(work->m.chip, &bytes), aperture);
    }
    assert_true(!tape.empty());
    assert_int_equal(plain->m.r64(reg::GLOBAL_CLOCK_NS), late->m.r64(reg::GLOBAL_CLOCK_NS));
    assert_memory_equal(plain->m.host.at(FakeHost::BASE, FakeHost::SIZE),
                        late->m.host.at(FakeHost::BASE, FakeHost::SIZE), FakeHost::SIZE);
    neuron_chip_destroy(late->m.chip);
    late->m.chip = nullptr;
    same(tape);
    assert_true(replay(tape).result.steps > 0);
}

template<class W>
void late(void **) {
    for (const std::uint64_t when : {10, 50})
        late_at<W>(when);
}

// A tape may follow another one; and what the CPU has behind the aperture stays where it is all the time.
void late_again(void **) {
    Machine m({.stepped = true, .unwatched = true});
    Context ctx(m, 1, true);
    TestQueue queue(m, 2, 1);
    ctx.map(0x10000, 4 * MiB, 64 * PAGE, Context::HBM | Context::WRITE);
    Bytes first, second;
    for (Bytes *const tape : {&first, &second}) {
        m.hbm(4 * MiB)[3] = std::byte{7};
        assert_int_equal(start(m, *tape).code, 0);
        refuses(start(m, *tape), -EALREADY, "the chip is being recorded");
        m.hbm(4 * MiB)[4] = std::byte{8};
        assert_int_equal(queue.run(spec::PacketCopy{.src = 0x10000, .dst = 0x20000, .bytes = 100}), spec::Fault::NONE);
        assert_memory_equal(m.hbm(4 * MiB + 0x10000), m.hbm(4 * MiB), 100);
        neuron_chip_end_tape(m.chip);
        assert_int_equal(queue.run(spec::PacketFill{.dst = 0x10000, .bytes = 4096, .pattern = 1}), spec::Fault::NONE);
        assert_int_equal(static_cast<int>(m.hbm(4 * MiB)[3]), 0);
    }
    same(first);
    same(second);
    assert_true(replay(second).result.patches >= 1);
}

// Where it cannot begin, one sentence says why, and the chip goes on.
void late_refused(void **) {
    Bytes tape;
    {
        Machine m(Mode{});
        refuses(start(m, tape), -EINVAL, "only a chip in stepped mode can be recorded");
    }
    Machine m({.stepped = true, .unwatched = true});
    refuses(start(m, tape, false), -EBUSY, "the chip is not paused");
    assert_int_equal(neuron_chip_set_fault_plan(m.chip, "explore seed=3", nullptr, 0), 0);
    refuses(start(m, tape), -ENOTSUP, "fault plan: a chip with one is not saved");
    assert_int_equal(neuron_chip_set_fault_plan(m.chip, "", nullptr, 0), 0);
    Machine sanitized(Mode{.stepped = true, .sanitizer = true});
    refuses(start(sanitized, tape), -ENOTSUP, "sanitizer: what it has seen is not saved");
    assert_true(tape.empty());
    std::array<char, 512> error{};
    neuron_chip_pause(m.chip);
    const auto full = [](void *, const void *, std::size_t size) { return size > 100 ? -ENOSPC : 0; };
    assert_int_equal(neuron_chip_start_tape(m.chip, full, nullptr, error.data(), error.size()), -ENOSPC);
    assert_string_equal(error.data(), "No space left on device");
    neuron_chip_resume(m.chip);
    assert_int_equal(m.r32(reg::GLOBAL_VERSION), spec::VERSION);
    // Only then a plan: it is on the tape.
    assert_int_equal(start(m, tape).code, 0);
    assert_int_equal(neuron_chip_set_fault_plan(m.chip, "explore seed=3", nullptr, 0), 0);
    Context ctx(m, 1);
    TestQueue queue(m, 2, 1);
    ctx.map_host(0x10000, 16 * PAGE);
    assert_int_equal(queue.run(spec::PacketFill{.dst = 0x10000, .bytes = 40000, .pattern = 4}), spec::Fault::NONE);
    neuron_chip_destroy(m.chip);
    m.chip = nullptr;
    same(tape);
}

// ---- what is refused -----------------------------------------------------------------------------------------------

void only_stepped(void **) {
    try {
        const Machine m({.tape = true});
        fail_msg("a threaded chip was recorded");
    } catch (const std::runtime_error &error) {
        assert_string_equal(error.what(), "tape: only a chip in stepped mode can be recorded");
    }
}

void no_state(void **) {
    Machine m({.stepped = true, .tape = true});
    neuron_chip_pause(m.chip);
    Bytes state;
    for (const Outcome &outcome : {save(m.chip, state), load(m.chip, state)}) {
        assert_int_equal(outcome.code, -ENOTSUP);
        assert_string_equal(outcome.message.c_str(),
                            "the chip is recorded, or was: the host has memory of its own behind the aperture");
    }
}

// A disk that gets full ends the tape, not the chip.
void full_disk(void **) {
    struct Disk {
        Bytes bytes;
        std::vector<std::string> logged;
    } disk;
    neuron_chip_config config{};
    config.size = sizeof config;
    config.abi_major = NEURON_CHIP_ABI_MAJOR;
    config.stepped = true;
    config.hbm_bytes = 64 * MiB;
    config.tape_opaque = &disk;
    config.tape = [](void *opaque, const void *data, std::size_t size) {
        Bytes &to = static_cast<Disk *>(opaque)->bytes;
        const auto *bytes = static_cast<const std::byte *>(data);
        if (to.size() + size > 300)
            return -ENOSPC;
        to.insert(to.end(), bytes, bytes + size);
        return 0;
    };
    neuron_chip_host_ops ops{};
    ops.size = sizeof ops;
    ops.dma_read = [](void *, std::uint64_t, void *, std::size_t) { return -EIO; };
    ops.dma_write = [](void *, std::uint64_t, const void *, std::size_t) { return -EIO; };
    ops.raise_irq = [](void *, std::uint32_t) {};
    ops.log = [](void *opaque, neuron_chip_log_level, const char *text) {
        static_cast<Disk *>(opaque)->logged.emplace_back(text);
    };
    neuron_chip *chip = nullptr;
    assert_int_equal(neuron_chip_create(&config, &ops, &disk, &chip, nullptr, 0), 0);
    for (int i = 0; i < 20; ++i)
        assert_int_equal(neuron_chip_reg_read(chip, reg::GLOBAL_VERSION, 4), spec::VERSION);
    neuron_chip_destroy(chip);
    assert_int_equal(disk.logged.size(), 1);
    assert_string_equal(disk.logged[0].c_str(), "tape: it ends at step 0: No space left on device");
    const Replayed done = replay(disk.bytes);
    assert_int_equal(done.code, 0);
    assert_false(done.result.complete);
    assert_int_equal(done.result.accesses, (300 - TapeHeader::BYTES) / TapeEvent::BYTES);
}

// ---- changed tapes -------------------------------------------------------------------------------------------------

/// Where the first event of a kind is, from event number `from` on.
std::size_t find(const Bytes &tape, TapeKind kind, std::size_t from = 0) {
    std::size_t index = 0;
    for (std::size_t at = TapeHeader::BYTES; at < tape.size(); ++index) {
        const auto head = spec::unpack<TapeEvent>(std::span<const std::byte, TapeEvent::BYTES>(tape.data() + at, 40));
        if (head.kind == kind && index >= from)
            return at;
        at += TapeEvent::BYTES + (head.bytes + 7) / 8 * 8;
    }
    fail_msg("no event of kind %u", static_cast<unsigned>(kind));
    return 0;
}

std::uint32_t fnv(std::span<const std::byte> bytes, std::uint32_t hash = 0x811c9dc5) { // spec-ok: FNV's
    for (const std::byte byte : bytes)
        hash = (hash ^ static_cast<std::uint32_t>(byte)) * 0x01000193; // spec-ok: FNV's
    return hash;
}

/// The tape with another event at `at`, whose check sum is right.
template<class F>
Bytes changed(Bytes tape, std::size_t at, F &&change) {
    const std::span<std::byte, TapeEvent::BYTES> raw(tape.data() + at, TapeEvent::BYTES);
    auto head = spec::unpack<TapeEvent>(std::span<const std::byte, TapeEvent::BYTES>(raw));
    const std::span data(tape.data() + at + TapeEvent::BYTES, head.bytes);
    change(head, data);
    head.check = 0;
    head.check = fnv(data, fnv(spec::packed(head)));
    std::ranges::copy(spec::packed(head), raw.begin());
    return tape;
}

void other_results(void **) {
    const Bytes tape = tape_of<Packets>(1);
    const auto flip = [](TapeEvent &, std::span<std::byte> data) { data[0] ^= std::byte{1}; };
    const auto value = [](TapeEvent &head, std::span<std::byte>) { head.value ^= 1; };
    const auto addr = [](TapeEvent &head, std::span<std::byte>) { head.addr += 8; };
    says(replay(changed(tape, find(tape, TapeKind::DMA_WRITE), flip)), -ESTALE, "): byte 0 is 0x");
    says(replay(changed(tape, find(tape, TapeKind::DMA_WRITE), flip)), -ESTALE, "DMA write to 0x");
    says(replay(changed(tape, find(tape, TapeKind::DMA_WRITE), addr)), -ESTALE,
         " bytes), the tape has DMA write to 0x");
    says(replay(changed(tape, find(tape, TapeKind::DMA_READ), addr)), -ESTALE, " bytes), the tape has DMA read of 0x");
    says(replay(changed(tape, find(tape, TapeKind::REG_READ), value)), -ESTALE, ", the tape has 0x");
    says(replay(changed(tape, find(tape, TapeKind::IRQ), value)), -ESTALE, "the tape has interrupt, vector ");
    says(replay(changed(tape, find(tape, TapeKind::IRQ), [](TapeEvent &head, auto) { head.step -= 1; })), -EBADMSG,
         "step");
    says(replay(changed(tape, find(tape, TapeKind::PATCH), addr)), -ESTALE, "HBM");
    // Other input: the chip does something else sooner or later.
    says(replay(changed(tape, find(tape, TapeKind::DOORBELL), value)), -ESTALE, "diverges at event ");
    // A missing event, and one too many.
    Bytes less = tape;
    const std::size_t irq = find(tape, TapeKind::IRQ);
    less.erase(less.begin() + static_cast<std::ptrdiff_t>(irq), less.begin() + static_cast<std::ptrdiff_t>(irq + 40));
    says(replay(less), -ESTALE, "interrupt, vector ");
    Bytes more = tape;
    more.insert(more.begin() + static_cast<std::ptrdiff_t>(irq), tape.begin() + static_cast<std::ptrdiff_t>(irq),
                tape.begin() + static_cast<std::ptrdiff_t>(irq + 40));
    says(replay(more), -ESTALE, "interrupt, vector ");
}

// However much of it is there: it replays, and says that it was cut off.
void cut_off(void **) {
    const Bytes tape = tape_of<Packets>(1);
    for (std::size_t size = TapeHeader::BYTES; size < tape.size(); size += 1 + tape.size() / 97) {
        const Replayed done = replay(std::span(tape).first(size));
        if (done.code != 0 || done.result.complete)
            fail_msg("%zu bytes: %d: %s", size, done.code, done.message.c_str());
    }
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, TapeHeader::BYTES - 1})
        says(replay(std::span(tape).first(size)), -EBADMSG, "not a tape");
}

void damaged(void **) {
    const Bytes tape = tape_of<Packets>(1);
    for (std::size_t at = 0; at < tape.size(); at += at < 1000 ? 1 : 1 + tape.size() / 97) {
        Bytes bad = tape;
        bad[at] ^= std::byte{0x40};
        const Replayed done = replay(bad);
        // The padding of data is nobody's; a size that is too large looks like a cut.
        const bool refused = done.code == -EBADMSG || done.code == -ENOTSUP;
        if (!refused && !(done.code == 0 && at >= TapeHeader::BYTES))
            fail_msg("byte %zu: %d: %s", at, done.code, done.message.c_str());
        if (refused && at >= TapeHeader::BYTES && done.message.find("damaged at byte ") == std::string::npos)
            fail_msg("byte %zu: %s", at, done.message.c_str());
    }
    Bytes longer = tape;
    longer.push_back(std::byte{0});
    says(replay(longer), -EBADMSG, "something follows the end");
}

template<class F>
Replayed with_header(Bytes tape, F &&change) {
    const std::span<std::byte, TapeHeader::BYTES> raw(tape.data(), TapeHeader::BYTES);
    auto head = spec::unpack<TapeHeader>(std::span<const std::byte, TapeHeader::BYTES>(raw));
    change(head);
    head.check = 0;
    head.check = fnv(spec::packed(head));
    std::ranges::copy(spec::packed(head), raw.begin());
    return replay(tape);
}

void headers(void **) {
    const Bytes tape = tape_of<Packets>(1);
    says(with_header(tape, [](TapeHeader &head) { head.magic[0] = 'X'; }), -EBADMSG,
         "not a tape: it does not begin like one");
    says(with_header(tape, [](TapeHeader &head) { head.version = 3; }), -ENOTSUP,
         "a tape of version 3; this is for versions up to 2");
    says(with_header(tape, [](TapeHeader &head) { head.contract += 1U << 16; }), -ENOTSUP,
         "a tape of contract version 2.");
    says(with_header(tape, [](TapeHeader &head) { head.profile = spec::Profile(77); }), -EBADMSG,
         "of a profile that there is not");
    says(with_header(tape, [](TapeHeader &head) { head.cores = 1000; }), -EINVAL, "cores: 1000 is more than");
    says(with_header(tape, [](TapeHeader &head) { head.hbm_bytes = 12345; }), -EINVAL, "hbm_bytes: 12345 is not");
    says(with_header(tape, [](TapeHeader &head) { head.aperture_bytes = 5; }), -EINVAL, "aperture_bytes: 5 is not");
    says(with_header(tape, [](TapeHeader &head) { head.recorder = 3; }), -EINVAL, "recorder_records: 3 is not");
}

// Events that could be but are not what happened, with check sums that are right: no crash, and an answer.
void made_up(void **) {
    const Bytes tape = tape_of<Cores>(1);
    std::vector<std::size_t> places;
    for (std::size_t at = TapeHeader::BYTES; at < tape.size();) {
        places.push_back(at);
        const auto head = spec::unpack<TapeEvent>(std::span<const std::byte, TapeEvent::BYTES>(tape.data() + at, 40));
        at += TapeEvent::BYTES + (head.bytes + 7) / 8 * 8;
    }
    std::mt19937_64 random(1);
    unsigned found = 0;
    for (int i = 0; i < 200; ++i) {
        const auto change = [&](TapeEvent &head, std::span<std::byte> data) {
            switch (random() % 7) {
            case 0: head.kind = static_cast<TapeKind>(random() % 64); break;
            case 1: head.flags = static_cast<std::uint16_t>(random() % 8); break;
            case 2: head.addr = random() >> random() % 64; break;
            case 3: head.value = random() >> random() % 64; break;
            case 4: head.step += random() % 1000; break;
            case 5: head.size = static_cast<std::uint8_t>(random()); break;
            default:
                if (!data.empty())
                    data[random() % data.size()] = static_cast<std::byte>(random());
            }
        };
        const Replayed done = replay(changed(tape, places[random() % places.size()], change));
        if (done.code != 0 && done.code != -ESTALE && done.code != -EBADMSG)
            fail_msg("%d: %d: %s", i, done.code, done.message.c_str());
        found += done.code != 0;
    }
    assert_true(found > 100);
}

// The state at its beginning is checked as any other stream of a chip.
void damaged_state(void **) {
    Machine m({.stepped = true, .unwatched = true});
    Context ctx(m, 1);
    TestQueue queue(m, 2, 1);
    Bytes tape;
    assert_int_equal(start(m, tape).code, 0);
    m.r32(reg::GLOBAL_VERSION);
    neuron_chip_destroy(m.chip);
    m.chip = nullptr;
    same(tape);
    constexpr const char *what = "the state of the chip that the tape begins with: ";
    const std::size_t at = find(tape, TapeKind::STATE);
    says(replay(changed(tape, at, [](TapeEvent &, std::span<std::byte> data) { data[24] ^= std::byte{1}; })), -EBADMSG,
         what);
    says(replay(std::span(tape).first(at)), 0, "");
    Bytes twice = tape;
    const auto end = static_cast<std::ptrdiff_t>(find(tape, TapeKind::RESUME));
    twice.insert(twice.begin() + end, tape.begin() + static_cast<std::ptrdiff_t>(at), tape.begin() + end);
    says(replay(twice), -EBADMSG, "the state of the chip that the tape begins with: something follows it");
    Bytes within = tape;
    within.insert(within.end() - 40, tape.begin() + static_cast<std::ptrdiff_t>(at), tape.begin() + end);
    says(replay(within), -EBADMSG, "it is a state of the chip in the middle of a run");
    neuron_chip_replay_options options{};
    options.sanitizer = true;
    says(replay(tape, options), -ENOTSUP, "sanitizer: what it has seen is not saved");
}

// ---- looking at a replay -------------------------------------------------------------------------------------------

void stops(void **) {
    const Bytes tape = tape_of<Packets>(1);
    const Replayed all = replay(tape);
    neuron_chip_replay_options at_event{}, at_step{}, at_once{};
    at_event.until_event = all.result.events / 2;
    at_step.until_step = 40;
    at_once.go_on = [](void *) { return false; };
    const Replayed event = replay(tape, at_event);
    assert_int_equal(event.code, 0);
    assert_int_equal(event.result.events, all.result.events / 2);
    assert_false(event.result.complete);
    const Replayed step = replay(tape, at_step);
    assert_int_equal(step.result.steps, 40);
    says(replay(tape, at_once), all.result.steps >= 1024 ? -EINTR : 0, "");
}

struct Seen {
    std::vector<std::string> events;
    std::uint64_t records = 0;
    std::uint64_t reports = 0;

    neuron_chip_replay_options options() {
        neuron_chip_replay_options out{};
        out.opaque = this;
        out.event = [](void *self, const neuron_chip_tape_event *event) {
            static_cast<Seen *>(self)->events.emplace_back(std::string(event->by) + (*event->by != 0 ? " " : "") +
                                                           event->what + ": " + event->text);
        };
        out.stopped = [](void *self, neuron_chip *chip) {
            Bytes raw(1024 * 64);
            std::uint64_t first = 0;
            static_cast<Seen *>(self)->records = neuron_chip_read_records(chip, &first, raw.data(), raw.size());
            first = 0;
            static_cast<Seen *>(self)->reports = neuron_chip_read_reports(chip, &first, raw.data(), raw.size());
        };
        return out;
    }
};

void listing(void **) {
    const Bytes tape = tape_of<Packets>(1);
    Seen played;
    assert_int_equal(replay(tape, played.options()).code, 0);
    assert_true(played.records > 5);
    Seen listed;
    neuron_chip_replay_options options = listed.options();
    options.list = true;
    const Replayed done = replay(tape, options);
    assert_int_equal(done.code, 0);
    assert_true(done.result.complete);
    assert_int_equal(listed.records, 0);
    assert_true(played.events == listed.events);
    const auto has = [&](const char *text) { return std::ranges::find(listed.events, text) != listed.events.end(); };
    assert_true(has("write of CTX[1].PT_ROOT (8 bytes): 0x40001000"));
    assert_true(has("doorbell: slot 0 of context 1: 0x6"));
    const auto begins = [&](const char *text) {
        return std::ranges::any_of(listed.events, [&](const std::string &event) { return event.starts_with(text); });
    };
    assert_true(begins("packet 0 of queue 1: FILL "));
    assert_true(has("end of packet 0 of queue 1: "));
    assert_true(begins("queue 0 DMA write to 0x"));
    assert_true(has("queue 1 interrupt, vector 3: "));
}

// The sanitizer looks at a tape that was made without: it finds what is wrong, and changes nothing.
void observer(void **) {
    Bytes tape;
    {
        Teller teller(unwatched({.stepped = true, .tape = true}));
        Machine &m = teller.m;
        Context ctx(m, 3);
        TestQueue queue(m, 5, 3);
        teller.open(3, 412);
        ctx.map_host(0x10000, 4 * PAGE);
        teller.tell({.kind = spec::DebugKind::BIND,
                     .ctx = 3,
                     .flags = spec::raw(spec::DebugFlag::WRITE),
                     .pid = 412,
                     .padding = 96,
                     .buffer = 7,
                     .va = 0x10000,
                     .bytes = 4 * PAGE});
        assert_int_equal(queue.run(spec::PacketFill{.dst = 0x10000, .bytes = 4 * PAGE - 64, .pattern = 1}),
                         spec::Fault::NONE);
        m.settle();
        m.end();
        tape = std::move(m.tape);
    }
    Seen seen;
    neuron_chip_replay_options options = seen.options();
    const Replayed plain = replay(tape, options);
    assert_int_equal(plain.code, 0);
    assert_int_equal(seen.reports, 0);
    options.sanitizer = true;
    const Replayed done = replay(tape, options);
    if (done.code != 0)
        fail_msg("%s", done.message.c_str());
    assert_true(done.result.complete);
    assert_int_equal(done.result.steps, plain.result.steps);
    assert_int_equal(seen.reports, 1);
    options.sanitizer = true;
    const Replayed other = replay(tape_of<Transfers>(1), options);
    if (other.code != 0)
        fail_msg("%s", other.message.c_str());
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(replays<Compute>),
        cmocka_unit_test(replays<Transfers>),
        cmocka_unit_test(replays<Cores>),
        cmocka_unit_test(replays<Packets>),
        cmocka_unit_test(replays<Endings>),
        cmocka_unit_test(explored<Transfers>),
        cmocka_unit_test(explored<Packets>),
        cmocka_unit_test(aperture),
        cmocka_unit_test(calls),
        cmocka_unit_test(inside),
        cmocka_unit_test(steps_inside),
        cmocka_unit_test(busy_threads),
        cmocka_unit_test(late<Compute>),
        cmocka_unit_test(late<Transfers>),
        cmocka_unit_test(late<Cores>),
        cmocka_unit_test(late<Packets>),
        cmocka_unit_test(late<Endings>),
        cmocka_unit_test(late_again),
        cmocka_unit_test(late_refused),
        cmocka_unit_test(damaged_state),
        cmocka_unit_test(only_stepped),
        cmocka_unit_test(no_state),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(other_results),
        cmocka_unit_test(cut_off),
        cmocka_unit_test(damaged),
        cmocka_unit_test(headers),
        cmocka_unit_test(made_up),
        cmocka_unit_test(stops),
        cmocka_unit_test(listing),
        cmocka_unit_test(observer),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
