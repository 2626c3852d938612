// SPDX-License-Identifier: MIT
#include "watched.hpp"

#include "inspect.hpp"

#include <algorithm>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

namespace kmod {

bool has_sanitizer() { return std::getenv("NEURON_SANITIZER") != nullptr; }

void needs_old_packets() {
    if (has_sanitizer())
        skip();
}

bool forget_reports(const std::string &kind) {
    if (!has_sanitizer())
        return false;
    const File awake;
    bool found = false;
    for (const std::string &line : lines_of(slurp(debugfs("sanitizer")))) {
        // "report 3 LEAK repeats=0: leak: ..."
        const Record report(line.substr(0, line.find(": ")));
        if (report.words.at(2) == kind)
            found = true;
        else if (report.words.at(2) != "LEAK" && !std::ranges::count(report.words, "faulted"))
            fail_msg("not expected: %s", line.c_str());
    }
    const int fd = ::open(debugfs("sanitizer").c_str(), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(::write(fd, "\n", 1), 1);
    ::close(fd);
    return found;
}

void expect_report(const std::string &kind) {
    if (!forget_reports(kind) && has_sanitizer())
        fail_msg("the sanitizer has no report %s", kind.c_str());
}

} // namespace kmod
