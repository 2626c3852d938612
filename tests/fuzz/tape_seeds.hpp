// SPDX-License-Identifier: MIT
#ifndef NEURON_TESTS_FUZZ_TAPE_SEEDS_HPP
#define NEURON_TESTS_FUZZ_TAPE_SEEDS_HPP

#include <cstddef>
#include <vector>

namespace fuzz {

/// A tape of a chip that does some packets: from its creation on, or from the middle of the run. Empty: it could not be made.
std::vector<std::byte> recorded_tape(bool late);

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_TAPE_SEEDS_HPP
