// SPDX-License-Identifier: MIT
#include "host_memory.hpp"

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../error.hpp"

namespace neuron::sim {
namespace {

constexpr std::uint64_t page = spec::PAGE_SIZE;
constexpr std::uint64_t large_page = std::uint64_t{1} << spec::MMU_LARGE_PAGE_SHIFT;
// Away from zero and from anything that could pass for an HBM offset of a small chip.
constexpr std::uint64_t first_bus = std::uint64_t{1} << 40;
constexpr std::uint64_t last_bus = std::uint64_t{1} << 52;

// Nobody can take pages from under a mapping, which would end in a signal, or take that promise back.
constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

std::uint64_t round_to_pages(std::uint64_t size) { return (size + page - 1) / page * page; }

template<class T>
std::atomic_ref<T> word_at(const std::byte *at) {
    return std::atomic_ref(*reinterpret_cast<T *>(const_cast<std::byte *>(at)));
}

// One aligned word of type T, as it lies in memory.
template<class T>
void load(const std::byte *from, std::byte *to) {
    const T word = word_at<T>(from).load(std::memory_order_acquire);
    std::memcpy(to, &word, sizeof(word));
}

template<class T>
void store(const std::byte *from, std::byte *to) {
    T word = 0;
    std::memcpy(&word, from, sizeof(word));
    word_at<T>(to).store(word, std::memory_order_release);
}

// The chip reads entries of a page table by the dozen while other threads write some: each is to be whole. What is longer
// than that is data, for which memcpy is faster.
constexpr std::size_t words_at_most = 32;

bool is_few_words(std::uint64_t bus, std::size_t size) {
    constexpr std::size_t word = sizeof(std::uint64_t);
    return size <= words_at_most * word && size % word == 0 && bus % word == 0;
}

void load_words(const std::byte *from, std::span<std::byte> to) {
    for (std::size_t at = 0; at < to.size(); at += sizeof(std::uint64_t))
        load<std::uint64_t>(from + at, to.data() + at);
}

// Blocks start at pages, so a bus address is as aligned as its place in memory.
std::size_t word_size(std::uint64_t bus, std::size_t size) {
    return size <= sizeof(std::uint64_t) && std::has_single_bit(size) && bus % size == 0 ? size : 0;
}

void move_in(std::uint64_t bus, const std::byte *from, std::span<std::byte> to) {
    switch (word_size(bus, to.size())) {
    case 1: return load<std::uint8_t>(from, to.data());
    case 2: return load<std::uint16_t>(from, to.data());
    case 4: return load<std::uint32_t>(from, to.data());
    case 8: return load<std::uint64_t>(from, to.data());
    default: break;
    }
    if (is_few_words(bus, to.size()))
        load_words(from, to);
    else
        std::memcpy(to.data(), from, to.size());
}

void move_out(std::uint64_t bus, std::span<const std::byte> from, std::byte *to) {
    switch (word_size(bus, from.size())) {
    case 1: return store<std::uint8_t>(from.data(), to);
    case 2: return store<std::uint16_t>(from.data(), to);
    case 4: return store<std::uint32_t>(from.data(), to);
    case 8: return store<std::uint64_t>(from.data(), to);
    default: std::memcpy(to, from.data(), from.size());
    }
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
    std::swap(file_, other.file_);
}

Result<HostMemory::Block> HostMemory::allocate(std::uint64_t size) {
    if (size == 0 || size > last_bus - first_bus)
        return detail::fail(ErrorCode::out_of_memory, "sim: a buffer of {} bytes in host memory", size);
    const std::uint64_t rounded = round_to_pages(size);
    void *memory = ::mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return detail::fail(ErrorCode::out_of_memory, "sim: no room for a buffer of {} bytes in host memory", size);
    return enter({static_cast<std::byte *>(memory), rounded}, Fd());
}

Result<HostMemory::Block> HostMemory::allocate_shared(std::uint64_t size) {
    if (size == 0 || size > last_bus - first_bus)
        return detail::fail(ErrorCode::out_of_memory, "sim: a shared buffer of {} bytes in host memory", size);
    const Fd file(::memfd_create("neuron-sim", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file || ::ftruncate(file.get(), static_cast<off_t>(round_to_pages(size))) != 0 ||
        ::fcntl(file.get(), F_ADD_SEALS, seals) != 0)
        return detail::fail_errno(errno, fmt::format("sim: a shared buffer of {} bytes in host memory", size));
    return import(file.get());
}

Result<HostMemory::Block> HostMemory::import(int fd) {
    Fd file(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!file && errno == EBADF)
        return detail::fail(ErrorCode::invalid_argument, "sim: importing file {}, which is not open", fd);
    if (!file)
        return detail::fail_errno(errno, fmt::format("sim: importing file {}", fd));
    struct stat facts {};
    const int sealed = ::fcntl(file.get(), F_GET_SEALS);
    if (sealed < 0 || (sealed & F_SEAL_SHRINK) == 0 || ::fstat(file.get(), &facts) != 0 || facts.st_size == 0 ||
        static_cast<std::uint64_t>(facts.st_size) % page != 0)
        return detail::fail(ErrorCode::invalid_argument,
                            "sim: importing file {}, which is no shared buffer of this backend", fd);
    if ((::fcntl(file.get(), F_GETFL) & O_ACCMODE) != O_RDWR || (sealed & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0)
        return detail::fail(ErrorCode::invalid_argument, "sim: importing file {}, which cannot be written to", fd);
    const auto size = static_cast<std::size_t>(facts.st_size);
    void *memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.get(), 0);
    if (memory == MAP_FAILED)
        return detail::fail(ErrorCode::out_of_memory, "sim: no room for a shared buffer of {} bytes", size);
    return enter({static_cast<std::byte *>(memory), size}, std::move(file));
}

// Gives mapped memory bus addresses; it is unmapped if there are none.
Result<HostMemory::Block> HostMemory::enter(std::span<std::byte> bytes, Fd file) {
    Block block;
    const std::lock_guard guard(lock_);
    // One page more keeps neighbours apart: an access that runs over the end hits nothing.
    const auto bus = addresses_.allocate(bytes.size() + page, bytes.size() >= large_page ? large_page : page);
    if (!bus) {
        ::munmap(bytes.data(), bytes.size());
        return detail::fail(ErrorCode::out_of_memory, "sim: no bus addresses for a buffer of {} bytes", bytes.size());
    }
    block.owner_ = this;
    block.bus_ = *bus;
    block.bytes_ = bytes;
    block.file_ = std::move(file);
    blocks_.emplace(*bus, bytes);
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
    move_in(bus, from, to);
    return 0;
}

int HostMemory::write(std::uint64_t bus, std::span<const std::byte> from) {
    const std::shared_lock guard(lock_);
    std::byte *to = find(bus, from.size());
    if (to == nullptr)
        return -EFAULT;
    move_out(bus, from, to);
    return 0;
}

std::uint64_t HostMemory::load_word(const std::byte *at) {
    return swap_if_big(word_at<std::uint64_t>(at).load(std::memory_order_acquire));
}

void HostMemory::store_word(std::byte *at, std::uint64_t value) {
    word_at<std::uint64_t>(at).store(swap_if_big(value), std::memory_order_release);
}

} // namespace neuron::sim
