// SPDX-License-Identifier: MIT
// Every result of the math library is within 1 ulp of what MPFR computes from the definition.
#include "math_samples.hpp"

#include <cstdarg>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <limits>

#include <mpfr.h>

#include <setjmp.h>
extern "C" {
#include <cmocka.h>
}

namespace {

using namespace math_test;

constexpr mpfr_prec_t PRECISION = 128; // what cancels next to the root of a derivative is 30 bits
constexpr mpfr_rnd_t RND = MPFR_RNDN;

// About 160 000 inputs per function.
constexpr unsigned SAMPLES_PER_BINADE = 200;
constexpr unsigned SAMPLES_PER_PLACE = 800;
constexpr std::size_t POWER_SAMPLES = 200000;

class Number {
public:
    Number() { mpfr_init2(value_, PRECISION); }
    ~Number() { mpfr_clear(value_); }
    Number(const Number &) = delete;
    Number &operator=(const Number &) = delete;
    operator mpfr_ptr() { return value_; }

private:
    mpfr_t value_;
};

/// The functions by definition. Not for threads: the temporaries are its members.
class Reference {
public:
    Reference() {
        mpfr_const_pi(pi_, RND);
        mpfr_set_str(gelu_factor_, "1.702", 10, RND);
        mpfr_set_str(cubic_, "0.044715", 10, RND);
    }

    /// y = function(x)
    void evaluate(MathFunction function, mpfr_ptr y, mpfr_ptr x) {
        switch (function) {
        case MathFunction::SIGMOID: return sigmoid(y, x);
        case MathFunction::TANH: mpfr_tanh(y, x, RND); return;
        case MathFunction::EXP: mpfr_exp(y, x, RND); return;
        case MathFunction::LOG: mpfr_log(y, x, RND); return;
        case MathFunction::SQRT: mpfr_sqrt(y, x, RND); return;
        case MathFunction::RSQRT: return rsqrt(y, x);
        case MathFunction::RECIPROCAL: mpfr_ui_div(y, 1, x, RND); return;
        case MathFunction::GELU: normal(y, x); return times(y, x);
        case MathFunction::GELU_DX: return gelu_dx(y, x);
        case MathFunction::GELU_TANH: return gelu_tanh(y, x);
        case MathFunction::GELU_SIGMOID:
            mpfr_mul(u_, x, gelu_factor_, RND);
            sigmoid(y, u_);
            return times(y, x);
        case MathFunction::GELU_SIGMOID_DX: mpfr_mul(u_, x, gelu_factor_, RND); return gated_slope(y, u_);
        case MathFunction::SILU: sigmoid(y, x); return times(y, x);
        case MathFunction::SILU_DX: return gated_slope(y, x);
        case MathFunction::SOFTPLUS: return softplus(y, x);
        case MathFunction::MISH:
            mpfr_exp(t_, x, RND);
            mpfr_log1p(t_, t_, RND);
            mpfr_tanh(y, t_, RND);
            return times(y, x);
        case MathFunction::ERF: mpfr_erf(y, x, RND); return;
        case MathFunction::ERF_DX: return erf_dx(y, x);
        case MathFunction::SIN: return sin(y, x);
        case MathFunction::ARCTAN: mpfr_atan(y, x, RND); return;
        case MathFunction::POW: break;
        }
        fail_msg("no reference for function %u", static_cast<unsigned>(function));
    }

private:
    // x^0 and infinity times zero: the limit, which has the sign of x.
    static void times(mpfr_ptr y, mpfr_ptr x) {
        if (mpfr_zero_p(y)) {
            mpfr_setsign(y, y, mpfr_signbit(x), RND);
        } else {
            mpfr_mul(y, y, x, RND);
        }
    }
    void sigmoid(mpfr_ptr y, mpfr_ptr x) {
        mpfr_neg(t_, x, RND);
        mpfr_exp(t_, t_, RND);
        mpfr_add_ui(t_, t_, 1, RND);
        mpfr_ui_div(y, 1, t_, RND);
    }
    void normal(mpfr_ptr y, mpfr_ptr x) { // Phi(x) = erfc(-x / sqrt 2) / 2
        mpfr_sqrt_ui(t_, 2, RND);
        mpfr_div(t_, x, t_, RND);
        mpfr_neg(t_, t_, RND);
        mpfr_erfc(y, t_, RND);
        mpfr_div_2ui(y, y, 1, RND);
    }
    void gelu_dx(mpfr_ptr y, mpfr_ptr x) {
        if (mpfr_cmpabs_ui(x, 1000) > 0) {
            return step(y, x);
        }
        normal(y, x);
        mpfr_sqr(t_, x, RND);
        mpfr_div_si(t_, t_, -2, RND);
        mpfr_exp(t_, t_, RND);
        mpfr_mul(t_, t_, x, RND);
        mpfr_mul_ui(u_, pi_, 2, RND);
        mpfr_sqrt(u_, u_, RND);
        mpfr_div(t_, t_, u_, RND);
        mpfr_add(y, y, t_, RND);
    }
    void gelu_tanh(mpfr_ptr y, mpfr_ptr x) { // (1 + tanh w) / 2 = sigmoid(2 w)
        mpfr_sqr(u_, x, RND);
        mpfr_mul(u_, u_, cubic_, RND);
        mpfr_add_ui(u_, u_, 1, RND);
        mpfr_mul(u_, u_, x, RND);
        mpfr_ui_div(t_, 8, pi_, RND);
        mpfr_sqrt(t_, t_, RND);
        mpfr_mul(u_, u_, t_, RND);
        sigmoid(y, u_);
        times(y, x);
    }
    void gated_slope(mpfr_ptr y, mpfr_ptr u) { // s (1 + u (1 - s))
        if (mpfr_cmpabs_ui(u, 1000) > 0) {
            return step(y, u);
        }
        sigmoid(y, u);
        mpfr_ui_sub(t_, 1, y, RND);
        mpfr_mul(t_, t_, u, RND);
        mpfr_add_ui(t_, t_, 1, RND);
        mpfr_mul(y, y, t_, RND);
    }
    static void rsqrt(mpfr_ptr y, mpfr_ptr x) {
        mpfr_rec_sqrt(y, x, RND);
        if (mpfr_inf_p(y)) { // for -0 too, where IEEE 754 has -inf
            mpfr_setsign(y, y, mpfr_signbit(x), RND);
        }
    }
    void softplus(mpfr_ptr y, mpfr_ptr x) {
        if (mpfr_cmp_ui(x, 1000) > 0) { // not so far that e^x overflows even here
            mpfr_set(y, x, RND);
        } else {
            mpfr_exp(t_, x, RND);
            mpfr_log1p(y, t_, RND);
        }
    }
    void erf_dx(mpfr_ptr y, mpfr_ptr x) {
        mpfr_sqr(t_, x, RND);
        mpfr_neg(t_, t_, RND);
        mpfr_exp(y, t_, RND);
        mpfr_sqrt(t_, pi_, RND);
        mpfr_div(y, y, t_, RND);
        mpfr_mul_2ui(y, y, 1, RND);
    }
    static void sin(mpfr_ptr y, mpfr_ptr x) {
        if (mpfr_cmp_d(x, 0x1.921fb6p1) > 0 || mpfr_cmp_d(x, -0x1.921fb6p1) < 0) {
            mpfr_set_nan(y);
        } else {
            mpfr_sin(y, x, RND);
        }
    }
    // Far out the derivatives are -0 and 1.
    static void step(mpfr_ptr y, mpfr_ptr x) { mpfr_set_d(y, mpfr_signbit(x) ? -0.0 : 1.0, RND); }

    Number pi_, gelu_factor_, cubic_, t_, u_;
};

/// Whether `result` is within 1 ulp of `exact`. An infinity counts as the power of two after the largest float.
class Judge {
public:
    bool accepts(float result, mpfr_ptr exact) {
        if (mpfr_nan_p(exact)) {
            return std::bit_cast<std::uint32_t>(result) == 0x7fc00000;
        }
        if (result != result || (result < 0) != (mpfr_sgn(exact) < 0 && result != 0)) {
            return false;
        }
        // What underflows keeps its sign.
        if (result == 0 && (std::bit_cast<std::uint32_t>(result) != 0) != (mpfr_signbit(exact) != 0)) {
            return false;
        }
        return distance_is_small(result, exact);
    }

private:
    bool distance_is_small(float result, mpfr_ptr exact) {
        constexpr float MAX = std::numeric_limits<float>::max();
        if (mpfr_zero_p(exact)) {
            return result == 0;
        }
        const bool overflows = mpfr_inf_p(exact) || mpfr_get_exp(exact) > 128;
        const bool infinite = result > MAX || result < -MAX;
        if (overflows) {
            return infinite || (!mpfr_inf_p(exact) && mpfr_cmpabs(exact, limit()) == 0);
        }
        mpfr_set_d(distance_, static_cast<double>(result), RND);
        if (infinite) {
            mpfr_setsign(distance_, limit(), result < 0, RND);
        }
        mpfr_sub(distance_, distance_, exact, RND);
        const mpfr_exp_t ulp = mpfr_get_exp(exact) - 24;
        mpfr_div_2si(distance_, distance_, ulp < -149 ? -149 : ulp, RND);
        return mpfr_cmpabs_ui(distance_, 1) <= 0;
    }
    mpfr_ptr limit() {
        mpfr_set_ui_2exp(limit_, 1, 128, RND);
        return limit_;
    }

    Number distance_, limit_;
};

void assert_accurate(MathFunction function) {
    const std::vector<float> in = samples(SAMPLES_PER_BINADE, SAMPLES_PER_PLACE);
    std::vector<float> out(in.size());
    neuron::chip::activation_function(function, in.data(), out.data(), in.size());
    Reference reference;
    Judge judge;
    Number x, exact;
    for (std::size_t i = 0; i < in.size(); ++i) {
        mpfr_set_d(x, static_cast<double>(in[i]), RND);
        reference.evaluate(function, exact, x);
        if (!judge.accepts(out[i], exact)) {
            fail_msg("f(%a) = %a, exactly %.12g", static_cast<double>(in[i]), static_cast<double>(out[i]),
                     mpfr_get_d(exact, RND));
        }
    }
}

void function_is_within_1_ulp(void **state) { assert_accurate(static_cast<const Named *>(*state)->function); }

void power_is_within_1_ulp(void **) {
    const Powers p = power_samples(POWER_SAMPLES);
    std::vector<float> out(p.base.size());
    neuron::chip::power(p.base.data(), p.exponent.data(), out.data(), out.size());
    Judge judge;
    Number x, y, exact;
    for (std::size_t i = 0; i < out.size(); ++i) {
        mpfr_set_d(x, static_cast<double>(p.base[i]), RND);
        mpfr_set_d(y, static_cast<double>(p.exponent[i]), RND);
        mpfr_pow(exact, x, y, RND);
        if (!judge.accepts(out[i], exact)) {
            fail_msg("%a ^ %a = %a, exactly %.12g", static_cast<double>(p.base[i]), static_cast<double>(p.exponent[i]),
                     static_cast<double>(out[i]), mpfr_get_d(exact, RND));
        }
    }
}

void judge_refuses_what_is_further_off(void **) {
    Judge judge;
    Number exact;
    const auto judged = [&](float result, double value) {
        mpfr_set_d(exact, value, RND);
        return judge.accepts(result, exact);
    };
    constexpr float INF = std::numeric_limits<float>::infinity();
    assert_true(judged(1.0f, 1.0));
    assert_true(judged(1.0f, 1.0 + 0x1p-23));
    assert_false(judged(1.0f, 1.0 + 0x1.001p-23));
    assert_false(judged(1.0f, 1.0 - 0x1.001p-24));
    assert_true(judged(0x1p-149f, 0x1.9p-149));
    assert_true(judged(0.0f, 0x1p-149));
    assert_false(judged(0.0f, 0x1.1p-149));
    assert_false(judged(-0.0f, 0x1p-149));
    assert_false(judged(-1.0f, 1.0));
    assert_true(judged(INF, 0x1.ffffffp127));
    assert_false(judged(INF, 0x1.fffffcp127));
    assert_false(judged(0x1.fffffep127f, 0x1.2p128));
    assert_true(judged(from_bits(0x7fc00000), std::numeric_limits<double>::quiet_NaN()));
    assert_false(judged(from_bits(0xffc00000), std::numeric_limits<double>::quiet_NaN()));
    assert_false(judged(from_bits(0x7fc00000), 1.0));
}

} // namespace

int main() {
    std::vector<CMUnitTest> tests{cmocka_unit_test(judge_refuses_what_is_further_off),
                                  cmocka_unit_test(power_is_within_1_ulp)};
    for (const Named &named : FUNCTIONS) {
        tests.push_back({named.name, function_is_within_1_ulp, nullptr, nullptr, const_cast<Named *>(&named)});
    }
    cmocka_set_message_output(CM_OUTPUT_TAP);
    // The macro of cmocka wants an array.
    return _cmocka_run_group_tests("compute_math_accuracy", tests.data(), tests.size(), nullptr, nullptr);
}
