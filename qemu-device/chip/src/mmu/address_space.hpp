// SPDX-License-Identifier: MIT
// The memory that one context sees.
#pragma once

#include "../hbm.hpp"
#include "../host.hpp"
#include "memory_fault.hpp"
#include "page_walk.hpp"
#include "tlb.hpp"

#include <array>
#include <cstdint>
#include <mutex>
#include <utility>

namespace neuron::chip {

struct Actor;

/// Consecutive bytes behind a context address.
struct PhysicalRun {
    std::byte *hbm;    ///< nullptr: host memory at `bus`
    std::uint64_t bus; ///< where it is in HBM if hbm is not nullptr
    std::uint64_t bytes;
};

/// Page table root, TLB and flush state of one context. Any thread. No lock is held while a page table in host memory is
/// read.
class AddressSpace {
public:
    AddressSpace(const Hbm &hbm, const Host &host) : walker_(hbm, host), hbm_(hbm) {}

    /// Brackets the use of translations: a flush waits for every Access that began before it. Keep it to one chunk.
    class Access {
    public:
        /// `actor`: who it is, if the sanitizer is to hear of it.
        explicit Access(AddressSpace &space, const Actor *actor = nullptr)
            : space_(space), actor_(actor), epoch_(space.enter()) {}
        ~Access() { space_.leave(epoch_); }
        Access(const Access &) = delete;
        Access &operator=(const Access &) = delete;
        AddressSpace &space() const { return space_; }
        const Actor *actor() const { return actor_; }

    private:
        AddressSpace &space_;
        const Actor *actor_;
        unsigned epoch_;
    };

    /// Starts translating through `root` (register PT_ROOT). Each enable begins a new generation.
    void enable(std::uint64_t root);
    /// Stops translating and forgets everything cached. Accesses in flight end on their own; see in_use().
    void disable();
    /// Number of enables so far: tells apart the owners of a context number.
    std::uint64_t generation() const;

    /// Forgets cached translations; flushing() falls when no Access that began earlier is left.
    void flush();
    bool flushing() const;
    /// Whether an Access is open or a flush is under way.
    bool in_use() const;

    /// Translates the first byte of [va, va + bytes) and as many after it as are cached and physically consecutive, at
    /// least to the end of the page. `bytes` is not 0.
    MemoryResult<PhysicalRun> translate(const Access &access, std::uint64_t va, std::uint64_t bytes, bool write);

    /// Whether the page table, as it is in memory now, allows an access; whatever is cached. Calls the host: hold no lock.
    bool permits(std::uint64_t va, bool write) const;

    /// As it was, without the TLB. No Access is open.
    void restore(std::uint64_t root, bool enabled, std::uint64_t generation);

    /// Of the HBM that runs lead to.
    HbmErrors &hbm_errors() const { return hbm_.errors(); }

private:
    unsigned enter();
    void leave(unsigned epoch);
    void start_flush_locked();
    /// Walks without the lock and caches the result unless a flush came between.
    MemoryResult<Tlb::Leaf> miss(std::unique_lock<std::mutex> &lock, std::uint64_t va);
    void cache_locked(const WalkResult &found, std::uint64_t va);

    PageWalker walker_;
    const Hbm &hbm_;

    mutable std::mutex mutex_; ///< guards all below; innermost, never held over a callback
    Tlb tlb_;
    bool enabled_ = false;
    std::uint64_t root_ = 0;
    std::uint64_t generation_ = 0;
    std::uint64_t flushes_ = 0; ///< how often tlb_ was cleared; a walk older than that must not be cached
    unsigned epoch_ = 0;        ///< parity that new accesses count under
    std::array<std::uint32_t, 2> open_{};
    bool flushing_ = false;    ///< waits for open_[epoch_ ^ 1]
    bool flush_again_ = false; ///< another flush was asked for meanwhile
};

} // namespace neuron::chip
