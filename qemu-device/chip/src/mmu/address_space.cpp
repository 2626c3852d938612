// SPDX-License-Identifier: MIT
#include "address_space.hpp"

#include <algorithm>

namespace neuron::chip {

namespace field = spec::field;

void AddressSpace::enable(std::uint64_t root) {
    const std::lock_guard lock(mutex_);
    enabled_ = true;
    root_ = root;
    ++generation_;
    ++flushes_;
    tlb_.clear();
}

void AddressSpace::disable() {
    const std::lock_guard lock(mutex_);
    enabled_ = false;
    ++flushes_;
    tlb_.clear();
}

void AddressSpace::restore(std::uint64_t root, bool enabled, std::uint64_t generation) {
    const std::lock_guard lock(mutex_);
    enabled_ = enabled;
    root_ = root;
    generation_ = generation;
    ++flushes_;
    tlb_.clear();
}

std::uint64_t AddressSpace::generation() const {
    const std::lock_guard lock(mutex_);
    return generation_;
}

unsigned AddressSpace::enter() {
    const std::lock_guard lock(mutex_);
    ++open_[epoch_];
    return epoch_;
}

void AddressSpace::leave(unsigned epoch) {
    const std::lock_guard lock(mutex_);
    --open_[epoch];
    if (!flushing_ || epoch == epoch_ || open_[epoch] != 0)
        return;
    flushing_ = false;
    if (std::exchange(flush_again_, false))
        start_flush_locked();
}

void AddressSpace::flush() {
    const std::lock_guard lock(mutex_);
    ++flushes_;
    tlb_.clear();
    // Only two parities exist: a flush during a flush runs when the first one is over.
    if (flushing_)
        flush_again_ = true;
    else
        start_flush_locked();
}

void AddressSpace::start_flush_locked() {
    epoch_ ^= 1;
    flushing_ = open_[epoch_ ^ 1] != 0;
}

bool AddressSpace::flushing() const {
    const std::lock_guard lock(mutex_);
    return flushing_;
}

bool AddressSpace::in_use() const {
    const std::lock_guard lock(mutex_);
    return flushing_ || open_[0] != 0 || open_[1] != 0;
}

void AddressSpace::cache_locked(const WalkResult &found, std::uint64_t va) {
    if (found.table == 0) {
        tlb_.insert_large(va, found.leaf);
        return;
    }
    tlb_.insert_table(va, found.table);
    for (unsigned i = 0; i < WalkResult::BLOCK; ++i)
        if (found.block[i] != 0)
            tlb_.insert_page(found.block_va + i * found.page_bytes, found.block[i]);
}

MemoryResult<Tlb::Leaf> AddressSpace::miss(std::unique_lock<std::mutex> &lock, std::uint64_t va) {
    if (!enabled_)
        return tl::unexpected(MemoryFault{spec::Fault::PAGE_NOT_MAPPED, va});
    const std::uint64_t root = root_;
    const std::uint64_t table = tlb_.find_table(va);
    const std::uint64_t flushes = flushes_;
    lock.unlock();
    const auto found = walker_.walk(root, table, va);
    lock.lock();
    if (!found)
        return tl::unexpected(found.error());
    if (flushes == flushes_)
        cache_locked(*found, va);
    return Tlb::Leaf{found->leaf, found->page_bytes};
}

bool AddressSpace::permits(std::uint64_t va, bool write) const {
    std::unique_lock lock(mutex_);
    const bool enabled = enabled_;
    const std::uint64_t root = root_;
    lock.unlock();
    if (!enabled)
        return false;
    const auto found = walker_.walk(root, 0, va);
    return found && (!write || (found->leaf & field::PTE_WRITE.mask) != 0);
}

MemoryResult<PhysicalRun> AddressSpace::translate(const Access &, std::uint64_t va, std::uint64_t bytes, bool write) {
    constexpr std::uint64_t VA_END = 1ULL << spec::MMU_VA_BITS;
    if (va >= VA_END || bytes > VA_END - va)
        return tl::unexpected(MemoryFault{spec::Fault::BAD_ADDRESS, std::max(va, VA_END), 0, write});

    std::unique_lock lock(mutex_);
    Tlb::Leaf leaf = tlb_.find(va);
    if (leaf.pte == 0) {
        const auto found = miss(lock, va);
        if (!found) {
            MemoryFault fault = found.error();
            fault.write = write;
            return tl::unexpected(fault);
        }
        leaf = *found;
    }
    if (write && (leaf.pte & field::PTE_WRITE.mask) == 0)
        return tl::unexpected(MemoryFault{spec::Fault::PAGE_READ_ONLY, va, 0, true});

    const bool in_hbm = (leaf.pte & field::PTE_HBM.mask) != 0;
    const std::uint64_t start = (leaf.pte & field::PTE_ADDR.mask) + va % leaf.page_bytes;
    std::uint64_t run = leaf.page_bytes - va % leaf.page_bytes;
    while (run < bytes) {
        const Tlb::Leaf next = tlb_.find(va + run);
        const bool follows =
            next.pte != 0 && (va + run) % next.page_bytes == 0 && ((next.pte & field::PTE_HBM.mask) != 0) == in_hbm &&
            (next.pte & field::PTE_ADDR.mask) == start + run && (!write || (next.pte & field::PTE_WRITE.mask) != 0);
        if (!follows)
            break;
        run += next.page_bytes;
    }
    run = std::min(run, bytes);
    return PhysicalRun{in_hbm ? hbm_.data() + start : nullptr, start, run};
}

} // namespace neuron::chip
