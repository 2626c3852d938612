// SPDX-License-Identifier: MIT
#include "lines.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <regex>
#include <utility>

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <neuron/fd.hpp>
#include <source_line.hpp>

namespace neuronctl::explain {
namespace {

constexpr unsigned patience_s = 10;
constexpr std::size_t longest = 1024;

bool become(uid_t user, gid_t group) {
    if (::geteuid() != 0)
        return true; // and may look at one's own only
    return ::setgroups(0, nullptr) == 0 && ::setresgid(group, group, group) == 0 && ::setresuid(user, user, user) == 0;
}

[[noreturn]] void tell_line(const struct stat &owner, pid_t pid, const std::string &place, int out) {
    ::alarm(patience_s);
    if (become(owner.st_uid, owner.st_gid)) {
        const std::string line = neuron::detail::source_line(pid, place);
        [[maybe_unused]] const ssize_t told = ::write(out, line.data(), std::min(line.size(), longest));
    }
    ::_exit(0);
}

std::string all_of(int fd) {
    std::string out(longest, '\0');
    std::size_t size = 0;
    for (ssize_t got = 0; size < longest; size += static_cast<std::size_t>(got)) {
        got = ::read(fd, out.data() + size, longest - size);
        if (got < 0 && errno == EINTR)
            got = 0;
        else if (got <= 0)
            break;
    }
    out.resize(size);
    return out;
}

/// The debug information is the user's whose process it is, and this may be root: it is read in a process of that user.
std::string line_of(pid_t pid, const std::string &place) {
    struct stat owner {};
    int ends[2];
    if (::stat(fmt::format("/proc/{}", pid).c_str(), &owner) != 0 || ::pipe2(ends, O_CLOEXEC) != 0)
        return {};
    const neuron::Fd from(ends[0]);
    neuron::Fd to(ends[1]);
    const pid_t child = ::fork();
    if (child == 0)
        tell_line(owner, pid, place, to.get());
    to = {};
    std::string line = child > 0 ? all_of(from.get()) : std::string();
    if (child > 0)
        ::waitpid(child, nullptr, 0);
    const auto plain = [](char c) { return c >= ' ' && c <= '~'; };
    return std::ranges::all_of(line, plain) ? line : std::string();
}

} // namespace

std::string with_line(std::uint64_t pid, const std::string &place) {
    static std::map<std::pair<std::uint64_t, std::string>, std::string> known; // a command does not run for long
    const auto [entry, is_new] = known.try_emplace({pid, place});
    if (is_new && place.find("+0x") != std::string::npos)
        entry->second = line_of(static_cast<pid_t>(pid), place);
    return entry->second.empty() ? place : fmt::format("{} ({})", entry->second, place);
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
