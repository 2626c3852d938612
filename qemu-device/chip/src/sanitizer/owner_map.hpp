// SPDX-License-Identifier: MIT
// For which buffer each page of HBM was written last.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

namespace neuron::chip {

/// The low half of a buffer's number for each page; 0: nobody has written it since it was scrubbed, or for a buffer that is not
/// known. Any thread.
class OwnerMap {
public:
    /// nullptr: the host has no address space.
    static std::unique_ptr<OwnerMap> create(std::uint64_t hbm_bytes);
    ~OwnerMap();
    OwnerMap(const OwnerMap &) = delete;
    OwnerMap &operator=(const OwnerMap &) = delete;

    void written(std::uint64_t offset, std::uint64_t bytes, std::uint64_t buffer);
    /// Whole pages were scrubbed.
    void forget(std::uint64_t offset, std::uint64_t bytes);

    struct Foreign {
        std::uint64_t offset; ///< the first byte
        std::uint32_t buffer; ///< low half of its number
    };
    /// The first page in a range that was written last for another buffer.
    std::optional<Foreign> first_foreign(std::uint64_t offset, std::uint64_t bytes, std::uint64_t buffer) const;

private:
    OwnerMap(std::uint32_t *pages, std::size_t map_bytes) : pages_(pages), map_bytes_(map_bytes) {}
    std::uint32_t *pages_;
    std::size_t map_bytes_;
};

} // namespace neuron::chip
