// SPDX-License-Identifier: MIT
#include <regex> // before cmocka, whose fail() is a macro

#include "inspect.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kmod {

std::string debugfs(const std::string &name) { return "/sys/kernel/debug/accel/" + pci_name() + "/" + name; }

std::string slurp(const std::string &path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return std::to_string(-errno);
    std::string text;
    char buffer[16384];
    ssize_t got = 0;
    while ((got = ::read(fd, buffer, sizeof(buffer))) > 0)
        text.append(buffer, static_cast<std::size_t>(got));
    if (got < 0)
        text = std::to_string(-errno);
    ::close(fd);
    return text;
}

std::vector<std::string> lines_of(const std::string &text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

Record::Record(const std::string &text) : line(text) {
    std::string head = text;
    if (const auto comm = head.find(" comm="); comm != std::string::npos) {
        values["comm"] = head.substr(comm + 6);
        head.resize(comm);
    }
    std::istringstream stream(head);
    for (std::string word; stream >> word;) {
        const auto equals = word.find('=');
        if (equals == std::string::npos)
            words.push_back(word);
        else
            values[word.substr(0, equals)] = word.substr(equals + 1);
    }
}

const std::string &Record::text(const std::string &key) const {
    const auto found = values.find(key);
    if (found == values.end())
        fail_msg("no %s in: %s", key.c_str(), line.c_str());
    return found->second;
}

std::uint64_t Record::number(const std::string &key) const {
    return static_cast<std::uint64_t>(std::stoll(text(key), nullptr, 0));
}

std::vector<Record> records(const std::string &name) {
    std::vector<Record> all;
    for (const std::string &line : lines_of(slurp(debugfs(name))))
        all.emplace_back(line);
    return all;
}

std::vector<Record> records_with(const std::string &name, const std::string &key, std::uint64_t value) {
    std::vector<Record> some;
    for (const Record &record : records(name))
        if (record.has(key) && record.number(key) == value)
            some.push_back(record);
    return some;
}

std::map<std::string, std::string> fdinfo_of(const File &file) {
    std::map<std::string, std::string> values;
    for (const std::string &line : lines_of(slurp("/proc/self/fdinfo/" + std::to_string(file.fd()))))
        if (const auto colon = line.find(":\t"); colon != std::string::npos)
            values[line.substr(0, colon)] = line.substr(colon + 2);
    return values;
}

std::uint64_t client_of(const File &file) { return std::stoull(fdinfo_of(file).at("drm-client-id")); }

// ---- trace events ---------------------------------------------------------------------------------------------------

// A test that has failed has left its own behind.
Trace::Trace() {
    static int number = 0;
    folder_ = "/sys/kernel/tracing/instances/kmod-" + std::to_string(::getpid()) + "-" + std::to_string(number++);
    if (::mkdir(folder_.c_str(), 0700))
        fail_msg("mkdir %s: %s", folder_.c_str(), std::strerror(errno));
    assert_int_equal(write_file(folder_ + "/events/neuron/enable", "1"), 0);
}

Trace::~Trace() {
    write_file(folder_ + "/events/neuron/enable", "0");
    ::rmdir(folder_.c_str());
}

std::vector<Trace::Event> Trace::events(std::uint32_t ctx) {
    static const std::regex pattern(R"(^.*\[(\d+)\] \S+ +([0-9.]+): neuron_(\w+): (.*)$)");
    std::vector<Event> events;
    for (const std::string &line : lines_of(slurp(folder_ + "/trace"))) {
        std::smatch match;
        if (!std::regex_match(line, match, pattern))
            continue;
        Event event{.name = match[3], .cpu = match[1], .time = std::stod(match[2]), .record = Record(match[4])};
        if (event.record.has("ctx") && event.record.number("ctx") == ctx)
            events.push_back(std::move(event));
    }
    return events;
}

std::string names(const std::vector<Trace::Event> &events) {
    std::string all;
    for (const Trace::Event &event : events)
        all += (all.empty() ? "" : " ") + event.name;
    return all;
}

std::vector<Trace::Event> only(const std::vector<Trace::Event> &events, const std::vector<std::string> &names) {
    std::vector<Trace::Event> some;
    for (const Trace::Event &event : events)
        if (std::ranges::find(names, event.name) != names.end())
            some.push_back(event);
    return some;
}

const Trace::Event &the(const std::vector<Trace::Event> &events, const std::string &name) {
    const Trace::Event *found = nullptr;
    for (const Trace::Event &event : events) {
        if (event.name != name)
            continue;
        if (found)
            fail_msg("more than one %s among: %s", name.c_str(), names(events).c_str());
        found = &event;
    }
    if (!found)
        fail_msg("no %s among: %s", name.c_str(), names(events).c_str());
    return *found;
}

// ---- the kernel's log -----------------------------------------------------------------------------------------------

KernelLog::KernelLog() : fd_(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
    if (fd_ < 0 || ::lseek(fd_, 0, SEEK_END) < 0)
        fail_msg("/dev/kmsg: %s", std::strerror(errno));
}

KernelLog::~KernelLog() { ::close(fd_); }

std::vector<std::string> KernelLog::lines() {
    std::vector<std::string> lines;
    char buffer[8192];
    for (;;) {
        const ssize_t got = ::read(fd_, buffer, sizeof(buffer));
        if (got < 0 && errno == EAGAIN)
            return lines;
        if (got < 0)
            fail_msg("/dev/kmsg: %s", std::strerror(errno)); // EPIPE: some lines were lost
        // PRIORITY,NUMBER,TIME,FLAGS;TEXT, then lines about the device that begin with a blank.
        const std::string record(buffer, static_cast<std::size_t>(got));
        const bool kernel = std::stoul(record) < 8;
        const bool ours = record.find("neuron") != std::string::npos || record.find(pci_name()) != std::string::npos ||
                          record.find("drm") != std::string::npos || record.find("accel") != std::string::npos;
        if (kernel && ours)
            lines.push_back(record.substr(record.find(';') + 1));
    }
}

void KernelLog::expect_quiet() {
    const auto found = lines();
    if (!found.empty())
        fail_msg("the kernel's log has %zu lines, the first: %s", found.size(), found.front().c_str());
}

} // namespace kmod
