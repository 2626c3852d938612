// SPDX-License-Identifier: MIT
// A QEMU process: started with given arguments, its stderr kept, never left behind.
#pragma once

#include <string>
#include <vector>

namespace neuron::test {

class Process {
public:
    /// Start QEMU (the environment's NEURON_QEMU, else the one of this build).
    explicit Process(const std::vector<std::string> &args);
    ~Process() { kill(); }
    Process(const Process &) = delete;
    Process &operator=(const Process &) = delete;

    /// End it at once, if it still runs, and close everything. Nothing else may be called after it.
    void kill();
    /// Becomes readable when the process has ended.
    int pidfd() const { return pidfd_; }
    bool running();
    /// Wait for the end: exit code, or -signal. Ends the test if that takes longer than PATIENCE.
    int wait();
    /// What it has written to stderr so far.
    std::string errors() const;

private:
    void reap(int options);

    int pid_ = -1;
    int pidfd_ = -1;
    int errors_ = -1;
    int status_ = 0;
    bool ended_ = false;
};

} // namespace neuron::test
