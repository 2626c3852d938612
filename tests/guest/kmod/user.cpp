// SPDX-License-Identifier: MIT
#include "user.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kmod {

void open_node_to_all() { assert_int_equal(::chmod(node().c_str(), 0666), 0); }

// The saved id stays root's, so that the way back is open; root's capabilities are not in effect meanwhile.
AsUser::AsUser(uid_t uid) { assert_int_equal(::setresuid(uid, uid, 0), 0); }

AsUser::~AsUser() {
    if (::setresuid(0, 0, 0))
        std::abort();
}

int try_open() {
    const int fd = ::open(node().c_str(), O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

File open_as(uid_t uid) {
    open_node_to_all();
    const AsUser user(uid);
    const int fd = try_open();
    if (fd < 0)
        fail_msg("open as %u: %s", uid, std::strerror(-fd));
    return File(fd);
}

int query(const File &file, std::uint32_t type, void *to, std::uint32_t size) {
    drm_neuron_dev_query args{.type = type, .size = size, .ptr = reinterpret_cast<std::uintptr_t>(to)};
    return file.call(DRM_IOCTL_NEURON_DEV_QUERY, &args);
}

drm_neuron_query_memory memory_of(const File &file) {
    drm_neuron_query_memory memory{};
    assert_int_equal(query(file, DRM_NEURON_QUERY_MEMORY, &memory, sizeof(memory)), 0);
    return memory;
}

int create(const File &file, std::uint32_t placement, std::uint64_t size, std::uint32_t *handle, std::uint32_t flags,
           std::uint32_t bank) {
    drm_neuron_bo_create args{.size = size,
                              .placement = placement,
                              .flags = flags,
                              .bank = placement == DRM_NEURON_PLACE_HBM ? bank : 0,
                              .handle = 0};
    const int ret = file.call(DRM_IOCTL_NEURON_BO_CREATE, &args);
    if (handle)
        *handle = args.handle;
    return ret;
}

std::uint64_t fdinfo(const File &file, const std::string &key) {
    std::ifstream info("/proc/self/fdinfo/" + std::to_string(file.fd()));
    for (std::string line; std::getline(info, line);) {
        std::istringstream words(line);
        std::string name;
        std::string unit;
        std::uint64_t value = 0;
        if (words >> name && name == key + ":" && words >> value) {
            words >> unit;
            return unit == "KiB" ? value << 10 : unit == "MiB" ? value << 20 : value;
        }
    }
    return 0;
}

std::string limit_path(const std::string &name) { return pci_path() + "/user_limits/" + name; }

std::uint64_t read_limit(const std::string &name) {
    std::uint64_t value = 0;
    std::ifstream file(limit_path(name));
    assert_true(static_cast<bool>(file >> value));
    return value;
}

Limit::Limit(const std::string &name, std::uint64_t value) : name_(name), before_(read_limit(name)) { set(value); }

Limit::~Limit() { write_file(limit_path(name_), std::to_string(before_)); }

void Limit::set(std::uint64_t value) const {
    assert_int_equal(write_file(limit_path(name_), std::to_string(value)), 0);
}

} // namespace kmod
