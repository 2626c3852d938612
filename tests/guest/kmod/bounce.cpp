// SPDX-License-Identifier: MIT
#include "bounce.hpp"

#include "support.hpp"

#include <fstream>
#include <iterator>

namespace kmod {

bool bounces() {
    std::ifstream line("/proc/cmdline");
    assert_true(line.is_open());
    const std::string options((std::istreambuf_iterator<char>(line)), {});
    return options.find("swiotlb=force") != std::string::npos || options.find(",force") != std::string::npos;
}

std::uint64_t bounced_bytes() {
    constexpr std::uint64_t SLOT = 2048;
    std::ifstream used("/sys/kernel/debug/swiotlb/io_tlb_used");
    std::uint64_t slots = 0;
    if (!(used >> slots))
        fail_msg("the kernel does not say how many bounce buffers are in use");
    return slots * SLOT;
}

} // namespace kmod
