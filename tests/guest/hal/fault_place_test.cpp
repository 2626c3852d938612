// SPDX-License-Identifier: MIT
// A fault at an address whose buffer the library has forgotten: the device remembers, and tells its own process.
#include <cstring>
#include <optional>
#include <vector>

#include "share.hpp"

using namespace hal_test;

namespace {

// More than the library remembers, but not more than the device does.
constexpr std::size_t many = 80;

std::string fault_at(Tenant &tenant, std::uint64_t va) {
    const auto ran = tenant.queue.run(CommandList{}.fill(va, 8, 1), patience);
    assert_false(ran.has_value());
    return ran.error().message;
}

void says(const std::string &text, const char *part) {
    if (text.find(part) == std::string::npos)
        fail_msg("\"%s\" does not say \"%s\"", text.c_str(), part);
}

void a_forgotten_buffer_is_named(void **) {
    Tenant tenant;
    std::optional<Buffer> weights = must(Buffer::create(tenant.context, 8192, {.label = "weights \"W\"\n"}));
    const auto va = weights->va();
    std::vector<Buffer> others;
    for (std::size_t i = 0; i < many; ++i)
        others.push_back(must(Buffer::create(tenant.context, 4096, {.label = "other"})));
    weights.reset();
    others.clear();
    const std::string text = fault_at(tenant, va + 24);
    says(text, "byte 24 of buffer 'weights 'W'?'");
    says(text, "8192 bytes, made at ");
    says(text, "fault_place_test.cpp:");
    says(text, ", which was destroyed ");
    says(text, " ms ago at ");
    says(text, "hal_fault_place_test+0x");
}

void what_was_never_there_stays_unknown(void **) {
    Tenant tenant;
    const Buffer only = must(Buffer::create(tenant.context, 4096, {.label = "only"}));
    const std::string text = fault_at(tenant, only.va() + (1ULL << 30));
    says(text, "(behind buffer 'only'");
    if (text.find("destroyed") != std::string::npos)
        fail_msg("\"%s\"", text.c_str());
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_forgotten_buffer_is_named),
        cmocka_unit_test(what_was_never_there_stays_unknown),
    };
    return cmocka_run_group_tests_name("hal fault place", tests, nullptr, nullptr);
}
