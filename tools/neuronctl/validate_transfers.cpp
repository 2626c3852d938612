// SPDX-License-Identifier: MIT
// Self tests of the queues' DMA: each direction, aligned and not, every byte looked at.
#include <array>

#include <fmt/format.h>

#include "dma_transfer.hpp"
#include "times.hpp"
#include "validate.hpp"

namespace neuronctl {
namespace {

constexpr std::uint64_t large = 1 << 20;

/** A long transfer for the rate, and short ones that begin and end anywhere. */
constexpr std::array transfers = {
    Transfer{0, 0, large, Pattern::random, 1},     Transfer{0, 0, 1, Pattern::ones, 0},
    Transfer{1, 0, 4096, Pattern::random, 2},      Transfer{0, 1, 4097, Pattern::random, 3},
    Transfer{4095, 61, 8191, Pattern::address, 0}, Transfer{63, 4093, 65, Pattern::count, 0},
};

class Transfers {
public:
    explicit Transfers(Session &session) : session_(session) {}

    Outcome<void> copy(const Place &from, const Place &to) {
        const auto source = Arena::create(session_.context, session_.queue, from, room_for(4096, large));
        if (!source)
            return tl::unexpected(source.error());
        const auto destination = Arena::create(session_.context, session_.queue, to, room_for(4096, large));
        if (!destination)
            return tl::unexpected(destination.error());
        for (const Transfer &transfer : transfers) {
            const auto time = copy_verified(session_, *source, *destination, transfer);
            if (!time) {
                Failure failure = time.error();
                failure.message =
                    fmt::format("{} -> {}, {} bytes from offset {} to offset {}: {}", text(from), text(to),
                                transfer.bytes, transfer.from_offset, transfer.to_offset, failure.message);
                return tl::unexpected(std::move(failure));
            }
            if (transfer.bytes == large)
                times_.push_back(*time);
            ++count_;
        }
        return {};
    }

    Findings findings() const {
        return {
            {{"transfers", static_cast<double>(count_), ""}, {"rate", rate_of(large, spread_of(times_).median), "B/s"}},
            {}};
    }

private:
    Session &session_;
    Times times_;
    std::uint64_t count_ = 0;
};

Outcome<Findings> test_directions(const Bench &bench, bool from_host, bool to_host) {
    auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    Transfers work(*session);
    for (const Place &from : all_places(bench.info()))
        for (const Place &to : all_places(bench.info())) {
            const bool wanted = (from.placement == neuron::Placement::host) == from_host &&
                                (to.placement == neuron::Placement::host) == to_host;
            if (!wanted)
                continue;
            if (auto done = work.copy(from, to); !done)
                return tl::unexpected(done.error());
        }
    return work.findings();
}

Outcome<Findings> test_host(const Bench &bench) { return test_directions(bench, true, true); }
Outcome<Findings> test_up(const Bench &bench) { return test_directions(bench, true, false); }
Outcome<Findings> test_down(const Bench &bench) { return test_directions(bench, false, true); }
Outcome<Findings> test_hbm(const Bench &bench) { return test_directions(bench, false, false); }

Outcome<Findings> test_fill(const Bench &bench) {
    auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    Times times;
    for (const Place &place : all_places(bench.info())) {
        const auto to = Arena::create(session->context, session->queue, place, room_for(4096, large));
        if (!to)
            return tl::unexpected(to.error());
        for (const Transfer &transfer : transfers) {
            const auto time = fill_verified(*session, *to, transfer.to_offset, transfer.bytes, 0x1122334455667788);
            if (!time)
                return tl::unexpected(time.error());
            if (transfer.bytes == large)
                times.push_back(*time);
        }
    }
    return Findings{{{"rate", rate_of(large, spread_of(times).median), "B/s"}}, {}};
}

constexpr std::array tests = {
    SelfTest{"dma-host", "Copies from host memory to host memory", test_host},
    SelfTest{"dma-up", "Copies from host memory to each HBM stack", test_up},
    SelfTest{"dma-down", "Copies from each HBM stack to host memory", test_down},
    SelfTest{"dma-hbm", "Copies between HBM stacks, and within each", test_hbm},
    SelfTest{"fill", "Fills host memory and each HBM stack", test_fill},
};

} // namespace

std::span<const SelfTest> transfer_tests() { return tests; }

} // namespace neuronctl
