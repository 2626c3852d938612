// SPDX-License-Identifier: MIT
#pragma once

#include <neuron/spec.hpp>

#include <cstdint>
#include <tl/expected.hpp>

namespace neuron::chip {

/// Why an access to the memory of a context failed. What `info` holds: spec/faults.toml.
struct MemoryFault {
    spec::Fault code;
    std::uint64_t va; ///< first context address that failed; 0 for bus accesses
    std::uint64_t info = 0;
    bool write = false;
};

template<class T>
using MemoryResult = tl::expected<T, MemoryFault>;

} // namespace neuron::chip
