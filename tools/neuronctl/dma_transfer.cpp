// SPDX-License-Identifier: MIT
#include "dma_transfer.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace neuronctl {
namespace {

using std::chrono::steady_clock;

/** A piece of a destination with its surroundings. */
struct Window {
    std::uint64_t start = 0;
    std::uint64_t offset = 0; ///< Of the transfer in the window.
    std::vector<std::byte> bytes;
};

Window window_of(const Arena &to, std::uint64_t offset, std::uint64_t bytes) {
    Window out;
    out.start = offset - std::min(offset, guard_bytes);
    out.offset = offset - out.start;
    const std::uint64_t end = std::min(to.buffer().size(), offset + bytes + guard_bytes);
    out.bytes.assign(end - out.start, guard_byte);
    return out;
}

Failure wrong(const BadByte &bad, std::uint64_t bytes) {
    Failure failure{Exit::mismatch, "mismatch", describe(bad, bytes), {}, {}};
    failure.details = {{"byte", bad.place},
                       {"got", fmt::format("0x{:02x}", bad.got)},
                       {"want", fmt::format("0x{:02x}", bad.want)},
                       {"differ", bad.count}};
    return failure;
}

Outcome<std::chrono::nanoseconds> timed(neuron::Queue &queue, const neuron::CommandList &commands) {
    const auto start = steady_clock::now();
    if (auto done = execute(queue, commands); !done)
        return tl::unexpected(done.error());
    return steady_clock::now() - start;
}

} // namespace

Outcome<std::chrono::nanoseconds> copy_verified(Session &session, const Arena &from, const Arena &to,
                                                const Transfer &transfer) {
    std::vector<std::byte> source(transfer.bytes);
    write_pattern(transfer.pattern, transfer.seed, source);
    Window window = window_of(to, transfer.to_offset, transfer.bytes);
    neuron::CommandList commands;
    commands.copy(to.buffer().va() + transfer.to_offset, from.buffer().va() + transfer.from_offset, transfer.bytes);
    Outcome<std::chrono::nanoseconds> time;
    auto done = from.write(session.queue, transfer.from_offset, source)
                    .and_then([&] { return to.write(session.queue, window.start, window.bytes); })
                    .and_then([&]() -> Outcome<void> {
                        time = timed(session.queue, commands);
                        return time ? Outcome<void>() : tl::unexpected(time.error());
                    })
                    .and_then([&] { return to.read(session.queue, window.start, window.bytes); });
    if (!done)
        return tl::unexpected(done.error());
    const auto bad = verify_pattern(window.bytes, window.offset, transfer.bytes, transfer.pattern, transfer.seed);
    if (bad)
        return tl::unexpected(wrong(*bad, transfer.bytes));
    return time;
}

Outcome<std::chrono::nanoseconds> fill_verified(Session &session, const Arena &to, std::uint64_t offset,
                                                std::uint64_t bytes, std::uint64_t value) {
    Window window = window_of(to, offset, bytes);
    neuron::CommandList commands;
    commands.fill(to.buffer().va() + offset, bytes, value);
    if (auto done = to.write(session.queue, window.start, window.bytes); !done)
        return tl::unexpected(done.error());
    const auto time = timed(session.queue, commands);
    if (!time)
        return time;
    if (auto done = to.read(session.queue, window.start, window.bytes); !done)
        return tl::unexpected(done.error());
    std::optional<BadByte> bad;
    for (std::size_t i = 0; i < window.bytes.size(); ++i) {
        const bool inside = i >= window.offset && i - window.offset < bytes;
        const std::byte want =
            inside ? static_cast<std::byte>(value >> 8 * ((i - window.offset) % 8) & 0xff) : guard_byte;
        if (window.bytes[i] == want)
            continue;
        if (!bad)
            bad = BadByte{static_cast<std::int64_t>(i) - static_cast<std::int64_t>(window.offset), window.bytes[i],
                          want, 0};
        ++bad->count;
    }
    if (bad)
        return tl::unexpected(wrong(*bad, bytes));
    return time;
}

} // namespace neuronctl
