// SPDX-License-Identifier: MIT
#include "instruction_cache.hpp"

#include "../memory/transfer.hpp"

#include <algorithm>

namespace neuron::chip {

InstructionCache::InstructionCache() : data_(std::make_unique_for_overwrite<std::byte[]>(LINES * LINE_BYTES)) {
    pages_.fill(NOTHING);
    checked_.fill(0);
}

void InstructionCache::reset(const spec::StreamRef &stream) {
    stream_ = stream;
    pages_.fill(NOTHING);
}

// Lines are pages, so that a fetch faults for the instruction that needs it and for no other.
MemoryResult<void> InstructionCache::fill(AddressSpace &space, const Actor *actor, const Host &host, std::size_t line,
                                          std::uint64_t page) {
    const std::uint64_t first = std::max(page * LINE_BYTES, stream_.addr);
    const std::uint64_t last = std::min((page + 1) * LINE_BYTES, address(stream_.count));
    const std::span out(data_.get() + line * LINE_BYTES + first % LINE_BYTES, last - first);
    pages_[line] = NOTHING;
    checked_[line] = 0;
    const Access access(space, actor);
    if (const auto done = read(access, host, first, out); !done)
        return done;
    pages_[line] = page;
    return {};
}

// Parts of the page are spoilt, but maybe not this instruction. The line stays unfilled.
MemoryResult<void> InstructionCache::read_one(AddressSpace &space, const Actor *actor, const Host &host,
                                              std::size_t line, std::uint32_t pc) {
    const std::uint64_t at = address(pc);
    const Access access(space, actor);
    return read(access, host, at, {data_.get() + line * LINE_BYTES + at % LINE_BYTES, spec::INSTRUCTION_BYTES});
}

MemoryResult<InstructionCache::Entry> InstructionCache::fetch(AddressSpace &space, const Actor *actor, const Host &host,
                                                              std::uint32_t pc) {
    const std::uint64_t page = address(pc) / LINE_BYTES;
    const std::size_t line = page % LINES;
    if (pages_[line] != page) {
        auto done = fill(space, actor, host, line, page);
        if (!done && done.error().code == spec::Fault::HBM_ECC)
            done = read_one(space, actor, host, line, pc);
        if (!done)
            return tl::unexpected(done.error());
    }
    const std::uint64_t offset = address(pc) % LINE_BYTES;
    const std::byte *bytes = data_.get() + line * LINE_BYTES + offset;
    const bool checked = (checked_[line] >> (offset / spec::INSTRUCTION_BYTES) & 1) != 0;
    return Entry{std::span<const std::byte, spec::INSTRUCTION_BYTES>(bytes, spec::INSTRUCTION_BYTES), checked};
}

void InstructionCache::set_checked(std::uint32_t pc) {
    const std::uint64_t at = address(pc);
    checked_[at / LINE_BYTES % LINES] |= 1U << (at % LINE_BYTES / spec::INSTRUCTION_BYTES);
}

} // namespace neuron::chip
