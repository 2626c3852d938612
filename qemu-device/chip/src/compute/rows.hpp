// SPDX-License-Identifier: MIT
// Rows (the elements of one partition) of tiles as fp32 and back: what arithmetic runs on.
#ifndef NEURON_CHIP_COMPUTE_ROWS_HPP
#define NEURON_CHIP_COMPUTE_ROWS_HPP

#include "compute/exec_context.hpp"
#include "compute/random.hpp"
#include "compute/tile_view.hpp"

#include <cstdint>
#include <span>

namespace neuron::chip {

/// Scratch buffer `which` (below CoreMemory::SCRATCH_ROWS) of the engine, as `count` floats.
std::span<float> scratch_floats(ExecContext &context, unsigned which, std::size_t count);

/// The random words for row `row` of `dst`, from the engine's next one on.
RandomStream row_stream(const ExecContext &context, const TileView &dst, unsigned row);

/// Reads rows of a tile as fp32, in the order of the walk.
class RowReader {
public:
    /// Takes scratch buffers `which` and `which + 1` of the engine while it lives.
    RowReader(ExecContext &context, const TileView &view, unsigned which);
    /// Row `row`, elements() floats, valid until the next read(). May point into the tile itself:
    /// NaNs of an F32 tile come as they are.
    const float *read(unsigned row);

private:
    ExecContext &context_;
    const TileView &view_;
    std::span<float> converted_;
    std::span<std::byte> gathered_;
};

/// Writes rows of a tile from fp32: canonical NaNs, rounding as the engine's state says. An
/// instruction has one RowWriter for its dst tile, and begins its rows in ascending order: they
/// take random words.
class RowWriter {
public:
    /// Takes scratch buffers `which` and `which + 1`. `in_place`: begin() may give the tile's own
    /// bytes, because no input that is still to be read shares them, or only at the same index.
    RowWriter(ExecContext &context, const TileView &view, unsigned which, bool in_place);
    /// All rows are written: counts the random words that were taken.
    ~RowWriter();
    RowWriter(const RowWriter &) = delete;
    RowWriter &operator=(const RowWriter &) = delete;

    /// Where the elements() results of the next row go.
    float *begin(unsigned row);
    /// The results of the row that begin() began are complete: converts and stores them.
    /// `canonical`: their NaNs are so already.
    void end(bool canonical = false);

private:
    ExecContext &context_;
    const TileView &view_;
    std::span<float> results_;
    std::span<std::byte> converted_;
    float *at_ = nullptr;
    unsigned row_ = 0;
    bool in_place_;
};

/// Whether rows of `dst` and `src` share bytes in a way that reading element i of src after writing
/// elements below i of dst would show. False for tiles of the same walk and type size.
bool overlaps(const TileView &dst, const TileView &src);

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_ROWS_HPP
