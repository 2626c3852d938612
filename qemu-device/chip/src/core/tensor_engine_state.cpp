// SPDX-License-Identifier: MIT
// What the PE array writes into a stream: its operands as they were loaded, and the groups that are open.
#include "../state/archive.hpp"
#include "compute/tensor_engine.hpp"

#include <algorithm>

namespace neuron::chip {

void TensorEngine::serialize(Archive &archive) {
    static_assert(Groups().size() <= 64);
    std::uint64_t groups = open_groups_.to_ullong();
    archive.number("open groups", groups, 0, Groups().set().to_ullong());
    open_groups_ = groups;
    array_.serialize(archive);
}

void PeArray::serialize(Archive &archive) {
    if (archive.loading())
        reset();
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        bool loaded = slots_[i].has_value();
        archive.flag("operand", loaded);
        if (!loaded)
            continue;
        Stationary stationary = slots_[i].value_or(Stationary{});
        serialize(archive, stationary, i);
        if (archive.loading())
            place(stationary);
        const unsigned halves = stationary.mode == spec::PeMode::DOUBLE_ROW ? 2 : 1;
        for (unsigned k = 0; k < stationary.k; ++k)
            for (unsigned half = 0; half < halves; ++half) {
                const std::span cells(row(stationary, k, half), stationary.part.cols);
                archive.bytes(std::as_writable_bytes(cells.first(stationary.m)));
                if (archive.loading())
                    std::ranges::fill(cells.subspan(stationary.m), 0.0F);
            }
    }
}

void PeArray::serialize(Archive &archive, Stationary &stationary, std::size_t slot) {
    Part &part = stationary.part;
    archive.number("rows", part.rows, 1, spec::PARTITIONS);
    archive.number("columns", part.cols, 1, spec::PARTITIONS);
    archive.number("first row", part.row, 0, spec::PARTITIONS - 1);
    archive.number("first column", part.col, 0, spec::PARTITIONS - 1);
    archive.choice("mode", stationary.mode);
    archive.choice("type", stationary.dtype);
    archive.number("operand rows", stationary.k, 1, part.rows);
    archive.number("operand columns", stationary.m, 1, part.cols);
    const auto sized = [](unsigned cells) {
        return cells == spec::PARTITIONS || cells == spec::PARTITIONS / 2 || cells == spec::PARTITIONS / 4;
    };
    archive.require(sized(part.rows) && sized(part.cols) && part.row % part.rows == 0 && part.col % part.cols == 0 &&
                        PeArray::slot(part) == slot,
                    "operand", "is in no part of the array");
    archive.require(stationary.mode != spec::PeMode::DOUBLE_ROW || part.cols == spec::PARTITIONS, "mode",
                    "needs the whole width");
}

} // namespace neuron::chip
