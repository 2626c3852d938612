// SPDX-License-Identifier: MIT
#include "compute/rows.hpp"

#include "compute/convert.hpp"
#include "compute/dma_tile.hpp"

namespace neuron::chip {

std::span<float> scratch_floats(ExecContext &context, unsigned which, std::size_t count) {
    const std::span<std::byte> raw = context.memory.scratch(context.engine, which);
    return {reinterpret_cast<float *>(raw.data()), count};
}

RandomStream row_stream(const ExecContext &context, const TileView &dst, unsigned row) {
    return {context.state.seed, dst.first_partition() + row, context.engine, context.state.words};
}

RowReader::RowReader(ExecContext &context, const TileView &view, unsigned which)
    : context_(context),
      view_(view),
      converted_(scratch_floats(context, which, view.elements())),
      gathered_(context.memory.scratch(context.engine, which + 1).first(view.row_bytes())) {}

const float *RowReader::read(unsigned row) {
    std::span<const std::byte> in = row_in_place(context_.memory, view_, row);
    if (in.empty()) {
        gather(context_.memory, view_, row, gathered_);
        in = gathered_;
    }
    if (view_.dtype() == spec::Dtype::F32) {
        return reinterpret_cast<const float *>(in.data());
    }
    convert_to_f32(converted_.data(), view_.dtype(), in.data(), view_.elements());
    return converted_.data();
}

RowWriter::RowWriter(ExecContext &context, const TileView &view, unsigned which, bool in_place)
    : context_(context),
      view_(view),
      results_(scratch_floats(context, which, view.elements())),
      converted_(context.memory.scratch(context.engine, which + 1).first(view.row_bytes())),
      in_place_(in_place && view.dtype() == spec::Dtype::F32 && view.contiguous()) {}

RowWriter::~RowWriter() {
    if (rounds_stochastically(context_.state, view_.dtype())) {
        context_.state.words += view_.elements();
    }
}

float *RowWriter::begin(unsigned row) {
    row_ = row;
    at_ = in_place_ ? reinterpret_cast<float *>(row_in_place(context_.memory, view_, row).data()) : results_.data();
    return at_;
}

void RowWriter::end(bool canonical) {
    if (!canonical) {
        canonicalize(at_, view_.elements());
    }
    if (in_place_) {
        return;
    }
    const std::span<std::byte> place = row_in_place(context_.memory, view_, row_);
    std::byte *const out = place.empty() ? converted_.data() : place.data();
    if (rounds_stochastically(context_.state, view_.dtype())) {
        convert_stochastic(view_.dtype(), out, at_, view_.elements(), row_stream(context_, view_, row_));
    } else {
        convert(view_.dtype(), out, spec::Dtype::F32, reinterpret_cast<const std::byte *>(at_), view_.elements());
    }
    if (place.empty()) {
        scatter(context_.memory, view_, row_, converted_);
    }
}

bool overlaps(const TileView &dst, const TileView &src) {
    const bool apart = dst.space() != src.space() || dst.first_partition() != src.first_partition() ||
                       dst.end_byte() <= src.low_byte() || src.end_byte() <= dst.low_byte();
    const bool same = dst.contiguous() && src.contiguous() && dst.first_byte() == src.first_byte() &&
                      dst.element_bytes() == src.element_bytes();
    return !apart && !same;
}

} // namespace neuron::chip
