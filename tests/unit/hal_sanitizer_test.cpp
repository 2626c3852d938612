// SPDX-License-Identifier: MIT
// What the sanitizer of the in-process chip says of jobs of the library.
#include <cstdlib>
#include <mutex>
#include <string>

#include "hal_sim.hpp"

using namespace hal_test;

namespace {

using spec::SanitizerKind;

/** A rig whose log is kept. */
struct Watched {
    std::mutex lock;
    std::vector<std::string> warnings;
    Rig rig{open()};

    Device open(bool sanitizer = true) {
        neuron::DeviceOptions options{.backend = "sim"};
        options.sim.hbm_bytes = 256 << 20;
        options.sim.cores = 2;
        options.sim.sanitizer = sanitizer;
        options.log = [this](neuron::LogLevel level, std::string_view message) {
            const std::lock_guard guard(lock);
            if (level == neuron::LogLevel::warning)
                warnings.emplace_back(message);
        };
        return must(Device::open(options));
    }
    std::vector<neuron::SanitizerReport> reports() const { return rig.device.sanitizer_reports(); }
};

void jobs_in_their_buffers_are_right(void **) {
    Watched w;
    const Bytes data = pattern(100'000);
    const Buffer up = must(Buffer::create(w.rig.context, data.size(), hbm));
    must(w.rig.queue.write(up, 0, data));
    assert_true(read_back(w.rig.queue, up, data.size()) == data);
    assert_int_equal(w.reports().size(), 0);
}

void a_fill_beyond_what_was_asked_for(void **) {
    Watched w;
    const Buffer buffer = must(Buffer::create(w.rig.context, 100, {.placement = Placement::hbm, .label = "small"}));
    must(w.rig.queue.run(CommandList().fill(buffer.va(), 104, 0)));
    const auto reports = w.reports();
    assert_int_equal(reports.size(), 1);
    assert_int_equal(reports[0].kind, SanitizerKind::OUT_OF_BUFFER);
    assert_non_null(
        std::strstr(reports[0].text.data(),
                    "0 bytes past the end of buffer 'small' (#1, made at tests/unit/hal_sanitizer_test.cpp:"));
    assert_string_equal(reports[0].comm.data(), "hal_sanitizer_t");
}

void a_buffer_that_is_gone(void **) {
    Watched w;
    std::uint64_t va = 0;
    int last_line = 0;
    {
        const Buffer buffer = must(Buffer::create(w.rig.context, 4096, {.label = "gone"}));
        va = buffer.va();
        last_line = __LINE__ + 1;
    }
    assert_false(w.rig.queue.run(CommandList().fill(va, 8, 0)).has_value());
    const auto reports = w.reports();
    assert_int_equal(reports.size(), 1);
    assert_int_equal(reports[0].kind, SanitizerKind::USE_AFTER_FREE);
    assert_non_null(
        std::strstr(reports[0].text.data(), "buffer 'gone' (#1, made at tests/unit/hal_sanitizer_test.cpp:"));
    // The line at whose end it went out of scope.
    const std::string freed = " at tests/unit/hal_sanitizer_test.cpp:" + std::to_string(last_line);
    assert_non_null(std::strstr(reports[0].text.data(), freed.c_str()));
}

void a_buffer_that_was_replaced(void **) {
    Watched w;
    Buffer buffer = must(Buffer::create(w.rig.context, 4096, {.label = "first"}));
    Buffer next = must(Buffer::create(w.rig.context, 4096, {.label = "second"}));
    const std::uint64_t va = buffer.va();
    buffer = std::move(next);
    const int replaced = __LINE__ - 1;
    assert_false(w.rig.queue.run(CommandList().fill(va, 8, 0)).has_value());
    const auto reports = w.reports();
    assert_int_equal(reports.size(), 1);
    assert_int_equal(reports[0].kind, SanitizerKind::USE_AFTER_FREE);
    const std::string freed = " at tests/unit/hal_sanitizer_test.cpp:" + std::to_string(replaced);
    assert_non_null(std::strstr(reports[0].text.data(), freed.c_str()));
}

// The report itself has room for its beginning only.
void a_long_sentence_is_whole(void **) {
    Watched w;
    const std::string label(47, 'w');
    std::uint64_t va = 0;
    {
        const Buffer buffer = must(Buffer::create(w.rig.context, 4096, {.label = label}));
        va = buffer.va();
    }
    assert_false(w.rig.queue.run(CommandList().fill(va, 8, 0)).has_value());
    const auto reports = w.reports();
    assert_int_equal(reports.size(), 1);
    const std::string &sentence = reports[0].sentence;
    assert_true(sentence.size() > reports[0].text.size());
    assert_true(sentence.starts_with(reports[0].text.data()));
    assert_true(sentence.find(label) != std::string::npos);
    assert_true(sentence.ends_with("; it faulted"));
}

void reports_are_warnings_unless_they_faulted(void **) {
    Watched w;
    {
        const Buffer fresh = must(Buffer::create(w.rig.context, 4096, hbm));
        read_back(w.rig.queue, fresh, 64);
    }
    assert_false(w.rig.queue.run(CommandList().fill(1 << 21, 8, 0)).has_value());
    assert_int_equal(w.reports().size(), 2);
    w.rig = Rig(w.open(false)); // the chip ends, and has said all
    const std::lock_guard guard(w.lock);
    assert_int_equal(w.warnings.size(), 1);
    assert_true(w.warnings[0].starts_with("sanitizer: read of never-written memory: "));
}

void without_it_there_are_none(void **) {
    Watched w;
    w.rig = Rig(w.open(false));
    const Buffer buffer = must(Buffer::create(w.rig.context, 100));
    must(w.rig.queue.run(CommandList().fill(buffer.va(), 104, 0)));
    assert_int_equal(w.reports().size(), 0);
}

void the_environment_asks_for_it(void **) {
    Watched w;
    for (const auto &[wish, reports] : {std::pair{"0", 0U}, std::pair{"1", 1U}}) {
        assert_int_equal(setenv("NEURON_SANITIZER", wish, 1), 0);
        w.rig = Rig(w.open(false));
        const Buffer buffer = must(Buffer::create(w.rig.context, 100));
        must(w.rig.queue.run(CommandList().fill(buffer.va(), 104, 0)));
        assert_int_equal(w.reports().size(), reports);
    }
    assert_int_equal(unsetenv("NEURON_SANITIZER"), 0);
}

} // namespace

int main() {
    unsetenv("NEURON_SANITIZER"); // the cases want what they find
    const CMUnitTest tests[] = {
        cmocka_unit_test(jobs_in_their_buffers_are_right),
        cmocka_unit_test(a_fill_beyond_what_was_asked_for),
        cmocka_unit_test(a_buffer_that_is_gone),
        cmocka_unit_test(a_buffer_that_was_replaced),
        cmocka_unit_test(reports_are_warnings_unless_they_faulted),
        cmocka_unit_test(a_long_sentence_is_whole),
        cmocka_unit_test(without_it_there_are_none),
        cmocka_unit_test(the_environment_asks_for_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("hal_sanitizer", tests, nullptr, nullptr);
}
