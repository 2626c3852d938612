// SPDX-License-Identifier: MIT
#include "debug_channel.hpp"

#include "../plan/injector.hpp"
#include "../sanitizer/sanitizer.hpp"

namespace neuron::chip {

DebugChannel::Registers DebugChannel::registers() const {
    const std::lock_guard lock(mutex_);
    return regs_;
}

bool DebugChannel::set_ring(std::uint64_t value) {
    if (value % spec::DebugRecord::BYTES != 0)
        return false;
    const std::lock_guard lock(mutex_);
    regs_.ring = value;
    regs_.head = 0;
    return true;
}

bool DebugChannel::set_log2(std::uint32_t value) {
    if (value > MAX_LOG2)
        return false;
    const std::lock_guard lock(mutex_);
    regs_.log2 = value;
    return true;
}

bool DebugChannel::take(std::uint32_t tail) {
    const std::lock_guard order(order_);
    const plan::InHurry guest_waits;
    const Registers now = registers();
    if (now.ring == 0 || tail - now.head > 1U << now.log2)
        return false;
    std::uint32_t bad = 0;
    for (std::uint32_t at = now.head; at != tail; ++at)
        bad += take_one(now.ring + std::uint64_t{at & ((1U << now.log2) - 1)} * spec::DebugRecord::BYTES) ? 0 : 1;
    const std::lock_guard lock(mutex_);
    regs_.bad += bad;
    if (regs_.ring == now.ring)
        regs_.head = tail;
    return true;
}

bool DebugChannel::take_one(std::uint64_t bus) {
    std::array<std::byte, spec::DebugRecord::BYTES> raw;
    if (!host_.read(bus, raw) || !spec::reserved_clear<spec::DebugRecord>(raw))
        return false;
    const auto told = spec::unpack<spec::DebugRecord>(raw);
    const std::uint64_t now_ns = recorder_.now_ns();
    if (sanitizer_ != nullptr)
        sanitizer_->tells(told);
    if (!book_.tell(told, now_ns))
        return false;
    record(told, now_ns);
    return true;
}

void DebugChannel::record(const spec::DebugRecord &told, std::uint64_t now_ns) {
    const bool mapping = told.kind == spec::DebugKind::BIND || told.kind == spec::DebugKind::UNBIND ||
                         told.kind == spec::DebugKind::FREE;
    if (!mapping || !recorder_.on())
        return;
    const bool write = (told.flags & spec::raw(spec::DebugFlag::WRITE)) != 0;
    recorder_.add(spec::RecordMapping{.head = {.time_ns = now_ns,
                                               .flags = write ? spec::raw(spec::RecordFlag::WRITE) : std::uint8_t{0},
                                               .ctx = static_cast<std::uint8_t>(told.ctx),
                                               .code = static_cast<std::uint8_t>(told.kind)},
                                      .va = told.va,
                                      .bytes = told.bytes,
                                      .buffer = told.buffer,
                                      .pid = told.pid},
                  spec::RecordKind::MAPPING);
}

void DebugChannel::reset() {
    const std::lock_guard lock(mutex_);
    regs_ = {};
}

void DebugChannel::serialize(Archive &archive) {
    archive.number("DEBUG_RING", regs_.ring);
    archive.number("DEBUG_LOG2", regs_.log2, 0, MAX_LOG2);
    archive.number("DEBUG_HEAD", regs_.head);
    archive.number("DEBUG_BAD", regs_.bad);
    archive.require(regs_.ring % spec::DebugRecord::BYTES == 0, "DEBUG_RING", "is not aligned");
}

} // namespace neuron::chip
