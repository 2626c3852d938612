// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <sys/mman.h>
#include <unistd.h>

namespace neuron::chip {

/// Words [first, last) of a private anonymous mapping become 0; whole pages of it go back to the host, untouched ones are
/// not looked at. Any thread.
template<class Word>
void zero_words(Word *words, std::uint64_t first, std::uint64_t last) {
    static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto one_by_one = [&](std::uint64_t from, std::uint64_t to) {
        for (std::uint64_t at = from; at < to; ++at)
            if (const std::atomic_ref word(words[at]); word.load(std::memory_order_relaxed) != 0)
                word.store(0, std::memory_order_relaxed);
    };
    const auto begin = (reinterpret_cast<std::uintptr_t>(words + first) + page - 1) / page * page;
    const auto end = reinterpret_cast<std::uintptr_t>(words + last) / page * page;
    if (begin >= end || madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED) != 0)
        return one_by_one(first, last);
    const auto base = reinterpret_cast<std::uintptr_t>(words);
    one_by_one(first, (begin - base) / sizeof(Word));
    one_by_one((end - base) / sizeof(Word), last);
}

} // namespace neuron::chip
