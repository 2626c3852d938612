// SPDX-License-Identifier: MIT
#pragma once

#include "../host.hpp"
#include "../mmu/address_space.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace neuron::chip {

/// Instructions of one sequencer, fetched a page at a time. Programs must not change while they run: what was fetched is
/// not looked at again until the next launch.
class InstructionCache {
public:
    InstructionCache();

    struct Entry {
        std::span<const std::byte, spec::INSTRUCTION_BYTES> bytes; ///< valid until the next fetch()
        bool checked; ///< set_checked() was called for it since it was fetched
    };

    /// Forgets everything and takes up another stream.
    void reset(const spec::StreamRef &stream);
    /// Instruction `pc` of the stream, below its count.
    MemoryResult<Entry> fetch(AddressSpace &space, const Actor *actor, const Host &host, std::uint32_t pc);
    /// The instruction has passed its checks.
    void set_checked(std::uint32_t pc);

private:
    static constexpr std::size_t LINES = 64;
    static constexpr std::uint64_t LINE_BYTES = spec::PAGE_SIZE;
    static constexpr std::uint64_t NOTHING = ~0ULL;

    std::uint64_t address(std::uint32_t pc) const { return stream_.addr + std::uint64_t{pc} * spec::INSTRUCTION_BYTES; }
    MemoryResult<void> fill(AddressSpace &space, const Actor *actor, const Host &host, std::size_t line,
                            std::uint64_t page);
    MemoryResult<void> read_one(AddressSpace &space, const Actor *actor, const Host &host, std::size_t line,
                                std::uint32_t pc);

    spec::StreamRef stream_;
    std::array<std::uint64_t, LINES> pages_;   ///< page number of each line
    std::array<std::uint32_t, LINES> checked_; ///< one bit per instruction
    std::unique_ptr<std::byte[]> data_;        ///< untouched until used
};

} // namespace neuron::chip
