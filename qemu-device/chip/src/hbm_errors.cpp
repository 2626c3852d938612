// SPDX-License-Identifier: MIT
#include "hbm_errors.hpp"

#include <algorithm>

namespace neuron::chip {

namespace {

constexpr std::uint64_t WHOLE = ~0ULL; // a bit for each byte of a line
static_assert(HbmErrors::LINE == 64);

// The bytes of a line from `first` to before `end`.
std::uint64_t bytes_of_line(std::uint64_t first, std::uint64_t end) {
    const std::uint64_t below_end = end == HbmErrors::LINE ? WHOLE : (1ULL << end) - 1;
    return below_end & ~((1ULL << first) - 1);
}

} // namespace

void HbmErrors::spoil(std::uint64_t offset) {
    const std::lock_guard lock(mutex_);
    lines_[offset / LINE] = 0;
    count_locked();
}

std::optional<std::uint64_t> HbmErrors::find(std::uint64_t offset, std::uint64_t bytes) const {
    about_to_read(offset, bytes);
    const std::lock_guard lock(mutex_);
    const auto line = lines_.lower_bound(offset / LINE);
    if (line == lines_.end() || line->first * LINE >= offset + bytes)
        return std::nullopt;
    return std::max(offset, line->first * LINE);
}

std::optional<std::uint64_t> HbmErrors::find_in_data(std::uint64_t offset, std::uint64_t bytes) const {
    if (HbmSpoiler *spoiler = spoiler_.load(std::memory_order_acquire))
        spoiler->before_read(offset, bytes);
    return find(offset, bytes);
}

// What is spoilt behind the write is not mended by it.
void HbmErrors::note_write(std::uint64_t offset, std::uint64_t bytes) {
    if (watcher_ != nullptr)
        watcher_->after_write(offset, bytes);
    mend(offset, bytes);
    if (HbmSpoiler *spoiler = spoiler_.load(std::memory_order_acquire))
        spoiler->after_write(offset, bytes);
}

void HbmErrors::attach(HbmSpoiler *spoiler) {
    const std::lock_guard lock(mutex_);
    spoiler_.store(spoiler, std::memory_order_release);
    count_locked();
}

void HbmErrors::mend(std::uint64_t offset, std::uint64_t bytes) {
    const std::uint64_t end = offset + bytes;
    const std::lock_guard lock(mutex_);
    for (auto line = lines_.lower_bound(offset / LINE); line != lines_.end() && line->first * LINE < end;) {
        const std::uint64_t start = line->first * LINE;
        line->second |= bytes_of_line(std::max(offset, start) - start, std::min(end, start + LINE) - start);
        line = line->second == WHOLE ? lines_.erase(line) : std::next(line);
    }
    count_locked();
}

void HbmErrors::serialize(Archive &archive, std::uint64_t hbm_bytes) {
    const std::lock_guard lock(mutex_);
    auto count = static_cast<std::uint64_t>(lines_.size());
    archive.number("lines", count, 0, hbm_bytes / LINE);
    if (!archive.loading()) {
        for (std::pair<std::uint64_t, std::uint64_t> line : lines_) {
            archive.number("line", line.first);
            archive.number("bytes", line.second);
        }
        return;
    }
    lines_.clear();
    for (; count != 0; --count) {
        std::uint64_t line = 0;
        std::uint64_t bytes = 0;
        archive.number("line", line, 0, hbm_bytes / LINE - 1);
        archive.number("bytes", bytes, 0, WHOLE - 1);
        lines_[line] = bytes;
    }
    count_locked();
}

} // namespace neuron::chip
