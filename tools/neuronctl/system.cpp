// SPDX-License-Identifier: MIT
#include "system.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <neuron/spec.hpp>

namespace neuronctl::sys {

namespace fs = std::filesystem;

std::string path(std::string_view absolute) {
    const char *root = std::getenv("NEURONCTL_ROOT");
    return (root != nullptr ? std::string(root) : std::string()) + std::string(absolute);
}

std::optional<std::string> read(std::string_view absolute) {
    std::ifstream file(path(absolute), std::ios::binary);
    if (!file)
        return std::nullopt;
    // A file of sysfs or debugfs may be there and refuse to be read, which only the buffer of a stream tells, by throwing.
    std::string text;
    try {
        text.assign(std::istreambuf_iterator<char>(file), {});
    } catch (const std::ios_base::failure &) {
        return std::nullopt;
    }
    if (text.ends_with('\n'))
        text.pop_back();
    return text;
}

std::vector<std::string> list(std::string_view absolute) {
    std::vector<std::string> out;
    std::error_code error;
    for (fs::directory_iterator at(path(absolute), error), end; !error && at != end; at.increment(error))
        out.push_back(at->path().filename().string());
    std::ranges::sort(out);
    return out;
}

bool exists(std::string_view absolute) {
    std::error_code error;
    return fs::exists(path(absolute), error);
}

std::string link_name(std::string_view absolute) {
    std::error_code error;
    return fs::read_symlink(path(absolute), error).filename().string();
}

int write(std::string_view absolute, std::string_view text) {
    const int fd = ::open(path(absolute).c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    const ssize_t done = ::write(fd, text.data(), text.size());
    const int error = done < 0 ? errno : 0;
    ::close(fd);
    return error;
}

std::optional<std::uint64_t> number(std::string_view text) {
    const bool hex = text.starts_with("0x");
    if (hex)
        text.remove_prefix(2);
    std::uint64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
    if (status != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::map<std::string, std::string> fields(std::string_view line) {
    std::map<std::string, std::string> out;
    for (const std::string &word : words(line))
        if (const std::size_t equals = word.find('='); equals != std::string::npos)
            out[word.substr(0, equals)] = word.substr(equals + 1);
    return out;
}

Answer ask(const std::string &name, const std::string &question) {
    const int fd = ::open(path(name).c_str(), O_RDWR | O_CLOEXEC);
    Answer answer{.error = fd < 0 ? errno : 0};
    if (answer.error == 0 && ::write(fd, question.data(), question.size()) < 0)
        answer.error = errno;
    for (char room[4096]; answer.error == 0;) {
        const ssize_t got = ::read(fd, room, sizeof room);
        if (got <= 0) {
            answer.error = got < 0 ? errno : 0;
            break;
        }
        answer.text.append(room, static_cast<std::size_t>(got));
    }
    if (fd >= 0)
        ::close(fd);
    return answer;
}

std::vector<std::string> words(std::string_view line) {
    std::vector<std::string> out;
    std::string word;
    bool quoted = false;
    for (const char c : line) {
        // Names of programs are text with blanks: label="first layer".
        if (c == '"' && (quoted || word.ends_with('='))) {
            quoted = !quoted;
        } else if (c == ' ' && !quoted) {
            if (!word.empty())
                out.push_back(std::move(word));
            word.clear();
        } else {
            word += c;
        }
    }
    if (!word.empty())
        out.push_back(std::move(word));
    return out;
}

std::vector<std::string> lines(std::string_view text) {
    std::vector<std::string> out;
    std::istringstream stream{std::string(text)};
    for (std::string line; std::getline(stream, line);)
        out.push_back(line);
    return out;
}

std::vector<std::string> pci_devices() {
    std::vector<std::string> out;
    for (const std::string &address : list("/sys/bus/pci/devices")) {
        const std::string folder = "/sys/bus/pci/devices/" + address;
        if (number(read(folder + "/vendor").value_or("")) == neuron::spec::PCI_VENDOR &&
            number(read(folder + "/device").value_or("")) == neuron::spec::PCI_DEVICE)
            out.push_back(address);
    }
    return out;
}

Outcome<std::string> address_of(const std::string &device) {
    const auto devices = pci_devices();
    const auto no_device = [](std::string message) {
        return tl::unexpected(with_hint({Exit::failed, "no_device", std::move(message), {}, {}},
                                        "'neuronctl doctor' looks for the reason"));
    };
    if (devices.empty())
        return no_device("no neuron device on the PCI bus");
    if (device.empty()) {
        if (devices.size() == 1)
            return devices.front();
        return tl::unexpected(usage_error(fmt::format("there are {} devices ({}): name one with --device",
                                                      devices.size(), fmt::join(devices, ", "))));
    }
    if (std::ranges::find(devices, device) != devices.end())
        return device;
    const std::string node = device.starts_with("/dev/accel/") ? device.substr(std::strlen("/dev/accel/")) : device;
    const std::string address = link_name("/sys/class/accel/" + node + "/device");
    if (std::ranges::find(devices, address) != devices.end())
        return address;
    return no_device(fmt::format("{}: no such device among {}", device, fmt::join(devices, ", ")));
}

Outcome<std::string> debugfs_path(const std::string &address, std::string_view file) {
    const std::string folder = "/sys/kernel/debug/accel/" + address;
    const std::string name = folder + "/" + std::string(file);
    if (::access(path(name).c_str(), R_OK) == 0)
        return name;
    if (geteuid() != 0)
        return tl::unexpected(with_hint(
            {Exit::failed, "permission_denied", fmt::format("{}: only root can look inside a device", name), {}, {}},
            "run as root, e.g. with sudo"));
    if (list("/sys/kernel/debug").empty())
        return tl::unexpected(with_hint({Exit::failed, "not_found", "debugfs is not mounted", {}, {}},
                                        "mount -t debugfs none /sys/kernel/debug"));
    return tl::unexpected(
        with_hint({Exit::failed,
                   "not_found",
                   fmt::format("{}: the driver shows no such file (not bound, or another version)", name),
                   {},
                   {}},
                  "'neuronctl doctor' looks for the reason"));
}

Outcome<std::string> debugfs(const std::string &address, std::string_view file) {
    const auto name = debugfs_path(address, file);
    if (!name)
        return tl::unexpected(name.error());
    auto text = read(*name);
    if (!text)
        return tl::unexpected(Failure{Exit::failed, "io", fmt::format("{}: cannot be read", *name), {}, {}});
    return std::move(*text);
}

} // namespace neuronctl::sys
