// SPDX-License-Identifier: MIT
#include "hbm.hpp"

#include "sanitizer/written_map.hpp"

#include <cstring>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace neuron::chip {

std::unique_ptr<Hbm> Hbm::create(std::uint64_t bytes) {
    // NORESERVE: 96 GiB must not count against the host's commit limit.
    void *data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED)
        return nullptr;
    // A core dump of the host process must not walk terabytes of holes.
    madvise(data, bytes, MADV_DONTDUMP);
    Hbm *hbm = new (std::nothrow) Hbm(static_cast<std::byte *>(data), bytes);
    if (hbm == nullptr)
        munmap(data, bytes);
    return std::unique_ptr<Hbm>(hbm);
}

Hbm::~Hbm() { munmap(data_, bytes_); }

void Hbm::zero(std::uint64_t offset, std::uint64_t bytes) const {
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    const std::uint64_t end = offset + bytes;
    const std::uint64_t first = (offset + page - 1) / page * page;
    const std::uint64_t last = end / page * page;
    if (first < last && madvise(data_ + first, last - first, MADV_DONTNEED) == 0) {
        std::memset(data_ + offset, 0, first - offset);
        std::memset(data_ + last, 0, end - last);
    } else {
        std::memset(data_ + offset, 0, bytes);
    }
    if (watcher_ != nullptr)
        watcher_->zeroed(offset, bytes);
    errors_.made_zero(offset, bytes);
    if (written_ != nullptr)
        written_->forget(offset, bytes);
}

} // namespace neuron::chip
