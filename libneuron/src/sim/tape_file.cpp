// SPDX-License-Identifier: MIT
#include "tape_file.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace neuron::sim {

TapeFile::~TapeFile() {
    if (is_open())
        close(fd_);
}

Result<void> TapeFile::open(const std::string &path) {
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (is_open())
        return {};
    const int error = errno;
    auto failed = detail::fail_errno(error, "sim: tape '" + path + "'");
    return failed;
}

int TapeFile::write(const void *data, std::size_t size) const {
    const auto *bytes = static_cast<const char *>(data);
    while (size != 0) {
        const ssize_t done = ::write(fd_, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        bytes += done;
        size -= static_cast<std::size_t>(done);
    }
    return 0;
}

std::string next_tape_of_environment() {
    static std::atomic<unsigned> chips{0};
    const char *const wish = std::getenv("NEURON_RECORD");
    if (wish == nullptr || *wish == '\0')
        return {};
    const unsigned number = chips++;
    return number == 0 ? wish : fmt::format("{}.{}", wish, number);
}

} // namespace neuron::sim
