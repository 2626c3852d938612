// SPDX-License-Identifier: MIT
#include "transfer.hpp"

#include "../sanitizer/sanitizer.hpp"
#include "stream_copy.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <endian.h>

namespace neuron::chip {

namespace {

// What is left of a COPY that is long enough to stream: more than a host's core has caches of its own for.
constexpr std::uint64_t STREAM_COPY_BYTES = 4ULL << 20;
// A piece of a DMA row that is: tiles of such rows have megabytes.
constexpr std::size_t STREAM_PIECE_BYTES = 32 * 1024;

bool overlap(const std::byte *a, const std::byte *b, std::size_t bytes) {
    const auto x = reinterpret_cast<std::uintptr_t>(a), y = reinterpret_cast<std::uintptr_t>(b);
    return x < y + bytes && y < x + bytes;
}

tl::unexpected<MemoryFault> bus_fault(std::uint64_t va, const PhysicalRun &run, bool write) {
    return tl::unexpected(MemoryFault{spec::Fault::HOST_BUS, va, run.bus, write});
}

bool load(const Host &host, const PhysicalRun &run, std::span<std::byte> out) {
    if (run.hbm == nullptr)
        return host.read(run.bus, out);
    std::memcpy(out.data(), run.hbm, out.size());
    return true;
}

bool store(const Host &host, const PhysicalRun &run, std::span<const std::byte> in) {
    if (run.hbm == nullptr)
        return host.write(run.bus, in);
    if (in.size() >= STREAM_PIECE_BYTES)
        stream_copy({run.hbm, in.size()}, in);
    else
        std::memcpy(run.hbm, in.data(), in.size());
    return true;
}

// Writes `out` with the pattern, which has been going on for `phase` bytes.
void repeat(std::span<std::byte> out, std::uint64_t pattern, std::uint64_t phase) {
    const int turn = static_cast<int>(phase % sizeof pattern * 8);
    const std::uint64_t word = htole64(std::rotr(pattern, turn));
    std::size_t at = 0;
    for (; at + sizeof word <= out.size(); at += sizeof word)
        std::memcpy(out.data() + at, &word, sizeof word);
    std::memcpy(out.data() + at, &word, out.size() - at);
}

} // namespace

MemoryResult<void> check_range(std::uint64_t va, std::uint64_t bytes, bool write) {
    constexpr std::uint64_t VA_END = 1ULL << spec::MMU_VA_BITS;
    if (va >= VA_END || bytes > VA_END - va)
        return tl::unexpected(MemoryFault{spec::Fault::BAD_ADDRESS, std::max(va, VA_END), 0, write});
    return {};
}

MemoryResult<std::uint64_t> sound(const Access &access, std::uint64_t va, const PhysicalRun &run, std::uint64_t bytes) {
    if (run.hbm == nullptr)
        return bytes;
    const auto bad = access.space().hbm_errors().first_of_data(run.bus, bytes);
    if (bad == run.bus)
        return tl::unexpected(MemoryFault{spec::Fault::HBM_ECC, va, *bad, false});
    return bad ? *bad - run.bus : bytes;
}

void tell_sanitizer(const Access &access, std::uint64_t va, const PhysicalRun &run, std::uint64_t bytes, bool write) {
    const Actor &actor = *access.actor();
    actor.sanitizer->touched(actor, {.va = va,
                                     .bytes = bytes,
                                     .bus = run.bus,
                                     .hbm = run.hbm != nullptr,
                                     .write = write,
                                     .space = &access.space()});
}

MemoryResult<void> read(const Access &access, const Host &host, std::uint64_t va, std::span<std::byte> out) {
    while (!out.empty()) {
        const auto run = access.space().translate(access, va, out.size(), false);
        if (!run)
            return tl::unexpected(run.error());
        const auto count = sound(access, va, *run, run->bytes);
        if (!count)
            return tl::unexpected(count.error());
        touch(access, va, *run, *count, false);
        if (!load(host, *run, out.first(*count)))
            return bus_fault(va, *run, false);
        va += *count;
        out = out.subspan(*count);
    }
    return {};
}

MemoryResult<void> write(const Access &access, const Host &host, std::uint64_t va, std::span<const std::byte> in) {
    while (!in.empty()) {
        const auto run = access.space().translate(access, va, in.size(), true);
        if (!run)
            return tl::unexpected(run.error());
        touch(access, va, *run, run->bytes, true);
        if (!store(host, *run, in.first(run->bytes)))
            return bus_fault(va, *run, true);
        written(access, *run, run->bytes);
        va += run->bytes;
        in = in.subspan(run->bytes);
    }
    return {};
}

MemoryResult<void> write_u64(const Access &access, const Host &host, std::uint64_t va, std::uint64_t value) {
    const auto run = access.space().translate(access, va, sizeof value, true);
    if (!run)
        return tl::unexpected(run.error());
    touch(access, va, *run, sizeof value, true);
    const std::uint64_t raw = htole64(value);
    if (run->hbm != nullptr) {
        // Release: whoever sees the value sees everything that was done before.
        std::atomic_ref(*reinterpret_cast<std::uint64_t *>(run->hbm)).store(raw, std::memory_order_release);
        written(access, *run, sizeof value);
        return {};
    }
    if (!host.write(run->bus, std::as_bytes(std::span(&raw, 1))))
        return bus_fault(va, *run, true);
    return {};
}

MemoryResult<std::size_t> copy(const Access &access, const Host &host, std::uint64_t dst, std::uint64_t src,
                               std::uint64_t bytes, std::span<std::byte> bounce) {
    const bool stream = bytes >= STREAM_COPY_BYTES;
    bytes = std::min<std::uint64_t>(bytes, CHUNK);
    const auto from = access.space().translate(access, src, bytes, false);
    if (!from)
        return tl::unexpected(from.error());
    const auto readable = sound(access, src, *from, from->bytes);
    if (!readable)
        return tl::unexpected(readable.error());
    const auto to = access.space().translate(access, dst, *readable, true);
    if (!to)
        return tl::unexpected(to.error());
    const std::size_t count = to->bytes;
    touch(access, src, *from, count, false);
    touch(access, dst, *to, count, true);
    if (from->hbm != nullptr && to->hbm != nullptr) {
        // Two addresses may lead to the same page, so this may overlap even where the addresses do not.
        if (stream && !overlap(to->hbm, from->hbm, count))
            stream_copy({to->hbm, count}, {from->hbm, count});
        else
            std::memmove(to->hbm, from->hbm, count);
    } else if (from->hbm != nullptr) {
        if (!host.write(to->bus, {from->hbm, count}))
            return bus_fault(dst, *to, true);
    } else {
        const std::span<std::byte> target = to->hbm != nullptr ? std::span(to->hbm, count) : bounce.first(count);
        if (!host.read(from->bus, target))
            return bus_fault(src, *from, false);
        if (to->hbm == nullptr && !host.write(to->bus, target))
            return bus_fault(dst, *to, true);
    }
    written(access, *to, count);
    return count;
}

MemoryResult<std::size_t> fill(const Access &access, const Host &host, std::uint64_t dst, std::uint64_t bytes,
                               std::uint64_t pattern, std::uint64_t phase, std::span<std::byte> bounce) {
    const auto to = access.space().translate(access, dst, std::min<std::uint64_t>(bytes, CHUNK), true);
    if (!to)
        return tl::unexpected(to.error());
    touch(access, dst, *to, to->bytes, true);
    if (to->hbm != nullptr) {
        repeat({to->hbm, to->bytes}, pattern, phase);
        written(access, *to, to->bytes);
        return to->bytes;
    }
    const std::span<std::byte> data = bounce.first(to->bytes);
    repeat(data, pattern, phase);
    if (!host.write(to->bus, data))
        return bus_fault(dst, *to, true);
    return to->bytes;
}

} // namespace neuron::chip
