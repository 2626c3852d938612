// SPDX-License-Identifier: MIT
// Whose memory an address is: what a driver has told through the debug channel.
#pragma once

#include "../state/archive.hpp"
#include "holdings.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace neuron::chip {

/// What is bound in each context, and what was lately; and who holds HBM and host memory. It knows of each context
/// apart: what it says of one comes from records of that one alone. Bounded, whatever it is told. Any thread.
class Book {
public:
    /// Ranges that are bound, and such that are not any more, of a context. What is more is forgotten, the oldest first.
    static constexpr std::size_t MAX_LIVE = 4096;
    static constexpr std::size_t MAX_PAST = 1024;

    /// Takes up a record. False: it makes no sense; nothing has changed.
    bool tell(const spec::DebugRecord &record, std::uint64_t now_ns);
    /// Whose memory `va` of context `ctx` is or was, at `now_ns`.
    spec::BlameRecord blame(std::uint32_t ctx, std::uint64_t va, std::uint64_t now_ns) const;
    /// The same, kept as that of the last fault of the context.
    spec::BlameRecord blame_fault(std::uint32_t ctx, std::uint64_t va, std::uint64_t now_ns);
    spec::BlameRecord last_fault(std::uint32_t ctx) const;

    /// Whether that is not a context's number but that of a space: HBM or the bus.
    static bool is_space(std::uint32_t ctx) { return ctx == spec::SPACE_HBM || ctx == spec::SPACE_BUS; }
    /// What is at `va` of context, or space, `ctx`, and what was, newest first; at most `max`.
    std::vector<spec::BlameRecord> history(std::uint32_t ctx, std::uint64_t va, std::uint64_t now_ns,
                                           std::size_t max) const;

    /// What the sanitizer wants to know of an address.
    struct Probe {
        bool known = false;   ///< all that was told of the context is remembered; false: nothing follows from the rest
        bool bound = false;   ///< the address is one of a buffer's own bytes
        bool write = false;   ///< which the context may write
        bool rebound = false; ///< the buffer came after telling `since`, and what was there before went after it
        std::uint64_t buffer = 0; ///< also for an address in the padding of a buffer
        std::uint64_t end = 0;    ///< behind the last of its own bytes that follow
    };
    /// About `va` of context `ctx`, for one who knows of the first `since` tellings.
    Probe probe(std::uint32_t ctx, std::uint64_t va, std::uint64_t since) const;
    /// What is bound in a context.
    std::vector<spec::BlameRecord> bound(std::uint32_t ctx, std::uint64_t now_ns) const;
    /// Tellings so far.
    std::uint64_t told() const { return told_.load(std::memory_order_acquire); }

    void clear();
    void serialize(Archive &archive);

    using Label = decltype(spec::BlameRecord::label);
    using Comm = decltype(spec::BlameRecord::comm);
    using Place = decltype(spec::BlameRecord::place);

private:
    /// A range of a context that shows a buffer, or has shown it.
    struct Range {
        std::uint64_t start = 0;
        std::uint64_t bytes = 0;
        std::uint64_t buffer = 0;
        std::uint64_t time_ns = 0; ///< when it was bound, unbound, or its buffer freed
        std::uint32_t pid = 0;     ///< who did that
        bool freed = false;
        bool write = false;         ///< the context may write
        std::uint32_t padding = 0;  ///< of its last bytes, those that are not the buffer's
        std::uint64_t bound_at = 0; ///< which telling bound it, and which one unbound it
        std::uint64_t gone_at = 0;
        std::uint64_t bound_ns = 0; ///< when it was bound
        std::uint32_t bound_pid = 0;
        Label label{};
        Place place{};      ///< where in its program's source it was bound,
        Place gone_place{}; ///< and where unbound

        std::uint64_t end() const { return start + bytes - padding; }
        bool has(std::uint64_t va) const { return va >= start && va - start < bytes; }
        void serialize(Archive &archive);
    };
    struct Page {
        std::uint32_t pid = 0;
        Comm comm{};
        std::map<std::uint64_t, Range> live; ///< by start; they do not overlap
        std::deque<Range> past;              ///< oldest first
        spec::BlameRecord last_fault{};
        /// Of the next record, if it is about that address.
        std::uint64_t place_va = 0;
        Place place{};
        bool forgot = false; ///< something that may still be bound, or could not be made sense of

        bool empty() const { return pid == 0 && live.empty() && past.empty(); }
    };

    static void open(Page &page, const spec::DebugRecord &record);
    bool tell_space(const spec::DebugRecord &record, std::uint64_t now_ns);
    void name_in_spaces(const Page &page, const spec::DebugRecord &record);
    bool tell_page(Page &page, const spec::DebugRecord &record, std::uint64_t now_ns);
    bool bind(Page &page, const spec::DebugRecord &record, std::uint64_t now_ns) const;
    bool unbind(Page &page, const spec::DebugRecord &record, std::uint64_t now_ns) const;
    static void free(Page &page, const spec::DebugRecord &record, std::uint64_t now_ns);
    static void label(Page &page, const spec::DebugRecord &record);
    static void place(Page &page, const spec::DebugRecord &record);
    static Place take_place(Page &page, std::uint64_t va);
    static void remember(Page &page, Range range);
    std::vector<spec::BlameRecord> space_history(std::uint32_t space, std::uint64_t address, std::uint64_t now_ns,
                                                 std::size_t max) const;
    static spec::BlameRecord blame_page(const Page &page, std::uint64_t va);
    void clear_locked();
    static void serialize_page(Archive &archive, Page &page);

    mutable std::mutex mutex_; ///< guards all below; innermost
    std::array<Page, spec::MAX_CONTEXTS> pages_;
    Holdings hbm_;
    Holdings bus_;
    std::atomic<std::uint64_t> told_{0}; ///< written under mutex_
};

/// Whether the address of such a fault is one of the context.
inline bool blamable(spec::Fault code, std::uint64_t va) {
    return va != 0 && code != spec::Fault::HAZARD_ORDER && code != spec::Fault::HAZARD_UNWRITTEN;
}

/// Facts for people: "4096 bytes past the end of buffer 'weights' (#7, made at foo.cc:88) at [0x…, 0x…), bound 1.200 ms
/// earlier by pid 412".
std::string describe(const spec::BlameRecord &blame);

} // namespace neuron::chip
