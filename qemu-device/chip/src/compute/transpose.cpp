// SPDX-License-Identifier: MIT
#include "compute/instructions.hpp"
#include "compute/operand_checks.hpp"
#include "compute/walk.hpp"

#include <array>
#include <cstdint>
#include <cstring>

namespace neuron::chip {

namespace {

constexpr std::uint32_t BLOCK = QUADRANT; // rows and columns of a block
constexpr std::size_t MAX_ROW_BYTES = BLOCK * sizeof(std::uint32_t);

bool is_small(const TileView &src) { return src.partitions() <= BLOCK && src.elements() <= BLOCK; }

// Room for a block of any type.
struct alignas(64) BlockBuffer {
    std::array<std::array<std::byte, MAX_ROW_BYTES>, BLOCK> rows;
    std::byte *row(unsigned i) { return rows[i].data(); }
};

void transpose_square(std::size_t element_bytes, Block<std::byte> out, Block<const std::byte> in) {
    transpose_block(element_bytes, out, in, BLOCK, BLOCK);
}

// At most 32 x 32 elements of any shape, in the corner of a block.
void transpose_small(ExecContext &context, const TileView &dst, const TileView &src) {
    BlockBuffer in{}, out;
    for (unsigned p = 0; p < src.partitions(); ++p) {
        gather_part(context.memory, src, p, 0, src.elements(), in.row(p));
    }
    transpose_square(src.element_bytes(), {out.row(0), MAX_ROW_BYTES}, {in.row(0), MAX_ROW_BYTES});
    for (unsigned j = 0; j < dst.partitions(); ++j) {
        scatter_part(context.memory, dst, j, 0, dst.elements(), out.row(j));
    }
}

// Block by block, through buffers where the tile is not contiguous. If the tiles share bytes, a
// block of dst may lie where a later block of src does, so the whole quadrant is read first.
class QuadrantTranspose {
public:
    QuadrantTranspose(ExecContext &context, const TileView &dst, const TileView &src)
        : context_(context), dst_(dst), src_(src), size_(src.element_bytes()), buffered_(may_share_bytes(dst, src)) {}

    void run(unsigned q) {
        for (unsigned row = 0; buffered_ && row < QUADRANT; ++row) {
            gather_part(context_.memory, src_, q * QUADRANT + row, 0, src_.elements(),
                        quadrant_row(context_, row, src_.row_bytes()));
        }
        for (std::uint32_t first = 0; first < src_.elements(); first += BLOCK) {
            read_block(q, first);
        }
    }

private:
    void read_block(unsigned q, std::uint32_t first) {
        if (src_.contiguous() && !buffered_) {
            const Block<std::byte> in = block_in_place(context_, src_, q * QUADRANT, first);
            return write_block(q, first, {in.first, in.stride});
        }
        BlockBuffer in;
        for (unsigned row = 0; row < QUADRANT; ++row) {
            if (buffered_) {
                std::memcpy(in.row(row), quadrant_row(context_, row, src_.row_bytes()) + first * size_, BLOCK * size_);
            } else {
                gather_part(context_.memory, src_, q * QUADRANT + row, first, BLOCK, in.row(row));
            }
        }
        write_block(q, first, {in.row(0), MAX_ROW_BYTES});
    }

    void write_block(unsigned q, std::uint32_t first, Block<const std::byte> in) {
        if (dst_.contiguous()) {
            return transpose_square(size_, block_in_place(context_, dst_, q * QUADRANT, first), in);
        }
        BlockBuffer out;
        transpose_square(size_, {out.row(0), MAX_ROW_BYTES}, in);
        for (unsigned row = 0; row < QUADRANT; ++row) {
            scatter_part(context_.memory, dst_, q * QUADRANT + row, first, BLOCK, out.row(row));
        }
    }

    ExecContext &context_;
    const TileView &dst_;
    const TileView &src_;
    std::size_t size_;
    bool buffered_;
};

bool legal_shapes(const TileView &dst, const TileView &src) {
    if (is_small(src)) {
        return dst.partitions() == src.elements() && dst.elements() == src.partitions();
    }
    return src.partitions() % QUADRANT == 0 && src.elements() % BLOCK == 0 && same_shape(dst, src);
}

} // namespace

ExecResult execute(ExecContext &context, const spec::InsnTranspose &insn) {
    OperandChecks checks(context, insn.OPCODE);
    const auto dst = checks.tile(insn.dst, "dst");
    const auto src = checks.tile(insn.src, "src");
    if (checks.ok()) {
        checks.require(same_element_size(*dst, *src) && legal_shapes(*dst, *src), "src");
    }
    if (!checks.ok()) {
        return checks.failure();
    }
    if (is_small(*src)) {
        transpose_small(context, *dst, *src);
        return {};
    }
    // Tiles of equal partition count start at the same partition or share none, so quadrants do not
    // mix.
    QuadrantTranspose quadrants(context, *dst, *src);
    for (unsigned q = 0; q < src->partitions() / QUADRANT; ++q) {
        quadrants.run(q);
    }
    return {};
}

} // namespace neuron::chip
