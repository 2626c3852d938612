// SPDX-License-Identifier: MIT
// The trace events: which come, in which order, and that the same ids tie them together.

#include "inspect.hpp"
#include "machine.hpp"
#include "memory.hpp"
#include "ring.hpp"
#include "user_queue.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <set>

using namespace kmod;

namespace {

using Events = std::vector<Trace::Event>;

const std::vector<std::string> JOB{"job_create", "job_submit", "job_doorbell", "job_retire", "job_done"};
constexpr const char *JOB_SEQUENCE = "job_create job_submit job_doorbell job_retire job_done";

std::uint32_t ctx_of(const File &file) { return context_of(file).context; }

/// The events about one job.
Events of_job(const Events &events, std::uint64_t queue, std::uint64_t seqno) {
    Events some;
    for (const Trace::Event &event : events)
        if (event.record.has("seqno") && event.record.number("queue") == queue && event.record.number("seqno") == seqno)
            some.push_back(event);
    return some;
}

/// The events about one command of io_uring.
Events of_command(const Events &events, std::uint64_t user_data) {
    Events some;
    for (const Trace::Event &event : events)
        if (event.record.has("user_data") && event.record.number("user_data") == user_data)
            some.push_back(event);
    return some;
}

/// The one request that all of these are about.
std::string request_of(const Events &events) {
    std::set<std::string> requests;
    for (const Trace::Event &event : events)
        requests.insert(event.record.text("req"));
    assert_int_equal(requests.size(), 1);
    return *requests.begin();
}

bool has_word(const Trace::Event &event, const std::string &word) {
    return std::ranges::find(event.record.words, word) != event.record.words.end();
}

void expect_names(const Events &events, const std::string &wanted) {
    assert_string_equal(names(events).c_str(), wanted.c_str());
}

// ---- jobs -----------------------------------------------------------------------------------------------------------

void job_from_its_number_to_its_fence(void **) {
    const File file;
    Trace trace;
    const auto queue = file.queue(5);
    std::uint64_t seqno = 0;
    assert_int_equal(file.run(queue.queue_id, nops(1)), 0);
    assert_int_equal(file.submit(queue.queue_id, nops(3), &seqno), 0);
    drm_neuron_wait wait{};
    wait.queue_id = queue.queue_id;
    wait.seqno = seqno;
    wait.timeout_ns = deadline(LONG);
    assert_int_equal(file.call(DRM_IOCTL_NEURON_WAIT, &wait), 0);
    assert_int_equal(file.destroy(queue.queue_id), 0);

    const auto events = trace.events(ctx_of(file));
    const auto &created = the(events, "queue_create").record;
    assert_int_equal(created.number("id"), queue.queue_id);
    assert_int_equal(created.number("ring_log2"), 5);
    const auto hw = created.number("queue");

    const auto job = of_job(events, hw, seqno);
    expect_names(job, JOB_SEQUENCE);
    assert_int_equal(job[0].record.number("packets"), 3);
    assert_string_equal(job[1].record.text("packets").c_str(), "1+3");
    assert_int_equal(job[2].record.number("tail"), 4);
    assert_int_equal(job[3].record.number("start_ns"), wait.start_ns);
    assert_int_equal(job[3].record.number("end_ns"), wait.end_ns);
    assert_int_equal(job[3].record.number("run_ns"), wait.end_ns - wait.start_ns);
    assert_int_equal(job[4].record.number("error"), 0);
    for (std::size_t i = 1; i < job.size(); ++i)
        assert_true(job[i].time >= job[i - 1].time);

    const auto &stopped = the(events, "queue_stop").record;
    assert_int_equal(stopped.number("queue"), hw);
    assert_string_equal(stopped.text("state").c_str(), "destroyed");
    assert_int_equal(stopped.number("submitted"), 2);
    assert_int_equal(stopped.number("completed"), 2);
}

void fault_names_the_job_and_stops_the_queue(void **) {
    const File file;
    Trace trace;
    const auto queue = file.queue();
    const auto unmapped = file.query().va_start;
    assert_int_equal(file.run(queue.queue_id, nops(1)), 0);
    assert_int_equal(file.run(queue.queue_id, job_of(nop(), fill(unmapped, 64, 0))), -EIO);

    const auto events = trace.events(ctx_of(file));
    const auto hw = the(events, "queue_create").record.number("queue");
    const auto &fault = the(events, "fault").record;
    assert_int_equal(fault.number("queue"), hw);
    assert_int_equal(fault.number("code"), file.state(queue.queue_id).fault_code);
    assert_int_equal(fault.number("packet"), 2); // of the queue: the job's second
    assert_int_equal(fault.number("va"), unmapped);
    const auto &stopped = the(events, "queue_stop").record;
    assert_string_equal(stopped.text("state").c_str(), "faulted");
    assert_int_equal(static_cast<int>(stopped.number("error")), -EIO);

    // It did not run to its end, so nothing is retired.
    const auto job = of_job(events, hw, 2);
    expect_names(job, "job_create job_submit job_doorbell job_done");
    assert_int_equal(static_cast<int>(job.back().record.number("error")), -EIO);
    expect_names(only(events, {"fault", "queue_stop"}), "fault queue_stop");
}

void timeout_is_told_from_a_fault(void **) {
    const File file;
    const Spinner spinner(file);
    Trace trace;
    const auto queue = file.queue(4, HANGS_AT_ONCE);
    assert_int_equal(file.run(queue.queue_id, job_of(spinner.packet())), -ETIME);
    const auto events = trace.events(ctx_of(file));
    assert_string_equal(the(events, "queue_stop").record.text("state").c_str(), "timed_out");
    assert_int_equal(static_cast<int>(the(events, "job_done").record.number("error")), -ETIME);
    assert_true(only(events, {"fault"}).empty());
}

// ---- mappings -------------------------------------------------------------------------------------------------------

void mapping_from_bind_to_flush(void **) {
    const File file;
    const auto handle = file.hbm(8192);
    Trace trace;
    const auto va = file.bind(handle, DRM_NEURON_BIND_READ_ONLY);
    assert_int_equal(file.unbind(va, 8192), 0);

    const auto events = trace.events(ctx_of(file));
    expect_names(events, "map unmap tlb_flush");
    for (std::size_t i = 0; i < 2; ++i) {
        assert_int_equal(events[i].record.number("va"), va);
        assert_int_equal(events[i].record.number("size"), 8192);
        assert_string_equal(events[i].record.text("placement").c_str(), "hbm");
        assert_true(has_word(events[i], "ro"));
    }
    assert_int_equal(events[2].record.number("error"), 0);
    assert_true(events[2].record.number("ns") > 0);
}

void pins_of_a_queue_in_user_mode(void **) {
    const File file;
    const auto ctx = ctx_of(file);
    Trace trace;
    {
        const UserQueue queue(file);
        const auto &created = queue.memory();
        const auto pins = only(trace.events(ctx), {"pin"});
        assert_int_equal(pins.size(), 3);
        assert_int_equal(pins[0].record.number("va"), created.va);
        assert_int_equal(pins[0].record.number("size"), created.entries() * sizeof(Packet));
        assert_false(has_word(pins[0], "write"));
        assert_int_equal(pins[1].record.number("va"), created.va + created.seqno_offset());
        assert_true(has_word(pins[1], "write"));
        assert_int_equal(pins[2].record.number("va"), created.va + created.stamps_offset());
        assert_int_equal(file.destroy(queue.id()), 0);
    }
    expect_names(only(trace.events(ctx), {"pin", "unpin"}), "pin pin pin unpin unpin unpin");
}

void memory_of_a_process_from_pin_to_unpin(void **) {
    const File file;
    const Target target(file, 8192);
    const Memory memory(8192);
    const auto queue = file.queue();
    Trace trace;
    assert_int_equal(file.run_dma(queue.queue_id, DRM_NEURON_DMA_FROM_DEVICE, memory.data() + 100, 4096, target.va), 0);

    const auto events = trace.events(ctx_of(file));
    expect_names(events,
                 "dma_pin job_create map job_submit job_doorbell job_retire job_done unmap tlb_flush dma_unpin");
    for (const char *name : {"dma_pin", "dma_unpin"}) {
        const auto &pin = the(events, name);
        assert_int_equal(pin.record.number("ptr"), reinterpret_cast<std::uintptr_t>(memory.data()) + 100);
        assert_int_equal(pin.record.number("pages"), 2);
        assert_true(has_word(pin, "write"));
        assert_int_equal(pin.record.number("queue"), the(events, "job_create").record.number("queue"));
    }
    assert_true(has_word(the(events, "job_create"), "dma"));
    assert_int_equal(the(events, "map").record.number("size"), 8192);
}

// ---- commands of io_uring -------------------------------------------------------------------------------------------

void command_from_its_issue_to_its_completion(void **) {
    const File file;
    const auto queue = file.queue();
    Ring ring(IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
    Trace trace;
    ring.add_inline(file, queue.queue_id, nop(), 0x71);
    ring.submit();
    const auto done = ring.wait();
    assert_int_equal(done.result, 0);

    const auto events = trace.events(ctx_of(file));
    const auto command = of_command(events, 0x71);
    // Whether it is complete before the issuer returns, chance decides.
    expect_names(only(command, {"uring_issue", "uring_queued", "uring_complete"}),
                 "uring_issue uring_queued uring_complete");
    request_of(command);
    const auto &issue = the(command, "uring_issue");
    assert_string_equal(issue.record.text("op").c_str(), "SUBMIT_INLINE");
    assert_int_equal(issue.record.number("flags"), 0);
    assert_false(has_word(issue, "worker"));
    const auto &issued = the(command, "uring_issued");
    assert_true(has_word(issued, "queued"));
    const auto &queued = the(command, "uring_queued").record, &complete = the(command, "uring_complete").record;
    assert_int_equal(complete.number("result"), 0);
    assert_int_equal(complete.number("end_ns"), done.extra);
    assert_int_equal(complete.number("queue"), queued.number("queue"));
    assert_int_equal(complete.number("seqno"), queued.number("seqno"));

    // By queue and number, it is known which job that is.
    const auto job = of_job(only(events, JOB), queued.number("queue"), queued.number("seqno"));
    expect_names(job, JOB_SEQUENCE);
    assert_int_equal(job[3].record.number("end_ns"), done.extra);
    assert_true(complete.number("latency_ns") >= job[3].record.number("run_ns"));
}

// The doorbell waits for the end of the batch, whatever comes of the batch's other commands.
void commands_submitted_together_ring_once(void **) {
    const File file;
    const std::array<std::uint32_t, 2> queues{file.queue().queue_id, file.queue().queue_id};
    Ring ring(IORING_SETUP_SQE128);
    Trace trace;
    constexpr std::uint64_t EACH = 4, NOBODY = 100;
    for (std::uint64_t i = 0; i < EACH * queues.size(); ++i)
        ring.add_inline(file, queues[i % queues.size()], nop(), i);
    ring.add_inline(file, 4711, nop(), NOBODY);
    ring.submit();
    while (ring.in_flight() > 0) {
        const auto done = ring.wait();
        assert_int_equal(done.result, done.tag == NOBODY ? -ENOENT : 0);
    }
    const auto events = trace.events(ctx_of(file));
    assert_int_equal(only(events, {"job_submit"}).size(), EACH * queues.size());
    const auto doorbells = only(events, {"job_doorbell"});
    assert_int_equal(doorbells.size(), queues.size());
    for (const auto &doorbell : doorbells)
        assert_int_equal(doorbell.record.number("tail"), EACH);
}

void command_that_is_refused_ends_inline(void **) {
    const File file;
    Ring ring(IORING_SETUP_SQE128);
    Trace trace;
    ring.add_inline(file, 4711, nop(), 0x72);
    assert_int_equal(ring.result(), -ENOENT);
    const auto command = of_command(trace.events(ctx_of(file)), 0x72);
    expect_names(command, "uring_issue uring_issued");
    assert_true(has_word(command[1], "inline"));
    assert_int_equal(static_cast<int>(command[1].record.number("result")), -ENOENT);
}

void command_that_would_sleep_goes_to_a_worker(void **) {
    const File file;
    const Target target(file, 4096);
    const Memory memory(4096);
    const auto queue = file.queue();
    Ring ring;
    Trace trace;
    ring.add_dma(file, queue.queue_id, 0, memory.data(), 4096, target.va, 0x73);
    assert_int_equal(ring.result(), 0);
    Events command;
    // The bytes may have arrived before the worker that has queued the command gets back from it.
    assert_true(wait_until([&] {
        command = of_command(trace.events(ctx_of(file)), 0x73);
        return only(command, {"uring_issued"}).size() == 2;
    }));
    const auto issues = only(command, {"uring_issue"}), returns = only(command, {"uring_issued"});
    assert_int_equal(issues.size(), 2);
    assert_false(has_word(issues[0], "worker"));
    assert_true(has_word(issues[1], "worker"));
    assert_true(has_word(returns[0], "punted"));
    assert_true(has_word(returns[1], "queued"));
    request_of(command);
    the(command, "uring_complete");
}

void wait_and_its_cancel(void **) {
    const File file;
    Gate gate(file);
    const auto queue = file.queue();
    std::uint64_t seqno = 0;
    assert_int_equal(file.submit(queue.queue_id, job_of(gate.packet()), &seqno), 0);
    Ring ring;
    Trace trace;
    ring.add_wait(file, queue.queue_id, seqno, 0x74);
    ring.submit();
    ring.add_wait_cancel(file, queue.queue_id, seqno, 0x75);
    ring.submit();
    std::map<std::uint64_t, int> results;
    for (int i = 0; i < 2; ++i) {
        const auto done = ring.wait();
        results[done.tag] = done.result;
    }
    gate.open();
    assert_int_equal(results.at(0x74), -ECANCELED);
    assert_int_equal(results.at(0x75), 1);

    const auto events = trace.events(ctx_of(file));
    const auto waiting = of_command(events, 0x74);
    assert_string_equal(the(waiting, "uring_issue").record.text("op").c_str(), "WAIT");
    assert_int_equal(the(waiting, "uring_queued").record.number("seqno"), seqno);
    assert_int_equal(static_cast<int>(the(waiting, "uring_complete").record.number("result")), -ECANCELED);
    const auto canceling = of_command(events, 0x75);
    expect_names(canceling, "uring_issue uring_issued");
    assert_int_equal(canceling[1].record.number("result"), 1);
}

void ring_that_goes_away_cancels(void **) {
    const File file;
    Gate gate(file);
    const auto queue = file.queue();
    Trace trace;
    const auto ctx = ctx_of(file);
    {
        Ring ring(IORING_SETUP_SQE128);
        ring.add_inline(file, queue.queue_id, gate.packet(), 0x76);
        ring.submit();
    }
    // Closing a ring only begins to cancel what is in it.
    assert_true(wait_until([&] { return !only(of_command(trace.events(ctx), 0x76), {"uring_complete"}).empty(); }));
    const auto command = of_command(trace.events(ctx), 0x76);
    expect_names(command, "uring_issue uring_queued uring_issued uring_cancel uring_complete");
    request_of(command);
    const auto &complete = the(command, "uring_complete").record;
    assert_int_equal(static_cast<int>(complete.number("result")), -ECANCELED);
    assert_int_equal(complete.number("end_ns"), 0);
    gate.open();

    // Its job goes on.
    int status = 0;
    assert_int_equal(file.wait(queue.queue_id, complete.number("seqno"), &status, LONG), 0);
    assert_int_equal(status, 0);
}

void polling_tells_of_each_look(void **) {
    const File file;
    const auto queue = file.queue(0, 0, DRM_NEURON_QUEUE_POLLED);
    Ring ring(IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_IOPOLL);
    Trace trace;
    ring.add_inline(file, queue.queue_id, nop(), 0x77);
    ring.submit();
    assert_int_equal(ring.wait().result, 0);
    const auto command = of_command(trace.events(ctx_of(file)), 0x77);
    assert_true(has_word(the(command, "uring_issue"), "iopoll"));
    const auto looks = only(command, {"uring_iopoll"});
    assert_true(!looks.empty());
    for (const auto &look : looks)
        assert_int_equal(look.record.number("done"), &look == &looks.back());
    expect_names(only(command, {"uring_queued", "uring_complete"}), "uring_queued uring_complete");
    request_of(command);
}

// ---- all of them ----------------------------------------------------------------------------------------------------

void every_event_is_documented(void **) {
    const auto text = slurp(std::string(NEURON_TOP) + "/docs/reference/driver.md");
    std::size_t count = 0;
    for (const auto &entry : std::filesystem::directory_iterator("/sys/kernel/tracing/events/neuron")) {
        if (!entry.is_directory())
            continue;
        ++count;
        const auto name = entry.path().filename().string();
        if (text.find("`" + name + "`") == std::string::npos)
            fail_msg("docs/reference/driver.md does not know %s", name.c_str());
    }
    assert_true(count > 20);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(job_from_its_number_to_its_fence),
        cmocka_unit_test(fault_names_the_job_and_stops_the_queue),
        cmocka_unit_test(timeout_is_told_from_a_fault),
        cmocka_unit_test(mapping_from_bind_to_flush),
        cmocka_unit_test(pins_of_a_queue_in_user_mode),
        cmocka_unit_test(memory_of_a_process_from_pin_to_unpin),
        cmocka_unit_test(command_from_its_issue_to_its_completion),
        cmocka_unit_test(commands_submitted_together_ring_once),
        cmocka_unit_test(command_that_is_refused_ends_inline),
        cmocka_unit_test(command_that_would_sleep_goes_to_a_worker),
        cmocka_unit_test(wait_and_its_cancel),
        cmocka_unit_test(ring_that_goes_away_cancels),
        cmocka_unit_test(polling_tells_of_each_look),
        cmocka_unit_test(every_event_is_documented),
    };
    return cmocka_run_group_tests_name("kmod trace", tests, nullptr, nullptr);
}
