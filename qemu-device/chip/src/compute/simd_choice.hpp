// SPDX-License-Identifier: MIT
// Which instruction set the vector code runs on.
#ifndef NEURON_CHIP_COMPUTE_SIMD_CHOICE_HPP
#define NEURON_CHIP_COMPUTE_SIMD_CHOICE_HPP

#include <tl/expected.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace neuron::chip {

/// A claim on the process's choice, which is one for all chips: the dispatch of the vector library
/// is global. It stands as long as somebody holds one; the next choice after that is free again.
/// Results do not depend on it. Any thread.
class SimdChoice {
public:
    /// `name`: "auto" (what the others run with, or the best that the host has), "avx512", "avx2",
    /// or "scalar". Errors: a message that begins with "simd: ", for a name that does not exist, an
    /// instruction set that the host lacks, and one that differs from what another holder chose.
    static tl::expected<SimdChoice, std::string> acquire(std::string_view name);

    ~SimdChoice();
    SimdChoice(SimdChoice &&other) noexcept : held_(std::exchange(other.held_, false)) {}
    SimdChoice &operator=(SimdChoice &&other) noexcept {
        std::swap(held_, other.held_);
        return *this;
    }
    SimdChoice(const SimdChoice &) = delete;
    SimdChoice &operator=(const SimdChoice &) = delete;

private:
    SimdChoice() = default;
    bool held_ = true;
};

/// The name of what is in effect: "avx512", "avx2", "scalar", or the vector library's name of
/// another one.
std::string simd_in_effect();

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_SIMD_CHOICE_HPP
