// SPDX-License-Identifier: MIT
// The order of these includes matters.
// clang-format off
#include "compute/simd_targets.hpp"
#include <hwy/highway.h>
// clang-format on

#include "compute/simd_choice.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>

namespace neuron::chip {

namespace {

struct Named {
    std::string_view name;
    std::int64_t targets; ///< of the library's; what stands for no vectors depends on the compiler
};
constexpr std::string_view AUTO = "auto";
constexpr std::array<Named, 3> KNOWN{{{"avx512", HWY_AVX3}, {"avx2", HWY_AVX2}, {"scalar", HWY_SCALAR | HWY_EMU128}}};

std::mutex mutex;
unsigned holders = 0;       // guarded by mutex
std::int64_t in_effect = 0; // of the library's targets; valid while there are holders

// What this library was built for and the host can run.
std::int64_t usable() { return hwy::SupportedTargets() & HWY_TARGETS; }

// The library numbers better targets lower.
std::int64_t best() { return usable() & -usable(); }

std::string name_of(std::int64_t target) {
    for (const Named &known : KNOWN) {
        if ((known.targets & target) != 0) {
            return std::string(known.name);
        }
    }
    return hwy::TargetName(target);
}

tl::expected<std::int64_t, std::string> target_of(std::string_view name) {
    if (name == AUTO) {
        return holders > 0 ? in_effect : best();
    }
    const auto *const known = std::ranges::find(KNOWN, name, &Named::name);
    if (known == KNOWN.end()) {
        return tl::unexpected("simd: there is no \"" + std::string(name) + "\"; known: auto, avx512, avx2, scalar");
    }
    const std::int64_t target = known->targets & usable();
    if (target == 0) {
        return tl::unexpected("simd: this host cannot run " + std::string(name));
    }
    return target;
}

} // namespace

tl::expected<SimdChoice, std::string> SimdChoice::acquire(std::string_view name) {
    const std::lock_guard lock(mutex);
    const auto target = target_of(name);
    if (!target) {
        return tl::unexpected(target.error());
    }
    if (holders > 0 && *target != in_effect) {
        return tl::unexpected("simd: another chip of this process runs with " + name_of(in_effect) + ", not " +
                              std::string(name));
    }
    if (holders++ == 0) {
        in_effect = *target;
        hwy::GetChosenTarget().Update(in_effect);
    }
    return SimdChoice();
}

SimdChoice::~SimdChoice() {
    if (!held_) {
        return;
    }
    const std::lock_guard lock(mutex);
    if (--holders == 0) {
        hwy::GetChosenTarget().Update(usable());
    }
}

std::string simd_in_effect() {
    const std::lock_guard lock(mutex);
    return name_of(holders > 0 ? in_effect : best());
}

} // namespace neuron::chip
