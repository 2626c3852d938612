// SPDX-License-Identifier: MIT
// The engines' random words, as SET_RNG_SEED defines them.
#ifndef NEURON_CHIP_COMPUTE_RANDOM_HPP
#define NEURON_CHIP_COMPUTE_RANDOM_HPP

#include "neuron/spec.hpp"

#include <cstddef>
#include <cstdint>

namespace neuron::chip {

/// Where the random words of one row come from.
struct RandomStream {
    std::uint32_t seed;
    unsigned partition; ///< of the core
    spec::Engine engine;
    std::uint64_t first; ///< number of the word of element 0

    /// The same row from element `element` on.
    RandomStream from(std::size_t element) const { return {seed, partition, engine, first + element}; }
};

/// out[i] = word number stream.first + i of Philox-4x32-10. Any number of threads, cannot fail.
/// Same words on every host.
void random_words(const RandomStream &stream, std::uint32_t *out, std::size_t count);

/// out[i] = (word i >> 8) / 2^24 < dropped ? +0 : in[i], NaN canonical. `out` may be `in`, and overlaps it in no other way.
/// The same on every host.
void drop_at_random(const RandomStream &stream, float dropped, float *out, const float *in, std::size_t count);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_RANDOM_HPP
