// SPDX-License-Identifier: MIT
#include "queue_control.hpp"

namespace neuron::chip {

using spec::QueueState;

std::optional<std::uint32_t> QueueConfig::error() const {
    namespace reg = spec::reg;
    const bool in_range = ctx() < spec::MAX_CONTEXTS && vector() != 0 && vector() < spec::MSIX_VECTORS && priority();
    const bool slot_exists = doorbell_register() ? slot() == 0 : slot() < spec::DOORBELL_SLOTS;
    if (!in_range || !slot_exists)
        return reg::QUEUE_CFG(0);
    if (ring_log2 < spec::RING_LOG2_MIN || ring_log2 > spec::RING_LOG2_MAX)
        return reg::QUEUE_RING_LOG2(0);
    const std::uint64_t end = ring_va() ? 1ULL << spec::MMU_VA_BITS : ~0ULL;
    const std::uint64_t bytes = std::uint64_t{spec::PACKET_BYTES} << ring_log2;
    if (ring_base % spec::PACKET_BYTES != 0 || ring_base > end - bytes)
        return reg::QUEUE_RING_BASE(0);
    if (seqno_addr % sizeof(std::uint64_t) != 0 || seqno_addr > end - sizeof(std::uint64_t))
        return reg::QUEUE_SEQNO_ADDR(0);
    const std::uint64_t stamp_bytes = std::uint64_t{spec::Stamp::BYTES} << ring_log2;
    if (stamp_addr % spec::Stamp::BYTES != 0 || stamp_addr > end - stamp_bytes)
        return reg::QUEUE_STAMP_ADDR(0);
    return std::nullopt;
}

void QueueConfig::serialize(Archive &archive) {
    archive.number("RING_BASE", ring_base);
    archive.number("SEQNO_ADDR", seqno_addr);
    archive.number("STAMP_ADDR", stamp_addr);
    archive.number("RING_LOG2", ring_log2);
    archive.number("CFG", cfg);
}

bool QueueControl::unused() const {
    return config == QueueConfig{} && state == QueueState::DISABLED && !enable && !busy && head == 0 && tail == 0 &&
           progress == 0 && moved_bytes == 0;
}

void QueueControl::clear() {
    config = active = {};
    enable = false;
    state = QueueState::DISABLED;
    fault = spec::Fault::NONE;
    head = tail = 0;
    busy = waiting = false;
    busy_time = core_time = {};
    abort = false;
    progress = 0;
    moved_bytes = 0;
}

void QueueControl::serialize(Archive &archive, std::uint32_t cores) {
    config.serialize(archive);
    active.serialize(archive);
    archive.flag("ENABLE", enable);
    archive.choice("STATE", state);
    archive.choice("FAULT", fault);
    archive.number("HEAD", head);
    archive.number("TAIL", tail);
    archive.flag("BUSY", busy);
    archive.flag("WAITING", waiting);
    busy_time.serialize(archive, 1);
    core_time.serialize(archive, cores);
    bool aborts = abort;
    archive.flag("abort", aborts);
    abort = aborts;
    archive.number("PROGRESS", progress);
    archive.number("bytes moved", moved_bytes);
    // What is at work, or may be, relies on its configuration.
    archive.require(!(busy || runnable()) || !active.error(), "CFG", "is that of no queue");
    archive.require(!runnable() || (enable && tail - head <= 1ULL << active.ring_log2), "TAIL", "is out of range");
    archive.require(busy || !aborts, "abort", "is set, but the queue is not busy");
}

} // namespace neuron::chip
