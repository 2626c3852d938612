// SPDX-License-Identifier: MIT
// What the driver lets see of itself: debugfs, fdinfo, trace events, and the kernel's log.
#pragma once

#include "support.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kmod {

/// Path of a file in the device's folder of debugfs.
std::string debugfs(const std::string &name);
/// All of a file; "-errno" if it cannot be opened or read.
std::string slurp(const std::string &path);
/// The lines of a text.
std::vector<std::string> lines_of(const std::string &text);

/// A line of words and KEY=VALUE. What follows comm= belongs to it, to the end.
struct Record {
    explicit Record(const std::string &line);

    bool has(const std::string &key) const { return values.contains(key); }
    /// Fails the test if the key is not there.
    const std::string &text(const std::string &key) const;
    std::uint64_t number(const std::string &key) const;

    std::string line;
    std::vector<std::string> words; ///< those without =
    std::map<std::string, std::string> values;
};

/// The lines of a file of debugfs.
std::vector<Record> records(const std::string &name);
/// Those with this value.
std::vector<Record> records_with(const std::string &name, const std::string &key, std::uint64_t value);

/// What the kernel calls the file: drm-client-id of its fdinfo.
std::uint64_t client_of(const File &file);
/// All of the file's fdinfo, by key; values as they are.
std::map<std::string, std::string> fdinfo_of(const File &file);

/// The driver's trace events from here on, in a buffer of their own.
class Trace {
public:
    struct Event {
        std::string name; ///< without the driver's prefix
        std::string cpu;
        double time; ///< seconds
        Record record;
    };

    Trace();
    ~Trace();
    Trace(Trace &&) = delete;
    /// What there is up to now, of one context, in the order of time.
    std::vector<Event> events(std::uint32_t ctx);

private:
    std::string folder_;
};

/// The names of events, in order, with a blank between them.
std::string names(const std::vector<Trace::Event> &events);
/// The events of these names.
std::vector<Trace::Event> only(const std::vector<Trace::Event> &events, const std::vector<std::string> &names);
/// The one event of this name; fails the test if there are none or several.
const Trace::Event &the(const std::vector<Trace::Event> &events, const std::string &name);

/// What the kernel writes to its log from here on.
class KernelLog {
public:
    KernelLog();
    ~KernelLog();
    KernelLog(KernelLog &&) = delete;
    /// The lines since the last look that are about the driver or the device.
    std::vector<std::string> lines();
    /// Fails the test if there are such lines.
    void expect_quiet();

private:
    int fd_;
};

} // namespace kmod
