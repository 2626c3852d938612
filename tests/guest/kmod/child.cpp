// SPDX-License-Identifier: MIT
#include "child.hpp"

#include "support.hpp"

#include <cstdio>
#include <cstdlib>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace kmod {

namespace {

void run_body(void **state) { (*static_cast<const std::function<void()> *>(*state))(); }

// A group of its own, so that an assertion ends the body and not the parent's test in this process.
[[noreturn]] void become_child(const std::function<void()> &body, int output) {
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    const CMUnitTest tests[] = {
        cmocka_unit_test_prestate(run_body, const_cast<void *>(static_cast<const void *>(&body)))};
    const int failures = cmocka_run_group_tests_name("child", tests, nullptr, nullptr);
    std::fflush(nullptr);
    ::_exit(failures ? 1 : 0);
}

} // namespace

Child::Child(const std::function<void()> &body) {
    int ends[2];
    assert_int_equal(::pipe(ends), 0);
    std::fflush(nullptr);
    pid_ = ::fork();
    assert_true(pid_ >= 0);
    if (pid_ == 0) {
        ::close(ends[0]);
        become_child(body, ends[1]);
    }
    ::close(ends[1]);
    output_ = ends[0];
}

Child::~Child() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    if (output_ >= 0)
        ::close(output_);
}

void Child::join() {
    std::string said;
    std::array<char, 4096> piece;
    ssize_t got = 0;
    while ((got = ::read(output_, piece.data(), piece.size())) > 0)
        said.append(piece.data(), static_cast<std::size_t>(got));

    int status = 0;
    assert_int_equal(::waitpid(std::exchange(pid_, -1), &status, 0) > 0, 1);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;

    // A line of TAP in the middle of one is only text.
    for (std::size_t at = 0; (at = said.find('\n', at)) != std::string::npos; at += 3)
        said.replace(at, 1, "\n# ");
    if (WIFSIGNALED(status))
        fail_msg("the child died of signal %d:\n# %s", WTERMSIG(status), said.c_str());
    fail_msg("the child failed:\n# %s", said.c_str());
}

void in_child(const std::function<void()> &body) { Child(body).join(); }

} // namespace kmod
