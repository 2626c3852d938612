// SPDX-License-Identifier: MIT
#include "../system.hpp"
#include "readers.hpp"
#include "records.hpp"

#include <fmt/format.h>

namespace neuronctl::explain {
namespace {

std::optional<Range> range_in(const Record &record) {
    const auto start = sys::number(record.word(0));
    const std::string size = record.word(1);
    if (!start || !size.starts_with('+'))
        return std::nullopt;
    return Range{.start = *start,
                 .size = sys::number(std::string_view(size).substr(1)).value_or(0),
                 .what = record.has("buffer") ? "buffer" : record.word(2),
                 .buffer = record.number("buffer"),
                 .offset = record.number("offset"),
                 .more = record.has("queue") ? fmt::format("queue {}", record.number("queue"))
                         : record.has("ctx") ? fmt::format("context {}", record.number("ctx"))
                                             : std::string(),
                 .process = record.process()};
}

} // namespace

MemoryMap memory_map_of(std::string_view hbm, std::string_view dma) {
    MemoryMap out;
    for (const Record &record : records(hbm))
        if (auto range = range_in(record))
            out.hbm.push_back(std::move(*range));
    for (const Record &record : records(dma)) {
        auto range = range_in(record);
        if (!range)
            continue;
        out.bus.push_back(*range);
        range->start = record.number("phys");
        out.physical.push_back(std::move(*range));
    }
    return out;
}

Outcome<MemoryMap> read_memory_map(const std::string &address) {
    const auto hbm = sys::debugfs(address, "hbm");
    if (!hbm)
        return tl::unexpected(hbm.error());
    const auto dma = sys::debugfs(address, "dma");
    if (!dma)
        return tl::unexpected(dma.error());
    return memory_map_of(*hbm, *dma);
}

} // namespace neuronctl::explain
