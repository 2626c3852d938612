// SPDX-License-Identifier: MIT
// Which bytes of HBM have been written.
#pragma once

#include "../hbm_watcher.hpp"
#include "owner_map.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace neuron::chip {

/// A bit for each granule of HBM. The chip tells what it writes; what the host writes through the aperture is found out
/// from the host's page tables, page by page. In doubt a byte was written. Any thread.
class WrittenMap {
public:
    static constexpr std::uint64_t GRANULE = 4; ///< bytes

    /// `hbm`: all of it; the first `aperture` bytes may be written by the host, and `watcher` knows where, if there is one.
    /// nullptr: the host has no address space.
    static std::unique_ptr<WrittenMap> create(std::span<const std::byte> hbm, std::uint64_t aperture,
                                              HbmWatcher *watcher = nullptr);
    ~WrittenMap();
    WrittenMap(const WrittenMap &) = delete;
    WrittenMap &operator=(const WrittenMap &) = delete;

    void written(std::uint64_t offset, std::uint64_t bytes);
    /// For which buffers.
    OwnerMap &owners() { return *owners_; }
    /// It reads as zero, as if never written. Whole pages.
    void forget(std::uint64_t offset, std::uint64_t bytes);
    /// The first byte of a range that nobody has written.
    std::optional<std::uint64_t> first_unwritten(std::uint64_t offset, std::uint64_t bytes);

private:
    WrittenMap(std::span<const std::byte> hbm, std::uint64_t aperture, std::unique_ptr<OwnerMap> owners,
               std::uint64_t *words, std::size_t map_bytes, int pagemap, HbmWatcher *watcher)
        : hbm_(hbm),
          aperture_(aperture),
          owners_(std::move(owners)),
          words_(words),
          map_bytes_(map_bytes),
          pagemap_(pagemap),
          watcher_(watcher) {}
    bool has(std::uint64_t granule) const;
    /// Whether the host may have written the page of a byte that the chip has not.
    bool host_wrote(std::uint64_t offset) const;
    /// What the host's page tables tell.
    bool page_was_written(std::uint64_t offset) const;

    std::span<const std::byte> hbm_;
    std::uint64_t aperture_;
    std::unique_ptr<OwnerMap> owners_;
    std::uint64_t *words_;
    std::size_t map_bytes_;
    int pagemap_;               ///< -1: there is none, and all of the aperture counts as written
    HbmWatcher *const watcher_; ///< nullptr: nobody
};

} // namespace neuron::chip
