// SPDX-License-Identifier: MIT
// neuronctl trace without a kernel: lines of its trace, clocks, and what becomes of both.
#include "../../tools/neuronctl/trace/story.hpp"
#include "hal_check.hpp"

#include <cstring>

namespace {

using namespace neuronctl;
using namespace neuronctl::trace;
namespace spec = neuron::spec;

constexpr std::string_view TEXT = R"(# tracer: nop
#
# entries-in-buffer/entries-written: 7/19   #P:2
#
             bug-257     [001] d..2.   123.456789: neuron_job_submit: ctx=1 queue=2
   a name-with-3-257     [000] .....   123.456790: tracing_mark_write: neuron:B submit
 <idle>-0       [000] d....     0.000001: sched_switch: prev_comm=swapper prev_pid=0 ==> next_comm=bug next_pid=257 next_prio=120
CPU:0 [LOST 3 EVENTS]
 nonsense
      bug-257     [000] d..1.   123.x: neuron_job_submit: broken
)";

void lines_of_the_kernel_are_read(void **) {
    const KernelTrace trace = parse_kernel_trace(TEXT);
    assert_int_equal(trace.lost, 12);
    assert_int_equal(trace.events.size(), 3);
    assert_string_equal(trace.events[0].comm.c_str(), "bug");
    assert_int_equal(trace.events[0].tid, 257);
    assert_int_equal(trace.events[0].cpu, 1);
    assert_true(trace.events[0].ns == 123456789000);
    assert_string_equal(trace.events[0].name.c_str(), "neuron_job_submit");
    assert_string_equal(trace.events[0].text.c_str(), "ctx=1 queue=2");
    assert_string_equal(trace.events[1].comm.c_str(), "a name-with-3");
    assert_string_equal(trace.events[1].text.c_str(), "neuron:B submit");
    assert_true(trace.events[2].ns == 1000);
    assert_int_equal(parse_kernel_trace("").events.size(), 0);
}

void clocks_are_a_straight_line(void **) {
    const ClockMap clocks({1000, 500, 3}, {3000, 1500, 2});
    assert_true(clocks.usable());
    assert_int_equal(clocks.host_of(500), 1000);
    assert_int_equal(clocks.host_of(1000), 2000);
    assert_int_equal(clocks.host_of(0), 0);
    assert_int_equal(clocks.error_ns(), 3);
    assert_false(ClockMap({1000, 500, 1}, {3000, 20, 1}).usable()); // a reset
}

template<class T>
DeviceRecord record_of(const T &record) {
    DeviceRecord out{};
    const auto raw = spec::packed(record);
    std::memcpy(out.data(), raw.data(), raw.size());
    return out;
}

DeviceRecord packet(std::uint64_t index, std::uint64_t start, std::uint64_t end, spec::PacketOp opcode) {
    spec::RecordPacket record{};
    record.head.index = index;
    record.head.kind = spec::RecordKind::PACKET;
    record.head.queue = 5;
    record.head.code = spec::raw(opcode);
    record.head.time_ns = end;
    record.start_ns = start;
    return record_of(record);
}

void records_before_the_command_are_left_out(void **) {
    std::vector<std::byte> bytes;
    for (const std::uint64_t end : {7U, 8U, 9U}) {
        const DeviceRecord record = packet(1, 0, end, spec::PacketOp::NOP);
        bytes.insert(bytes.end(), record.begin(), record.end());
    }
    assert_int_equal(device_records(bytes, 8).size(), 2);
    assert_int_equal(device_records(std::span(bytes).first(70), 0).size(), 1);
}

const Json *find(const Json &events, std::string_view phase, std::string_view name) {
    for (const Json &event : events)
        if (event["ph"] == phase && event["name"] == name)
            return &event;
    return nullptr;
}

void all_stands_on_one_timeline(void **) {
    KernelTrace kernel;
    kernel.events = {
        {"bug", 9, 0, 1000, "tracing_mark_write", "neuron:B submit"},
        {"bug", 9, 0, 2000, "neuron_job_submit", "ctx=1"},
        {"bug", 9, 0, 3000, "tracing_mark_write", "neuron:E"},
        {"bug", 9, 0, 3500, "tracing_mark_write", "neuron:E"}, // its begin was lost
        {"bug", 9, 1, 4000, "irq_handler_entry", "irq=25 name=neuron_accel"},
        {"bug", 9, 1, 5000, "irq_handler_exit", "irq=25 ret=handled"},
        {"bug", 9, 1, 6000, "irq_handler_exit", "irq=26 ret=handled"},
        {"x", 1, 0, 7000, "sched_switch", "prev_comm=x prev_pid=1 ==> next_comm=bug next_pid=9 next_prio=1"},
        {"bug", 9, 0, 8000, "sched_switch", "prev_comm=bug prev_pid=9 ==> next_comm=x next_pid=1 next_prio=1"}};
    spec::RecordLaunch launch{};
    launch.head.kind = spec::RecordKind::LAUNCH;
    launch.head.queue = 5;
    launch.head.time_ns = 600;
    launch.core_mask = 0b100;
    const Story story = make_story(kernel, {record_of(launch), packet(1, 550, 900, spec::PacketOp::LAUNCH)},
                                   ClockMap({1000, 500, 7}, {2000, 1500, 7}), "npu");
    assert_int_equal(story.spans, 1);
    assert_int_equal(story.packets, 1);
    const Json &events = story.json["traceEvents"];
    const Json *span = find(events, "X", "submit");
    assert_non_null(span);
    assert_true((*span)["ts"] == 1.0 && (*span)["dur"] == 2.0 && (*span)["tid"] == 9);
    const Json *irq = find(events, "X", "neuron_accel");
    assert_true(irq != nullptr && (*irq)["dur"] == 1.0);
    const Json *running = find(events, "X", "bug");
    assert_true(running != nullptr && (*running)["ts"] == 7.0 && (*running)["dur"] == 1.0);
    assert_non_null(find(events, "i", "neuron_job_submit"));
    const Json *taken = find(events, "X", "LAUNCH");
    assert_true(taken != nullptr && (*taken)["ts"] == 1.05 && (*taken)["tid"] == 5);
    const Json *core = find(events, "X", "launch of queue 5");
    assert_true(core != nullptr && (*core)["ts"] == 1.1 && (*core)["tid"] == 2 * 64);
    assert_int_equal(story.json["otherData"]["clock_error_ns"].get<int>(), 7);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_the_kernel_are_read),
        cmocka_unit_test(clocks_are_a_straight_line),
        cmocka_unit_test(records_before_the_command_are_left_out),
        cmocka_unit_test(all_stands_on_one_timeline),
    };
    return cmocka_run_group_tests_name("neuronctl trace", tests, nullptr, nullptr);
}
