// SPDX-License-Identifier: MIT
// Runs an operation on arrays over the rows of an instruction's tiles.
#ifndef NEURON_CHIP_COMPUTE_ELEMENT_ROWS_HPP
#define NEURON_CHIP_COMPUTE_ELEMENT_ROWS_HPP

#include "compute/exec_context.hpp"
#include "compute/raw_rows.hpp"
#include "compute/tensor_op.hpp"
#include "compute/tile_view.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

namespace neuron::chip {

/// `dst` and one or two inputs of the same shape. Elements of the same type as the operation's
/// arrays are worked on where they are; others pass through fp32 in pieces that stay in the
/// first-level cache.
class ElementRows {
public:
    /// The views outlive it; `b` may be null. `exact`: what the elements are if not numbers that
    /// are taken as fp32. Takes scratch buffers 0 to 2 while it lives.
    ElementRows(ExecContext &context, const TileView &dst, const TileView &a, const TileView *b,
                std::optional<ElementKind> exact)
        : a_(context, a, 0), writer_(context, dst, 2, !overlaps(dst, a) && (b == nullptr || !overlaps(dst, *b))) {
        if (b != nullptr) {
            b_.emplace(context, *b, 1);
        }
        direct_ = exact ? exact : common_kind();
    }

    /// The kind of the arrays that run() gives.
    ElementKind kind() const { return direct_.value_or(ElementKind::F32); }

    /// Calls body.run(rows, out, a, b, n) for all rows at once, or for each row body.begin(row), then
    /// body.run(out, a, b, n) for its elements, in one or more pieces; b is null without a second
    /// input. `out` may be an input. Results of F32 and BF16 have canonical NaNs.
    template<class Body>
    void run(Body &&body) {
        if (run_at_once(body)) {
            writer_.finish();
            return;
        }
        for (unsigned row = 0; row < writer_.view().partitions(); ++row) {
            body.begin(row);
            const std::byte *const a = a_.read(row);
            const std::byte *const b = b_ ? b_->read(row) : nullptr;
            std::byte *const out = writer_.begin(row);
            if (direct_) {
                body.run(out, a, b, writer_.view().elements());
            } else {
                run_in_pieces(body, out, a, b);
            }
            writer_.end();
        }
        writer_.finish();
    }

private:
    static constexpr std::size_t PIECE = 1024; // elements

    std::optional<ElementKind> common_kind() const {
        const spec::Dtype dtype = writer_.view().dtype();
        if (a_.view().dtype() != dtype || (b_ && b_->view().dtype() != dtype) || writer_.stochastic()) {
            return {};
        }
        switch (dtype) {
        case spec::Dtype::F32: return ElementKind::F32;
        case spec::Dtype::BF16: return ElementKind::BF16;
        default: return {};
        }
    }

    template<class Body>
    bool run_at_once(Body &&body) {
        const RowAddresses *const out = writer_.in_place(), *const a = a_.in_place();
        const RowAddresses *const b = b_ ? b_->in_place() : nullptr;
        if (!direct_ || out == nullptr || a == nullptr || (b_ && b == nullptr)) {
            return false;
        }
        const RowSteps rows{writer_.view().partitions(), out->stride(), a->stride(), b != nullptr ? b->stride() : 0};
        body.run(rows, out->at(0), a->at(0), b != nullptr ? b->at(0) : nullptr, writer_.view().elements());
        return true;
    }

    static const float *widened(const TileView &view, const std::byte *row, std::size_t first, float *buffer,
                                std::size_t count) {
        const std::byte *const in = row + first * view.element_bytes();
        if (view.dtype() == spec::Dtype::F32) {
            return reinterpret_cast<const float *>(in);
        }
        convert_to_f32(buffer, view.dtype(), in, count);
        return buffer;
    }

    template<class Body>
    void run_in_pieces(Body &&body, std::byte *out, const std::byte *a, const std::byte *b) {
        alignas(64) float a_buffer[PIECE], b_buffer[PIECE], results[PIECE];
        const TileView &dst = writer_.view();
        for (std::size_t done = 0; done < dst.elements(); done += PIECE) {
            const std::size_t part = std::min<std::size_t>(PIECE, dst.elements() - done);
            const float *const a_part = widened(a_.view(), a, done, a_buffer, part);
            const float *const b_part = b_ ? widened(b_->view(), b, done, b_buffer, part) : nullptr;
            std::byte *const out_part = out + done * dst.element_bytes();
            if (dst.dtype() == spec::Dtype::F32) {
                body.run(out_part, a_part, b_part, part);
            } else {
                body.run(results, a_part, b_part, part);
                writer_.convert_part(out_part, done, results, part);
            }
        }
    }

    RawReader a_;
    std::optional<RawReader> b_;
    RawWriter writer_;
    std::optional<ElementKind> direct_;
};

} // namespace neuron::chip

#endif // NEURON_CHIP_COMPUTE_ELEMENT_ROWS_HPP
