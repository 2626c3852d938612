// SPDX-License-Identifier: MIT
#include "host_memory.hpp"

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include <sys/mman.h>

#include "../error.hpp"

namespace neuron::sim {
namespace {

constexpr std::uint64_t page = spec::PAGE_SIZE;
constexpr std::uint64_t large_page = std::uint64_t{1} << spec::MMU_LARGE_PAGE_SHIFT;
// Away from zero and from anything that could pass for an HBM offset of a small chip.
constexpr std::uint64_t first_bus = std::uint64_t{1} << 40;
constexpr std::uint64_t last_bus = std::uint64_t{1} << 52;

bool is_word(std::uint64_t bus, std::size_t size) {
    return size == sizeof(std::uint64_t) && bus % sizeof(std::uint64_t) == 0;
}

std::atomic_ref<std::uint64_t> word_at(const std::byte *at) {
    return std::atomic_ref(*reinterpret_cast<std::uint64_t *>(const_cast<std::byte *>(at)));
}

std::uint64_t swap_if_big(std::uint64_t word) {
    return std::endian::native == std::endian::big ? __builtin_bswap64(word) : word;
}

} // namespace

HostMemory::HostMemory() : addresses_(first_bus, last_bus) {}

HostMemory::Block::~Block() {
    if (owner_ == nullptr)
        return;
    {
        const std::lock_guard guard(owner_->lock_);
        owner_->blocks_.erase(bus_);
        owner_->addresses_.free(bus_, bytes_.size() + page);
    }
    ::munmap(bytes_.data(), bytes_.size());
}

void HostMemory::Block::swap(Block &other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(bus_, other.bus_);
    std::swap(bytes_, other.bytes_);
}

Result<HostMemory::Block> HostMemory::allocate(std::uint64_t size) {
    if (size == 0 || size > last_bus - first_bus)
        return detail::fail(ErrorCode::out_of_memory, "sim: a buffer of {} bytes in host memory", size);
    const std::uint64_t rounded = (size + page - 1) / page * page;
    void *memory = ::mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return detail::fail(ErrorCode::out_of_memory, "sim: no room for a buffer of {} bytes in host memory", size);
    Block block;
    block.bytes_ = {static_cast<std::byte *>(memory), rounded};
    const std::lock_guard guard(lock_);
    // One page more keeps neighbours apart: an access that runs over the end hits nothing.
    const auto bus = addresses_.allocate(rounded + page, rounded >= large_page ? large_page : page);
    if (!bus) {
        ::munmap(memory, rounded);
        return detail::fail(ErrorCode::out_of_memory, "sim: no bus addresses for a buffer of {} bytes", size);
    }
    block.owner_ = this;
    block.bus_ = *bus;
    blocks_.emplace(*bus, block.bytes_);
    return block;
}

std::byte *HostMemory::find(std::uint64_t bus, std::size_t size) const {
    auto at = blocks_.upper_bound(bus);
    if (at == blocks_.begin())
        return nullptr;
    --at;
    const std::uint64_t offset = bus - at->first;
    const std::uint64_t room = at->second.size();
    return offset <= room && size <= room - offset ? at->second.data() + offset : nullptr;
}

int HostMemory::read(std::uint64_t bus, std::span<std::byte> to) const {
    const std::shared_lock guard(lock_);
    const std::byte *from = find(bus, to.size());
    if (from == nullptr)
        return -EFAULT;
    if (is_word(bus, to.size())) {
        const std::uint64_t word = word_at(from).load(std::memory_order_acquire);
        std::memcpy(to.data(), &word, sizeof(word));
    } else {
        std::memcpy(to.data(), from, to.size());
    }
    return 0;
}

int HostMemory::write(std::uint64_t bus, std::span<const std::byte> from) {
    const std::shared_lock guard(lock_);
    std::byte *to = find(bus, from.size());
    if (to == nullptr)
        return -EFAULT;
    if (is_word(bus, from.size())) {
        std::uint64_t word = 0;
        std::memcpy(&word, from.data(), sizeof(word));
        word_at(to).store(word, std::memory_order_release);
    } else {
        std::memcpy(to, from.data(), from.size());
    }
    return 0;
}

std::uint64_t HostMemory::load_word(const std::byte *at) {
    return swap_if_big(word_at(at).load(std::memory_order_acquire));
}

void HostMemory::store_word(std::byte *at, std::uint64_t value) {
    word_at(at).store(swap_if_big(value), std::memory_order_release);
}

} // namespace neuron::sim
