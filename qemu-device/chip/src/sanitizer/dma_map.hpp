// SPDX-License-Identifier: MIT
// Which host memory is the device's to access, as the driver has told.
#pragma once

#include <neuron/spec.hpp>

#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace neuron::chip {

/// By pages: in doubt an access is right. Bounded. Any thread.
class DmaMap {
public:
    using Label = decltype(spec::DebugRecord::label);

    /// Pages that it remembers; if more are told to be the device's, nothing is withdrawn any more.
    static constexpr std::size_t MAX_PAGES = 1U << 20;

    void map(std::uint64_t bus, std::uint64_t bytes, const Label &label);
    void unmap(std::uint64_t bus, std::uint64_t bytes, std::uint32_t pid, std::uint64_t now_ns);
    void clear();

    /// Memory that was the device's, and is not any more.
    struct Withdrawn {
        std::uint64_t bus; ///< first such byte of what was asked for
        std::uint64_t time_ns;
        std::uint32_t pid;
        Label label;
    };
    std::optional<Withdrawn> find(std::uint64_t bus, std::uint64_t bytes) const;

private:
    struct Page {
        std::uint32_t count = 0; ///< tellings; 0: withdrawn
        std::uint32_t pid = 0;
        std::uint64_t time_ns = 0;
        Label label{};
    };
    void forget_withdrawn_locked();

    mutable std::mutex mutex_;                      ///< guards all below; innermost
    std::unordered_map<std::uint64_t, Page> pages_; ///< by number
    bool full_ = false;
};

} // namespace neuron::chip
