// SPDX-License-Identifier: MIT
#include "compute/pe_array.hpp"

namespace neuron::chip {

namespace {

unsigned cells_of(spec::PeTile tile) {
    switch (tile) {
    case spec::PeTile::WHOLE: return spec::PARTITIONS;
    case spec::PeTile::HALF: return spec::PARTITIONS / 2;
    case spec::PeTile::QUARTER: return spec::PARTITIONS / 4;
    }
    return 0;
}

bool overlap(unsigned a, unsigned a_count, unsigned b, unsigned b_count) { return a < b + b_count && b < a + a_count; }

bool overlap(const PeArray::Part &a, const PeArray::Part &b) {
    return overlap(a.row, a.rows, b.row, b.rows) && overlap(a.col, a.cols, b.col, b.cols);
}

} // namespace

std::optional<PeArray::Part> PeArray::part(spec::PeTile rows, unsigned row, spec::PeTile cols, unsigned col) {
    const Part part{row, cells_of(rows), col, cells_of(cols)};
    if (part.rows == 0 || part.cols == 0 || row % part.rows != 0 || col % part.cols != 0 || row >= spec::PARTITIONS ||
        col >= spec::PARTITIONS) {
        return std::nullopt;
    }
    return part;
}

void PeArray::reset() { slots_.fill(std::nullopt); }

void PeArray::place(const Stationary &stationary) {
    for (std::optional<Stationary> &other : slots_) {
        if (other && overlap(other->part, stationary.part)) {
            other.reset();
        }
    }
    slots_[slot(stationary.part)] = stationary;
}

float *PeArray::row(const Stationary &stationary, unsigned k, unsigned half) {
    const unsigned at = stationary.part.row + k;
    if (stationary.mode == spec::PeMode::DOUBLE_ROW) {
        return double_ + (2 * at + half) * MATMUL_STATIONARY_STRIDE + stationary.part.col;
    }
    return single_ + at * MATMUL_STATIONARY_STRIDE + stationary.part.col;
}

const PeArray::Stationary *PeArray::find(const Part &part) const {
    const std::optional<Stationary> &found = slots_[slot(part)];
    return found && found->part == part ? &*found : nullptr;
}

const float *PeArray::cells(const Stationary &stationary) const {
    return const_cast<PeArray *>(this)->row(stationary, 0, 0);
}

} // namespace neuron::chip
