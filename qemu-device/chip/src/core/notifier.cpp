// SPDX-License-Identifier: MIT
#include "notifier.hpp"

#include "../memory/transfer.hpp"

#include <atomic>
#include <cstddef>
#include <cstring>
#include <endian.h>
#include <span>
#include <utility>

namespace neuron::chip {

static_assert(spec::raw(spec::TraceFlag::SP) == 1U << spec::raw(spec::Engine::SP), "a bit for each engine");

namespace {

constexpr std::size_t BODY = spec::Notification::BYTES - sizeof(std::uint32_t);

// The sequence goes last, so that who sees it sees the record.
MemoryResult<void> store(const Access &access, const Host &host, std::uint64_t va, const spec::Notification &record) {
    const auto run = access.space().translate(access, va, spec::Notification::BYTES, true);
    if (!run)
        return tl::unexpected(run.error());
    const auto raw = spec::packed(record);
    const std::span body = std::span<const std::byte>(raw).first<BODY>();
    const std::uint32_t sequence = htole32(record.sequence);
    touch(access, va, *run, spec::Notification::BYTES, true);
    if (run->hbm != nullptr) {
        std::memcpy(run->hbm, body.data(), body.size());
        std::atomic_ref(*reinterpret_cast<std::uint32_t *>(run->hbm + BODY)).store(sequence, std::memory_order_release);
        written(access, *run, spec::Notification::BYTES);
        return {};
    }
    if (!host.write(run->bus, body) || !host.write(run->bus + BODY, std::as_bytes(std::span(&sequence, 1))))
        return tl::unexpected(MemoryFault{spec::Fault::HOST_BUS, va, run->bus, true});
    return {};
}

} // namespace

void Notifier::start(const spec::PacketLaunch &packet) {
    ring_ = packet.notify;
    slots_ = 1ULL << packet.notify_log2;
    trace_ = packet.trace;
    next_ = 0;
}

Notifier::Writing *Notifier::writer_of_locked(std::uint64_t slot) const {
    Writing *found = writing_;
    while (found != nullptr && found->slot != slot)
        found = found->other;
    return found;
}

std::optional<spec::Notification> Notifier::finish(Writing &writing) {
    const std::lock_guard lock(mutex_);
    if (writing.next)
        return std::exchange(writing.next, std::nullopt);
    Writing **link = &writing_;
    while (*link != &writing)
        link = &(*link)->other;
    *link = writing.other;
    return std::nullopt;
}

MemoryResult<void> Notifier::append(AddressSpace &space, const Actor *actor, const Host &host,
                                    spec::Notification record) {
    if (!on())
        return {};
    const Access access(space, actor);
    Writing writing{};
    {
        const std::lock_guard lock(mutex_);
        const std::uint64_t index = next_++;
        record.sequence = static_cast<std::uint32_t>(index + 1);
        writing.slot = index % slots_;
        if (Writing *const other = writer_of_locked(writing.slot)) {
            other->next = record;
            return {};
        }
        writing.other = std::exchange(writing_, &writing);
    }
    // Later records of this place fault as this one does, if it does: the fault is told once.
    MemoryResult<void> result;
    for (std::optional<spec::Notification> next = record; next; next = finish(writing))
        if (const auto stored = store(access, host, ring_ + writing.slot * spec::Notification::BYTES, *next); !stored)
            result = stored;
    return result;
}

} // namespace neuron::chip
