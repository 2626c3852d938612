// SPDX-License-Identifier: MIT
#include "touched_pages.hpp"

#include "archive.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <vector>

namespace neuron::chip {

namespace {

// Of an entry of /proc/self/pagemap. mincore() would do but for pages that are swapped out.
constexpr std::uint64_t PRESENT = 1ULL << 63;
constexpr std::uint64_t SWAPPED = 1ULL << 62;

class Pagemap {
public:
    Pagemap() : fd_(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {
        if (fd_ < 0)
            fail();
    }
    ~Pagemap() { close(fd_); }
    Pagemap(const Pagemap &) = delete;
    Pagemap &operator=(const Pagemap &) = delete;

    void read(std::uint64_t page, std::span<std::uint64_t> entries) const {
        const auto bytes = std::as_writable_bytes(entries);
        for (std::size_t done = 0; done < bytes.size();) {
            const ssize_t got = pread(fd_, bytes.data() + done, bytes.size() - done,
                                      static_cast<off_t>(page * sizeof(std::uint64_t) + done));
            if (got <= 0)
                fail();
            done += static_cast<std::size_t>(got);
        }
    }

private:
    [[noreturn]] static void fail() {
        throw StateError(errno != 0 ? errno : EIO, fmt::format("memory: /proc/self/pagemap: {}", std::strerror(errno)));
    }
    int fd_;
};

} // namespace

void for_each_touched(std::span<const std::byte> mapping,
                      const std::function<void(std::size_t offset, std::size_t bytes)> &visit) {
    constexpr std::size_t ENTRIES = 64 * 1024; // of one read
    const auto page_bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::uint64_t first = reinterpret_cast<std::uintptr_t>(mapping.data()) / page_bytes;
    const std::size_t pages = (mapping.size() + page_bytes - 1) / page_bytes;
    const Pagemap pagemap;
    std::vector<std::uint64_t> entries(std::min(pages, ENTRIES));
    std::size_t run = 0; // pages, up to the present one
    const auto end_run = [&](std::size_t page) {
        const std::size_t begin = (page - run) * page_bytes;
        if (run != 0)
            visit(begin, std::min(page * page_bytes, mapping.size()) - begin);
        run = 0;
    };
    for (std::size_t page = 0; page < pages;) {
        const auto part = std::span(entries).first(std::min(entries.size(), pages - page));
        pagemap.read(first + page, part);
        for (const std::uint64_t entry : part) {
            if ((entry & (PRESENT | SWAPPED)) != 0)
                ++run;
            else if (run != 0)
                end_run(page);
            ++page;
        }
    }
    end_run(pages);
}

bool all_zero(std::span<const std::byte> bytes) {
    // The first byte is 0, and each is like the one before.
    return bytes.empty() ||
           (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

} // namespace neuron::chip
