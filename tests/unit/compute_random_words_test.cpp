// SPDX-License-Identifier: MIT
// Random words against a scalar Philox-4x32-10, which is checked against the published vectors.
#include "compute_support.hpp"

#include "compute/random.hpp"

#include <array>
#include <vector>

namespace {

using namespace compute_test;
using neuron::chip::RandomStream;
using Words = std::array<std::uint32_t, 4>;

Words philox(Words counter, std::uint32_t key0, std::uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53} * counter[0];
        const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * counter[2];
        counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key0, static_cast<std::uint32_t>(p1),
                   static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key1, static_cast<std::uint32_t>(p0)};
        key0 += 0x9E3779B9;
        key1 += 0xBB67AE85;
    }
    return counter;
}

std::uint32_t word(const RandomStream &stream, std::size_t i) {
    const std::uint64_t n = stream.first + i;
    const std::uint64_t block = n / 4;
    return philox(
        {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), spec::raw(stream.engine), 0},
        stream.seed, stream.partition)[n % 4];
}

// Known answers of the Random123 library.
void reference_gives_the_published_vectors(void **) {
    const Words zero = philox({0, 0, 0, 0}, 0, 0);
    const Words want_zero = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    assert_memory_equal(zero.data(), want_zero.data(), sizeof(zero));
    const Words ones = philox({~0u, ~0u, ~0u, ~0u}, ~0u, ~0u);
    const Words want_ones = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    assert_memory_equal(ones.data(), want_ones.data(), sizeof(ones));
    const Words pi = philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0);
    const Words want_pi = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
    assert_memory_equal(pi.data(), want_pi.data(), sizeof(pi));
}

// Any start in a block, any length, and the carry into the upper half of the counter.
void words_of_any_range(void **) {
    const RandomStream streams[] = {
        {0, 0, spec::Engine::PE, 0},
        {1, 127, spec::Engine::DVE, 3},
        {0xdeadbeef, 64, spec::Engine::POOL, (std::uint64_t{1} << 34) - 37},
        {0xffffffff, 1, spec::Engine::ACT, ~std::uint64_t{0} - 300},
    };
    on_every_target([&](const char *target) {
        for (const RandomStream &stream : streams) {
            for (const std::size_t count : {1, 2, 5, 16, 63, 64, 65, 200}) {
                std::vector<std::uint32_t> got(count + 1, 0x5a5a5a5a);
                neuron::chip::random_words(stream, got.data(), count);
                for (std::size_t i = 0; i < count; ++i) {
                    if (got[i] != word(stream, i))
                        fail_msg("%s: word %zu of %zu: %08x, not %08x", target, i, count, got[i], word(stream, i));
                }
                assert_int_equal(got[count], 0x5a5a5a5a);
            }
        }
    });
}

void a_stream_continues(void **) {
    const RandomStream stream{7, 3, spec::Engine::DVE, 11};
    std::uint32_t whole[100], part[60];
    neuron::chip::random_words(stream, whole, 100);
    neuron::chip::random_words(stream.from(40), part, 60);
    assert_memory_equal(whole + 40, part, sizeof(part));
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(reference_gives_the_published_vectors),
        cmocka_unit_test(words_of_any_range),
        cmocka_unit_test(a_stream_continues),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_random_words", tests, nullptr, nullptr);
}
