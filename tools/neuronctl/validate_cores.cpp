// SPDX-License-Identifier: MIT
// Self tests of how engines and cores meet: semaphores, barriers, tiles sent from core to core, memory that is scrubbed.
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "kernels.hpp"
#include "validate.hpp"

namespace neuronctl {
namespace {

using std::chrono::steady_clock;

constexpr std::uint32_t passes = 200;

// Each engine waits for the one before it and counts; the last one gives the token back.
constexpr std::string_view ring_of_engines = R"(
        .param Y, out, u32, 5
        .equ PASSES, 200
        .macro hand_on number, from, to
        move    r1, 0
$again: nop     take s[from]>=1
        add     r1, r1, 1
        nop     then s[to]+=1
        blt     r1, PASSES, $again
        mem_store Y.u32[number * 4], r1
        end
        .endm
        .engine sp
        nop     then s0+=1
        hand_on 0, 0, 1
        .engine pe
        hand_on 1, 1, 2
        .engine act
        hand_on 2, 2, 3
        .engine dve
        hand_on 3, 3, 4
        .engine pool
        hand_on 4, 4, 0
)";

// Every core leaves a number, meets the others, and takes that of its neighbour.
constexpr std::string_view meeting = R"(
        .param A, out, u32, 32
        .param Y, out, u32, 32
        .engine sp
        core_rank r1
        core_count r2
        add     r3, r1, 100
        mem_store A.u32[r1<<2], r3 then s1+=1
        nop     wait s1>=1
        core_barrier s0
        add     r4, r1, 1
        blt     r4, r2, inside
        move    r4, 0
inside: mem_load r5, A.u32[r4<<2]
        mem_store Y.u32[r1<<2], r5
        end
)";

// Every core sends its row to the next one.
constexpr std::string_view sending = R"(
        .param X, in, u32, 32, 64
        .param Y, out, u32, 32, 64
        .engine sp
        core_rank r1
        core_count r2
        mul     r3, r1, 256
        dma_load sbuf.u32[0:1, 0, 64], X[r3, 1, 64], ring=0 then s0+=1
        add     r4, r1, 1
        blt     r4, r2, inside
        move    r4, 0
inside: nop     wait s0>=1
        dma_send sbuf.u32[0:1, 1024, 64], sbuf.u32[0:1, 0, 64], r4, s5, value=1 then s1+=1
        dma_store Y[r3, 1, 64], sbuf.u32[0:1, 1024, 64], ring=1 wait s5>=1
        nop     wait s1>=1
        end
)";

constexpr std::string_view leaving = R"(
        .param Y, out, u32, 1
        .engine dve
        memset  sbuf.u32[0:128, 0, 1024], u32:0x5ec4e75a then s0+=1
        end
        .engine sp
        nop     wait s0>=1
        dma_store Y[0, 1, 1], sbuf.u32[0:1, 0, 1], ring=0
        end
)";

constexpr std::string_view finding = R"(
        .param Y, out, u32, 128, 1024
        .engine sp
        dma_store Y[0, 128, 1024], sbuf.u32[0:128, 0, 1024], ring=0
        end
)";

std::uint32_t word(std::span<const std::byte> bytes, std::size_t index) {
    std::uint32_t out = 0;
    std::memcpy(&out, bytes.data() + index * sizeof out, sizeof out);
    return out;
}

struct Ready {
    Session session;
    LoadedKernel kernel;
};

Outcome<Ready> ready(const Bench &bench, std::string_view source) {
    auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    const auto file = make_kernel("validate", source);
    if (!file)
        return tl::unexpected(file.error());
    auto kernel = LoadedKernel::load(*session, *file);
    if (!kernel)
        return tl::unexpected(kernel.error());
    return Ready{std::move(*session), std::move(*kernel)};
}

std::uint32_t all_cores(const Bench &bench) { return static_cast<std::uint32_t>((1ULL << bench.info().cores) - 1); }

// Cores meet from NeuronCore v3 on.
bool cores_meet(const Bench &bench) {
    const neuron::spec::ProfileDesc *profile = neuron::spec::find_profile(bench.info().profile);
    return profile == nullptr || profile->core_version >= 3;
}

Findings not_before_v3() { return {{}, "NeuronCores before v3 have no barrier and no transfers between cores"}; }

Outcome<Findings> test_semaphores(const Bench &bench) {
    auto at = ready(bench, ring_of_engines);
    if (!at)
        return tl::unexpected(at.error());
    const auto start = steady_clock::now();
    for (std::uint32_t core = 0; core < bench.info().cores; ++core) {
        if (auto done = at->kernel.run(at->session, 1U << core); !done)
            return tl::unexpected(done.error());
        const auto got = at->kernel.read(at->session, "Y");
        if (!got)
            return tl::unexpected(got.error());
        for (std::size_t engine = 0; engine < 5; ++engine)
            if (word(*got, engine) != passes)
                return tl::unexpected(wrong_answer(fmt::format("core {}: engine {} has counted {} of {} passes", core,
                                                               engine, word(*got, engine), passes)));
    }
    const std::chrono::nanoseconds spent = steady_clock::now() - start;
    const double count = 5.0 * passes * bench.info().cores;
    return Findings{{{"passes", count, ""}, {"pass", static_cast<double>(spent.count()) / count, "ns"}}, {}};
}

Outcome<Findings> test_barrier(const Bench &bench) {
    if (!cores_meet(bench))
        return not_before_v3();
    auto at = ready(bench, meeting);
    if (!at)
        return tl::unexpected(at.error());
    constexpr int rounds = 20;
    const std::uint32_t cores = bench.info().cores;
    const auto start = steady_clock::now();
    for (int round = 0; round < rounds; ++round) {
        const std::vector<std::byte> nothing(32 * sizeof(std::uint32_t));
        auto done = at->kernel.write(at->session, "A", nothing)
                        .and_then([&] { return at->kernel.write(at->session, "Y", nothing); })
                        .and_then([&] { return at->kernel.run(at->session, all_cores(bench)); });
        if (!done)
            return tl::unexpected(done.error());
        const auto got = at->kernel.read(at->session, "Y");
        if (!got)
            return tl::unexpected(got.error());
        for (std::uint32_t core = 0; core < cores; ++core)
            if (word(*got, core) != 100 + (core + 1) % cores)
                return tl::unexpected(wrong_answer(
                    fmt::format("round {}: core {} has read {} of core {}, who had written {} before the barrier",
                                round, core, word(*got, core), (core + 1) % cores, 100 + (core + 1) % cores)));
    }
    const std::chrono::nanoseconds spent = steady_clock::now() - start;
    return Findings{
        {{"cores", static_cast<double>(cores), ""}, {"meeting", static_cast<double>(spent.count()) / rounds, "ns"}},
        {}};
}

Outcome<Findings> test_send(const Bench &bench) {
    if (!cores_meet(bench))
        return not_before_v3();
    auto at = ready(bench, sending);
    if (!at)
        return tl::unexpected(at.error());
    constexpr std::uint32_t row = 64;
    const std::uint32_t cores = bench.info().cores;
    std::vector<std::uint32_t> x(32 * row);
    for (std::uint32_t i = 0; i < x.size(); ++i)
        x[i] = i * 2654435761U + 1;
    if (auto done = at->kernel.write(at->session, "X", std::as_bytes(std::span(x))); !done)
        return tl::unexpected(done.error());
    if (auto done = at->kernel.run(at->session, all_cores(bench)); !done)
        return tl::unexpected(done.error());
    const auto got = at->kernel.read(at->session, "Y");
    if (!got)
        return tl::unexpected(got.error());
    for (std::uint32_t core = 0; core < cores; ++core)
        for (std::uint32_t i = 0; i < row; ++i)
            if (const std::uint32_t from = (core + cores - 1) % cores; word(*got, core * row + i) != x[from * row + i])
                return tl::unexpected(
                    wrong_answer(fmt::format("core {} has element {} of core {} as {:#x}, not {:#x}", core, i, from,
                                             word(*got, core * row + i), x[from * row + i])));
    return Findings{{{"cores", static_cast<double>(cores), ""}}, {}};
}

Outcome<Findings> test_scrub(const Bench &bench) {
    auto first = ready(bench, leaving);
    if (!first)
        return tl::unexpected(first.error());
    if (auto done = first->kernel.run(first->session, 1); !done)
        return tl::unexpected(done.error());
    const auto left = first->kernel.read(first->session, "Y");
    if (!left)
        return tl::unexpected(left.error());
    if (word(*left, 0) != 0x5ec4e75a)
        return tl::unexpected(wrong_answer("the first context does not find what it has written itself"));
    auto second = ready(bench, finding);
    if (!second)
        return tl::unexpected(second.error());
    const auto done = second->kernel.run(second->session, 1);
    if (!done && done.error().message.find("HAZARD_UNWRITTEN") != std::string::npos)
        return Findings{{}, "hazard detection is on: reading what nothing has written is an error then"};
    if (!done)
        return tl::unexpected(done.error());
    const auto found = second->kernel.read(second->session, "Y");
    if (!found)
        return tl::unexpected(found.error());
    for (std::size_t i = 0; i < found->size() / sizeof(std::uint32_t); ++i)
        if (word(*found, i) != 0)
            return tl::unexpected(
                wrong_answer(fmt::format("another context finds {:#x} in SBUF, word {}", word(*found, i), i)));
    return Findings{{{"bytes", static_cast<double>(found->size()), ""}}, {}};
}

constexpr std::array tests = {
    SelfTest{"semaphores", "Semaphores of each core: a token goes round its five engines", test_semaphores},
    SelfTest{"barrier", "All cores meet, and see what the others wrote before", test_barrier},
    SelfTest{"send", "Each core sends a tile to the next one", test_send},
    SelfTest{"scrub", "A context finds nothing that another one has left in SBUF", test_scrub},
};

} // namespace

std::span<const SelfTest> core_tests() { return tests; }

} // namespace neuronctl
