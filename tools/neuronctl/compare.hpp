// SPDX-License-Identifier: MIT
/**
 * @file
 * Comparing a tensor with what it should be.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <neuron/spec.hpp>

namespace neuronctl {

/** Where two tensors differ. */
struct Mismatch {
    std::vector<std::uint64_t> index; ///< Of the first element that differs, outermost first.
    std::string got;
    std::string want;
    std::uint64_t count = 0; ///< Elements that differ.
};

/**
 * Compares elements; both spans hold a dense tensor of that type and shape.
 * @param tolerance Empty: the bits must be the same. Else numbers may differ by so much, or by so much times the wanted
 *                  one if that is larger; a NaN is as good as another.
 */
std::optional<Mismatch> first_mismatch(neuron::spec::Dtype dtype, std::span<const std::uint64_t> shape,
                                       std::span<const std::byte> got, std::span<const std::byte> want,
                                       std::optional<double> tolerance);

} // namespace neuronctl
