// SPDX-License-Identifier: MIT
// Inputs that are a header and then records of one size: how to mutate them without losing the records' bounds.
#ifndef NEURON_TESTS_FUZZ_RECORDS_HPP
#define NEURON_TESTS_FUZZ_RECORDS_HPP

#include "grammar.hpp"

#include <algorithm>
#include <cstring>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t *data, std::size_t size, std::size_t max_size);

namespace fuzz {

struct RecordLayout {
    std::size_t header; ///< bytes
    std::size_t record; ///< bytes
};

/// One or a few changes. `fresh(span)` writes a new record, `change(span, records)` changes one.
template<class Fresh, class Change>
std::size_t mutate_records(std::uint8_t *data, std::size_t size, std::size_t max_size, const RecordLayout &layout,
                           Random &random, Fresh &&fresh, Change &&change) {
    if (max_size < layout.header + layout.record || random.chance(5))
        return LLVMFuzzerMutate(data, size, max_size);
    if (size < layout.header) {
        std::memset(data + size, 0, layout.header - size);
        size = layout.header;
    }
    std::size_t records = (size - layout.header) / layout.record;
    const std::size_t room = (max_size - layout.header) / layout.record;
    const auto at = [&](std::size_t i) { return data + layout.header + i * layout.record; };
    const auto span = [&](std::size_t i) { return std::as_writable_bytes(std::span(at(i), layout.record)); };
    for (std::uint64_t turns = 1 + random.below(4); turns != 0; --turns) {
        const std::uint64_t kind = random.below(100);
        const std::size_t where = records == 0 ? 0 : random.below(records);
        if ((kind < 25 && records < room) || records == 0) { // insert, a fresh one or a copy
            std::memmove(at(where + 1), at(where), (records - where) * layout.record);
            ++records;
            if (records == 1 || random.chance(70))
                fresh(span(where));
        } else if (kind < 35 && records > 1) {
            std::memmove(at(where), at(where + 1), (records - where - 1) * layout.record);
            --records;
        } else if (kind < 45) {
            std::swap_ranges(at(where), at(where) + layout.record, at(random.below(records)));
        } else if (kind < 60) {
            fresh(span(where));
        } else if (kind < 92) {
            change(span(where), records);
        } else if (kind < 97) {
            at(where)[random.below(layout.record)] = static_cast<std::uint8_t>(random.next());
        } else if (layout.header != 0) {
            data[random.below(layout.header)] = static_cast<std::uint8_t>(random.next());
        }
    }
    return layout.header + records * layout.record;
}

/// `first` with a run of the records of `second` in it, or in place of some of its own. Returns the size, 0 if nothing
/// fits.
inline std::size_t cross_records(std::span<const std::uint8_t> first, std::span<const std::uint8_t> second,
                                 std::span<std::uint8_t> out, const RecordLayout &layout, Random &random) {
    const auto records_of = [&](std::span<const std::uint8_t> input) {
        return input.size() < layout.header ? 0 : (input.size() - layout.header) / layout.record;
    };
    const std::size_t own = records_of(first);
    const std::size_t others = records_of(second);
    if (own == 0 || others == 0)
        return 0;
    const std::size_t from = random.below(others);
    const std::size_t taken = 1 + random.below(std::min<std::size_t>(others - from, 8));
    const std::size_t where = random.below(own + 1);
    const std::size_t replaced = random.chance(70) ? 0 : std::min(taken, own - where);
    const std::size_t size = layout.header + (own + taken - replaced) * layout.record;
    if (size > out.size())
        return 0;
    auto to = std::ranges::copy(first.first(layout.header + where * layout.record), out.begin()).out;
    to = std::ranges::copy(second.subspan(layout.header + from * layout.record, taken * layout.record), to).out;
    const std::size_t rest = own - where - replaced;
    std::ranges::copy(first.subspan(layout.header + (where + replaced) * layout.record, rest * layout.record), to);
    return size;
}

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_RECORDS_HPP
