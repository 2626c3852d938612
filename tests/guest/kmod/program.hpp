// SPDX-License-Identifier: MIT
// Programs for the cores, made by hand.
#pragma once

#include "support.hpp"

#include <algorithm>

namespace kmod {

namespace spec = neuron::spec;
using spec::Engine;

/// A program in a bound host buffer.
class Program {
public:
    template<class Insn>
    Program &add(Engine engine, const Insn &insn) {
        const auto raw = spec::packed(insn);
        auto &stream = streams_[static_cast<std::size_t>(engine)];
        stream.insert(stream.end(), raw.begin(), raw.end());
        return *this;
    }

    /// The packet that launches it on these cores; the arguments are read when it runs.
    Packet launch(const File &file, std::uint32_t cores, std::span<const std::uint64_t> args) const {
        const auto handle = file.host(BYTES);
        const auto va = file.bind(handle);
        const Mapping memory(file, handle);
        spec::ProgramHeader header{.magic = spec::PROGRAM_MAGIC, .isa_version = spec::VERSION};
        std::uint64_t at = CODE;
        for (std::size_t i = 0; i < streams_.size(); ++i) {
            header.streams[i] = {.addr = va + at, .count = static_cast<std::uint32_t>(streams_[i].size() / INSN_BYTES)};
            assert_true(at + streams_[i].size() <= BYTES);
            std::ranges::copy(streams_[i], memory.bytes().begin() + static_cast<std::ptrdiff_t>(at));
            at += streams_[i].size();
        }
        std::ranges::copy(spec::packed(header), memory.bytes().begin());
        std::ranges::copy(std::as_bytes(args), memory.bytes().begin() + ARGS);
        return spec::packed(spec::PacketLaunch{.core_mask = cores,
                                               .program = va,
                                               .args = va + ARGS,
                                               .arg_count = static_cast<std::uint32_t>(args.size())});
    }

private:
    static constexpr std::uint64_t BYTES = 1 << 20;
    static constexpr std::uint64_t ARGS = 2048;
    static constexpr std::uint64_t CODE = 4096;
    static constexpr std::size_t INSN_BYTES = spec::InsnNop::BYTES;
    std::array<std::vector<std::byte>, 5> streams_;
};

/// An instruction's header: what it waits for, and what it updates.
inline spec::InstructionHeader sync(spec::WaitOp wait, std::uint8_t sem, std::uint32_t value,
                                    spec::UpdateOp update = spec::UpdateOp::NONE, std::uint8_t update_sem = 0,
                                    std::uint32_t update_value = 0) {
    spec::InstructionHeader header{};
    header.wait_op = wait;
    header.wait_sem = sem;
    header.wait_value = value;
    header.update_op = update;
    header.update_sem = update_sem;
    header.update_value = update_value;
    return header;
}

/// `elements` 32-bit words of each partition, from byte `offset` of SBUF or PSUM on.
inline spec::Tile tile(spec::Space space, std::uint16_t elements, std::uint32_t offset = 0,
                       std::uint8_t partitions = spec::PARTITIONS) {
    spec::Tile tile{};
    tile.offset = offset;
    tile.partitions = partitions;
    tile.space = space;
    tile.dtype = spec::Dtype::U32;
    tile.step = {1, 0, 0, 0};
    tile.num = {elements, 1, 1, 1};
    return tile;
}

/// Dense rows of 32-bit words in memory, from launch argument 0 and `offset` on.
inline spec::Mem rows(std::uint32_t elements, std::int64_t offset = 0) {
    spec::Mem mem{};
    mem.offset = offset;
    mem.partition_stride = static_cast<std::int32_t>(elements * 4);
    mem.stride = {4, 0, 0};
    mem.num = {elements, 1, 1};
    mem.dtype = static_cast<std::uint8_t>(spec::Dtype::U32);
    return mem;
}

} // namespace kmod
