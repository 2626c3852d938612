// SPDX-License-Identifier: MIT
#include "recorder_file.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "system.hpp"

namespace neuronctl {

Outcome<std::string> recorder_path(const std::string &address) {
    auto path = sys::debugfs_path(address, "recorder");
    if (!path)
        path.error().hint =
            "the driver's debugfs is root's; a device with the property recorder=0 has no flight recorder";
    return path;
}

neuron::Fd keep_awake(const std::string &address) {
    const auto nodes = sys::list("/sys/bus/pci/devices/" + address + "/accel");
    return nodes.empty() ? neuron::Fd()
                         : neuron::Fd(::open(sys::path("/dev/accel/" + nodes.front()).c_str(), O_RDWR | O_CLOEXEC));
}

// The file gives whole records only, so what is asked for must have room for some. A device that works goes on writing
// them: more than the largest recorder has are not read.
Outcome<std::vector<std::byte>> read_recorder(const std::string &path) {
    constexpr std::size_t step = 64 << 10, most = 64 << 20;
    const neuron::Fd file(::open(sys::path(path).c_str(), O_RDONLY | O_CLOEXEC));
    std::vector<std::byte> bytes;
    while (bytes.size() < most) {
        const std::size_t have = bytes.size();
        bytes.resize(have + step);
        const ssize_t got = ::read(file.get(), bytes.data() + have, step);
        if (got < 0)
            return tl::unexpected(Failure{.code = "io", .message = fmt::format("{}: {}", path, std::strerror(errno))});
        bytes.resize(have + static_cast<std::size_t>(got));
        if (got == 0)
            break;
    }
    return bytes;
}

} // namespace neuronctl
