// SPDX-License-Identifier: MIT
// The input of fuzz_programs: how to launch, and then instructions, each behind the number of its engine.
#ifndef NEURON_TESTS_FUZZ_PROGRAMS_HPP
#define NEURON_TESTS_FUZZ_PROGRAMS_HPP

#include "grammar.hpp"

namespace fuzz {

/// First bytes of the input.
struct ProgramOptions {
    static constexpr std::size_t BYTES = 5;

    std::uint8_t profile = 0;   ///< modulo their number
    std::uint8_t seed = 0;      ///< of the stepped order
    std::uint8_t flags = 0;     ///< ProgramFlag bits
    std::uint8_t core_mask = 1; ///< modulo 4; 0 is 1
    std::uint8_t modes = 0; ///< ProgramMode bits, and in the upper half which launch argument is the notification ring
};

enum ProgramFlag : std::uint8_t {
    TABLES_IN_HBM = 1,
    RING_IN_CONTEXT = 2,
    DISABLE_CONTEXT = 4,
    RESET_AT_END = 8,
    WITHOUT_END = 16, ///< the streams end where the input does
    TWICE = 32,       ///< two launches, one after the other
    SPOILT = 64,      ///< HBM has met errors
};

/// Of the chip and of the launch.
enum ProgramMode : std::uint8_t {
    WITH_HAZARDS = 1, ///< hazard detection
    WITH_NOTES = 2,   ///< a notification ring, and all that it can trace
    WITH_THREADS = 4, ///< with WITH_MANY: worker threads, so that no two runs are the same
    WITH_MANY = 8,
};
inline constexpr unsigned PROGRAM_RING_SHIFT = 4;

inline constexpr std::size_t PROGRAM_RECORD = 1 + spec::INSTRUCTION_BYTES;
inline constexpr std::size_t PROGRAM_ENGINES = 5;
inline constexpr std::size_t MAX_INSTRUCTIONS = 96;

/// An instruction with an engine that runs it, mostly.
void write_program_record(Random &random, const spec::InsnDesc &desc, std::uint32_t stream_length,
                          std::span<std::byte> out);

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_PROGRAMS_HPP
