// SPDX-License-Identifier: MIT
// Rows of tiles as consecutive elements of the tile's own type: in place where that is possible.
#ifndef NEURON_CHIP_COMPUTE_RAW_ROWS_HPP
#define NEURON_CHIP_COMPUTE_RAW_ROWS_HPP

#include "compute/convert.hpp"
#include "compute/dma_tile.hpp"
#include "compute/exec_context.hpp"
#include "compute/prefetch.hpp"
#include "compute/rows.hpp"
#include "compute/tile_view.hpp"

#include <cstddef>
#include <span>

namespace neuron::chip {

/// Where the rows of a tile without gaps are.
class RowAddresses {
public:
    RowAddresses(CoreMemory &memory, const TileView &view)
        : first_(memory.partition(view.space(), view.first_partition()).data() + view.first_byte()),
          stride_(memory.partition_stride(view.space())),
          rows_(view.partitions()) {}

    std::byte *at(unsigned row) const { return first_ + row * stride_; }

    std::size_t stride() const { return stride_; }

    /// prefetch_row() of the row after `row`, if there is one.
    template<bool WRITE>
    void prefetch_after(unsigned row) const {
        if (row + 1 < rows_) {
            prefetch_row<WRITE>(at(row + 1));
        }
    }

private:
    std::byte *first_;
    std::size_t stride_;
    unsigned rows_;
};

/// Reads rows of `view`, which outlives it.
class RawReader {
public:
    /// Takes scratch buffer `which` of the engine while it lives.
    RawReader(ExecContext &context, const TileView &view, unsigned which)
        : memory_(context.memory),
          view_(view),
          gathered_(context.memory.scratch(context.engine, which).first(view.row_bytes())),
          addresses_(context.memory, view),
          in_place_(view.contiguous()) {}

    /// The elements of row `row` in the order of the walk, valid until the next read().
    const std::byte *read(unsigned row) {
        if (in_place_) {
            addresses_.prefetch_after<false>(row);
            return addresses_.at(row);
        }
        gather(memory_, view_, row, gathered_);
        return gathered_.data();
    }

    /// The rows themselves, if they are read in place.
    const RowAddresses *in_place() const { return in_place_ ? &addresses_ : nullptr; }

    const TileView &view() const { return view_; }

private:
    CoreMemory &memory_;
    const TileView &view_;
    std::span<std::byte> gathered_;
    RowAddresses addresses_;
    bool in_place_;
};

/// Writes rows of `view`, which outlives it.
class RawWriter {
public:
    /// Takes scratch buffer `which` of the engine while it lives. `in_place`: nothing that is still
    /// to be read shares bytes with the tile but at the same index.
    RawWriter(ExecContext &context, const TileView &view, unsigned which, bool in_place)
        : context_(context),
          view_(view),
          staged_(context.memory.scratch(context.engine, which).first(view.row_bytes())),
          addresses_(context.memory, view),
          in_place_(in_place && view.contiguous()),
          stochastic_(rounds_stochastically(context.state, view.dtype())) {}

    /// Where the elements of row `row` go, in the order of the walk.
    std::byte *begin(unsigned row) {
        row_ = row;
        if (!in_place_) {
            return staged_.data();
        }
        addresses_.prefetch_after<true>(row);
        return addresses_.at(row);
    }

    /// Elements `first` to `first + count` of the row, from fp32 with canonical NaNs to `out`, which
    /// is begin() and `first` elements: the last step of arithmetic.
    void convert_part(std::byte *out, std::size_t first, const float *results, std::size_t count) const {
        if (stochastic_) {
            convert_stochastic(view_.dtype(), out, results, count, row_stream(context_, view_, row_).from(first));
        } else {
            convert(view_.dtype(), out, spec::Dtype::F32, reinterpret_cast<const std::byte *>(results), count);
        }
    }

    /// The row that begin() began is complete.
    void end() {
        if (!in_place_) {
            scatter(context_.memory, view_, row_, staged_);
        }
    }

    /// All rows are written: counts the random words.
    void finish() {
        if (stochastic_) {
            context_.state.words += view_.elements();
        }
    }

    /// The rows themselves, if they are written in place: then begin() and end() may be left out.
    const RowAddresses *in_place() const { return in_place_ ? &addresses_ : nullptr; }

    const TileView &view() const { return view_; }
    bool stochastic() const { return stochastic_; }

private:
    ExecContext &context_;
    const TileView &view_;
    std::span<std::byte> staged_;
    RowAddresses addresses_;
    unsigned row_ = 0;
    bool in_place_;
    bool stochastic_;
};

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_RAW_ROWS_HPP
