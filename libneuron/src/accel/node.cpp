// SPDX-License-Identifier: MIT
#include "node.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <xf86drm.h>

#include "../error.hpp"

namespace neuron::accel {

namespace fs = std::filesystem;
using detail::fail;

namespace {

constexpr std::string_view node_prefix = "accel";

std::string user_name(uid_t id) {
    passwd entry{};
    passwd *found = nullptr;
    std::array<char, 4096> room{};
    return getpwuid_r(id, &entry, room.data(), room.size(), &found) == 0 && found != nullptr ? found->pw_name
                                                                                             : fmt::format("{}", id);
}

std::string group_name(gid_t id) {
    group entry{};
    group *found = nullptr;
    std::array<char, 4096> room{};
    return getgrgid_r(id, &entry, room.data(), room.size(), &found) == 0 && found != nullptr ? found->gr_name
                                                                                             : fmt::format("{}", id);
}

// Says who may open the node, and what that means for the user.
tl::unexpected<Error> no_permission(const std::string &path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        return fail(ErrorCode::permission_denied, "{}: permission denied", path);
    const std::string owner = user_name(status.st_uid);
    const std::string group = group_name(status.st_gid);
    constexpr mode_t group_access = S_IRGRP | S_IWGRP;
    const bool by_group = (status.st_mode & group_access) == group_access && status.st_gid != 0;
    const std::string remedy =
        by_group ? fmt::format("become a member of group '{}' and log in again", group)
                 : fmt::format("run as user '{}', or install the udev rule that opens it to a group", owner);
    return fail(ErrorCode::permission_denied, "{}: permission denied: owner {}, group {}, mode {:04o}; {}", path, owner,
                group, status.st_mode & 07777u, remedy);
}

std::string link_target(const fs::path &link) {
    std::error_code error;
    const fs::path target = fs::read_symlink(link, error);
    return error ? std::string{} : target.filename().string();
}

std::optional<unsigned> node_number(std::string_view name) {
    if (!name.starts_with(node_prefix))
        return std::nullopt;
    name.remove_prefix(node_prefix.size());
    unsigned number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc{} || end != name.data() + name.size())
        return std::nullopt;
    return number;
}

Node probe(const std::string &name, const Roots &roots) {
    Node node;
    node.facts.name = name;
    node.facts.path = fmt::format("{}/{}", roots.dev, name);
    node.facts.address = link_target(fs::path(roots.sys) / name / "device");
    node.facts.driver = link_target(fs::path(roots.sys) / name / "device" / "driver");
    auto fd = open_node(node.facts.path);
    if (fd) {
        node.fd = std::move(*fd);
        node.facts.driver = driver_name;
    } else {
        node.problem_code = fd.error().code;
        node.facts.problem = std::move(fd.error().message);
    }
    return node;
}

tl::unexpected<Error> no_device(const Roots &roots) {
    return fail(ErrorCode::no_device,
                "no neuron device: {} is empty or missing; is the device there (lspci -d {:04x}:{:04x}) and the module "
                "{} loaded?",
                roots.sys, spec::PCI_VENDOR, spec::PCI_DEVICE, driver_name);
}

} // namespace

Result<Fd> open_node(const std::string &path) {
    Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd) {
        const int error = errno;
        if (error == EACCES || error == EPERM)
            return no_permission(path);
        if (error == ENOENT)
            return fail(ErrorCode::no_device, "{}: no such device node", path);
        return detail::fail_errno(error, path);
    }
    const std::unique_ptr<drmVersion, decltype(&drmFreeVersion)> version(drmGetVersion(fd.get()), &drmFreeVersion);
    if (version == nullptr)
        return fail(ErrorCode::unsupported, "{}: not a DRM device node", path);
    const std::string_view name(version->name, static_cast<std::size_t>(version->name_len));
    if (name != driver_name)
        return fail(ErrorCode::unsupported, "{}: belongs to driver '{}', not to '{}'", path, name, driver_name);
    return fd;
}

Result<std::vector<Node>> probe_nodes(const Roots &roots) {
    std::vector<std::pair<unsigned, std::string>> names;
    std::error_code error;
    for (fs::directory_iterator at(roots.sys, error), end; !error && at != end; at.increment(error)) {
        std::string name = at->path().filename().string();
        if (const auto number = node_number(name))
            names.emplace_back(*number, std::move(name));
    }
    if (error && error != std::errc::no_such_file_or_directory)
        return fail(detail::code_of(error.value()), "{}: {}", roots.sys, error.message());
    std::ranges::sort(names);
    std::vector<Node> nodes;
    nodes.reserve(names.size());
    for (const auto &[number, name] : names)
        nodes.push_back(probe(name, roots));
    return nodes;
}

Result<Node> find_node(const std::string &wanted, const Roots &roots) {
    // A path is taken at its word, whether the class lists it or not.
    if (wanted.starts_with('/')) {
        auto fd = open_node(wanted);
        if (!fd)
            return detail::forward_error(fd);
        Node node;
        node.facts.path = wanted;
        node.facts.name = fs::path(wanted).filename().string();
        node.fd = std::move(*fd);
        return node;
    }
    auto nodes = probe_nodes(roots);
    if (!nodes)
        return detail::forward_error(nodes);
    if (nodes->empty())
        return no_device(roots);
    const auto fits = [&](const Node &node) {
        return wanted.empty() ? node.facts.problem.empty() : wanted == node.facts.name || wanted == node.facts.address;
    };
    const auto at = std::ranges::find_if(*nodes, fits);
    if (at == nodes->end() && !wanted.empty())
        return fail(ErrorCode::no_device, "no device '{}' among {} in {}", wanted, nodes->size(), roots.sys);
    // Of several nodes that none will do, ours with a problem says more than a stranger.
    const auto ours =
        std::ranges::find(*nodes, driver_name, [](const Node &node) { return std::string_view(node.facts.driver); });
    Node &chosen = at != nodes->end() ? *at : ours != nodes->end() ? *ours : nodes->front();
    if (!chosen.facts.problem.empty())
        return fail(chosen.problem_code, "no neuron device: {}", chosen.facts.problem);
    return std::move(chosen);
}

} // namespace neuron::accel
