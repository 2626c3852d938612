// SPDX-License-Identifier: MIT
#include "socket.hpp"

#include "check.hpp"

#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace neuron::test {

namespace {

constexpr int PATIENCE_MS = static_cast<int>(std::chrono::milliseconds(PATIENCE).count());

void close_if_open(int &fd) {
    if (fd >= 0)
        close(fd);
    fd = -1;
}

} // namespace

LineSocket::LineSocket(std::string path) : path_(std::move(path)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    assert_true(path_.size() < sizeof(address.sun_path));
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener_ >= 0);
    assert_int_equal(bind(listener_, reinterpret_cast<sockaddr *>(&address), sizeof(address)), 0);
    assert_int_equal(listen(listener_, 1), 0);
}

LineSocket::~LineSocket() {
    close_if_open(fd_);
    close_if_open(listener_);
    unlink(path_.c_str());
}

bool LineSocket::accept(int gone) {
    pollfd wait[] = {{listener_, POLLIN, 0}, {gone, POLLIN, 0}};
    if (poll(wait, 2, PATIENCE_MS) <= 0 || !(wait[0].revents & POLLIN))
        return false;
    fd_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    return fd_ >= 0;
}

void LineSocket::send(std::string_view line) {
    std::string out(line);
    out += '\n';
    for (size_t done = 0; done < out.size();) {
        const ssize_t n = ::send(fd_, out.data() + done, out.size() - done, MSG_NOSIGNAL);
        if (n < 0)
            fail_msg("QEMU hung up on: %.*s (%s)", static_cast<int>(line.substr(0, 80).size()), line.data(),
                     std::strerror(errno));
        done += static_cast<size_t>(n);
    }
}

std::string LineSocket::receive() {
    size_t end;
    size_t searched = 0;
    while ((end = buffer_.find('\n', searched)) == std::string::npos) {
        searched = buffer_.size();
        pollfd wait{fd_, POLLIN, 0};
        if (poll(&wait, 1, PATIENCE_MS) <= 0)
            fail_msg("%s", "QEMU does not answer");
        char chunk[65536];
        const ssize_t n = read(fd_, chunk, sizeof(chunk));
        if (n <= 0)
            fail_msg("%s", "QEMU ended in the middle of a test");
        buffer_.append(chunk, static_cast<size_t>(n));
    }
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    if (!line.empty() && line.back() == '\r')
        line.pop_back();
    return line;
}

} // namespace neuron::test
