// SPDX-License-Identifier: MIT
// Tapes as inputs: what is changed in them, and their check sums.
#ifndef NEURON_TESTS_FUZZ_TAPE_EVENTS_HPP
#define NEURON_TESTS_FUZZ_TAPE_EVENTS_HPP

#include "grammar.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace fuzz {

/// One change of a tape of `size` bytes: a field of its header or of an event, a byte of data, or an event that is taken away, doubled, or
/// moved. Returns the new size, at most that of the span.
std::size_t change_tape(Random &random, std::span<std::uint8_t> tape, std::size_t size);
/// Makes the check sums right, as far as there are whole events.
void seal_tape(std::span<std::uint8_t> tape);

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_TAPE_EVENTS_HPP
