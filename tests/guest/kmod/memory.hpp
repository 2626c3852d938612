// SPDX-License-Identifier: MIT
// Memory of the process, for tests of DMA.
#pragma once

#include "support.hpp"

#include <cerrno>
#include <cstddef>

#include <sys/mman.h>
#include <unistd.h>

namespace kmod {

/// A mapping of its own, page aligned and zero; of a file if there is one.
class Memory {
public:
    explicit Memory(std::size_t bytes, int protection = PROT_READ | PROT_WRITE, int fd = -1) : bytes_(bytes) {
        void *pointer = ::mmap(nullptr, bytes, protection, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
        if (pointer == MAP_FAILED)
            fail_msg("mmap: %s", std::strerror(errno));
        data_ = static_cast<std::byte *>(pointer);
    }
    ~Memory() { unmap(); }
    Memory(Memory &&) = delete;

    std::byte *data() const { return data_; }
    std::span<std::byte> bytes() const { return {data_, bytes_}; }
    void unmap() {
        if (data_)
            ::munmap(std::exchange(data_, nullptr), bytes_);
    }
    void protect(int protection) { assert_int_equal(::mprotect(data_, bytes_, protection), 0); }

private:
    std::byte *data_ = nullptr;
    std::size_t bytes_;
};

/// A file in memory.
class MemoryFile {
public:
    explicit MemoryFile(std::size_t bytes) : fd_(::memfd_create("dma", MFD_CLOEXEC)) {
        if (fd_ < 0 || ::ftruncate(fd_, static_cast<off_t>(bytes)))
            fail_msg("memfd: %s", std::strerror(errno));
    }
    ~MemoryFile() { ::close(fd_); }
    MemoryFile(MemoryFile &&) = delete;
    int fd() const { return fd_; }

private:
    int fd_;
};

/// Bytes that differ from place to place, and from seed to seed.
inline void scribble(std::span<std::byte> bytes, std::uint32_t seed) {
    std::uint32_t state = seed;
    for (std::byte &byte : bytes)
        byte = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24);
}

inline bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

/// A bound buffer of the device, seen by the CPU.
struct Target {
    std::uint32_t handle;
    std::uint64_t va;
    Mapping memory;

    Target(const File &file, std::size_t bytes, bool hbm = false)
        : handle(hbm ? file.hbm(bytes) : file.host(bytes)), va(file.bind(handle)), memory(file, handle) {}
    std::span<std::byte> bytes() const { return memory.bytes(); }
};

} // namespace kmod
