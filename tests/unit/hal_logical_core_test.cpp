// SPDX-License-Identifier: MIT
// Which NeuronCores and which HBM stack a logical core has.
#include "hal_sim.hpp"

using namespace hal_test;
using neuron::DeviceInfo;
using neuron::logical_core;
using neuron::logical_core_count;

namespace {

DeviceInfo chip(const char *profile, std::uint32_t cores = 0) {
    const spec::ProfileDesc *desc = spec::find_profile(profile);
    DeviceInfo info;
    info.name = "sim";
    info.profile = desc->id;
    info.cores = cores != 0 ? cores : desc->cores;
    info.hbm_banks = desc->hbm_banks;
    return info;
}

void pairs_share_a_stack_from_the_third_generation_on(void **) {
    for (const char *profile : {"trn2", "trn3"}) {
        const DeviceInfo info = chip(profile);
        assert_int_equal(neuron::default_lnc(info), 2);
        assert_int_equal(must(logical_core_count(info)), 4);
        for (std::uint32_t i = 0; i < 4; ++i) {
            const auto core = must(logical_core(info, i));
            assert_int_equal(core.core_mask, 3u << 2 * i);
            assert_int_equal(core.bank, i);
        }
    }
}

void single_cores_do_too(void **) {
    const DeviceInfo info = chip("trn2");
    assert_int_equal(must(logical_core_count(info, 1)), 8);
    for (std::uint32_t i = 0; i < 8; ++i) {
        const auto core = must(logical_core(info, i, 1));
        assert_int_equal(core.core_mask, 1u << i);
        assert_int_equal(core.bank, i / 2);
    }
}

void older_chips_have_single_cores(void **) {
    for (const char *profile : {"inf2", "trn1"}) {
        const DeviceInfo info = chip(profile);
        assert_int_equal(neuron::default_lnc(info), 1);
        assert_int_equal(must(logical_core_count(info)), 2);
        assert_int_equal(must(logical_core(info, 1)).core_mask, 2);
        assert_int_equal(must(logical_core(info, 1)).bank, 1);
        must_fail(logical_core(info, 0, 2), ErrorCode::unsupported, "LNC 2: logical cores of sim have 1 core");
    }
}

void cores_that_are_left_over_belong_to_none(void **) {
    const DeviceInfo three = chip("trn2", 3);
    assert_int_equal(must(logical_core_count(three)), 1);
    must_fail(logical_core(three, 1), ErrorCode::invalid_argument, "logical core 1: sim has 1 of 2 cores");
    assert_int_equal(must(logical_core(three, 2, 1)).core_mask, 4);
    assert_int_equal(must(logical_core_count(chip("trn2", 1))), 0);
    must_fail(logical_core(chip("trn2", 1), 0), ErrorCode::invalid_argument, "logical core 0: sim has 0 of 2 cores");
}

// More cores than the profile has go round its stacks.
void larger_chips_use_the_same_stacks(void **) {
    const DeviceInfo info = chip("trn2", 32);
    assert_int_equal(must(logical_core_count(info)), 16);
    assert_int_equal(must(logical_core(info, 15)).core_mask, 0xc0000000u);
    assert_int_equal(must(logical_core(info, 5)).bank, 1);
}

void other_numbers_are_refused(void **) {
    for (const std::uint32_t lnc : {3u, 4u, 8u, ~0u}) {
        must_fail(logical_core(chip("trn2"), 0, lnc), ErrorCode::unsupported, "have 1 or 2 cores");
        must_fail(logical_core_count(chip("trn2"), lnc), ErrorCode::unsupported, "LNC " + std::to_string(lnc));
    }
    must_fail(logical_core(chip("trn2"), 4), ErrorCode::invalid_argument, "logical core 4: sim has 4 of 2 cores");
    must_fail(logical_core(chip("trn2"), ~0u), ErrorCode::invalid_argument, "logical core 4294967295");
    must_fail(logical_core(chip("trn2"), 8, 1), ErrorCode::invalid_argument, "sim has 8 of 1 core");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(pairs_share_a_stack_from_the_third_generation_on),
        cmocka_unit_test(single_cores_do_too),
        cmocka_unit_test(older_chips_have_single_cores),
        cmocka_unit_test(cores_that_are_left_over_belong_to_none),
        cmocka_unit_test(larger_chips_use_the_same_stacks),
        cmocka_unit_test(other_numbers_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("hal_logical_core", tests, nullptr, nullptr);
}
