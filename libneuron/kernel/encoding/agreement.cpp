// SPDX-License-Identifier: MIT
#include "agreement.hpp"

#include <span>

#include <fmt/format.h>

#include "ranges.hpp"

namespace neuron::encoding {
namespace {

using spec::OperandDesc;

class Joiner {
public:
    Joiner(const Mnemonic &mnemonic, const ReadOperands &read, InstructionBytes &bytes, Diagnostics &diagnostics)
        : mnemonic_(mnemonic), read_(read), bytes_(bytes), diagnostics_(diagnostics) {
        const OperandDesc *main = main_tile(*mnemonic.instruction);
        for (const auto &[operand, value] : read.tiles)
            if (operand == main)
                tile_ = &value;
    }

    bool run() { return columns() && (tile_ != nullptr ? mems_of_tile() : mems_alone()); }

private:
    bool fail(Position at, std::string message) {
        diagnostics_.error(at, std::move(message));
        return false;
    }

    bool columns() {
        for (const auto &[operand, text] : read_.columns)
            if (tile_ != nullptr && text.partitions != tile_->partitions)
                return fail(text.where,
                            fmt::format("{} partitions here, but the tile has {}", text.partitions, tile_->partitions));
        return true;
    }

    void store(const OperandDesc &operand, const spec::Mem &mem) {
        spec::pack(mem, std::span<std::byte, spec::Mem::BYTES>(bytes_.data() + operand.offset, spec::Mem::BYTES));
    }

    bool mems_of_tile() {
        const BlockShape shape = {tile_->partitions, elements_of(*tile_), "the tile has {} partitions",
                                  "the tile has {} per partition"};
        for (const auto &[operand, text] : read_.mems) {
            const auto mem = place_mem(text, tile_->dtype, diagnostics_);
            if (!mem || !check_mem(text, *mem, shape, diagnostics_))
                return false;
            store(*operand, *mem);
        }
        return true;
    }

    // Without a tile each block names its type, and the first one sets the shape.
    bool mems_alone() {
        const OperandDesc *rows = rows_operand(*mnemonic_.instruction);
        BlockShape shape = {1, 1, "there is {}: one element", "there is {}: one element"};
        for (const auto &[operand, text] : read_.mems) {
            if (!text.dtype)
                return fail(text.where, fmt::format("{} of '{}' needs its element type: PARAM.f32[…]", operand->name,
                                                    mnemonic_.word));
            const auto mem = place_mem(text, *text.dtype, diagnostics_);
            if (!mem)
                return false;
            if (rows != nullptr && operand == read_.mems.front().first)
                shape = {text.rows.num, elements_of(*mem), "the other block has {}", "the other block has {} per row"};
            if (!check_mem(text, *mem, shape, diagnostics_))
                return false;
            if (const std::int64_t here = elements_of(*mem); !operand->elements.holds(here))
                return fail(text.where, fmt::format("{} has {} elements per row: {}", operand->name, here,
                                                    broken_rule(operand->elements, here)));
            store(*operand, *mem);
        }
        return rows == nullptr || store_rows(*rows, shape.rows);
    }

    bool store_rows(const OperandDesc &operand, std::int64_t rows) {
        if (!in_range(rows, operand.range, operand.name, read_.mems.front().second.rows.where, diagnostics_))
            return false;
        store_operand(bytes_, operand, rows);
        return true;
    }

    const Mnemonic &mnemonic_;
    const ReadOperands &read_;
    InstructionBytes &bytes_;
    Diagnostics &diagnostics_;
    const spec::Tile *tile_ = nullptr;
};

} // namespace

bool join_operands(const Mnemonic &mnemonic, const ReadOperands &read, InstructionBytes &bytes,
                   Diagnostics &diagnostics) {
    return Joiner(mnemonic, read, bytes, diagnostics).run();
}

} // namespace neuron::encoding
