// SPDX-License-Identifier: MIT
// The device's sanitizer through the driver: what it is told, and its reports in debugfs. The device is plugged in anew with
// the sanitizer, and without at the end.

#include "inspect.hpp"
#include "machine.hpp"
#include "monitor.hpp"

#include <cerrno>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

using namespace kmod;

namespace {

std::string reports() { return slurp(debugfs("sanitizer")); }

int forget() {
    const int fd = ::open(debugfs("sanitizer").c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int result = ::write(fd, "\n", 1) == 1 ? 0 : -errno;
    ::close(fd);
    return result;
}

/// The device with the sanitizer.
class Sanitized {
public:
    Sanitized() {
        needs_unplug();
        const char *const wish = std::getenv("NEURON_SANITIZER");
        had_ = wish != nullptr;
        if (!had_)
            replug(true);
    }
    ~Sanitized() {
        if (!had_)
            replug(false);
    }
    Sanitized(const Sanitized &) = delete;

private:
    static void replug(bool sanitizer) {
        unplug();
        if (sanitizer)
            setenv("NEURON_SANITIZER", "1", 1);
        plug();
        unsetenv("NEURON_SANITIZER");
    }
    bool had_ = false;
};

void says(const std::string &text) {
    const std::string all = reports();
    if (all.find(text) == std::string::npos)
        fail_msg("\"%s\" does not say \"%s\"", all.c_str(), text.c_str());
}

void without_it_there_is_nothing(void **) {
    if (std::getenv("NEURON_SANITIZER") != nullptr)
        skip();
    const File file;
    assert_string_equal(reports().c_str(), "");
    assert_int_equal(forget(), -EOPNOTSUPP);
}

void a_job_that_leaves_its_buffer(void **) {
    const Sanitized sanitized;
    const File file;
    const auto queue = file.queue();
    forget();
    const auto hbm = file.hbm(100);
    const auto va = file.bind(hbm);
    assert_int_equal(file.run(queue.queue_id, job_of(fill(va, 100, 0))), 0);
    assert_string_equal(reports().c_str(), "");
    assert_int_equal(file.run(queue.queue_id, job_of(fill(va, 104, 0))), 0);
    assert_int_equal(file.run(queue.queue_id, job_of(fill(va, 104, 0))), 0);
    says("OUT_OF_BUFFER repeats=1: out of buffer: job 2 ");
    says(" writes 4 bytes at ");
    says(": 0 bytes past the end of buffer #");
    assert_int_equal(forget(), 0);
    assert_string_equal(reports().c_str(), "");
    assert_int_equal(file.unbind(va, 4096), 0);
    assert_int_equal(file.run(queue.queue_id, job_of(fill(va, 8, 0))), -EIO);
    says("USE_AFTER_UNMAP faulted repeats=0: use after unmap: job 4 ");
    forget();
}

void a_context_that_is_closed_with_buffers_bound(void **) {
    const Sanitized sanitized;
    const File other; // keeps the device awake
    forget();
    {
        const File file;
        const auto va = file.bind(file.hbm(4096));
        assert_int_equal(file.unbind(va, 4096), 0);
    }
    assert_string_equal(reports().c_str(), "");
    {
        const File file;
        file.bind(file.hbm(4096));
        file.bind(file.host(4096));
    }
    says("LEAK repeats=1: leak: context ");
    forget();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(without_it_there_is_nothing),
        cmocka_unit_test(a_job_that_leaves_its_buffer),
        cmocka_unit_test(a_context_that_is_closed_with_buffers_bound),
    };
    return cmocka_run_group_tests_name("kmod sanitizer", tests, nullptr, nullptr);
}
