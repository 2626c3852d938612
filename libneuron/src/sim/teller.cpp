// SPDX-License-Identifier: MIT
#include "teller.hpp"

#include <algorithm>

#include "../error.hpp"

namespace neuron::sim {

namespace reg = spec::reg;
namespace field = spec::field;

Result<void> Teller::start(Chip &chip, HostMemory &memory) {
    // A tape may be looked at with the sanitizer later.
    if (!chip.recorded() && field::REC_SANITIZER_ON.get(chip.read32(reg::REC_SANITIZER)) == 0)
        return {};
    auto ring = memory.allocate(spec::DebugRecord::BYTES << ring_log2);
    if (!ring)
        return detail::forward_error(ring);
    ring_ = std::move(*ring);
    chip.write32(reg::REC_DEBUG_LOG2, ring_log2);
    chip.write64(reg::REC_DEBUG_RING, ring_.bus());
    chip_ = &chip;
    return {};
}

void Teller::tell(const spec::DebugRecord &record) {
    if (!on())
        return;
    const auto raw = spec::packed(record);
    const std::lock_guard guard(lock_);
    std::ranges::copy(raw, ring_.bytes().begin());
    chip_->write32(reg::REC_DEBUG_TAIL, ++tail_);
}

} // namespace neuron::sim
