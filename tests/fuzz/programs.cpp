// SPDX-License-Identifier: MIT
#include "programs.hpp"

namespace fuzz {

void write_program_record(Random &random, const spec::InsnDesc &desc, std::uint32_t stream_length,
                          std::span<std::byte> out) {
    std::uint64_t engine = random.below(PROGRAM_ENGINES);
    constexpr unsigned TRIES = 30;
    for (unsigned i = 0; i < TRIES && !desc.runs_on(static_cast<spec::Engine>(engine)); ++i)
        engine = random.below(PROGRAM_ENGINES);
    out[0] = static_cast<std::byte>(engine);
    write_instruction(random, desc, stream_length, out.subspan(1).first<spec::INSTRUCTION_BYTES>());
}

} // namespace fuzz
