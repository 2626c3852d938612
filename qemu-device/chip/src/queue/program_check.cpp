// SPDX-License-Identifier: MIT
#include "program_check.hpp"

#include "../memory/transfer.hpp"

namespace neuron::chip {

namespace {

tl::unexpected<FaultInfo> bad_word(std::uint64_t word) {
    return tl::unexpected(FaultInfo{.code = spec::Fault::PROGRAM_HEADER, .info = word});
}

bool version_fits(std::uint32_t version) {
    return version >> 16 == spec::VERSION_MAJOR && (version & 0xffff) <= spec::VERSION_MINOR;
}

} // namespace

tl::expected<void, FaultInfo> check_program_header(std::span<const std::byte, spec::ProgramHeader::BYTES> raw) {
    const auto header = spec::unpack<spec::ProgramHeader>(raw);
    if (header.magic != spec::PROGRAM_MAGIC)
        return bad_word(header.magic);
    if (!version_fits(header.isa_version))
        return bad_word(header.isa_version);
    if (const auto reserved = spec::reserved_clear<spec::ProgramHeader>(raw); !reserved)
        return bad_word(static_cast<std::uint64_t>(raw[reserved.offset]));
    for (const spec::StreamRef &stream : header.streams) {
        if (stream.count == 0)
            continue;
        if (stream.addr % spec::INSTRUCTION_BYTES != 0)
            return bad_word(stream.addr);
        const std::uint64_t bytes = std::uint64_t{stream.count} * spec::INSTRUCTION_BYTES;
        if (const auto range = check_range(stream.addr, bytes, false); !range)
            return tl::unexpected(FaultInfo::of_memory(range.error()));
    }
    return {};
}

} // namespace neuron::chip
