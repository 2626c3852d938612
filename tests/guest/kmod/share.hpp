// SPDX-License-Identifier: MIT
// dma-bufs: other drivers as exporters, and what the kernel knows of a dma-buf.
#pragma once

#include "support.hpp"

namespace kmod {

/// A descriptor of a dma-buf; closed by the destructor.
class DmaBuf {
public:
    explicit DmaBuf(int fd) : fd_(fd) {}
    ~DmaBuf() { close(); }
    DmaBuf(DmaBuf &&other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    DmaBuf &operator=(DmaBuf &&) = delete;
    int fd() const { return fd_; }
    void close();
    /// Which dma-buf it is, however many descriptors it has.
    std::uint64_t inode() const;

private:
    int fd_;
};

/// Memory of the process as the dma-buf of another driver.
class Memfd {
public:
    explicit Memfd(std::uint64_t size);
    ~Memfd();
    Memfd(Memfd &&) = delete;
    std::uint64_t *words() const { return words_; }
    /// A dma-buf of all of it, its pages in the reverse order if so wished.
    DmaBuf share(bool reversed = false) const;

private:
    std::uint64_t size_;
    int fd_;
    std::uint64_t *words_;
};

/// A buffer of the system's dma-heap.
DmaBuf heap_buffer(std::uint64_t size);

/// A mapping of a dma-buf through its own descriptor.
class BufMapping {
public:
    BufMapping(const DmaBuf &buf, std::uint64_t size);
    ~BufMapping();
    BufMapping(BufMapping &&) = delete;
    std::uint64_t *words() const { return words_; }

private:
    std::uint64_t size_;
    std::uint64_t *words_;
};

DmaBuf export_of(const File &file, std::uint32_t handle);
/// Handle of the buffer; fails the test when it is refused.
std::uint32_t import_of(const File &file, const DmaBuf &buf);
int try_import(const File &file, int fd, std::uint32_t *handle = nullptr);

/// The devices that are attached to a dma-buf, from debugfs; "gone" if it is no more.
std::string attached_to(std::uint64_t inode);

} // namespace kmod
