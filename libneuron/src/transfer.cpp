// SPDX-License-Identifier: MIT
#include "transfer.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "error.hpp"

namespace neuron::detail {
namespace {

constexpr std::uint64_t half_bytes = QueueState::staging_bytes / 2;

Result<void> check_range(const QueueState &queue, const Buffer &buffer, std::uint64_t offset, std::uint64_t bytes) {
    if (buffer.state()->context != queue.context)
        return fail(ErrorCode::invalid_argument, "the buffer at {:#x} belongs to another context than the queue",
                    buffer.va());
    if (offset > buffer.size() || bytes > buffer.size() - offset)
        return fail(ErrorCode::invalid_argument, "bytes {}..{} of a buffer of {}", offset, offset + bytes,
                    buffer.size());
    return {};
}

bool reached_by_cpu(const Buffer &buffer) {
    return buffer.placement() == Placement::host || buffer.state()->options.mappable;
}

Result<Job> submit_copy(QueueState &queue, std::uint64_t dst, std::uint64_t src, std::uint64_t bytes) {
    CommandList commands;
    commands.copy(dst, src, bytes);
    const std::span<const Packet> packets = commands.packets();
    return queue.submit({&packets, 1}, {});
}

Result<void> wait_if_any(QueueState &queue, std::uint64_t job) {
    return job != 0 ? queue.wait(Job{job}, Deadline::max()) : Result<void>{};
}

// The halves of the staging buffer take turns: the CPU works on one while the device works on the other.
Result<void> staged_write(QueueState &queue, const Buffer &buffer, std::uint64_t offset,
                          std::span<const std::byte> bytes) {
    const auto staging = queue.staging();
    if (!staging)
        return tl::unexpected(staging.error());
    const auto room = (*staging)->map();
    if (!room)
        return tl::unexpected(room.error());
    std::array<std::uint64_t, 2> jobs{};
    for (std::uint64_t at = 0, turn = 0; at < bytes.size(); at += half_bytes, turn ^= 1) {
        const std::uint64_t part = std::min<std::uint64_t>(half_bytes, bytes.size() - at);
        if (auto done = wait_if_any(queue, jobs[turn]); !done)
            return done;
        std::memcpy(room->data() + turn * half_bytes, bytes.data() + at, part);
        const auto job = submit_copy(queue, buffer.va() + offset + at, (*staging)->va() + turn * half_bytes, part);
        if (!job)
            return tl::unexpected(job.error());
        jobs[turn] = job->number;
    }
    return wait_if_any(queue, std::max(jobs[0], jobs[1]));
}

Result<void> staged_read(QueueState &queue, const Buffer &buffer, std::uint64_t offset, std::span<std::byte> bytes) {
    const auto staging = queue.staging();
    if (!staging)
        return tl::unexpected(staging.error());
    const auto room = (*staging)->map();
    if (!room)
        return tl::unexpected(room.error());
    const auto fetch = [&](std::uint64_t at) {
        const std::uint64_t part = std::min<std::uint64_t>(half_bytes, bytes.size() - at);
        const std::uint64_t turn = at / half_bytes % 2;
        return submit_copy(queue, (*staging)->va() + turn * half_bytes, buffer.va() + offset + at, part);
    };
    Result<Job> job = fetch(0);
    for (std::uint64_t at = 0; at < bytes.size(); at += half_bytes) {
        if (!job)
            return forward_error(job);
        const Job current = *job;
        if (at + half_bytes < bytes.size())
            job = fetch(at + half_bytes);
        if (auto done = queue.wait(current, Deadline::max()); !done)
            return done;
        const std::uint64_t part = std::min<std::uint64_t>(half_bytes, bytes.size() - at);
        std::memcpy(bytes.data() + at, room->data() + at / half_bytes % 2 * half_bytes, part);
    }
    return {};
}

} // namespace

Result<void> write_buffer(QueueState &queue, const Buffer &buffer, std::uint64_t offset,
                          std::span<const std::byte> bytes) {
    const Stopwatch watch(queue.context->counters.write_ns);
    if (auto good = check_range(queue, buffer, offset, bytes.size()); !good || bytes.empty())
        return good;
    if (reached_by_cpu(buffer)) {
        const auto room = buffer.map();
        if (!room)
            return tl::unexpected(room.error());
        std::memcpy(room->data() + offset, bytes.data(), bytes.size());
    } else if (auto done = staged_write(queue, buffer, offset, bytes); !done) {
        return done;
    }
    queue.context->counters.bytes_written.fetch_add(bytes.size(), std::memory_order_relaxed);
    return {};
}

Result<void> read_buffer(QueueState &queue, const Buffer &buffer, std::uint64_t offset, std::span<std::byte> bytes) {
    const Stopwatch watch(queue.context->counters.read_ns);
    if (auto good = check_range(queue, buffer, offset, bytes.size()); !good || bytes.empty())
        return good;
    if (reached_by_cpu(buffer)) {
        const auto room = buffer.map();
        if (!room)
            return tl::unexpected(room.error());
        std::memcpy(bytes.data(), room->data() + offset, bytes.size());
    } else if (auto done = staged_read(queue, buffer, offset, bytes); !done) {
        return done;
    }
    queue.context->counters.bytes_read.fetch_add(bytes.size(), std::memory_order_relaxed);
    return {};
}

} // namespace neuron::detail
