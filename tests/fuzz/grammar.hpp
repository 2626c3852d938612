// SPDX-License-Identifier: MIT
// Values for everything that the contract describes: mostly what makes sense, sometimes what does not. Knows no
// instruction, packet or register by itself, only the tables; a new one is fuzzed from the day it is in the contract.
#ifndef NEURON_TESTS_FUZZ_GRAMMAR_HPP
#define NEURON_TESTS_FUZZ_GRAMMAR_HPP

#include <neuron/spec.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace fuzz {

namespace spec = neuron::spec;

/// splitmix64; equal seeds give equal values on every host.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next();
    /// 0 .. end - 1; `end` is at least 1.
    std::uint64_t below(std::uint64_t end) { return next() % end; }
    bool chance(unsigned percent) { return below(100) < percent; }
    template<class Range>
    const auto &pick(const Range &range) {
        return range[below(std::size(range))];
    }

private:
    std::uint64_t state_;
};

/// Edge values of all widths.
std::uint64_t interesting_number(Random &random);

using RawInstruction = std::span<std::byte, spec::INSTRUCTION_BYTES>;
using RawPacket = std::span<std::byte, spec::PACKET_BYTES>;

/// A whole instruction of a stream of `stream_length`. Its tiles mostly agree with each other.
void write_instruction(Random &random, const spec::InsnDesc &desc, std::uint32_t stream_length, RawInstruction out);
/// Changes one operand, or the synchronisation, of what may be an instruction.
void mutate_instruction(Random &random, std::uint32_t stream_length, RawInstruction raw);

/// A whole packet; addresses mostly out of `addresses`.
void write_packet(Random &random, const spec::PacketDesc &desc, std::span<const std::uint64_t> addresses,
                  RawPacket out);
/// Changes one field of what may be a packet.
void mutate_packet(Random &random, std::span<const std::uint64_t> addresses, RawPacket raw);

/// A value for a register, out of its fields or of `values`.
std::uint64_t register_value(Random &random, const spec::RegisterDesc &desc, std::span<const std::uint64_t> values);

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_GRAMMAR_HPP
