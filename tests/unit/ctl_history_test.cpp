// SPDX-License-Identifier: MIT
// What was at an address, from the newest records that a coredump has: how a buffer began may be older than they are.
#include "chip_support.hpp"

#include <array>
#include <vector>

#include <fmt/format.h>

#include "../../tools/neuronctl/explain/history.hpp"
#include "../../tools/neuronctl/explain/last_failure.hpp"

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

// ---- what failed last -----------------------------------------------------------------------------------------------

/// The bytes of a recorder, record by record.
class Recorder {
public:
    template<class T>
    Recorder &add(spec::RecordKind kind, T record, std::uint8_t queue = 0, std::uint8_t flags = 0,
                  std::uint64_t packet = 0) {
        record.head.kind = kind;
        record.head.flags = flags;
        record.head.queue = queue;
        record.head.ctx = 1;
        record.head.packet = packet;
        record.head.time_ns = time_ns_ += 1'000'000;
        const auto raw = spec::packed(record);
        bytes_.insert(bytes_.end(), raw.begin(), raw.end());
        return *this;
    }
    Recorder &queue_on(std::uint8_t queue) {
        return add(spec::RecordKind::QUEUE, spec::RecordQueue{}, queue, spec::raw(spec::RecordFlag::ON));
    }
    Recorder &mapping(DebugKind kind, std::uint64_t buffer) {
        spec::RecordMapping record{.va = VA, .bytes = SIZE, .buffer = buffer, .pid = 183};
        record.head.code = spec::raw(kind);
        return add(spec::RecordKind::MAPPING, record);
    }
    Recorder &packet(spec::PacketOp op, std::uint64_t index, bool failed) {
        spec::RecordPacket record{};
        record.head.code = spec::raw(op);
        return add(spec::RecordKind::PACKET, record, 0, failed ? spec::raw(spec::RecordFlag::FAILED) : 0, index);
    }
    Recorder &fault(std::uint64_t va, std::uint64_t packet) {
        spec::RecordFault record{.va = va};
        record.head.code = spec::raw(spec::Fault::PAGE_NOT_MAPPED);
        return add(spec::RecordKind::FAULT, record, 0, spec::raw(spec::RecordFlag::WRITE), packet);
    }
    Recorder &reset() { return add(spec::RecordKind::RESET, spec::RecordReset{}); }

    [[nodiscard]] explain::State state() const {
        explain::State out;
        out.failure = explain::last_failure_in(bytes_, time_ns_ + 2'000'000'000);
        return out;
    }

private:
    std::uint64_t time_ns_ = 0;
    std::vector<std::byte> bytes_;
};

void says(const explain::State &state, const char *rule, const char *text) {
    const auto finding = explain::explain(state).front();
    assert_string_equal(finding.rule.c_str(), rule);
    if (finding.sentence.find(text) == std::string::npos)
        fail_msg("'%s' does not say '%s'", finding.sentence.c_str(), text);
}

void last_failure_names_queue_packet_buffer_and_sibling(void **) {
    Recorder recorder;
    recorder.queue_on(0).packet(spec::PacketOp::NOP, 1, true); // of another life of the queue
    recorder.add(spec::RecordKind::CONTEXT, spec::RecordContext{}, 0, spec::raw(spec::RecordFlag::ON));
    recorder.queue_on(0).queue_on(2).mapping(DebugKind::BIND, 5);
    recorder.fault(VA + SIZE + 64, 1).packet(spec::PacketOp::COPY, 1, true);
    recorder.queue_on(0).packet(spec::PacketOp::FILL, 1, true); // and of a later one
    const auto state = recorder.state();
    says(state, "last_failure",
         "in packet 1 (COPY) of queue 0 (context 1, of process 183), 2 s ago: PAGE_NOT_MAPPED: ");
    says(state, "last_failure", "writing address 0x203040 (64 bytes behind the end of buffer 5)");
    says(state, "last_failure", "; queue 2 of the same context was stopped with it");
    const auto json = explain::finding_json(explain::explain(state).front()).at("failure");
    assert_string_equal(json.at("fault").get<std::string>().c_str(), "PAGE_NOT_MAPPED");
    assert_string_equal(json.at("opcode").get<std::string>().c_str(), "COPY");
    assert_int_equal(json.at("stopped_too").at(0).get<int>(), 2);
    assert_true(json.at("ns_ago").get<std::uint64_t>() >= 2'000'000'000);
}

void what_had_been_unbound_is_named(void **) {
    Recorder recorder;
    recorder.mapping(DebugKind::BIND, 5).mapping(DebugKind::UNBIND, 5).fault(VA + 8, 0);
    says(recorder.state(), "last_failure", "(byte 8 of buffer 5, which had been unbound)");
    recorder.mapping(DebugKind::BIND, 6).fault(VA + 8, 0);
    says(recorder.state(), "last_failure", "(byte 8 of buffer 6)");
}

void failures_of_before_a_reset_are_over(void **) {
    Recorder recorder;
    assert_false(recorder.state().failure.has_value());
    assert_true(recorder.fault(VA, 0).state().failure.has_value());
    assert_false(recorder.reset().state().failure.has_value());
    assert_false(explain::last_failure_in(std::array<std::byte, 17>{}, {}).has_value());
}

// What stands still now, or has failed and is still there, comes first, alone.
void what_is_there_is_said_instead(void **) {
    Recorder recorder;
    auto state = recorder.fault(VA, 3).state();
    explain::Queue queue{.hw = 0, .ctx = 1, .state = "faulted", .fault = state.failure->fault};
    state.queues = {queue};
    assert_int_equal(explain::explain(state).size(), 1);
    state.queues[0].state = "timed out";
    assert_int_equal(explain::explain(state).size(), 1);
    // The guilty queue has gone, the other one of its context is there.
    state.queues[0].state = "canceled";
    state.queues[0].hw = 7;
    assert_int_equal(explain::explain(state).size(), 2);
    state.queues[0].ctx = 4;
    assert_int_equal(explain::explain(state).size(), 1);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(one_buffer_after_another),
        cmocka_unit_test(how_it_began_is_no_longer_known),
        cmocka_unit_test(a_buffer_that_is_bound_twice),
        cmocka_unit_test(what_is_of_other_contexts_and_places),
        cmocka_unit_test(last_failure_names_queue_packet_buffer_and_sibling),
        cmocka_unit_test(what_had_been_unbound_is_named),
        cmocka_unit_test(failures_of_before_a_reset_are_over),
        cmocka_unit_test(what_is_there_is_said_instead),
    };
    return cmocka_run_group_tests_name("history", tests, nullptr, nullptr);
}
