// SPDX-License-Identifier: MIT
#include "host_window.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

namespace neuron::chip::tape {

namespace {

constexpr std::size_t PIECE = 4096;
// Equal bytes between two that differ: fewer cost less in the tape than one event more.
constexpr std::size_t GAP = 40;

// The first place from `at` on where the two differ.
std::size_t differ(const std::byte *a, const std::byte *b, std::size_t at, std::size_t end) {
    while (at < end && a[at] == b[at])
        ++at;
    return at;
}

// Where a run of differences that begins at `at` ends.
std::size_t run_end(const std::byte *a, const std::byte *b, std::size_t at, std::size_t end) {
    std::size_t last = at;
    for (; at < end && at - last <= GAP; ++at)
        if (a[at] != b[at])
            last = at;
    return last + 1;
}

// The host may look at the last word to know that the others are there, so that one comes last.
void copy_in_order(std::byte *to, const std::byte *from, std::size_t bytes) {
    using Word = std::uint32_t;
    if (bytes < sizeof(Word) || reinterpret_cast<std::uintptr_t>(to + bytes) % sizeof(std::uint64_t) != 0) {
        std::memcpy(to, from, bytes);
        return;
    }
    if (bytes == sizeof(std::uint64_t)) {
        std::uint64_t all = 0;
        std::memcpy(&all, from, sizeof all);
        std::atomic_ref(*reinterpret_cast<std::uint64_t *>(to)).store(all, std::memory_order_release);
        return;
    }
    const std::size_t body = bytes - sizeof(Word);
    std::memcpy(to, from, body);
    Word last = 0;
    std::memcpy(&last, from + body, sizeof last);
    std::atomic_ref(*reinterpret_cast<Word *>(to + body)).store(last, std::memory_order_release);
}

} // namespace

std::uint64_t HostWindow::inside(std::uint64_t offset, std::uint64_t bytes) const {
    return offset >= bytes_ ? 0 : std::min(bytes, bytes_ - offset);
}

void HostWindow::take_over(std::byte *hbm, std::uint64_t offset, std::uint64_t bytes, const Changed &changed) const {
    const std::uint64_t end = offset + inside(offset, bytes);
    std::array<std::byte, PIECE> now;
    for (std::uint64_t at = offset; at < end; at += PIECE) {
        const std::size_t size = std::min<std::uint64_t>(PIECE, end - at);
        if (std::memcmp(data_ + at, hbm + at, size) == 0)
            continue;
        // The host may be writing just now: what is looked at is what is taken.
        std::memcpy(now.data(), data_ + at, size);
        for (std::size_t i = differ(now.data(), hbm + at, 0, size); i < size;) {
            const std::size_t last = run_end(now.data(), hbm + at, i, size);
            std::memcpy(hbm + at + i, now.data() + i, last - i);
            changed(at + i, std::span<const std::byte>(now).subspan(i, last - i));
            i = differ(now.data(), hbm + at, last, size);
        }
    }
}

void HostWindow::show(const std::byte *hbm, std::uint64_t offset, std::uint64_t bytes) const {
    if (const std::uint64_t count = inside(offset, bytes); count != 0)
        copy_in_order(data_ + offset, hbm + offset, count);
}

void HostWindow::zero(std::uint64_t offset, std::uint64_t bytes) const {
    if (const std::uint64_t count = inside(offset, bytes); count != 0)
        memory_->zero(offset, count);
}

} // namespace neuron::chip::tape
