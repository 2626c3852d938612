// SPDX-License-Identifier: MIT
#include "dma_job.hpp"

namespace neuron::chip {

DmaTile::Segment DmaTile::at(unsigned row, std::uint32_t element) const {
    const TileView::Loop lane = view.lane();
    const auto &[inner, middle, outer] = view.outer();
    std::int64_t byte = view.first_byte();
    std::uint32_t index = element;
    if (lane.count != view.elements()) {
        const std::uint32_t lanes = element / lane.count;
        index = element % lane.count;
        byte += inner.step * (lanes % inner.count);
        byte += middle.step * (lanes / inner.count % middle.count);
        byte += outer.step * (lanes / inner.count / middle.count);
    }
    byte += lane.step * index;
    std::byte *const partition = memory->partition(view.space(), view.first_partition() + row).data();
    return {partition + byte, lane.step, lane.count - index};
}

} // namespace neuron::chip
