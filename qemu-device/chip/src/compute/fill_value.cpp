// SPDX-License-Identifier: MIT
#include "compute/fill_value.hpp"

#include "compute/convert.hpp"
#include "compute/operand_checks.hpp"
#include "compute/row_scalars.hpp"
#include "compute/rows.hpp"

#include <algorithm>
#include <bit>
#include <span>

namespace neuron::chip {

namespace {

bool is_word(spec::Dtype dtype) { return dtype == spec::Dtype::I32 || dtype == spec::Dtype::U32; }

// Equal types, and 32-bit integers to any integer type, keep their (low) bits.
bool keeps_bits(spec::Dtype from, spec::Dtype to) { return from == to || (is_word(from) && is_integer(to)); }

} // namespace

FillValue::FillValue(ExecContext &context, const TileView &dst, const ScalarView &value)
    : context_(context),
      dst_(dst),
      takes_words_(rounds_stochastically(context.state, dst.dtype())),
      rounds_each_(takes_words_ && !keeps_bits(value.dtype(), dst.dtype())) {
    const unsigned rows = dst.partitions();
    const RowScalars scalars(value, context.memory, rows, rounds_each_);
    std::copy_n(scalars.column(), rows, bits_.begin());
    if (rounds_each_ || keeps_bits(value.dtype(), dst.dtype())) {
        return;
    }
    const auto converted = [&](std::uint32_t bits) {
        std::uint32_t element = 0;
        convert(dst.dtype(), reinterpret_cast<std::byte *>(&element), value.dtype(),
                reinterpret_cast<const std::byte *>(&bits), 1);
        return element;
    };
    const auto values = std::span(bits_).first(rows);
    if (value.is_vector()) {
        std::ranges::transform(values, values.begin(), converted);
    } else {
        std::ranges::fill(values, converted(bits_.front()));
    }
}

FillValue::~FillValue() {
    if (takes_words_) {
        context_.state.words += dst_.elements();
    }
}

void FillValue::round(unsigned row, std::size_t first, std::size_t count, std::byte *out) const {
    constexpr std::size_t PIECE = 1024;
    float values[PIECE];
    std::fill_n(values, std::min(PIECE, count), std::bit_cast<float>(bits_[row]));
    for (std::size_t done = 0; done < count; done += PIECE) {
        convert_stochastic(dst_.dtype(), out + done * dst_.element_bytes(), values, std::min(PIECE, count - done),
                           row_stream(context_, dst_, row).from(first + done));
    }
}

} // namespace neuron::chip
