// SPDX-License-Identifier: MIT
#include "share.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>

namespace kmod {

void DmaBuf::close() {
    if (fd_ >= 0)
        ::close(std::exchange(fd_, -1));
}

std::uint64_t DmaBuf::inode() const {
    struct stat status {};
    assert_int_equal(::fstat(fd_, &status), 0);
    return status.st_ino;
}

Memfd::Memfd(std::uint64_t size) : size_(size), fd_(::memfd_create("shared", MFD_ALLOW_SEALING | MFD_CLOEXEC)) {
    assert_true(fd_ >= 0);
    assert_int_equal(::ftruncate(fd_, static_cast<off_t>(size)), 0);
    assert_int_equal(::fcntl(fd_, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    void *pointer = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    assert_ptr_not_equal(pointer, MAP_FAILED);
    words_ = static_cast<std::uint64_t *>(pointer);
}

Memfd::~Memfd() {
    ::munmap(words_, size_);
    ::close(fd_);
}

DmaBuf Memfd::share(bool reversed) const {
    const std::size_t count = reversed ? size_ / neuron::spec::PAGE_SIZE : 1;
    const std::uint64_t piece = size_ / count;
    std::vector<std::byte> raw(sizeof(udmabuf_create_list) + count * sizeof(udmabuf_create_item));
    udmabuf_create_list head{};
    head.flags = UDMABUF_FLAGS_CLOEXEC;
    head.count = static_cast<std::uint32_t>(count);
    std::memcpy(raw.data(), &head, sizeof(head));
    for (std::size_t i = 0; i < count; ++i) {
        udmabuf_create_item item{};
        item.memfd = static_cast<std::uint32_t>(fd_);
        item.offset = (count - 1 - i) * piece;
        item.size = piece;
        std::memcpy(raw.data() + sizeof(head) + i * sizeof(item), &item, sizeof(item));
    }
    const int device = ::open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
    assert_true(device >= 0);
    const int fd = ::ioctl(device, UDMABUF_CREATE_LIST, raw.data());
    const int error = errno;
    ::close(device);
    if (fd < 0)
        fail_msg("udmabuf: %s", std::strerror(error));
    return DmaBuf(fd);
}

DmaBuf heap_buffer(std::uint64_t size) {
    const int heap = ::open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
    assert_true(heap >= 0);
    dma_heap_allocation_data args{};
    args.len = size;
    args.fd_flags = O_RDWR | O_CLOEXEC;
    const int ret = ::ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &args);
    const int error = errno;
    ::close(heap);
    if (ret)
        fail_msg("dma-heap: %s", std::strerror(error));
    return DmaBuf(static_cast<int>(args.fd));
}

BufMapping::BufMapping(const DmaBuf &buf, std::uint64_t size) : size_(size) {
    void *pointer = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, buf.fd(), 0);
    if (pointer == MAP_FAILED)
        fail_msg("mmap of a dma-buf: %s", std::strerror(errno));
    words_ = static_cast<std::uint64_t *>(pointer);
}

BufMapping::~BufMapping() { ::munmap(words_, size_); }

DmaBuf export_of(const File &file, std::uint32_t handle) {
    int fd = -1;
    assert_int_equal(drmPrimeHandleToFD(file.fd(), handle, DRM_CLOEXEC | DRM_RDWR, &fd), 0);
    return DmaBuf(fd);
}

std::uint32_t import_of(const File &file, const DmaBuf &buf) {
    std::uint32_t handle = 0;
    const int ret = try_import(file, buf.fd(), &handle);
    if (ret)
        fail_msg("import: %s", std::strerror(-ret));
    return handle;
}

int try_import(const File &file, int fd, std::uint32_t *handle) {
    drm_prime_handle args{.handle = 0, .flags = 0, .fd = fd};
    const int ret = file.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);
    if (handle)
        *handle = args.handle;
    return ret;
}

// Each dma-buf has a line of tab-separated columns, the sixth of them its inode, then "Attached Devices:", one line for
// each of these, and their number.
std::string attached_to(std::uint64_t inode) {
    std::ifstream info("/sys/kernel/debug/dma_buf/bufinfo");
    assert_true(info.is_open());
    const auto is_wanted = [&](const std::string &line) {
        std::istringstream columns(line);
        std::string column;
        for (int i = 0; i < 6; ++i)
            if (!std::getline(columns, column, '\t'))
                return false;
        return column.find_first_not_of("0123456789") == std::string::npos && std::stoull(column) == inode;
    };
    std::string line;
    while (std::getline(info, line) && !is_wanted(line))
        ;
    if (!info)
        return "gone";
    while (std::getline(info, line) && line.find("Attached Devices:") == std::string::npos)
        ;
    std::string devices;
    while (std::getline(info, line) && line.find("Total") == std::string::npos)
        devices += (devices.empty() ? "" : " ") + line.substr(line.find_first_not_of('\t'));
    return devices;
}

} // namespace kmod
