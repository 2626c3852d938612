// SPDX-License-Identifier: MIT
// What was at an address, from the newest records that a coredump has: how a buffer began may be older than they are.
#include "chip_support.hpp"

#include <array>

#include <fmt/format.h>

#include "../../tools/neuronctl/explain/history.hpp"

namespace {

using namespace chip_test;
using neuronctl::explain::Past;
using spec::DebugKind;
namespace explain = neuronctl::explain;

constexpr std::uint64_t VA = 0x200000, SIZE = 0x3000;

/// Text of a coredump, record by record.
class Dump {
public:
    Dump &add(DebugKind kind, std::uint64_t time_ns, std::uint64_t buffer, std::uint32_t pid, std::uint8_t ctx = 1,
              std::uint64_t va = VA) {
        spec::RecordMapping record{};
        record.head.kind = spec::RecordKind::MAPPING;
        record.head.ctx = ctx;
        record.head.time_ns = time_ns;
        record.head.code = spec::raw(kind);
        record.va = va;
        record.bytes = SIZE;
        record.buffer = buffer;
        record.pid = pid;
        text_ += fmt::format("record {} MAPPING: ", count_++);
        for (const std::byte b : std::bit_cast<std::array<std::byte, sizeof(record)>>(record))
            text_ += fmt::format("{:02x}", static_cast<unsigned>(b));
        text_ += '\n';
        return *this;
    }

    [[nodiscard]] std::vector<Past> at(std::uint64_t va) const {
        return explain::history_in_coredump(text_ + "\n[end]\n", {}, 1, va);
    }

private:
    unsigned count_ = 0;
    std::string text_ = "neuron_accel coredump 1\n\n[recorder]\n";
};

void is(const Past &past, std::uint64_t buffer, const char *relation, std::uint64_t gone_pid) {
    assert_int_equal(past.buffer, buffer);
    assert_string_equal(past.relation.c_str(), relation);
    assert_int_equal(past.gone_pid, gone_pid);
    assert_int_equal(past.start, VA);
    assert_int_equal(past.bytes, SIZE);
}

void one_buffer_after_another(void **) {
    Dump dump;
    dump.add(DebugKind::BIND, 100, 5, 7).add(DebugKind::UNBIND, 200, 5, 8).add(DebugKind::FREE, 300, 5, 9);
    dump.add(DebugKind::BIND, 400, 6, 7).add(DebugKind::UNBIND, 500, 6, 8).add(DebugKind::BIND, 1000, 7, 7);
    const auto past = dump.at(VA + SIZE - 1);
    assert_int_equal(past.size(), 3);
    is(past[0], 7, "INSIDE", 0);
    is(past[1], 6, "UNBOUND", 8);
    is(past[2], 5, "FREED", 9);
    assert_int_equal(past[1].gone_ns_ago.value(), 500);
    assert_int_equal(past[2].bound_ns_ago.value(), 900);
    assert_int_equal(past[2].bound_pid, 7);
    assert_int_equal(dump.at(VA + SIZE).size(), 0);
    assert_int_equal(dump.at(VA - 1).size(), 0);
}

// More than one of them, so that the list has to grow.
void how_it_began_is_no_longer_known(void **) {
    Dump dump;
    for (std::uint64_t buffer = 1; buffer <= 9; ++buffer)
        dump.add(DebugKind::UNBIND, 100 * buffer, buffer, 8);
    dump.add(DebugKind::FREE, 1000, 4, 9).add(DebugKind::FREE, 1100, 77, 9);
    const auto past = dump.at(VA);
    assert_int_equal(past.size(), 9);
    is(past[0], 9, "UNBOUND", 8);
    is(past[5], 4, "FREED", 9);
    is(past[8], 1, "UNBOUND", 8);
    assert_false(past[0].bound_ns_ago.has_value());
}

void a_buffer_that_is_bound_twice(void **) {
    Dump dump;
    dump.add(DebugKind::BIND, 100, 5, 7).add(DebugKind::UNBIND, 200, 5, 8);
    dump.add(DebugKind::BIND, 300, 5, 7).add(DebugKind::FREE, 400, 5, 9);
    const auto past = dump.at(VA);
    assert_int_equal(past.size(), 2);
    is(past[0], 5, "INSIDE", 0);
    is(past[1], 5, "FREED", 9);
}

void what_is_of_other_contexts_and_places(void **) {
    Dump dump;
    dump.add(DebugKind::BIND, 100, 5, 7, 2).add(DebugKind::UNBIND, 200, 5, 8, 2);
    dump.add(DebugKind::BIND, 300, 6, 7, 1, VA + SIZE)
        .add(DebugKind::LABEL, 400, 6, 7)
        .add(DebugKind::CLEAR, 500, 0, 0);
    assert_int_equal(dump.at(VA).size(), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(one_buffer_after_another),
        cmocka_unit_test(how_it_began_is_no_longer_known),
        cmocka_unit_test(a_buffer_that_is_bound_twice),
        cmocka_unit_test(what_is_of_other_contexts_and_places),
    };
    return cmocka_run_group_tests_name("history", tests, nullptr, nullptr);
}
