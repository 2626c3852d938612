// SPDX-License-Identifier: MIT
#include "child.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace neuronctl::explore {
namespace {

/** Name of a variable, with the '='. */
std::string_view name_of(std::string_view variable) { return variable.substr(0, variable.find('=') + 1); }

std::vector<char *> pointers(const std::vector<std::string> &words) {
    std::vector<char *> out;
    for (const std::string &word : words)
        out.push_back(const_cast<char *>(word.c_str())); // posix_spawnp() changes none
    out.push_back(nullptr);
    return out;
}

std::vector<std::string> environment(const std::vector<std::string> &variables) {
    std::vector<std::string> out = variables;
    for (char **at = environ; *at != nullptr; ++at) {
        bool replaced = false;
        for (const std::string &variable : variables)
            replaced |= std::string_view(*at).starts_with(name_of(variable));
        if (!replaced)
            out.emplace_back(*at);
    }
    return out;
}

/** The last part of what was written, which is all that anybody reads. */
std::string tail_of(const neuron::Fd &file) {
    constexpr off_t most = 64 << 10;
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0)
        return {};
    const off_t size = std::min(facts.st_size, most);
    std::string text(static_cast<std::size_t>(size), '\0');
    const ssize_t got = ::pread(file.get(), text.data(), text.size(), facts.st_size - size);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

} // namespace

Outcome<Child> Child::start(const std::vector<std::string> &command, const std::vector<std::string> &variables,
                            Clock::time_point deadline) {
    Child child;
    child.out_ = neuron::Fd(::memfd_create("out", MFD_CLOEXEC));
    child.err_ = neuron::Fd(::memfd_create("err", MFD_CLOEXEC));
    child.deadline_ = deadline;
    const auto words = environment(variables);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, child.out_.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, child.err_.get(), STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    const int error = ::posix_spawnp(&child.pid_, command[0].c_str(), &files, &attributes, pointers(command).data(),
                                     pointers(words).data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (error != 0) {
        child.pid_ = 0;
        return tl::unexpected(usage_error(fmt::format("{}: {}", command[0], std::strerror(error))));
    }
    // The C library's own function has no declaration that C++ can use everywhere.
    child.pidfd_ = neuron::Fd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0)));
    if (!child.pidfd_)
        return tl::unexpected(Failure{.code = "io", .message = fmt::format("pidfd_open: {}", std::strerror(errno))});
    return child;
}

Child::Child(Child &&other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pidfd_(std::move(other.pidfd_)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)),
      deadline_(other.deadline_) {}

Child::~Child() {
    if (pid_ == 0)
        return;
    ::kill(-pid_, SIGKILL);
    reap();
}

int Child::reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
}

std::optional<End> Child::poll() {
    siginfo_t info{};
    // Its number stays its own until reap(), so that of its group does.
    const bool ended =
        ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
    if (!ended && Clock::now() < deadline_)
        return std::nullopt;
    ::kill(-pid_, SIGKILL); // what it has left behind, too
    const int status = reap();
    End end{.out = tail_of(out_), .err = tail_of(err_)};
    if (!ended)
        end.kind = End::Kind::timed_out;
    else if (WIFSIGNALED(status))
        end = {End::Kind::killed, WTERMSIG(status), std::move(end.out), std::move(end.err)};
    else
        end.number = WEXITSTATUS(status);
    return end;
}

} // namespace neuronctl::explore
