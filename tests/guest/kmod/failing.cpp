// SPDX-License-Identifier: MIT
#include "failing.hpp"

#include "support.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

namespace kmod {

namespace {

constexpr const char *COUNTER = "/proc/thread-self/fail-nth";

/// Addresses of code.
struct Range {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
};

using Symbols = std::map<std::uint64_t, std::string>;

const Symbols &kernel_code() {
    static const Symbols code = [] {
        Symbols found;
        std::ifstream symbols("/proc/kallsyms");
        for (std::string line; std::getline(symbols, line);) {
            std::istringstream words(line);
            std::string address, type, name, module;
            words >> address >> type >> name >> module;
            if (type == "t" || type == "T")
                found[std::stoull(address, nullptr, 16)] = name + module;
        }
        return found;
    }();
    return code;
}

/// Where the kernel has the functions with this prefix, which lie side by side.
Range code_of(const std::string &prefix) {
    Range range;
    for (auto symbol = kernel_code().begin(); symbol != kernel_code().end(); ++symbol) {
        // What runs once is elsewhere, and so is what is unlikely.
        const std::string &name = symbol->second;
        if (!name.starts_with(prefix) || name.find("_module_") != name.npos || name.ends_with(".cold"))
            continue;
        if (!range.start)
            range.start = symbol->first;
        range.end = std::next(symbol)->first;
    }
    if (!range.start || range.end - range.start > 0x10000)
        fail_msg("the kernel's functions %s are not side by side", prefix.c_str());
    return range;
}

/// Where the driver's code is.
Range code_of_driver() {
    Range range;
    for (const auto &[address, name] : kernel_code())
        if (name.ends_with("[neuron_accel]")) {
            if (!range.start)
                range.start = address;
            range.end = address + 1;
        }
    if (!range.start)
        fail_msg("the kernel does not say where the driver is");
    return range;
}

void set(const std::string &kind, const std::string &name, const std::string &value) {
    const int ret = write_file("/sys/kernel/debug/" + kind + "/" + name, value);
    if (ret)
        fail_msg("%s/%s: %s", kind.c_str(), name.c_str(), std::strerror(-ret));
}

constexpr Range ANYWHERE{.start = 0, .end = ~0ull};
constexpr Range NOWHERE{.start = 1, .end = 2};

/// How many callers are looked at: as many as the kernel can, or the allocator's own and some more.
constexpr int ALL_FRAMES = 32;
constexpr int NEAR_FRAMES = 8;

/// Faults of a kind happen, and count, only where this code is among the callers.
void allow(const std::string &kind, Range callers) {
    set(kind, "verbose", "0");
    set(kind, "require-start", std::to_string(callers.start));
    set(kind, "require-end", std::to_string(callers.end));
}

void spare(const std::string &kind, const std::string &prefix) {
    const Range range = code_of(prefix);
    set(kind, "reject-start", std::to_string(range.start));
    set(kind, "reject-end", std::to_string(range.end));
}

/// Whether objects of a slab cache may fail.
void let_fail(const std::string &cache, bool may) {
    assert_int_equal(write_file("/sys/kernel/slab/" + cache + "/failslab", may ? "1" : "0"), 0);
}

/// Also allocations that may wait, and single pages, and those of user memory; and the kernel says nothing about it.
void prepare(Fault kind, Scope scope) {
    const Range callers = scope == Scope::DRIVER ? code_of_driver() : ANYWHERE;
    for (const std::string allocator : {"failslab", "fail_page_alloc"}) {
        allow(allocator, kind == Fault::ALLOCATION ? callers : NOWHERE);
        set(allocator, "ignore-gfp-wait", "N");
        set(allocator, "stacktrace-depth", std::to_string(scope == Scope::DRIVER ? NEAR_FRAMES : ALL_FRAMES));
    }
    allow("fail_usercopy", kind == Fault::COPY ? callers : NOWHERE);
    set("fail_page_alloc", "min-order", "0");
    set("fail_page_alloc", "ignore-gfp-highmem", "N");

    for (const auto &cache : std::filesystem::directory_iterator("/sys/kernel/slab"))
        if (std::filesystem::exists(cache.path() / "failslab"))
            assert_int_equal(write_file((cache.path() / "failslab").string(), "1"), 0);
    set("failslab", "cache-filter", "Y");
    let_fail("drm_buddy_block", false);
    // The debugging of DMA allocates nodes of trees, which are so few in a call that is counted near the driver only.
    let_fail("radix_tree_node", scope == Scope::CALL);
    spare("failslab", scope == Scope::CALL ? "debug_dma_" : "drm_sysfs_minor_alloc");
    spare("fail_page_alloc", "drm_buddy_");
}

/// The counter of a thread, which the kernel counts down.
class Countdown {
public:
    explicit Countdown(pid_t thread)
        : fd_(::open(thread ? ("/proc/self/task/" + std::to_string(thread) + "/fail-nth").c_str() : COUNTER,
                     O_RDWR | O_CLOEXEC)) {
        assert_true(fd_ >= 0);
    }
    ~Countdown() { ::close(fd_); }
    Countdown(Countdown &&) = delete;

    void start(int faults) {
        const std::string text = std::to_string(faults);
        assert_int_equal(::pwrite(fd_, text.data(), text.size(), 0), text.size());
    }
    /// Ends it. Return: whether it has come to a fault. Reading the counter, and setting it, is a copy that may be the one
    /// that fails; then none has failed before.
    bool stop() {
        char text[16]{};
        const bool read = ::pread(fd_, text, sizeof(text) - 1, 0) > 0;
        if (::pwrite(fd_, "0", 1, 0) != 1)
            assert_int_equal(::pwrite(fd_, "0", 1, 0), 1);
        return read && std::atoi(text) == 0;
    }

private:
    int fd_;
};

} // namespace

void need_failing_allocations() {
    if (::access(COUNTER, F_OK) != 0)
        skip();
}

int for_each_failing_allocation(const std::function<void()> &attempt) {
    attempt(); // what is allocated once for all
    const Step step{.prepare = {},
                    .attempt =
                        [&] {
                            attempt();
                            return 0;
                        },
                    .finish = [](int) {}};
    return for_each_fault(Fault::ALLOCATION, step);
}

int for_each_fault(Fault kind, const Step &step, pid_t thread, Scope scope) {
    prepare(kind, scope);
    Countdown countdown(thread);
    for (int n = 1;; ++n) {
        if (step.prepare)
            step.prepare();
        countdown.start(n);
        const int result = step.attempt();
        const bool failed = countdown.stop();
        step.finish(result);
        if (!failed)
            return n - 1;
    }
}

} // namespace kmod
