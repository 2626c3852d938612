// SPDX-License-Identifier: MIT
// What neuronctl dma verifies transfers with: it finds every byte that is wrong, and says which is the first.
#include "../../tools/neuronctl/dma_pattern.hpp"
#include <csetjmp>

#include <vector>

extern "C" {
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
}

using namespace neuronctl;

namespace {

constexpr std::uint64_t offset = 100;
constexpr std::uint64_t size = 1000;
constexpr Pattern patterns[] = {Pattern::random,  Pattern::address, Pattern::count,
                                Pattern::checker, Pattern::ones,    Pattern::zeros};

std::vector<std::byte> landed(Pattern pattern, std::uint64_t seed) {
    std::vector<std::byte> out(offset + size + 50, guard_byte);
    write_pattern(pattern, seed, std::span(out).subspan(offset, size));
    return out;
}

void accepts_what_is_right(void **) {
    for (const Pattern pattern : patterns)
        assert_false(verify_pattern(landed(pattern, 7), offset, size, pattern, 7).has_value());
}

void names_the_first_wrong_byte(void **) {
    for (const Pattern pattern : patterns) {
        auto memory = landed(pattern, 7);
        memory[offset + 17] ^= std::byte{0x10};
        memory[offset + 900] ^= std::byte{0x01};
        const auto bad = verify_pattern(memory, offset, size, pattern, 7);
        assert_true(bad.has_value());
        assert_int_equal(bad->place, 17);
        assert_int_equal(bad->count, 2);
        assert_true((bad->got ^ bad->want) == std::byte{0x10});
        assert_true(bad->want == byte_at(pattern, 7, 17));
    }
}

void names_what_is_beside(void **) {
    auto memory = landed(Pattern::count, 1);
    memory[offset - 3] = std::byte{0};
    auto bad = verify_pattern(memory, offset, size, Pattern::count, 1);
    assert_true(bad.has_value());
    assert_int_equal(bad->place, -3);
    assert_string_equal(describe(*bad, size).c_str(),
                        "the byte 3 before the destination is 0x00 and should be 0xa5; 1 bytes differ");
    memory = landed(Pattern::count, 1);
    memory[offset + size] = std::byte{0};
    bad = verify_pattern(memory, offset, size, Pattern::count, 1);
    assert_true(bad.has_value());
    assert_string_equal(describe(*bad, size).c_str(),
                        "the byte 0 behind the destination's end is 0x00 and should be 0xa5; 1 bytes differ");
}

void sees_a_transfer_that_is_too_short_or_shifted(void **) {
    const auto memory = landed(Pattern::random, 3);
    assert_true(verify_pattern(memory, offset, size + 1, Pattern::random, 3).has_value());
    assert_true(verify_pattern(memory, offset + 1, size, Pattern::random, 3).has_value());
    assert_true(verify_pattern(memory, offset, size, Pattern::random, 4).has_value());
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_is_right),
        cmocka_unit_test(names_the_first_wrong_byte),
        cmocka_unit_test(names_what_is_beside),
        cmocka_unit_test(sees_a_transfer_that_is_too_short_or_shifted),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
