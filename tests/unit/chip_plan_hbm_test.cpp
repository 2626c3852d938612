// SPDX-License-Identifier: MIT
// What a fault plan does to the data in HBM.
#include "chip_plan.hpp"

#include <bit>
#include <fmt/format.h>

namespace {

using namespace chip_test;
using spec::Fault;

constexpr std::uint64_t A = Runner::DATA, B = Runner::DATA + 0x1000;
constexpr std::uint64_t SIZE = 64;

struct HbmRig : Rig {
    explicit HbmRig(void **state) : Rig(state) {
        run(spec::PacketFill{.dst = A, .bytes = SIZE, .pattern = 0});
        run(spec::PacketFill{.dst = B, .bytes = SIZE, .pattern = 0});
    }
    /// Offset in HBM of a byte of A's page.
    std::uint64_t at(std::uint64_t offset) { return static_cast<std::uint64_t>(r.data(offset) - m.hbm(0)); }
    void copy() { run(spec::PacketCopy{.src = A, .dst = B, .bytes = SIZE}); }
    /// Bits that are set among these bytes of A (offset 0 on) or B (0x1000 on).
    int bits(std::uint64_t offset, std::uint64_t bytes) {
        int out = 0;
        for (std::uint64_t i = 0; i < bytes; ++i)
            out += std::popcount(static_cast<unsigned>(*r.data(offset + i)));
        return out;
    }
};

void what_is_flipped_before_a_read_stays(void **state) {
    HbmRig rig(state);
    rig.plan(fmt::format("seed 3; hbm_read addr={}+8: flip", rig.at(16)));
    rig.copy();
    assert_int_equal(rig.bits(16, 8), 1);
    assert_int_equal(rig.bits(0, SIZE), 1);
    assert_true(std::equal(rig.r.data(0), rig.r.data(SIZE), rig.r.data(0x1000)));
    rig.made(1, 1, 1);
}

void the_same_seed_spoils_the_same(void **state) {
    HbmRig first(state), second(state), other(state);
    for (HbmRig *rig : {&first, &second, &other}) {
        rig->plan(fmt::format("seed {}; hbm_write: corrupt", rig == &other ? 2 : 1));
        rig->copy();
    }
    assert_true(std::equal(first.r.data(0x1000), first.r.data(0x1000 + SIZE), second.r.data(0x1000)));
    assert_false(std::equal(first.r.data(0x1000), first.r.data(0x1000 + SIZE), other.r.data(0x1000)));
}

void what_is_written_is_spoilt_where_the_rule_says(void **state) {
    HbmRig rig(state);
    rig.plan(fmt::format("hbm_write addr={}..{}: corrupt", rig.at(0x1000 + 8), rig.at(0x1000 + 39)));
    rig.copy();
    assert_int_equal(rig.bits(0, SIZE), 0);
    assert_int_equal(rig.bits(0x1000, 8), 0);
    assert_int_not_equal(rig.bits(0x1000 + 8, 32), 0);
    assert_int_equal(rig.bits(0x1000 + 40, SIZE - 40), 0);
    rig.made(1, 1, 1);
}

void an_error_is_where_the_access_meets_the_rule(void **state) {
    HbmRig rig(state);
    rig.plan(fmt::format("hbm_read addr={}+4: ecc_uncorrected", rig.at(8)));
    const std::uint32_t before = rig.m.event_count();
    assert_int_equal(rig.r.queue.run(spec::PacketCopy{.src = A, .dst = B, .bytes = SIZE}), Fault::HBM_ECC);
    assert_int_equal(rig.m.event(before).kind, spec::Event::ECC);
    assert_int_equal(rig.m.event(before).info, rig.at(8));
    assert_int_equal(rig.m.r32(reg::GLOBAL_HBM_UNCORRECTED), 1);
    // Writing mends it, and the rule is about reads.
    rig.r.restart();
    assert_int_equal(rig.r.queue.run(spec::PacketFill{.dst = A, .bytes = SIZE, .pattern = 1}), Fault::NONE);
    rig.plan("");
    assert_int_equal(rig.r.queue.run(spec::PacketCopy{.src = A, .dst = B, .bytes = SIZE}), Fault::NONE);
}

// The write that an error comes behind does not mend it.
void an_error_behind_a_write_is_found_by_the_next_read(void **state) {
    HbmRig rig(state);
    rig.plan(fmt::format("hbm_write addr={} nth=1: ecc_uncorrected", rig.at(0x1000)));
    rig.copy();
    assert_int_equal(rig.r.queue.run(spec::PacketCopy{.src = B, .dst = A, .bytes = SIZE}), Fault::HBM_ECC);
}

void errors_may_be_elsewhere_and_may_be_corrected(void **state) {
    HbmRig rig(state);
    rig.plan("hbm_read nth=2: ecc_corrected at=0x123; hbm_read nth=1: ecc_corrected");
    const std::uint32_t before = rig.m.event_count();
    rig.copy();
    rig.copy();
    assert_int_equal(rig.m.event(before).info, rig.at(0));
    assert_int_equal(rig.m.event(before + 1).info, 0x123);
    assert_int_equal(rig.m.r32(reg::GLOBAL_HBM_CORRECTED), 2);
}

// Page tables stand in host memory here; a program's own are read by nobody that a rule means, wherever they are.
void accesses_are_told_apart_by_who_makes_them(void **state) {
    HbmRig rig(state);
    rig.plan("hbm_read unit=queue: delay us=0; hbm_write unit=dma core=0: delay us=0; hbm_write unit=dma core=1: flip; "
             "hbm_write queue=5: flip; hbm_read unit=dma: flip; hbm_write: delay us=0");
    rig.copy();
    assert_int_equal(rig.r.run(copying(), ENDS), Fault::NONE);
    rig.made(1, 1, 1);
    rig.made(2, 100, 100); // a row of each partition
    for (const int never : {3, 4, 5})
        rig.made(never, 0, 0);
    rig.made(6, 101, 1); // the first rule that is due acts
}

void without_rules_for_hbm_nobody_asks(void **state) {
    HbmRig rig(state);
    rig.plan("hbm_read: flip");
    rig.plan("packet nth=1: delay us=0");
    rig.copy();
    assert_int_equal(rig.bits(0, SIZE) + rig.bits(0x1000, SIZE), 0);
    rig.made(1, 1, 1);
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(what_is_flipped_before_a_read_stays),
        IN_BOTH_MODES(the_same_seed_spoils_the_same),
        IN_BOTH_MODES(what_is_written_is_spoilt_where_the_rule_says),
        IN_BOTH_MODES(an_error_is_where_the_access_meets_the_rule),
        IN_BOTH_MODES(an_error_behind_a_write_is_found_by_the_next_read),
        IN_BOTH_MODES(errors_may_be_elsewhere_and_may_be_corrected),
        IN_BOTH_MODES(accesses_are_told_apart_by_who_makes_them),
        IN_BOTH_MODES(without_rules_for_hbm_nobody_asks),
    };
    return cmocka_run_group_tests_name("chip plan hbm", tests, nullptr, nullptr);
}
