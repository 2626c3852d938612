// SPDX-License-Identifier: MIT
// The library's queue in user mode and the driver's rings and page tables, on a processor that makes stores visible late and out of order, against
// the chip that they are written for. With their barriers they are right under each seed; without, a seed is found within some.
#include "rig.hpp"

#include "kernel_side.h"
#include "store_buffer.hpp"

#include <cinttypes>

namespace {

using namespace explore_test;

constexpr std::uint64_t SEEDS = 200; ///< that the code as it is must stand
constexpr std::uint32_t LOG2 = 4;
constexpr std::uint8_t FLAGS = spec::raw(spec::PacketFlag::SEQNO) | spec::raw(spec::PacketFlag::IRQ);

FakeHost *dma_host = nullptr;
std::uint64_t stale_page = 0; ///< of somebody else

/// What the code is compiled with, so to say.
enum class Barriers {
    ALL,
    NOT_FULL, ///< wmb() is left out
    NONE,
};

/// A rig whose code under test runs on such a processor; the chip goes on in the middle of it.
class Weak {
public:
    Weak(std::uint64_t number, Barriers barriers)
        : seed(number),
          rig(seed),
          buffer(seed, {rig.m.host.at(FakeHost::BASE), FakeHost::SIZE}, [this] { in_the_middle(); }) {
        buffer.ignores_barriers = barriers == Barriers::NONE;
        buffer.ignores_full_barriers = barriers == Barriers::NOT_FULL;
        dma_host = &rig.m.host;
        stale_page = rig.m.host.alloc(PAGE);
        rig.m.host.on_read = [this](const std::byte *from, std::span<std::byte> bytes) { buffer.show(from, bytes); };
    }
    ~Weak() { dma_host = nullptr; }

    const std::uint64_t seed;
    Rig rig;
    std::vector<std::byte> regs = std::vector<std::byte>(spec::BAR_REGS_SIZE); ///< only its doorbells do anything
    StoreBuffer buffer;
    std::function<void()> in_the_middle = [this] { rig.turn(); };
};

/// Queue 0 hears of its doorbell in BAR REGS.
void map_doorbell(Weak &weak) {
    weak.buffer.map_register(weak.regs.data() + reg::QUEUE_DOORBELL(0),
                             [&](std::uint32_t tail) { weak.rig.m.w32(reg::QUEUE_DOORBELL(0), tail); });
}

/// Jobs of two packets, of which the second copies what the first has written, round and round the ring.
Verdict submissions(Weak &weak, bool by_kernel) {
    Rig &rig = weak.rig;
    TestQueue queue(rig.m, 0, rig.CTX, {.log2 = LOG2, .doorbell_register = by_kernel});
    std::uint32_t doorbell = 0;
    if (by_kernel)
        map_doorbell(weak);
    else
        weak.buffer.map_register(reinterpret_cast<std::byte *>(&doorbell),
                                 [&](std::uint32_t tail) { rig.m.doorbell(rig.CTX, 0, tail); });
    std::byte *const ring = rig.m.host.at(queue.slot(0));
    for (std::uint64_t job = 1; job <= 12; ++job) {
        std::array<std::byte, 2 * spec::PACKET_BYTES> packets;
        std::ranges::copy(spec::packed(rig.store(0, job)), packets.begin());
        std::ranges::copy(spec::packed(spec::PacketCopy{.src = rig.va(0), .dst = rig.va(job), .bytes = 8}),
                          packets.begin() + spec::PACKET_BYTES);
        const std::uint64_t tail = 2 * (job - 1);
        if (by_kernel)
            explore_kernel_submit(ring, LOG2, tail, packets.data(), 2, FLAGS, weak.regs.data(), 0);
        else
            explore_user_submit(ring, 1U << LOG2, tail, packets.data(), 2, FLAGS, &doorbell);
        weak.buffer.settle();
        const bool stopped = !rig.poll([&] { return queue.seqno() == 2 * job; });
        if (const auto fault = rig.m.fault(0); fault != spec::Fault::NONE)
            return "job " + std::to_string(job) + " faulted: " + std::string(spec::name(fault));
        if (stopped)
            return "job " + std::to_string(job) + " does not end";
        if (rig.word(job) != job)
            return "job " + std::to_string(job) + " was the one that was in its slots before";
    }
    return {};
}

Verdict user_queue(Weak &weak) { return submissions(weak, false); }
Verdict kernel_ring(Weak &weak) { return submissions(weak, true); }

/// A program writes what it has mapped write-combining, as HBM is, and has the driver submit a job that reads it.
Verdict doorbell(Weak &weak) {
    Rig &rig = weak.rig;
    TestQueue queue(rig.m, 0, rig.CTX, {.log2 = LOG2, .doorbell_register = true});
    map_doorbell(weak);
    auto *const payload = reinterpret_cast<std::uint64_t *>(rig.m.host.at(rig.memory, 8));
    weak.buffer.map_combining(std::as_bytes(std::span(payload, 1)));
    for (std::uint64_t job = 1; job <= 12; ++job) {
        const auto packet = spec::packed(spec::PacketCopy{.src = rig.va(0), .dst = rig.va(job), .bytes = 8});
        explore_user_store(payload, job);
        explore_kernel_submit(rig.m.host.at(queue.slot(0)), LOG2, job - 1, packet.data(), 1, FLAGS, weak.regs.data(),
                              0);
        weak.buffer.settle();
        if (!rig.poll([&] { return queue.seqno() == job; }))
            return "job " + std::to_string(job) + " does not end";
        if (rig.word(job) != job)
            return "job " + std::to_string(job) + " has read what was there before";
    }
    return {};
}

/// While the driver maps pages, a job of the same context uses an address beside them. It must fault: the new tables were others before,
/// with entries that lead to what belongs to somebody else.
Verdict page_tables(Weak &weak) {
    constexpr std::uint64_t VA = 0x4000'0000, PAGES = 32;
    Rig &rig = weak.rig;
    FakeHost &host = rig.m.host;
    struct Free {
        void operator()(explore_tables *tables) const { explore_tables_free(tables); }
    };
    const std::unique_ptr<explore_tables, Free> tables(explore_tables_make());
    const std::uint32_t ctx = rig.CTX + 1;
    weak.buffer.publish(); // the root is handed over by writeq(), which is a barrier
    rig.m.w64(reg::CTX_PT_ROOT(ctx), explore_tables_root(tables.get()));
    rig.m.w32(reg::CTX_CTRL(ctx), field::CTX_CTRL_ENABLE.mask);
    TestQueue queue(rig.m, 0, ctx, {.log2 = LOG2});
    // It tries again and again.
    std::uint64_t looks = 0;
    const auto attempt = [&] {
        queue.submit(spec::PacketFill{.dst = VA + PAGES * PAGE, .bytes = 8, .pattern = ~0ULL});
    };
    bool written = false;
    weak.in_the_middle = [&] {
        rig.turn();
        if (++looks % 8 != 0 || queue.busy())
            return;
        written |= queue.seqno() != 0;
        queue.disable();
        queue.enable();
        attempt();
    };
    attempt();
    const std::uint64_t memory = host.alloc(PAGES * PAGE);
    if (explore_tables_map(tables.get(), VA, memory, PAGES * PAGE, Context::WRITE) != 0)
        return "no memory";
    rig.m.settle();
    if (written || queue.seqno() != 0)
        return "a job has written to an address that was never mapped";
    return {};
}

struct Code {
    const char *name;
    Verdict (*run)(Weak &);
    Barriers mutant = Barriers::NONE;
    std::uint64_t within = 40; ///< seeds, of which one shows what is wrong with the mutant
};

constexpr Code CODES[] = {
    {"the library's queue in user mode", user_queue},
    {"the driver's ring", kernel_ring},
    {"the driver's doorbell", doorbell, Barriers::NOT_FULL, 20},
    {"the driver's page tables", page_tables},
};

Verdict run(const Code &code, std::uint64_t seed, Barriers barriers) {
    Weak weak(seed, barriers);
    const Verdict verdict = code.run(weak);
    assert_true(weak.buffer.barriers() != 0);
    return verdict;
}

void stands_all_seeds(void **state) {
    const auto &code = *static_cast<const Code *>(*state);
    for (std::uint64_t seed = 1; seed <= SEEDS; ++seed)
        if (const auto verdict = run(code, seed, Barriers::ALL))
            fail_msg("%s: seed %" PRIu64 ": %s", code.name, seed, verdict->c_str());
}

void is_caught_without_barriers(void **state) {
    const auto &code = *static_cast<const Code *>(*state);
    std::uint64_t seed = 1;
    Verdict found = run(code, seed, code.mutant);
    while (!found && seed < code.within)
        found = run(code, ++seed, code.mutant);
    if (!found)
        fail_msg("%s: not found by seeds 1 to %" PRIu64, code.name, code.within);
    std::printf("# %s, without its barriers: seed %" PRIu64 ": %s\n", code.name, seed, found->c_str());
    const Verdict again = run(code, seed, code.mutant);
    assert_true(again.has_value());
    assert_string_equal(again->c_str(), found->c_str());
}

} // namespace

// What it was before: a table whose entries all lead to another one, or on the last level to a page, where they do the same.
void *explore_dma_alloc(std::size_t bytes, std::uint64_t *bus) {
    *bus = dma_host->alloc(bytes);
    for (const std::uint64_t page : {stale_page, *bus})
        for (std::size_t at = 0; at < bytes; at += 8)
            dma_host->set_u64(page + at, stale_page | Context::WRITE | field::PTE_VALID.mask);
    return dma_host->at(*bus, bytes);
}

int main() {
    std::vector<std::string> names;
    std::vector<CMUnitTest> tests;
    names.reserve(2 * std::size(CODES));
    for (const Code &code : CODES)
        for (const bool barriers : {true, false}) {
            names.push_back(std::string(code.name) + (barriers ? " stands all seeds" : " is caught without barriers"));
            tests.push_back({names.back().c_str(), barriers ? stands_all_seeds : is_caught_without_barriers, nullptr,
                             nullptr, const_cast<Code *>(&code)});
        }
    return _cmocka_run_group_tests("explore barriers", tests.data(), tests.size(), nullptr, nullptr);
}
