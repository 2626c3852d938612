// SPDX-License-Identifier: MIT
// Who called the library, as a line of source.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "call_site.hpp"
#include "hal_check.hpp"
#include "source_line.hpp"

using neuron::detail::CallSite;
using neuron::detail::source_line;

namespace {

/// Destroyed as a Buffer is: the destructor is the library's, and says who called it.
struct Thing {
    explicit Thing(CallSite &site) : by(&site) {}
    Thing(const Thing &) = delete;
    Thing &operator=(const Thing &) = delete;
    [[gnu::noinline]] ~Thing() {
        *by = CallSite::of_caller();
        asm volatile("" ::: "memory"); // no tail call
    }
    CallSite *by;
};

std::string line(int number) { return fmt::format("tests/unit/hal_call_site_test.cpp:{}", number); }

void assert_line(const CallSite &site, int number) {
    assert_string_equal(site.line().c_str(), line(number).c_str());
    const std::string text = fmt::format("{} ({})", line(number), site.module_place());
    assert_string_equal(site.text().c_str(), text.c_str());
    assert_true(site.module_place().starts_with("hal_call_site_test+0x"));
}

void nobody_has_no_place(void **) {
    assert_string_equal(CallSite().module_place().c_str(), "");
    assert_string_equal(CallSite().line().c_str(), "");
    assert_string_equal(CallSite().text().c_str(), "");
}

void a_scope_ends_at_its_brace(void **) {
    CallSite site;
    { const Thing thing(site); }
    assert_line(site, __LINE__ - 1);
}

// Between the program's line and the destructor are functions of the standard library, inlined or not.
void containers_are_looked_through(void **) {
    CallSite site;
    auto unique = std::make_unique<Thing>(site);
    unique.reset();
    assert_line(site, __LINE__ - 1);

    std::optional<Thing> maybe(std::in_place, site);
    maybe.reset();
    assert_line(site, __LINE__ - 1);

    auto shared = std::make_shared<Thing>(site);
    shared.reset();
    assert_line(site, __LINE__ - 1);

    std::map<int, std::vector<std::unique_ptr<Thing>>> nested;
    nested[1].push_back(std::make_unique<Thing>(site));
    nested.clear();
    assert_line(site, __LINE__ - 1);
}

[[gnu::always_inline]] inline void inlined(CallSite &site) { const Thing thing(site); }
constexpr int end_of_inlined = __LINE__ - 1;

void what_is_inlined_has_its_own_line(void **) {
    CallSite site;
    inlined(site);
    assert_line(site, end_of_inlined);
}

void a_place_becomes_a_line(void **) {
    CallSite site;
    { const Thing thing(site); }
    assert_string_equal(source_line(::getpid(), site.module_place()).c_str(), line(__LINE__ - 1).c_str());
}

void another_process_is_looked_at(void **) {
    CallSite site;
    { const Thing thing(site); }
    const int made = __LINE__ - 1;
    const pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    const std::string found = source_line(child, site.module_place());
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    assert_string_equal(found.c_str(), line(made).c_str());
    assert_string_equal(source_line(child, site.module_place()).c_str(), "");
}

void what_is_no_place_has_no_line(void **) {
    for (const char *text :
         {"", "+0x", "hal_call_site_test", "hal_call_site_test+0x", "hal_call_site_test+12", "hal_call_site_test+0x12 ",
          "hal_call_site_test+0xg", "hal_call_site_test+0xffffffffffffffffff", "hal_call_site_test+0xffffffffffffffff",
          "hal_call_site_test+0x0", "another+0x1234", "foo.cc:88"})
        if (const std::string found = source_line(::getpid(), text); !found.empty())
            fail_msg("'%s' gives '%s'", text, found.c_str());
    assert_string_equal(source_line(-1, "hal_call_site_test+0x1234").c_str(), "");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(nobody_has_no_place),           cmocka_unit_test(a_scope_ends_at_its_brace),
        cmocka_unit_test(containers_are_looked_through), cmocka_unit_test(what_is_inlined_has_its_own_line),
        cmocka_unit_test(a_place_becomes_a_line),        cmocka_unit_test(another_process_is_looked_at),
        cmocka_unit_test(what_is_no_place_has_no_line),
    };
    return cmocka_run_group_tests_name("hal call site", tests, nullptr, nullptr);
}
