// SPDX-License-Identifier: MIT
// Users other than root, what they may have, and what there is.
#pragma once

#include "support.hpp"

#include <sys/types.h>

namespace kmod {

inline constexpr uid_t ALICE = 1000;
inline constexpr uid_t BOB = 1001;

/// Whoever it is may open the node; until the device is bound anew.
void open_node_to_all();

/// While it lives the process is this user, with nothing of root's but the way back.
class AsUser {
public:
    explicit AsUser(uid_t uid);
    ~AsUser();
    AsUser(AsUser &&) = delete;
};

/// Opens the node. Return: descriptor or -errno.
int try_open();
/// A file that the user has opened.
File open_as(uid_t uid);

int query(const File &file, std::uint32_t type, void *to, std::uint32_t size);
drm_neuron_query_memory memory_of(const File &file);

/// 0 or -errno; the handle goes to `handle` if it is given.
int create(const File &file, std::uint32_t placement, std::uint64_t size, std::uint32_t *handle = nullptr,
           std::uint32_t flags = 0, std::uint32_t bank = DRM_NEURON_BO_ANY_BANK);

/// A value of /proc/self/fdinfo; 0 if the key is not there.
std::uint64_t fdinfo(const File &file, const std::string &key);

/// Path of a limit in sysfs: host_bytes, hbm_bytes, contexts, queues.
std::string limit_path(const std::string &name);
std::uint64_t read_limit(const std::string &name);

/// A limit of users; the destructor puts the old one back.
class Limit {
public:
    Limit(const std::string &name, std::uint64_t value);
    ~Limit();
    Limit(Limit &&) = delete;
    void set(std::uint64_t value) const;

private:
    std::string name_;
    std::uint64_t before_;
};

} // namespace kmod
