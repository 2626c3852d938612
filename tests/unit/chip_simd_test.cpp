// SPDX-License-Identifier: MIT
// The choice of the instruction set: what can be chosen, by whom, and that it changes no result.
#include "chip_support.hpp"
#include "compute_support.hpp"

#include "compute/simd_choice.hpp"

#include <optional>

namespace {

using namespace chip_test;
using compute_test::Random;
using neuron::chip::simd_in_effect;
using neuron::chip::SimdChoice;
using spec::Dtype;
using spec::Engine;
using spec::Space;

constexpr const char *CHOICES[] = {"avx512", "avx2", "scalar"};

class Chip {
public:
    explicit Chip(const char *simd) {
        neuron_chip_config config{};
        config.size = sizeof config;
        config.abi_major = NEURON_CHIP_ABI_MAJOR;
        config.hbm_bytes = 64 * MiB;
        config.cores = 1;
        config.stepped = true;
        config.simd = simd;
        const auto ops = FakeHost::ops();
        char text[128] = "";
        result_ = neuron_chip_create(&config, &ops, &host_, &chip_, text, sizeof text);
        error_ = text;
    }
    ~Chip() { neuron_chip_destroy(chip_); }
    Chip(const Chip &) = delete;
    Chip &operator=(const Chip &) = delete;

    bool ok() const { return result_ == 0; }
    int result() const { return result_; }
    const std::string &error() const { return error_; }

private:
    FakeHost host_;
    neuron_chip *chip_ = nullptr;
    int result_ = 0;
    std::string error_;
};

std::vector<const char *> usable() {
    std::vector<const char *> names;
    for (const char *name : CHOICES) {
        if (Chip(name).ok())
            names.push_back(name);
    }
    return names;
}

void each_is_in_effect_while_its_chip_lives(void **) {
    const std::string best = simd_in_effect();
    const auto names = usable();
    assert_false(names.empty());
    for (const char *name : names) {
        const Chip chip(name);
        assert_true(chip.ok());
        assert_string_equal(simd_in_effect().c_str(), name);
    }
    assert_string_equal(simd_in_effect().c_str(), best.c_str());
    for (const char *name : {"auto", static_cast<const char *>(nullptr)}) {
        const Chip chip(name);
        assert_true(chip.ok());
        assert_string_equal(simd_in_effect().c_str(), best.c_str());
    }
}

void what_does_not_exist_is_refused(void **) {
    for (const char *name : {"", "AVX2", "avx", "sse2"}) {
        const Chip chip(name);
        assert_int_equal(chip.result(), -EINVAL);
        assert_int_equal(chip.error().rfind("simd: there is no \"", 0), 0);
    }
    for (const char *name : CHOICES) {
        const Chip chip(name);
        if (!chip.ok())
            assert_string_equal(chip.error().c_str(), (std::string("simd: this host cannot run ") + name).c_str());
    }
}

void two_chips_agree_or_the_second_is_refused(void **) {
    const auto names = usable();
    const Chip first("scalar");
    if (!first.ok())
        skip();
    assert_true(Chip("scalar").ok());
    assert_true(Chip("auto").ok()); // takes what is there
    assert_string_equal(simd_in_effect().c_str(), "scalar");
    for (const char *name : names) {
        if (std::string(name) == "scalar")
            continue;
        const Chip second(name);
        assert_int_equal(second.result(), -EINVAL);
        assert_string_equal(second.error().c_str(),
                            (std::string("simd: another chip of this process runs with scalar, not ") + name).c_str());
    }
    assert_string_equal(simd_in_effect().c_str(), "scalar");
}

void a_chip_that_fails_leaves_no_claim(void **) {
    const auto names = usable();
    neuron_chip_config config{};
    config.size = sizeof config;
    config.abi_major = NEURON_CHIP_ABI_MAJOR;
    config.simd = "scalar";
    config.hbm_bytes = 12345;
    const auto ops = FakeHost::ops();
    FakeHost host;
    neuron_chip *chip = nullptr;
    char error[128];
    assert_int_equal(neuron_chip_create(&config, &ops, &host, &chip, error, sizeof error), -EINVAL);
    for (const char *name : names)
        assert_true(Chip(name).ok());
}

void a_claim_can_be_moved(void **) {
    auto claim = SimdChoice::acquire("auto");
    assert_true(claim.has_value());
    {
        std::optional<SimdChoice> moved(std::move(*claim));
        const SimdChoice again(std::move(*moved));
    }
    for (const char *name : usable())
        assert_true(SimdChoice::acquire(name).has_value());
}

// ---- results ----

spec::Tile any_tile(Random &random, std::uint32_t offset) {
    const auto types = spec::values<Dtype>();
    return compute_test::tile(Space::SBUF, types[random.below(static_cast<unsigned>(types.size()))], 32, 333, offset);
}

// A few thousand random instructions on one core; all its memory and state afterwards.
std::vector<std::byte> run_many() {
    const auto core = compute_test::make_core();
    Random random(99);
    const auto value = [&](auto values) { return values[random.below(static_cast<unsigned>(values.size()))]; };
    for (unsigned p = 0; p < 32; ++p) {
        for (std::byte &byte : core->memory.partition(Space::SBUF, p))
            byte = static_cast<std::byte>(random.bits());
    }
    const auto scalar = [&] {
        return spec::Scalar{.value = random.bits(), .kind = spec::ScalarKind::IMM, .dtype = Dtype::F32};
    };
    const auto op = [&] { return value(spec::values<spec::TensorOp>()); };
    const auto offset = [&] { return 1340 * random.below(11); };
    unsigned legal = 0;
    for (unsigned i = 0; i < 3000; ++i) {
        const Engine engine = value(std::vector{Engine::ACT, Engine::DVE, Engine::POOL});
        core->state(engine).rounding = random.below(4) == 0 ? spec::Rounding::STOCHASTIC : spec::Rounding::NEAREST_EVEN;
        const auto dst = any_tile(random, offset()), a = any_tile(random, offset()), b = any_tile(random, offset());
        neuron::chip::ExecResult result;
        switch (random.below(5)) {
        case 0: result = core->run(engine, spec::InsnCopy{.dst = dst, .src = a}); break;
        case 1: result = core->run(engine, spec::InsnTensorTensor{.dst = dst, .a = a, .b = b, .op = op()}); break;
        case 2:
            result = core->run(engine, spec::InsnTensorScalar{.dst = dst,
                                                              .src = a,
                                                              .op0 = op(),
                                                              .operand0 = scalar(),
                                                              .op1 = op(),
                                                              .operand1 = scalar(),
                                                              .flags = static_cast<std::uint8_t>(random.below(4))});
            break;
        case 3:
            result = core->run(engine, spec::InsnActivate{.dst = dst,
                                                          .src = a,
                                                          .func = value(spec::values<spec::Activation>()),
                                                          .scale = scalar(),
                                                          .bias = scalar(),
                                                          .acc = value(spec::values<spec::AccCmd>())});
            break;
        default:
            result = core->run(
                engine, spec::InsnTensorReduce{.dst = compute_test::tile(Space::SBUF, dst.dtype, 32, 1, dst.offset),
                                               .src = a,
                                               .op = op(),
                                               .axes = 1});
        }
        legal += result.has_value();
    }
    assert_true(legal > 1000);
    std::vector<std::byte> all;
    for (unsigned p = 0; p < 32; ++p) {
        const auto row = core->memory.partition(Space::SBUF, p);
        all.insert(all.end(), row.begin(), row.end());
    }
    for (const auto &state : core->states) {
        const auto acc = std::as_bytes(std::span(state.acc));
        all.insert(all.end(), acc.begin(), acc.end());
    }
    return all;
}

void results_are_the_same(void **) {
    std::vector<std::byte> first;
    for (const char *name : usable()) {
        const Chip chip(name);
        const auto result = run_many();
        if (first.empty())
            first = result;
        if (result != first)
            fail_msg("%s differs from the first", name);
    }
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(each_is_in_effect_while_its_chip_lives),
        cmocka_unit_test(what_does_not_exist_is_refused),
        cmocka_unit_test(two_chips_agree_or_the_second_is_refused),
        cmocka_unit_test(a_chip_that_fails_leaves_no_claim),
        cmocka_unit_test(a_claim_can_be_moved),
        cmocka_unit_test(results_are_the_same),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("chip_simd", tests, nullptr, nullptr);
}
