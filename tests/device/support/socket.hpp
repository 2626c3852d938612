// SPDX-License-Identifier: MIT
// One end of a line protocol over a Unix socket that QEMU connects to.
#pragma once

#include <string>
#include <string_view>

namespace neuron::test {

/// A failure ends the running test with a message. One thread only.
class LineSocket {
public:
    /// Listen at `path`, which must fit a socket address.
    explicit LineSocket(std::string path);
    ~LineSocket();
    LineSocket(const LineSocket &) = delete;
    LineSocket &operator=(const LineSocket &) = delete;

    const std::string &path() const { return path_; }

    /// Wait for the peer. False when it does not come within PATIENCE, or `gone` (a descriptor that becomes readable
    /// when the peer's process has ended) says that it never will.
    bool accept(int gone);

    void send(std::string_view line);
    /// The next line, without its end. Ends the test when the peer has hung up or is silent for PATIENCE.
    std::string receive();

private:
    std::string path_;
    int listener_ = -1;
    int fd_ = -1;
    std::string buffer_;
};

} // namespace neuron::test
