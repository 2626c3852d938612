// SPDX-License-Identifier: MIT
// The math library: special values, the same bits on every instruction set, and array handling.
#include "compute/simd_targets.hpp" // before Highway

#include "math_samples.hpp"

#include <hwy/highway.h>

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <iterator>

#include <setjmp.h>
extern "C" {
#include <cmocka.h>
}

namespace {

using namespace math_test;
using neuron::chip::activation_function;
using neuron::chip::power;
using F = MathFunction;

constexpr float INF = std::numeric_limits<float>::infinity();
constexpr float MAX = std::numeric_limits<float>::max();
constexpr float TINY = 0x1p-149f;
constexpr std::uint32_t NAN_BITS = 0x7fc00000;
const float NOT_A_NUMBER = from_bits(NAN_BITS);

std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }

/// Forces one instruction set while it lives.
class Target {
public:
    explicit Target(std::int64_t target) { use(target); }
    ~Target() { use(0); }
    Target(const Target &) = delete;
    Target &operator=(const Target &) = delete;

private:
    static void use(std::int64_t target) {
        hwy::SetSupportedTargetsForTest(0);
        hwy::SetSupportedTargetsForTest(target);
        hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    }
};

template<class Check>
void for_each_target(Check check) {
    hwy::SetSupportedTargetsForTest(0); // a failed test leaves without its destructors
    for (const auto target : hwy::SupportedAndGeneratedTargets()) {
        const Target forced(target);
        check(hwy::TargetName(target));
    }
}

float value_of(F function, float x) {
    float y = 0;
    activation_function(function, &x, &y, 1);
    return y;
}

struct Limits {
    F function;
    float minus_infinity, minus_zero, plus_zero, plus_infinity;
};

const Limits LIMITS[] = {
    {F::SIGMOID, 0.0f, 0.5f, 0.5f, 1.0f},
    {F::TANH, -1.0f, -0.0f, 0.0f, 1.0f},
    {F::EXP, 0.0f, 1.0f, 1.0f, INF},
    {F::LOG, NOT_A_NUMBER, -INF, -INF, INF},
    {F::SQRT, NOT_A_NUMBER, -0.0f, 0.0f, INF},
    {F::RSQRT, NOT_A_NUMBER, -INF, INF, 0.0f},
    {F::RECIPROCAL, -0.0f, -INF, INF, 0.0f},
    {F::GELU, -0.0f, -0.0f, 0.0f, INF},
    {F::GELU_DX, -0.0f, 0.5f, 0.5f, 1.0f},
    {F::GELU_TANH, -0.0f, -0.0f, 0.0f, INF},
    {F::GELU_SIGMOID, -0.0f, -0.0f, 0.0f, INF},
    {F::GELU_SIGMOID_DX, -0.0f, 0.5f, 0.5f, 1.0f},
    {F::SILU, -0.0f, -0.0f, 0.0f, INF},
    {F::SILU_DX, -0.0f, 0.5f, 0.5f, 1.0f},
    {F::SOFTPLUS, 0.0f, 0x1.62e43p-1f, 0x1.62e43p-1f, INF},
    {F::MISH, -0.0f, -0.0f, 0.0f, INF},
    {F::ERF, -1.0f, -0.0f, 0.0f, 1.0f},
    {F::ERF_DX, 0.0f, 0x1.20dd76p0f, 0x1.20dd76p0f, 0.0f},
    {F::SIN, NOT_A_NUMBER, -0.0f, 0.0f, NOT_A_NUMBER},
    {F::ARCTAN, -0x1.921fb6p0f, -0.0f, 0.0f, 0x1.921fb6p0f},
};

void limits_are_exact(void **) {
    assert_int_equal(std::size(LIMITS), std::size(FUNCTIONS));
    for_each_target([](const char *target) {
        for (const Limits &limits : LIMITS) {
            const float in[] = {-INF, -0.0f, 0.0f, INF};
            const float expected[] = {limits.minus_infinity, limits.minus_zero, limits.plus_zero, limits.plus_infinity};
            for (std::size_t i = 0; i < 4; ++i) {
                const float y = value_of(limits.function, in[i]);
                if (bits(y) != bits(expected[i])) {
                    fail_msg("%s(%g) = %a on %s", FUNCTIONS[static_cast<unsigned>(limits.function)].name,
                             static_cast<double>(in[i]), static_cast<double>(y), target);
                }
            }
        }
    });
}

void nan_is_canonical(void **) {
    for_each_target([](const char *) {
        for (const Named &named : FUNCTIONS) {
            for (const std::uint32_t nan : {0x7fc00000u, 0xffc00000u, 0x7f800001u, 0xff812345u, 0x7fffffffu}) {
                assert_int_equal(bits(value_of(named.function, from_bits(nan))), NAN_BITS);
            }
        }
    });
}

void outside_the_domain_is_nan(void **) {
    for_each_target([](const char *) {
        for (const F function : {F::LOG, F::SQRT, F::RSQRT}) {
            for (const float x : {-TINY, -1.0f, -MAX, -INF}) {
                assert_int_equal(bits(value_of(function, x)), NAN_BITS);
            }
        }
        const float pi = 0x1.921fb6p1f;
        for (const float x : {from_bits(bits(pi) + 1), -from_bits(bits(pi) + 1), 9.0f, MAX}) {
            assert_int_equal(bits(value_of(F::SIN, x)), NAN_BITS);
        }
        assert_true(value_of(F::SIN, pi) == -0x1.777a5cp-24f);
        assert_true(value_of(F::SIN, -pi) == 0x1.777a5cp-24f);
    });
}

struct Known {
    F function;
    float x, y;
};

void ends_of_ranges_are_right(void **) {
    const Known table[] = {
        {F::EXP, 88.72283f, 0x1.ffff08p127f}, // the last finite result
        {F::EXP, 88.72284f, INF},             //
        {F::EXP, -103.97207f, TINY},          // the last that is not zero
        {F::EXP, -103.97209f, 0.0f},          //
        {F::EXP, MAX, INF},                   //
        {F::EXP, -MAX, 0.0f},                 //
        {F::LOG, 1.0f, 0.0f},                 //
        {F::LOG, TINY, -0x1.9d1dap6f},        //
        {F::SQRT, TINY, 0x1.6a09e6p-75f},     //
        {F::RSQRT, TINY, 0x1.6a09e6p74f},     //
        {F::RECIPROCAL, TINY, INF},           //
        {F::RECIPROCAL, MAX, 0x1p-128f},      //
        {F::TANH, TINY, TINY},                //
        {F::TANH, -TINY, -TINY},              //
        {F::TANH, MAX, 1.0f},                 //
        {F::ERF, MAX, 1.0f},                  //
        {F::GELU, -10.0f, -0x1.707936p-74f},  // erf would have lost it all
        {F::GELU, -MAX, -0.0f},               //
        {F::GELU, MAX, MAX},                  //
        {F::GELU_TANH, -MAX, -0.0f},          //
        {F::GELU_TANH, MAX, MAX},             //
        {F::SILU, -MAX, -0.0f},               //
        {F::SILU, MAX, MAX},                  //
        {F::MISH, -MAX, -0.0f},               //
        {F::MISH, MAX, MAX},                  //
        {F::SOFTPLUS, MAX, MAX},              //
        {F::SOFTPLUS, -MAX, 0.0f},            //
        {F::SILU_DX, -MAX, -0.0f},            //
        {F::GELU_SIGMOID_DX, -MAX, -0.0f},    //
        {F::GELU_SIGMOID_DX, MAX, 1.0f},      //
        {F::ARCTAN, MAX, 0x1.921fb6p0f},      //
        {F::ARCTAN, TINY, TINY},              //
    };
    for_each_target([&](const char *target) {
        for (const Known &known : table) {
            const float y = value_of(known.function, known.x);
            if (bits(y) != bits(known.y)) {
                fail_msg("%s(%a) = %a on %s, not %a", FUNCTIONS[static_cast<unsigned>(known.function)].name,
                         static_cast<double>(known.x), static_cast<double>(y), target, static_cast<double>(known.y));
            }
        }
    });
}

struct KnownPower {
    float x, y, result;
};

void powers_follow_c(void **) {
    const float odd = 0x1.fffffep23f, even = 0x1p24f; // the largest odd number; all above are even
    const KnownPower table[] = {
        {NOT_A_NUMBER, 0.0f, 1.0f},
        {NOT_A_NUMBER, -0.0f, 1.0f},
        {1.0f, NOT_A_NUMBER, 1.0f},
        {NOT_A_NUMBER, 1.0f, NOT_A_NUMBER},
        {2.0f, NOT_A_NUMBER, NOT_A_NUMBER},
        {-1.0f, NOT_A_NUMBER, NOT_A_NUMBER},
        {0.0f, NOT_A_NUMBER, NOT_A_NUMBER},
        {1.0f, INF, 1.0f},
        {1.0f, -INF, 1.0f},
        {-1.0f, INF, 1.0f},
        {-1.0f, -INF, 1.0f},
        {INF, 0.0f, 1.0f},
        {-INF, -0.0f, 1.0f},
        {0.0f, 0.0f, 1.0f},
        {0.0f, -3.0f, INF},
        {-0.0f, -3.0f, -INF},
        {-0.0f, -2.0f, INF},
        {-0.0f, -0.5f, INF},
        {0.0f, -INF, INF},
        {-0.0f, -INF, INF},
        {0.0f, 3.0f, 0.0f},
        {-0.0f, 3.0f, -0.0f},
        {-0.0f, 2.0f, 0.0f},
        {-0.0f, 0.5f, 0.0f},
        {0.5f, INF, 0.0f},
        {0.5f, -INF, INF},
        {-0.5f, INF, 0.0f},
        {2.0f, INF, INF},
        {-2.0f, INF, INF},
        {-2.0f, -INF, 0.0f},
        {INF, 2.0f, INF},
        {INF, -2.0f, 0.0f},
        {-INF, 3.0f, -INF},
        {-INF, 2.0f, INF},
        {-INF, 0.5f, INF},
        {-INF, -3.0f, -0.0f},
        {-INF, -2.0f, 0.0f},
        {-INF, -0.5f, 0.0f},
        {INF, INF, INF},
        {-INF, -INF, 0.0f},
        {-2.0f, 0.5f, NOT_A_NUMBER},
        {-TINY, TINY, NOT_A_NUMBER},
        {-MAX, -1.5f, NOT_A_NUMBER},
        {-2.0f, 3.0f, -8.0f},
        {-2.0f, -2.0f, 0.25f},
        {-1.0f, odd, -1.0f},
        {-1.0f, even, 1.0f},
        {-1.0f, odd / 2, NOT_A_NUMBER},
        {-1.0f, 0x1p105f, 1.0f},
        {-1.0f, 0x1p106f, 1.0f},
        {-1.0f, MAX, 1.0f},
        {2.0f, -149.0f, TINY},
        {2.0f, -151.0f, 0.0f},
        {-2.0f, -151.0f, -0.0f},
        {2.0f, 128.0f, INF},
        {-2.0f, 129.0f, -INF},
        {9.0f, 0.5f, 3.0f},
        {10.0f, 10.0f, 1e10f},
        {MAX, 1.0f, MAX},
        {TINY, 1.0f, TINY},
        {-TINY, 1.0f, -TINY},
    };
    for_each_target([&](const char *target) {
        for (const KnownPower &known : table) {
            float one = 0, array = 0;
            power(&known.x, &known.y, &array, 1);
            activation_function(F::POW, &known.x, &one, 1, known.y);
            if (bits(array) != bits(known.result) || bits(one) != bits(known.result)) {
                fail_msg("%a ^ %a = %a, as a constant %a, on %s", static_cast<double>(known.x),
                         static_cast<double>(known.y), static_cast<double>(array), static_cast<double>(one), target);
            }
        }
    });
}

// ---- the same bits everywhere ----

void all_targets_give_the_same_bits(void **) {
    const std::vector<float> in = samples(20, 100);
    for (const Named &named : FUNCTIONS) {
        std::vector<float> expected(in.size()), out(in.size());
        activation_function(named.function, in.data(), expected.data(), in.size());
        for_each_target([&](const char *target) {
            activation_function(named.function, in.data(), out.data(), in.size());
            for (std::size_t i = 0; i < in.size(); ++i) {
                if (bits(out[i]) != bits(expected[i])) {
                    fail_msg("%s(%a) is %a on %s, not %a", named.name, static_cast<double>(in[i]),
                             static_cast<double>(out[i]), target, static_cast<double>(expected[i]));
                }
            }
        });
    }
}

void all_targets_give_the_same_powers(void **) {
    const Powers p = power_samples(20000);
    std::vector<float> expected(p.base.size()), out(p.base.size());
    power(p.base.data(), p.exponent.data(), expected.data(), out.size());
    for_each_target([&](const char *) {
        power(p.base.data(), p.exponent.data(), out.data(), out.size());
        assert_memory_equal(out.data(), expected.data(), out.size() * sizeof(float));
    });
}

/// FNV-1a over the results: what another host, compiler or edition has to give too.
std::uint64_t fingerprint() {
    const std::vector<float> in = samples(20, 100);
    std::vector<float> out(in.size());
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto add = [&](const std::vector<float> &values) {
        for (const float value : values) {
            for (unsigned shift = 0; shift < 32; shift += 8) {
                hash = (hash ^ (bits(value) >> shift & 0xff)) * 0x100000001b3;
            }
        }
    };
    for (const Named &named : FUNCTIONS) {
        activation_function(named.function, in.data(), out.data(), in.size());
        add(out);
    }
    const Powers p = power_samples(20000);
    out.resize(p.base.size());
    power(p.base.data(), p.exponent.data(), out.data(), out.size());
    add(out);
    return hash;
}

void results_are_those_of_every_other_host(void **) { assert_int_equal(fingerprint(), 0xf64626d1534b824d); }

// ---- arrays ----

void arrays_of_any_length_and_place(void **) {
    constexpr std::size_t MOST = 70;
    constexpr float GUARD = 12345.0f;
    float in[MOST + 1];
    for (std::size_t i = 0; i <= MOST; ++i) {
        in[i] = 0.37f * static_cast<float>(i) - 1.0f;
    }
    for_each_target([&](const char *) {
        for (const Named &named : FUNCTIONS) {
            for (std::size_t n = 0; n < MOST; ++n) {
                float out[MOST + 2];
                std::fill(std::begin(out), std::end(out), GUARD);
                activation_function(named.function, in + n % 2, out + 1, n); // aligned to a float only
                for (std::size_t i = 0; i < n; ++i) {
                    assert_int_equal(bits(out[1 + i]), bits(value_of(named.function, in[n % 2 + i])));
                }
                assert_true(out[0] == GUARD && out[n + 1] == GUARD);
            }
        }
    });
}

void arrays_of_powers_of_any_length(void **) {
    constexpr std::size_t MOST = 40;
    const Powers p = power_samples(MOST);
    for_each_target([&](const char *) {
        for (std::size_t n = 0; n < MOST; ++n) {
            std::vector<float> out(n + 1, 12345.0f);
            power(p.base.data(), p.exponent.data(), out.data(), n);
            for (std::size_t i = 0; i < n; ++i) {
                float expected = 0;
                activation_function(F::POW, &p.base[i], &expected, 1, p.exponent[i]);
                assert_int_equal(bits(out[i]), bits(expected));
            }
            assert_true(out[n] == 12345.0f);
        }
    });
}

void works_in_place(void **) {
    const std::vector<float> in = samples(4, 10);
    for (const Named &named : FUNCTIONS) {
        std::vector<float> expected(in.size()), out = in;
        activation_function(named.function, in.data(), expected.data(), in.size());
        activation_function(named.function, out.data(), out.data(), in.size());
        assert_memory_equal(out.data(), expected.data(), in.size() * sizeof(float));
    }
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(nan_is_canonical),
        cmocka_unit_test(outside_the_domain_is_nan),
        cmocka_unit_test(ends_of_ranges_are_right),
        cmocka_unit_test(powers_follow_c),
        cmocka_unit_test(all_targets_give_the_same_bits),
        cmocka_unit_test(all_targets_give_the_same_powers),
        cmocka_unit_test(results_are_those_of_every_other_host),
        cmocka_unit_test(arrays_of_any_length_and_place),
        cmocka_unit_test(arrays_of_powers_of_any_length),
        cmocka_unit_test(works_in_place),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("compute_math", tests, nullptr, nullptr);
}
