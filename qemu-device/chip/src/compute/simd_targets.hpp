// SPDX-License-Identifier: MIT
// Which instruction sets the vector code is built for. Include before any header of Highway.
#ifndef NEURON_CHIP_COMPUTE_SIMD_TARGETS_HPP
#define NEURON_CHIP_COMPUTE_SIMD_TARGETS_HPP

#include <hwy/detect_targets.h>

// Vectors without a compile-time size (SVE, RVV) cannot be kept in arrays, as the blocks of the
// matmul kernel are; Arm hosts use NEON, which every 64-bit one has. AVX3_DL adds nothing
// over AVX3 that is used here. Hosts older than AVX2 take the baseline: SSSE3 and SSE4 would only cost
// time to compile.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS                                                                                           \
    (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV | HWY_AVX3_DL | HWY_SSE4 | HWY_SSSE3)

#endif // NEURON_CHIP_COMPUTE_SIMD_TARGETS_HPP
