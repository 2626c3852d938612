// SPDX-License-Identifier: MIT
#include "user_queue.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include <sys/mman.h>

using namespace neuron::spec;

namespace kmod {

namespace {

std::uint64_t pages(std::uint64_t bytes) { return (bytes + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE; }

std::uint64_t ring_bytes(std::uint32_t ring_log2) { return pages(std::uint64_t{PACKET_BYTES} << ring_log2); }

std::uint64_t memory_bytes(std::uint32_t ring_log2) {
    return ring_bytes(ring_log2) + PAGE_SIZE + pages(Stamp::BYTES << ring_log2);
}

drm_neuron_queue_create create(const File &file, const UserMemory &memory, const drm_neuron_queue_create &options) {
    drm_neuron_queue_create args = memory.request();
    args.timeout_ms = options.timeout_ms;
    args.priority = options.priority;
    args.coalesce_count = options.coalesce_count;
    args.coalesce_usecs = options.coalesce_usecs;
    const int ret = file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args);
    if (ret)
        fail_msg("QUEUE_CREATE in user mode: %s", std::strerror(-ret));
    return args;
}

} // namespace

UserMemory::UserMemory(const File &file, std::uint32_t log2)
    : ring_log2(log2), handle(file.host(memory_bytes(log2))), va(file.bind(handle)), memory(file, handle) {}

std::uint64_t UserMemory::seqno_offset() const { return ring_bytes(ring_log2); }

std::uint64_t UserMemory::stamps_offset() const { return seqno_offset() + PAGE_SIZE; }

std::uint64_t UserMemory::size() const { return memory_bytes(ring_log2); }

drm_neuron_queue_create UserMemory::request() const {
    drm_neuron_queue_create args{};
    args.flags = DRM_NEURON_QUEUE_USER;
    args.ring_log2 = ring_log2;
    args.ring_va = va;
    args.seqno_va = va + seqno_offset();
    args.stamps_va = va + stamps_offset();
    return args;
}

int map_buffer(const File &file, std::uint32_t handle, std::size_t bytes, int prot, int flags, void **where) {
    void *pointer = ::mmap(nullptr, bytes, prot, flags, file.fd(), static_cast<off_t>(file.bo(handle).mmap_offset));
    if (pointer == MAP_FAILED)
        return -errno;
    *where = pointer;
    return 0;
}

DoorbellPage::DoorbellPage(const File &file, std::uint32_t handle) {
    void *page = nullptr;
    const int ret = map_buffer(file, handle, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, &page);
    if (ret)
        fail_msg("mmap of the doorbells: %s", std::strerror(-ret));
    page_ = static_cast<std::byte *>(page);
}

DoorbellPage::~DoorbellPage() { ::munmap(page_, PAGE_SIZE); }

UserQueue::UserQueue(const File &file, std::uint32_t ring_log2, const drm_neuron_queue_create &options)
    : memory_(file, ring_log2), created_(create(file, memory_, options)), page_(file, created_.doorbell_handle) {}

UserQueue::UserQueue(const File &file, std::uint32_t ring_log2, std::uint32_t timeout_ms)
    : UserQueue(file, ring_log2, [&] {
          drm_neuron_queue_create options{};
          options.timeout_ms = timeout_ms;
          return options;
      }()) {}

void UserQueue::write(std::span<const Packet> packets, std::uint8_t flags) {
    for (Packet packet : packets) {
        packet[1] = std::byte{flags};
        const std::uint64_t index = tail_++ % memory_.entries();
        std::ranges::copy(packet, memory_.memory.bytes().begin() + static_cast<std::ptrdiff_t>(index * PACKET_BYTES));
    }
}

void UserQueue::ring() const {
    std::atomic_thread_fence(std::memory_order_release);
    page_.write(created_.doorbell_offset, static_cast<std::uint32_t>(tail_));
}

std::uint64_t UserQueue::submit(std::span<const Packet> packets) {
    const std::uint64_t end = tail_ + packets.size();
    if (end > memory_.entries())
        await(end - memory_.entries());
    write(packets.first(packets.size() - 1), 0);
    write(packets.last(1), SEQNO_IRQ);
    ring();
    return tail_;
}

std::uint64_t UserQueue::seqno() const {
    const std::uint64_t *word = memory_.memory.words() + memory_.seqno_offset() / 8;
    return *static_cast<const volatile std::uint64_t *>(word);
}

Stamp UserQueue::stamp(std::uint64_t packet) const {
    const std::uint64_t offset = memory_.stamps_offset() + packet % memory_.entries() * Stamp::BYTES;
    return unpack<Stamp>(
        std::span<const std::byte, Stamp::BYTES>(memory_.memory.bytes().subspan(offset, Stamp::BYTES)));
}

void UserQueue::await(std::uint64_t want) const {
    const auto end = std::chrono::steady_clock::now() + LONG;
    while (seqno() < want) {
        if (std::chrono::steady_clock::now() > end)
            fail_msg("the seqno is %lu instead of %lu", static_cast<unsigned long>(seqno()),
                     static_cast<unsigned long>(want));
        std::this_thread::yield();
    }
    std::atomic_thread_fence(std::memory_order_acquire);
}

} // namespace kmod
