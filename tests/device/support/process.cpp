// SPDX-License-Identifier: MIT
#include "process.hpp"

#include "check.hpp"

#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace neuron::test {

namespace {

std::string qemu_binary() {
    const char *chosen = std::getenv("NEURON_QEMU");
    return chosen && *chosen ? chosen : NEURON_QEMU_DEFAULT;
}

[[noreturn]] void run_child(char **argv, int errors) {
    // A crashed test must not leave a QEMU behind.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    execv(argv[0], argv);
    _exit(127);
}

} // namespace

Process::Process(const std::vector<std::string> &args) {
    std::vector<std::string> all{qemu_binary()};
    all.insert(all.end(), args.begin(), args.end());
    if (access(all[0].c_str(), X_OK) != 0)
        fail_msg("no QEMU at %s: build it with 'make qemu'", all[0].c_str());
    std::vector<char *> argv;
    for (std::string &arg : all)
        argv.push_back(arg.data());
    argv.push_back(nullptr);

    errors_ = memfd_create("stderr", MFD_CLOEXEC);
    assert_true(errors_ >= 0);
    pid_ = fork();
    assert_true(pid_ >= 0);
    if (pid_ == 0)
        run_child(argv.data(), errors_);
    pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    assert_true(pidfd_ >= 0);
}

void Process::kill() {
    if (pid_ > 0 && !ended_) {
        ::kill(pid_, SIGKILL);
        reap(0);
    }
    for (int *fd : {&pidfd_, &errors_}) {
        if (*fd >= 0)
            close(*fd);
        *fd = -1;
    }
}

void Process::reap(int options) {
    if (!ended_ && waitpid(pid_, &status_, options) == pid_)
        ended_ = true;
}

bool Process::running() {
    reap(WNOHANG);
    return !ended_;
}

int Process::wait() {
    pollfd end{pidfd_, POLLIN, 0};
    if (!ended_ && poll(&end, 1, static_cast<int>(std::chrono::milliseconds(PATIENCE).count())) <= 0)
        fail_msg("QEMU does not end; it said: %s", errors().c_str());
    reap(0);
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

std::string Process::errors() const {
    std::string text;
    char chunk[4096];
    for (ssize_t n; (n = pread(errors_, chunk, sizeof(chunk), static_cast<off_t>(text.size()))) > 0;)
        text.append(chunk, static_cast<size_t>(n));
    return text;
}

} // namespace neuron::test
