// SPDX-License-Identifier: MIT
#include "written_map.hpp"

#include "zero_words.hpp"

#include <neuron/spec.hpp>

#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace neuron::chip {

namespace {

constexpr std::uint64_t WORD = 64; ///< granules

// Of an entry of /proc/self/pagemap. A page that was only read is the zero page, which nobody has for himself.
constexpr std::uint64_t EXCLUSIVE = 1ULL << 56;
constexpr std::uint64_t SWAPPED = 1ULL << 62;

std::uint64_t page_bytes() {
    static const auto bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    return bytes;
}

std::atomic_ref<std::uint64_t> word_at(std::uint64_t *words, std::uint64_t granule) {
    return std::atomic_ref(words[granule / WORD]);
}

/// Bits of granules [first, last) in the word of `first`.
std::uint64_t bits(std::uint64_t first, std::uint64_t last) {
    const std::uint64_t count = std::min(last - first, WORD - first % WORD);
    const std::uint64_t ones = count == WORD ? ~0ULL : (1ULL << count) - 1;
    return ones << first % WORD;
}

} // namespace

std::unique_ptr<WrittenMap> WrittenMap::create(std::span<const std::byte> hbm, std::uint64_t aperture,
                                               HbmWatcher *watcher) {
    auto owners = OwnerMap::create(hbm.size());
    if (owners == nullptr)
        return nullptr;
    const std::size_t bytes = (hbm.size() + GRANULE * 8 - 1) / (GRANULE * 8);
    void *words = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (words == MAP_FAILED)
        return nullptr;
    madvise(words, bytes, MADV_DONTDUMP);
    const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    return std::unique_ptr<WrittenMap>(
        new WrittenMap(hbm, aperture, std::move(owners), static_cast<std::uint64_t *>(words), bytes, pagemap, watcher));
}

WrittenMap::~WrittenMap() {
    munmap(words_, map_bytes_);
    if (pagemap_ >= 0)
        close(pagemap_);
}

void WrittenMap::written(std::uint64_t offset, std::uint64_t bytes) {
    const std::uint64_t last = (offset + bytes + GRANULE - 1) / GRANULE;
    for (std::uint64_t at = offset / GRANULE; at < last; at = (at / WORD + 1) * WORD) {
        const std::uint64_t ones = bits(at, last);
        auto word = word_at(words_, at);
        if ((word.load(std::memory_order_relaxed) & ones) != ones)
            word.fetch_or(ones, std::memory_order_relaxed);
    }
}

void WrittenMap::forget(std::uint64_t offset, std::uint64_t bytes) {
    owners_->forget(offset, bytes);
    static_assert(spec::PAGE_SIZE % (GRANULE * WORD) == 0, "a page has whole words");
    zero_words(words_, offset / (GRANULE * WORD), (offset + bytes) / (GRANULE * WORD));
}

bool WrittenMap::has(std::uint64_t granule) const {
    return (word_at(words_, granule).load(std::memory_order_relaxed) >> granule % WORD & 1) != 0;
}

std::optional<std::uint64_t> WrittenMap::first_unwritten(std::uint64_t offset, std::uint64_t bytes) {
    const std::uint64_t last = (offset + bytes + GRANULE - 1) / GRANULE;
    for (std::uint64_t at = offset / GRANULE; at < last;) {
        const std::uint64_t missing = ~word_at(words_, at).load(std::memory_order_relaxed) & bits(at, last);
        if (missing == 0) {
            at = (at / WORD + 1) * WORD;
            continue;
        }
        while (has(at))
            ++at;
        const std::uint64_t found = std::max(offset, at * GRANULE);
        if (!host_wrote(found))
            return found;
        at = (found / page_bytes() + 1) * page_bytes() / GRANULE;
    }
    return std::nullopt;
}

// Of a page that both have written nobody knows which bytes were the host's.
bool WrittenMap::host_wrote(std::uint64_t offset) const {
    if (offset >= aperture_)
        return false;
    const bool written = page_was_written(offset);
    return watcher_ != nullptr ? watcher_->host_touched(offset, written) : written;
}

bool WrittenMap::page_was_written(std::uint64_t offset) const {
    if (pagemap_ < 0)
        return true;
    const bool apart = watcher_ != nullptr && watcher_->host_memory() != nullptr;
    const std::byte *memory = apart ? watcher_->host_memory() : hbm_.data();
    const std::uint64_t page = reinterpret_cast<std::uintptr_t>(memory + offset) / page_bytes();
    std::uint64_t entry = 0;
    if (pread(pagemap_, &entry, sizeof entry, static_cast<off_t>(page * sizeof entry)) != sizeof entry)
        return true;
    return (entry & (EXCLUSIVE | SWAPPED)) != 0;
}

} // namespace neuron::chip
