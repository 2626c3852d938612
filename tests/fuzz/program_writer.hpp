// SPDX-License-Identifier: MIT
// Small programs by hand: dense tiles of 32-bit elements in all partitions, dense rows in memory.
#ifndef NEURON_TESTS_FUZZ_PROGRAM_WRITER_HPP
#define NEURON_TESTS_FUZZ_PROGRAM_WRITER_HPP

#include <neuron/spec.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fuzz {

namespace spec = neuron::spec;

inline spec::Tile dense_tile(spec::Space space, std::uint32_t offset, std::uint16_t elements) {
    spec::Tile t{};
    t.offset = offset;
    t.partitions = spec::PARTITIONS;
    t.space = space;
    t.dtype = spec::Dtype::U32;
    t.step = {1, 0, 0, 0};
    t.num = {elements, 1, 1, 1};
    return t;
}

/// Behind launch argument 0.
inline spec::Mem dense_rows(std::uint64_t offset, std::uint16_t elements) {
    constexpr std::int32_t WORD = sizeof(std::uint32_t);
    spec::Mem m{};
    m.offset = static_cast<std::int64_t>(offset);
    m.partition_stride = elements * WORD;
    m.stride = {WORD, 0, 0};
    m.num = {elements, 1, 1};
    return m;
}

inline spec::InsnDmaLoad load(const spec::Tile &to, const spec::Mem &from, std::uint8_t ring) {
    spec::InsnDmaLoad insn{};
    insn.dst = to;
    insn.src = from;
    insn.ring = ring;
    return insn;
}

inline spec::InsnDmaStore store(const spec::Mem &to, const spec::Tile &from, std::uint8_t ring) {
    spec::InsnDmaStore insn{};
    insn.dst = to;
    insn.src = from;
    insn.ring = ring;
    return insn;
}

inline spec::InsnCopy copy(const spec::Tile &to, const spec::Tile &from) {
    spec::InsnCopy insn{};
    insn.dst = to;
    insn.src = from;
    return insn;
}

/// `semaphore += 1` when the instruction has completed.
template<class Insn>
Insn updating(Insn insn, std::uint8_t semaphore) {
    insn.header.update_op = spec::UpdateOp::ADD;
    insn.header.update_sem = semaphore;
    insn.header.update_value = 1;
    return insn;
}

/// Waits for `semaphore >= 1` first.
template<class Insn>
Insn waiting(Insn insn, std::uint8_t semaphore) {
    insn.header.wait_op = spec::WaitOp::GE;
    insn.header.wait_sem = semaphore;
    insn.header.wait_value = 1;
    return insn;
}

/// Writes a program to `to`, which its context sees at `va`; the streams follow the header.
class ProgramWriter {
public:
    ProgramWriter(std::byte *to, std::uint64_t va) : to_(to), va_(va) {}

    /// The stream of one engine, with an END behind it.
    template<class... Insns>
    void stream(spec::Engine engine, const Insns &...insns) {
        header_.streams[spec::raw(engine)] = {.addr = va_ + end_, .count = sizeof...(insns) + 1};
        (append(insns), ...);
        append(spec::InsnEnd{});
    }
    void finish() {
        header_.magic = spec::PROGRAM_MAGIC;
        header_.isa_version = spec::VERSION;
        const auto raw = spec::packed(header_);
        std::memcpy(to_, raw.data(), raw.size());
    }

private:
    template<class Insn>
    void append(const Insn &insn) {
        const auto raw = spec::packed(insn);
        std::memcpy(to_ + end_, raw.data(), raw.size());
        end_ += raw.size();
    }

    std::byte *to_;
    std::uint64_t va_;
    std::uint64_t end_ = spec::ProgramHeader::BYTES;
    spec::ProgramHeader header_{};
};

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_PROGRAM_WRITER_HPP
