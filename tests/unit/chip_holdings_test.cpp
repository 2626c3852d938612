// SPDX-License-Identifier: MIT
// Who holds HBM and host memory, and who held it: what a driver tells with HBM_TAKE, HBM_GIVE, DMA_MAP and DMA_UNMAP.
#include "chip_state.hpp"
#include "chip_teller.hpp"

namespace {

using namespace chip_test;
using spec::BlameRelation;
using spec::DebugKind;

constexpr std::uint64_t AT = 16 * MiB;
constexpr std::uint64_t BUS = 0xffff'ffff'ffff'0000ULL; // the last pages that there can be

struct Space {
    std::uint32_t number;
    DebugKind take, give;
    BlameRelation gone;
    std::uint64_t at;
};

const Space HBM{spec::SPACE_HBM, DebugKind::HBM_TAKE, DebugKind::HBM_GIVE, BlameRelation::FREED, AT};
const Space HOST{spec::SPACE_BUS, DebugKind::DMA_MAP, DebugKind::DMA_UNMAP, BlameRelation::UNBOUND, BUS};

void tell(Teller &t, DebugKind kind, std::uint64_t buffer, std::uint64_t at, std::uint64_t bytes, std::uint32_t pid,
          std::string_view label = "") {
    t.tell({.kind = kind,
            .pid = pid,
            .buffer = buffer,
            .va = at,
            .bytes = bytes,
            .comm = text<decltype(spec::DebugRecord::comm)>("train"),
            .label = text<decltype(spec::DebugRecord::label)>(label)});
}

void is(const spec::BlameRecord &record, std::uint64_t buffer, BlameRelation relation, std::uint32_t pid) {
    assert_int_equal(record.buffer, buffer);
    assert_int_equal(record.relation, relation);
    assert_int_equal(record.pid, pid);
    assert_string_equal(record.comm.data(), "train");
    assert_true(record.bound_ns <= record.time_ns && record.time_ns <= record.now_ns);
}

void both_spaces_remember(void **state) {
    for (const Space &space : {HBM, HOST}) {
        Teller t(unwatched(mode_of(state)));
        assert_int_equal(t.history(space.number, space.at).size(), 0);
        tell(t, space.take, 7, space.at, 2 * PAGE, 412);
        tell(t, space.give, 7, space.at, 2 * PAGE, 500);
        tell(t, space.take, 8, space.at + PAGE, PAGE, 413);
        const auto both = t.history(space.number, space.at + 2 * PAGE - 1);
        assert_int_equal(both.size(), 2);
        is(both[0], 8, BlameRelation::INSIDE, 413);
        is(both[1], 7, space.gone, 500);
        assert_int_equal(both[0].ctx, space.number);
        assert_int_equal(both[0].distance, PAGE - 1);
        assert_int_equal(both[1].distance, 2 * PAGE - 1);
        assert_int_equal(both[1].bound_pid, 412);
        assert_int_equal(t.history(space.number, space.at).size(), 1);
        assert_int_equal(t.history(space.number, space.at - 1).size(), 0);
        assert_int_equal(t.bad(), 0);
        // The other space knows nothing of it, nor a context.
        assert_int_equal(t.history(space.number ^ 1, space.at).size(), 0);
        hop(t.m, unwatched(mode_of(state)));
        assert_int_equal(t.history(space.number, space.at + PAGE).size(), 2);
        t.start();
        t.tell({.kind = DebugKind::CLEAR});
        assert_int_equal(t.history(space.number, space.at + PAGE).size(), 0);
    }
}

void what_is_mapped_twice_has_to_be_unmapped_twice(void **state) {
    Teller t(mode_of(state));
    tell(t, DebugKind::DMA_MAP, 7, BUS, PAGE, 1);
    tell(t, DebugKind::DMA_MAP, 7, BUS, PAGE, 2);
    tell(t, DebugKind::DMA_UNMAP, 7, BUS, PAGE, 3);
    is(t.history(spec::SPACE_BUS, BUS).at(0), 7, BlameRelation::INSIDE, 1);
    tell(t, DebugKind::DMA_UNMAP, 7, BUS, PAGE, 4);
    is(t.history(spec::SPACE_BUS, BUS).at(0), 7, BlameRelation::UNBOUND, 4);
    tell(t, DebugKind::DMA_UNMAP, 7, BUS, PAGE, 5); // once too often: nothing
    assert_int_equal(t.history(spec::SPACE_BUS, BUS).size(), 1);
}

// Of several pieces, some were told apart.
void a_range_is_given_back_with_all_that_it_has(void **state) {
    Teller t(mode_of(state));
    tell(t, DebugKind::HBM_TAKE, 7, AT, PAGE, 1);
    tell(t, DebugKind::HBM_TAKE, 7, AT + PAGE, PAGE, 1);
    tell(t, DebugKind::HBM_TAKE, 8, AT + 2 * PAGE, 2 * PAGE, 1);
    tell(t, DebugKind::HBM_GIVE, 7, AT, 3 * PAGE, 2);
    is(t.history(spec::SPACE_HBM, AT).at(0), 7, BlameRelation::FREED, 2);
    is(t.history(spec::SPACE_HBM, AT + PAGE).at(0), 7, BlameRelation::FREED, 2);
    is(t.history(spec::SPACE_HBM, AT + 2 * PAGE).at(0), 8, BlameRelation::INSIDE, 1);
}

// A driver cannot tell while it is cut off.
void who_comes_later_is_right(void **state) {
    Teller t(mode_of(state));
    tell(t, DebugKind::HBM_TAKE, 7, AT, PAGE, 1);
    tell(t, DebugKind::HBM_TAKE, 8, AT + PAGE, PAGE, 2);
    tell(t, DebugKind::HBM_TAKE, 9, AT + 2 * PAGE, 2 * PAGE, 3);
    tell(t, DebugKind::HBM_TAKE, 10, AT + PAGE / 2, 2 * PAGE, 4);
    for (const auto &[at, was] : {std::pair{AT, 7U}, {AT + PAGE, 8U}, {AT + 3 * PAGE, 9U}}) {
        const auto all = t.history(spec::SPACE_HBM, at);
        is(all.back(), was, BlameRelation::FREED, 4);
        assert_int_equal(all.size(), at == AT + PAGE ? 2 : 1);
    }
    is(t.history(spec::SPACE_HBM, AT + 2 * PAGE).at(0), 10, BlameRelation::INSIDE, 4);
}

void names_come_from_mappings(void **state) {
    Teller t(mode_of(state));
    t.open(3, 412, "train");
    tell(t, DebugKind::HBM_TAKE, 7, AT, PAGE, 412);
    tell(t, DebugKind::DMA_MAP, 8, BUS, PAGE, 412, "host buffer");
    tell(t, DebugKind::DMA_MAP, 0, BUS + PAGE, PAGE, 412, "ring of a queue");
    t.at(3, 4 * MiB, "foo.cc:88");
    t.bind(3, 7, 4 * MiB, PAGE, "weights");
    t.bind(3, 8, 8 * MiB, PAGE);
    t.unbind(3, 7, 4 * MiB, PAGE);
    t.unbind(3, 8, 8 * MiB, PAGE);
    t.tell({.kind = DebugKind::CLOSE, .ctx = 3});
    tell(t, DebugKind::HBM_GIVE, 7, AT, PAGE, 412);
    const auto was = t.history(spec::SPACE_HBM, AT).at(0);
    assert_string_equal(was.label.data(), "weights");
    assert_string_equal(was.place.data(), "foo.cc:88");
    assert_string_equal(t.history(spec::SPACE_BUS, BUS).at(0).label.data(), "host buffer");
    t.tell({.kind = DebugKind::LABEL, .ctx = 3, .buffer = 8, .label = {'x'}});
    assert_string_equal(t.history(spec::SPACE_BUS, BUS).at(0).label.data(), "x");
    assert_string_equal(t.history(spec::SPACE_BUS, BUS + PAGE).at(0).label.data(), "ring of a queue");
}

void what_makes_no_sense_is_refused(void **state) {
    Teller t(mode_of(state));
    tell(t, DebugKind::HBM_TAKE, 7, AT, 0, 1);
    tell(t, DebugKind::DMA_MAP, 7, ~0ULL, 2, 1);
    assert_int_equal(t.bad(), 2);
    tell(t, DebugKind::HBM_GIVE, 7, AT, 0, 1);
    tell(t, DebugKind::HBM_TAKE, 7, ~0ULL, 1, 1);
    assert_int_equal(t.bad(), 2);
    is(t.history(spec::SPACE_HBM, ~0ULL).at(0), 7, BlameRelation::INSIDE, 1);
}

// Whatever is told, the newest is known.
void memory_of_it_is_bounded(void **state) {
    Teller t(unwatched(mode_of(state)));
    constexpr std::uint64_t MANY = 5000;
    for (std::uint64_t i = 0; i < MANY; ++i)
        tell(t, DebugKind::HBM_TAKE, i + 1, i * PAGE, PAGE, 1);
    assert_int_equal(t.history(spec::SPACE_HBM, 0).size(), 0);
    is(t.history(spec::SPACE_HBM, (MANY - 1) * PAGE).at(0), MANY, BlameRelation::INSIDE, 1);
    for (std::uint64_t i = 0; i < MANY; ++i)
        tell(t, DebugKind::HBM_TAKE, MANY + 1 + i, (MANY - 1) * PAGE, PAGE, 2);
    const auto all = t.history(spec::SPACE_HBM, (MANY - 1) * PAGE);
    assert_int_equal(all.size(), spec::BLAME_HISTORY);
    is(all[0], 2 * MANY, BlameRelation::INSIDE, 2);
    is(all[1], 2 * MANY - 1, BlameRelation::FREED, 2);
    hop(t.m, unwatched(mode_of(state)));
    assert_int_equal(t.history(spec::SPACE_HBM, (MANY - 1) * PAGE).size(), spec::BLAME_HISTORY);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(both_spaces_remember),
        IN_BOTH_MODES(what_is_mapped_twice_has_to_be_unmapped_twice),
        IN_BOTH_MODES(a_range_is_given_back_with_all_that_it_has),
        IN_BOTH_MODES(who_comes_later_is_right),
        IN_BOTH_MODES(names_come_from_mappings),
        IN_BOTH_MODES(what_makes_no_sense_is_refused),
        IN_BOTH_MODES(memory_of_it_is_bounded),
    };
    return cmocka_run_group_tests_name("holdings", tests, nullptr, nullptr);
}
