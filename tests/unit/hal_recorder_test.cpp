// SPDX-License-Identifier: MIT
// Records of the flight recorder as tools read them.
#include "recorder.hpp"

#include <cstring>
#include <string>

#include <setjmp.h>
#include <stdarg.h>
extern "C" {
#include <cmocka.h>
}

namespace {

namespace spec = neuron::spec;
using neuron::detail::RawRecord;
using spec::RecordKind;

spec::RecordHead head(RecordKind kind, std::uint8_t code = 0) {
    return {.index = 7, .time_ns = 1'250'000, .kind = kind, .ctx = 3, .queue = 5, .code = code, .packet = 2};
}

template<class Record>
void says(const Record &record, const std::string &text) {
    assert_string_equal(neuron::detail::describe(spec::packed(record)).c_str(), text.c_str());
}

void each_kind_has_its_words(void **) {
    auto packet = head(RecordKind::PACKET, spec::raw(spec::PacketOp::COPY));
    packet.flags = spec::RecordFlag::DST_HBM | spec::RecordFlag::IRQ;
    says(spec::RecordPacket{.head = packet, .dst = 0x100000, .src = 0x20000, .bytes = 4096, .start_ns = 1000},
         "7 0.001250 PACKET COPY flags=DST_HBM|IRQ ctx=3 queue=5 packet=2 dst=0x100000 src=0x20000 bytes=4096 "
         "start_ns=1000");
    says(spec::RecordDoorbell{.head = head(RecordKind::DOORBELL), .old_tail = 2, .tail = 9},
         "7 0.001250 DOORBELL ctx=3 queue=5 packet=2 old_tail=2 tail=9");
    auto semaphore = head(RecordKind::SEMAPHORE, static_cast<std::uint8_t>(spec::RecordChange::TAKE));
    semaphore.unit = spec::Unit::DVE;
    says(spec::RecordSemaphore{.head = semaphore, .pc = 4, .operand = 1, .value = 2, .semaphore = 9},
         "7 0.001250 SEMAPHORE TAKE ctx=3 queue=5 unit=DVE packet=2 pc=4 operand=1 value=2 semaphore=9");
    says(spec::RecordFault{.head = head(RecordKind::FAULT, static_cast<std::uint8_t>(spec::Fault::PAGE_NOT_MAPPED)),
                           .va = 0x200000},
         "7 0.001250 FAULT PAGE_NOT_MAPPED ctx=3 queue=5 packet=2 va=0x200000");
    says(spec::RecordReset{.head = {.index = 7, .time_ns = 1'250'000, .kind = RecordKind::RESET}, .resets = 1},
         "7 0.001250 RESET resets=1");
}

void every_kind_is_known(void **) {
    for (const RecordKind kind : spec::values<RecordKind>()) {
        const std::string text = neuron::detail::describe(spec::packed(spec::RecordReset{.head = head(kind)}));
        assert_non_null(std::strstr(text.c_str(), std::string(spec::name(kind)).c_str()));
    }
    says(spec::RecordReset{.head = head(static_cast<RecordKind>(200)), .resets = 9},
         "7 0.001250 kind 200 ctx=3 queue=5 packet=2");
}

void flags_that_nobody_knows_are_numbers(void **) {
    auto context = head(RecordKind::DOORBELL);
    context.flags = 0xff;
    const std::string text = neuron::detail::describe(spec::packed(spec::RecordDoorbell{.head = context}));
    assert_non_null(std::strstr(text.c_str(), "flags=WRITE|ON|FLUSH|SRC_HBM|DST_HBM|FAILED|IRQ|HELD"));
}

void a_file_has_whole_records(void **) {
    std::vector<std::byte> bytes(3 * sizeof(RawRecord));
    bytes[64] = std::byte{1};
    const auto records = neuron::detail::records_of(bytes, "dump");
    assert_true(records.has_value());
    assert_int_equal(records->size(), 3);
    assert_int_equal(neuron::detail::head_of((*records)[1]).index, 1);
    bytes.pop_back();
    const auto cut = neuron::detail::records_of(bytes, "dump");
    assert_false(cut.has_value());
    assert_string_equal(cut.error().message.c_str(), "dump: 191 bytes are no whole number of records of 64");
    assert_true(neuron::detail::records_of({}, "dump")->empty());
    const auto missing = neuron::detail::read_records("/nonexistent/recorder");
    assert_false(missing.has_value());
    assert_non_null(std::strstr(missing.error().message.c_str(), "/nonexistent/recorder"));
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_words),
        cmocka_unit_test(every_kind_is_known),
        cmocka_unit_test(flags_that_nobody_knows_are_numbers),
        cmocka_unit_test(a_file_has_whole_records),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("hal_recorder", tests, nullptr, nullptr);
}
