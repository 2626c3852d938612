// SPDX-License-Identifier: MIT
// How the compute part reports a broken instruction.
#ifndef NEURON_CHIP_COMPUTE_EXEC_FAULT_HPP
#define NEURON_CHIP_COMPUTE_EXEC_FAULT_HPP

#include "neuron/spec.hpp"

#include <tl/expected.hpp>

#include <cstdint>

namespace neuron::chip {

/// What the event record says about an instruction that could not be executed.
struct ExecFault {
    spec::Fault code;
    std::uint64_t info; ///< see the documentation of the fault code in spec/faults.toml

    friend bool operator==(const ExecFault &, const ExecFault &) = default;
};

/// An instruction that faults has changed nothing.
using ExecResult = tl::expected<void, ExecFault>;

/// `code` with `info`, ready to be returned from a function that gives an ExecResult or an expected
/// value.
inline tl::unexpected<ExecFault> fault(spec::Fault code, std::uint64_t info) {
    return tl::unexpected(ExecFault{code, info});
}

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_EXEC_FAULT_HPP
