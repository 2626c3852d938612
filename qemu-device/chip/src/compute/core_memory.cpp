// SPDX-License-Identifier: MIT
#include "compute/core_memory.hpp"

#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NEURON_WATCH_GAPS
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define NEURON_WATCH_GAPS
#endif
#ifdef NEURON_WATCH_GAPS
#include <sanitizer/asan_interface.h>
#endif

#include <algorithm>
#include <bit>
#include <cstring>

namespace neuron::chip {

// Tiles are used in place, and their bytes are the device's: little-endian.
static_assert(std::endian::native == std::endian::little, "the chip model needs a little-endian host");

namespace {

constexpr std::size_t CACHE_LINE = 64;
constexpr std::size_t ENGINES = 5;
static_assert(ENGINES == spec::raw(spec::Engine::SP) + 1, "SP is the last engine");

// Partition sizes are multiples of large powers of two, so the same offset of every partition would
// fall into the same few cache sets, and a tile is just that. An odd number of lines in between
// spreads it over all sets.
//
// Under the address sanitizer nobody may touch what is in between, which is how the fuzz targets find a bound that is not
// checked: without it, the access would end in the next partition or in another engine's scratch row.
#ifdef NEURON_WATCH_GAPS
constexpr std::size_t PAD_LINES = 65;
#else
constexpr std::size_t PAD_LINES = 1;
#endif

constexpr std::size_t stride_of(std::uint32_t bytes) {
    const std::size_t lines = (std::size_t{bytes} + CACHE_LINE - 1) / CACHE_LINE;
    return ((lines + PAD_LINES) | 1) * CACHE_LINE;
}

void forbid([[maybe_unused]] std::byte *bytes, [[maybe_unused]] std::size_t count) {
#ifdef NEURON_WATCH_GAPS
    __asan_poison_memory_region(bytes, count);
#endif
}

void allow([[maybe_unused]] std::byte *bytes, [[maybe_unused]] std::size_t count) {
#ifdef NEURON_WATCH_GAPS
    __asan_unpoison_memory_region(bytes, count);
#endif
}

} // namespace

CoreMemory::CoreMemory(std::uint32_t sbuf_bytes_per_partition) noexcept {
    // A row of 8-bit elements takes four times its size as fp32.
    const auto scratch_bytes =
        static_cast<std::uint32_t>(sizeof(float) * std::max(sbuf_bytes_per_partition, spec::PSUM_BYTES));
    const Region sbuf{0, stride_of(sbuf_bytes_per_partition), sbuf_bytes_per_partition};
    const Region psum{spec::PARTITIONS * sbuf.stride, stride_of(spec::PSUM_BYTES), spec::PSUM_BYTES};
    const Region scratch{psum.offset + spec::PARTITIONS * psum.stride, stride_of(scratch_bytes), scratch_bytes};
    const std::size_t total = scratch.offset + ENGINES * SCRATCH_ROWS * scratch.stride;

    void *const base = mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        return;
    }
    base_ = static_cast<std::byte *>(base);
    mapped_ = total;
    sbuf_ = sbuf;
    psum_ = psum;
    scratch_ = scratch;
    forbid_gaps();
}

CoreMemory::~CoreMemory() {
    if (base_ != nullptr) {
        allow(base_, mapped_); // the addresses may soon be somebody else's
        munmap(base_, mapped_);
    }
}

void CoreMemory::forbid_gaps() noexcept {
    const auto forbid_in = [this](const Region &region, std::size_t rows) {
        for (std::size_t i = 0; i < rows; ++i) {
            forbid(base_ + region.offset + i * region.stride + region.bytes, region.stride - region.bytes);
        }
    };
    forbid_in(sbuf_, spec::PARTITIONS);
    forbid_in(psum_, spec::PARTITIONS);
    forbid_in(scratch_, ENGINES * SCRATCH_ROWS);
}

std::span<std::byte> CoreMemory::scratch(spec::Engine engine, unsigned which) noexcept {
    return {row(scratch_, spec::raw(engine) * SCRATCH_ROWS + which), scratch_.bytes};
}

void CoreMemory::clear() noexcept {
    // Locked memory (a host that called mlockall) refuses MADV_DONTNEED.
    if (base_ != nullptr && madvise(base_, mapped_, MADV_DONTNEED) != 0) {
        allow(base_, mapped_);
        std::memset(base_, 0, mapped_);
        forbid_gaps();
    }
}

} // namespace neuron::chip
