// SPDX-License-Identifier: MIT
// The debug information is the user's whose process it is, and this may be root: it is read in a process of that user, for
// which nobody waits longer than it takes when all is well.
#include "lines.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <map>
#include <optional>
#include <regex>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <neuron/fd.hpp>
#include <source_line.hpp>

#include "../system.hpp"

namespace neuronctl::explain {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{10}; // for all places of a command
constexpr std::size_t longest = 1024;

std::string proc(pid_t pid, std::string_view file) { return fmt::format("/proc/{}/{}", pid, file); }

/// Its files have the names that they have here.
bool sees_our_files(pid_t pid) {
    struct stat own = {};
    struct stat its = {};
    return ::stat("/proc/self/ns/mnt", &own) == 0 && ::stat(proc(pid, "ns/mnt").c_str(), &its) == 0 &&
           own.st_dev == its.st_dev && own.st_ino == its.st_ino;
}

/// Who runs it. None of a program that is set-uid, or changes who it is: what it has mapped may be another's.
std::optional<struct stat> owner_of(pid_t pid) {
    struct stat owner = {};
    const auto status = sys::read(proc(pid, "status"));
    if (!status || ::stat(proc(pid, "").c_str(), &owner) != 0)
        return std::nullopt;
    const std::string same = fmt::format("\nUid:\t{0}\t{0}\t{0}\t{0}\n", owner.st_uid);
    return status->find(same) != std::string::npos ? std::optional(owner) : std::nullopt;
}

bool become(const struct stat &owner) {
    if (::geteuid() != 0)
        return true; // and may look at one's own only
    return ::setgroups(0, nullptr) == 0 && ::setresgid(owner.st_gid, owner.st_gid, owner.st_gid) == 0 &&
           ::setresuid(owner.st_uid, owner.st_uid, owner.st_uid) == 0;
}

/// In the child. An exception must not reach what the command does with one.
[[noreturn]] void tell_line(const struct stat &owner, pid_t pid, const std::string &place, int out) noexcept {
    if (become(owner)) {
        const std::string line = neuron::detail::source_line(pid, place);
        [[maybe_unused]] const ssize_t told = ::write(out, line.data(), std::min(line.size(), longest));
    }
    ::_exit(0);
}

/// All that is written until the end, or as much as there was in time.
std::string read_until(int fd, Clock::time_point end) {
    std::string out(longest, '\0');
    std::size_t size = 0;
    while (size < longest) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
        pollfd ready{fd, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) == 0)
            break;
        const ssize_t got = ready.revents != 0 ? ::read(fd, out.data() + size, longest - size) : -1;
        if (got > 0)
            size += static_cast<std::size_t>(got);
        else if (got == 0 || errno != EINTR)
            break;
    }
    out.resize(size);
    return out;
}

std::string line_of(pid_t pid, const std::string &place) {
    static const Clock::time_point end = Clock::now() + patience;
    const auto owner = owner_of(pid);
    int ends[2];
    if (!owner || !sees_our_files(pid) || ::pipe2(ends, O_CLOEXEC) != 0)
        return {};
    const neuron::Fd from(ends[0]);
    neuron::Fd to(ends[1]);
    const pid_t child = ::fork();
    if (child == 0)
        tell_line(*owner, pid, place, to.get());
    to = {};
    if (child < 0)
        return {};
    std::string line = read_until(from.get(), end);
    ::kill(child, SIGKILL); // its user may have stopped it
    // Nor is it waited for where its user can keep it: it ends when this command does.
    ::waitpid(child, nullptr, Clock::now() < end ? 0 : WNOHANG);
    const auto plain = [](char c) { return c >= ' ' && c <= '~'; };
    return std::ranges::all_of(line, plain) ? line : std::string();
}

} // namespace

std::string with_line(std::uint64_t pid, const std::string &place) {
    static std::map<std::pair<std::uint64_t, std::string>, std::string> known; // a command does not run for long
    const auto [entry, is_new] = known.try_emplace({pid, place});
    if (is_new && place.find("+0x") != std::string::npos)
        entry->second = line_of(static_cast<pid_t>(pid), place);
    return neuron::detail::line_and_place(entry->second, place);
}

std::string with_lines(const std::string &text) {
    static const std::regex place_of_pid(R"(by pid (\d{1,9}) at (\S+\+0x[0-9a-f]+))");
    std::string out;
    auto rest = text.cbegin();
    for (std::sregex_iterator at(text.begin(), text.end(), place_of_pid); at != std::sregex_iterator(); ++at) {
        const std::smatch &match = *at;
        out.append(rest, match[2].first);
        out += with_line(std::stoull(match[1]), match[2]);
        rest = match[2].second;
    }
    return out.append(rest, text.cend());
}

} // namespace neuronctl::explain
