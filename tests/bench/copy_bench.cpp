// SPDX-License-Identifier: MIT
// Copies between HBM, host memory and SBUF on the in-process chip, beside memcpy of the same sizes on as many threads.
// Only the bytes are asserted, never a time.
#include "bench.hpp"
#include "sim_bench.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

namespace {

using hal_test::must;
using neuron::Argument;
using neuron::Buffer;
using neuron::CommandList;
using neuron::Placement;
using neuron::Queue;

constexpr int ROUNDS = 11;
constexpr std::size_t BYTES = 64 << 20;      // far more than the caches hold
constexpr std::size_t TILE_BYTES = 16 << 20; // 128 partitions of 128 KiB
constexpr double GOAL = 0.8;

using Bytes = std::vector<std::byte>;

const Bytes &pattern() {
    static const Bytes bytes = [] {
        Bytes out(BYTES);
        std::mt19937_64 random(1);
        for (std::size_t i = 0; i < out.size(); i += sizeof(std::uint64_t)) {
            const std::uint64_t word = random();
            std::memcpy(out.data() + i, &word, sizeof word);
        }
        return out;
    }();
    return bytes;
}

/// `share(i)` on `threads` threads at once.
void on_threads(unsigned threads, const std::function<void(unsigned)> &share) {
    std::vector<std::jthread> others;
    for (unsigned i = 1; i < threads; ++i)
        others.emplace_back(share, i);
    share(0);
}

/// memcpy of BYTES bytes in pieces, each thread with a share of its own.
bench::Way memcpy_way(Bytes &to, unsigned threads, std::size_t piece, bool same_place) {
    return {[&to, threads, piece, same_place] {
        on_threads(threads, [&](unsigned i) {
            const std::size_t share = BYTES / threads, first = i * share;
            for (std::size_t at = 0; at < share; at += piece)
                std::memcpy(to.data() + (same_place ? i * piece : first + at), pattern().data() + first + at, piece);
        });
    }};
}

void compare(const std::string &what, unsigned threads, const bench::Way &sim, const bench::Way &plain) {
    const auto seconds = bench::by_turns(ROUNDS, {sim, plain});
    const auto rate = [](double s) { return BYTES / s * 1e-9; };
    bench::report({fmt::format("copy {}, {} thread{}", what, threads, threads == 1 ? "" : "s"), rate(seconds[0]),
                   "GB/s", rate(seconds[1]), GOAL,
                   fmt::format("memcpy, {} thread{}", threads, threads == 1 ? "" : "s")});
}

void assert_same(std::span<const std::byte> a, std::span<const std::byte> b) {
    assert_int_equal(a.size(), b.size());
    assert_int_equal(std::memcmp(a.data(), b.data(), a.size()), 0);
}

struct Packets {
    const char *what;
    Placement from, to;
    unsigned threads;
};

/// COPY packets, a queue for each thread.
void copy_packets(void **state) {
    const Packets &job = *static_cast<const Packets *>(*state);
    bench::Sim sim(job.threads);
    std::vector<Queue> queues;
    for (unsigned i = 0; i < job.threads; ++i)
        queues.push_back(must(Queue::create(sim.context)));
    const Buffer from = sim.buffer(BYTES, job.from), to = sim.buffer(BYTES, job.to);
    must(sim.queue.write(from, 0, pattern()));
    const std::size_t share = BYTES / job.threads;
    const bench::Way chip{[&] {
        std::vector<neuron::Job> jobs;
        for (unsigned i = 0; i < job.threads; ++i)
            jobs.push_back(
                must(queues[i].submit(CommandList{}.copy(to.va() + i * share, from.va() + i * share, share))));
        for (unsigned i = 0; i < job.threads; ++i)
            must(queues[i].wait(jobs[i]));
    }};
    Bytes plain(BYTES);
    compare(job.what, job.threads, chip, memcpy_way(plain, job.threads, share, false));
    Bytes back(BYTES);
    must(sim.queue.read(to, 0, back));
    assert_same(back, pattern());
}

/// Whole tiles through a DMA ring; each core has a share of the memory.
constexpr const char *TILES = R"(
        .option LOAD
        .option TILES
        .param  X, inout, u8, 67108864
        .engine sp
        core_rank r1
        mul     r1, r1, TILES
        mul     r1, r1, 16777216
        .rept   TILES, i
        .if     LOAD
        dma_load sbuf.f32[0:128, 0, 32768], X[i * 16777216 + r1, 128, 32768], ring=0
        .else
        dma_store X[i * 16777216 + r1, 128, 32768], sbuf.f32[0:128, 0, 32768], ring=0
        .endif
        .endr
        end
)";

struct Tiles {
    const char *what;
    bool load;
    unsigned threads;
};

void copy_tiles(void **state) {
    const Tiles &job = *static_cast<const Tiles *>(*state);
    bench::Sim sim(job.threads);
    const auto program = [&](bool load) {
        const auto kernel = bench::assemble(
            TILES, {{"LOAD", load ? "1" : "0"}, {"TILES", std::to_string(BYTES / TILE_BYTES / job.threads)}});
        return must(neuron::Program::load(sim.context, sim.queue, kernel));
    };
    const Buffer memory = sim.buffer(BYTES);
    must(sim.queue.write(memory, 0, pattern()));
    const std::vector<Argument> arguments{Argument::tensor(memory)};
    const std::uint32_t cores = (1U << job.threads) - 1;
    const auto run = [&](const neuron::Program &which) {
        must(sim.queue.wait(must(which.launch(sim.queue, arguments, cores))));
    };
    const auto load = program(true), store = program(false);
    run(load); // a store has something to store
    const bench::Way chip{[&] { run(job.load ? load : store); }};
    Bytes plain(BYTES);
    compare(job.what, job.threads, chip, memcpy_way(plain, job.threads, TILE_BYTES, job.load));

    // What went in last comes out: the last tile of each core, once for each of its tiles.
    must(sim.queue.write(memory, 0, pattern()));
    run(load);
    run(store);
    Bytes back(BYTES);
    must(sim.queue.read(memory, 0, back));
    const std::size_t share = BYTES / job.threads;
    for (std::size_t at = 0; at < BYTES; at += TILE_BYTES) {
        const std::size_t last = at / share * share + share - TILE_BYTES;
        assert_same(std::span(back).subspan(at, TILE_BYTES), std::span(pattern()).subspan(last, TILE_BYTES));
    }
}

std::array packets{
    Packets{"HBM to HBM", Placement::hbm, Placement::hbm, 1},
    Packets{"HBM to HBM", Placement::hbm, Placement::hbm, 2},
    Packets{"host to HBM", Placement::host, Placement::hbm, 1},
    Packets{"host to HBM", Placement::host, Placement::hbm, 2},
    Packets{"HBM to host", Placement::hbm, Placement::host, 1},
    Packets{"HBM to host", Placement::hbm, Placement::host, 2},
};
std::array tiles{
    Tiles{"HBM to SBUF", true, 1},
    Tiles{"HBM to SBUF", true, 2},
    Tiles{"SBUF to HBM", false, 1},
    Tiles{"SBUF to HBM", false, 2},
};

} // namespace

int main() {
    std::vector<std::string> names;
    std::vector<CMUnitTest> tests;
    names.reserve(packets.size() + tiles.size()); // the tests point into it
    const auto add = [&](const std::string &what, unsigned threads, CMUnitTestFunction test, void *state) {
        const std::string &name = names.emplace_back(fmt::format("{} on {} threads moves every byte", what, threads));
        tests.push_back({name.c_str(), test, nullptr, nullptr, state});
    };
    for (Packets &job : packets)
        add(job.what, job.threads, copy_packets, &job);
    for (Tiles &job : tiles)
        add(job.what, job.threads, copy_tiles, &job);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return _cmocka_run_group_tests("copy_bench", tests.data(), tests.size(), nullptr, nullptr);
}
