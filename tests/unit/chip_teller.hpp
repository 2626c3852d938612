// SPDX-License-Identifier: MIT
// A driver that uses the debug channel.
#ifndef NEURON_TESTS_CHIP_TELLER_HPP
#define NEURON_TESTS_CHIP_TELLER_HPP

#include "chip_support.hpp"

#include <string_view>

namespace chip_test {

template<class Text>
Text text(std::string_view from) {
    Text to{};
    std::copy(from.begin(), from.end(), to.begin());
    return to;
}

/// A machine with a driver that tells.
struct Teller {
    static constexpr std::uint32_t LOG2 = 2;

    explicit Teller(const Mode &mode) : m(mode), ring(m.host.alloc(PAGE)) { start(); }
    void start() {
        m.w64(reg::REC_DEBUG_RING, ring);
        m.w32(reg::REC_DEBUG_LOG2, LOG2);
        tail = 0;
    }
    void write(const spec::DebugRecord &record) {
        const auto raw = spec::packed(record);
        std::memcpy(m.host.at(ring + (tail++ % (1U << LOG2)) * raw.size(), raw.size()), raw.data(), raw.size());
    }
    void tell(const spec::DebugRecord &record) {
        write(record);
        m.w32(reg::REC_DEBUG_TAIL, tail);
    }
    void open(std::uint16_t ctx, std::uint32_t pid, std::string_view comm = "prog") {
        tell({.kind = spec::DebugKind::OPEN,
              .ctx = ctx,
              .pid = pid,
              .comm = text<decltype(spec::DebugRecord::comm)>(comm)});
    }
    void bind(std::uint16_t ctx, std::uint64_t buffer, std::uint64_t va, std::uint64_t bytes,
              std::string_view label = "", std::uint32_t pid = 412, std::uint32_t padding = 0) {
        tell({.kind = spec::DebugKind::BIND,
              .ctx = ctx,
              .flags = spec::raw(spec::DebugFlag::WRITE),
              .pid = pid,
              .padding = padding,
              .buffer = buffer,
              .va = va,
              .bytes = bytes,
              .label = text<decltype(spec::DebugRecord::label)>(label)});
    }
    void at(std::uint16_t ctx, std::uint64_t va, std::string_view place) {
        tell({.kind = spec::DebugKind::PLACE,
              .ctx = ctx,
              .va = va,
              .label = text<decltype(spec::DebugRecord::label)>(place)});
    }
    void unbind(std::uint16_t ctx, std::uint64_t buffer, std::uint64_t va, std::uint64_t bytes,
                std::uint32_t pid = 412) {
        tell({.kind = spec::DebugKind::UNBIND, .ctx = ctx, .pid = pid, .buffer = buffer, .va = va, .bytes = bytes});
    }
    spec::BlameRecord blame(std::uint32_t ctx, std::uint64_t va) {
        std::array<std::byte, spec::BlameRecord::BYTES> raw;
        assert_int_equal(neuron_chip_blame(m.chip, ctx, va, raw.data(), message, sizeof message), 0);
        return spec::unpack<spec::BlameRecord>(raw);
    }
    /// A HISTORY of an address of a context or space, with as many records as there are.
    std::vector<spec::BlameRecord> history(std::uint32_t ctx, std::uint64_t va) {
        const std::uint64_t bus = m.host.alloc(PAGE);
        m.w64(reg::REC_CMD_ADDR, bus);
        m.w64(reg::REC_CMD_FIRST, va);
        m.w32(reg::REC_CMD_COUNT, ctx);
        m.w32(reg::REC_CMD, spec::raw(spec::RecOp::HISTORY));
        m.settle();
        assert_int_equal(m.r32(reg::REC_CMD) & field::REC_CMD_ERROR.mask, 0);
        std::vector<spec::BlameRecord> all;
        for (std::uint32_t i = 0; i < m.r32(reg::REC_CMD_DONE); ++i) {
            constexpr auto bytes = spec::BlameRecord::BYTES;
            all.push_back(spec::unpack<spec::BlameRecord>(
                std::span<const std::byte, bytes>(m.host.at(bus + i * bytes, bytes), bytes)));
        }
        return all;
    }
    void says(std::uint32_t ctx, std::uint64_t va, const char *what) {
        blame(ctx, va);
        if (std::strstr(message, what) == nullptr)
            fail_msg("\"%s\" does not say \"%s\"", message, what);
    }
    std::uint32_t bad() { return m.r32(reg::REC_DEBUG_BAD); }

    Machine m;
    std::uint64_t ring;
    std::uint32_t tail = 0;
    char message[256] = "";
};

} // namespace chip_test

#endif // NEURON_TESTS_CHIP_TELLER_HPP
