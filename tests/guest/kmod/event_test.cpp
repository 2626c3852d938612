// SPDX-License-Identifier: MIT
// EVENT_MASK, and what read() and poll() then give: the right events, to the right files.

#include "machine.hpp"

#include <atomic>
#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

using namespace kmod;
using neuron::spec::Fault;

namespace {

constexpr std::uint64_t NOWHERE = 0x7000000000;
constexpr std::uint32_t ALL = DRM_NEURON_EVENT_FAULT | DRM_NEURON_EVENT_RESET | DRM_NEURON_EVENT_RAS;
constexpr std::uint32_t FAULT = DRM_NEURON_EVENT_TYPE | DRM_NEURON_EVENT_FAULT;
constexpr std::uint32_t RESET = DRM_NEURON_EVENT_TYPE | DRM_NEURON_EVENT_RESET;
constexpr std::uint32_t RAS = DRM_NEURON_EVENT_TYPE | DRM_NEURON_EVENT_RAS;

std::uint32_t fault_once(const File &file) {
    const auto id = file.queue(4).queue_id;
    assert_int_equal(file.run(id, job_of(nop(), fill(NOWHERE, 8, 1))), -EIO);
    return id;
}

drm_neuron_event expect(const File &file, std::uint32_t type) {
    const auto event = next_event(file, LONG);
    if (!event)
        fail_msg("no event");
    assert_int_equal(event->type, type);
    assert_int_equal(event->length, sizeof(*event));
    assert_int_equal(event->pad, 0);
    return *event;
}

std::uint64_t now_ns() { return static_cast<std::uint64_t>(deadline(NOW)); }

void mask_refuses_bad_arguments(void **) {
    const File file;
    assert_int_equal(event_mask(file, ALL, 1), -EINVAL);
    for (unsigned bit = 3; bit < 32; ++bit)
        assert_int_equal(event_mask(file, 1U << bit), -EINVAL);
    assert_int_equal(event_mask(file, ALL), 0);
    assert_int_equal(event_mask(file, 0), 0);
}

void who_has_not_asked_gets_nothing(void **) {
    const File file;
    fault_once(file);
    assert_false(next_event(file).has_value());
    assert_int_equal(event_mask(file, DRM_NEURON_EVENT_RESET | DRM_NEURON_EVENT_RAS), 0);
    fault_once(file);
    assert_false(next_event(file).has_value());
    assert_int_equal(event_mask(file, DRM_NEURON_EVENT_FAULT), 0);
    fault_once(file);
    assert_int_equal(event_mask(file, 0), 0);
    fault_once(file);
    expect(file, FAULT);
    assert_false(next_event(file).has_value());
}

void fault_event_names_queue_job_and_address(void **) {
    const File file;
    assert_int_equal(event_mask(file, ALL), 0);
    file.queue();
    const auto id = file.queue().queue_id;
    const auto before = now_ns();
    assert_int_equal(file.run(id, job_of(nop())), 0);
    assert_int_equal(file.run(id, job_of(fill(NOWHERE + 8, 8, 1))), -EIO);
    const auto event = expect(file, FAULT);
    assert_int_equal(event.queue_id, id);
    assert_int_equal(event.code, static_cast<unsigned>(Fault::PAGE_NOT_MAPPED));
    assert_int_equal(event.seqno, 2);
    assert_int_equal(event.va, NOWHERE + 8);
    assert_int_equal(event.dropped, 0);
    assert_true(event.time_ns > before && event.time_ns < now_ns());
    assert_false(next_event(file).has_value());
}

void watchdog_event_has_no_code(void **) {
    const Impatient impatient;
    const File file;
    assert_int_equal(event_mask(file, DRM_NEURON_EVENT_FAULT), 0);
    const auto id = file.queue(0, HANGS_LATER).queue_id;
    assert_int_equal(file.run(id, job_of(nop())), 0);
    assert_int_equal(file.submit(id, job_of(Spinner(file).packet())), 0);
    const auto event = expect(file, FAULT);
    assert_int_equal(event.queue_id, id);
    assert_int_equal(event.code, 0);
    assert_int_equal(event.seqno, 2);
    assert_int_equal(file.state(id).state, DRM_NEURON_QUEUE_TIMED_OUT);
}

// A file learns nothing of another file's faults, and of its own queues only which one was guilty.
void faults_are_told_to_their_file_only(void **) {
    const File guilty;
    const File bystander;
    assert_int_equal(event_mask(guilty, ALL), 0);
    assert_int_equal(event_mask(bystander, ALL), 0);
    const auto sibling = guilty.queue().queue_id;
    assert_int_equal(guilty.submit(sibling, job_of(Spinner(guilty).packet())), 0);
    const auto id = fault_once(guilty);
    assert_int_equal(guilty.wait(sibling, 1, nullptr, LONG), 0);
    assert_int_equal(expect(guilty, FAULT).queue_id, id);
    assert_false(next_event(guilty).has_value());
    assert_false(next_event(bystander).has_value());
}

void reset_is_told_to_all_who_asked(void **) {
    const File first;
    const File second;
    const File deaf;
    assert_int_equal(event_mask(first, ALL), 0);
    assert_int_equal(event_mask(second, DRM_NEURON_EVENT_RESET), 0);
    assert_int_equal(event_mask(deaf, DRM_NEURON_EVENT_FAULT), 0);
    assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
    for (const File *file : {&first, &second}) {
        const auto event = expect(*file, RESET);
        assert_int_equal(event.info, file->query().reset_count);
        // By the time of the event the device takes jobs again.
        assert_int_equal(file->run(file->queue().queue_id, job_of(nop())), 0);
    }
    assert_false(next_event(deaf).has_value());
}

void events_that_do_not_fit_are_counted(void **) {
    const File file;
    assert_int_equal(event_mask(file, DRM_NEURON_EVENT_FAULT), 0);
    constexpr unsigned MANY = 100;
    for (unsigned i = 0; i < MANY; ++i)
        assert_int_equal(file.destroy(fault_once(file)), 0);
    unsigned kept = 0;
    while (const auto event = next_event(file)) {
        assert_int_equal(event->dropped, 0);
        ++kept;
    }
    assert_true(kept > 10 && kept < MANY);
    fault_once(file);
    assert_int_equal(expect(file, FAULT).dropped, MANY - kept);
    fault_once(file);
    assert_int_equal(expect(file, FAULT).dropped, 0);
}

void poll_and_read_sleep_until_an_event_comes(void **) {
    const File file;
    assert_int_equal(event_mask(file, DRM_NEURON_EVENT_FAULT), 0);
    std::atomic<int> polled = -1;
    std::thread poller([&] {
        pollfd one{.fd = file.fd(), .events = POLLIN, .revents = 0};
        polled = ::poll(&one, 1, static_cast<int>(LONG.count()));
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    assert_int_equal(polled, -1);
    fault_once(file);
    poller.join();
    assert_int_equal(polled, 1);
    expect(file, FAULT);

    std::atomic<ssize_t> got = 0;
    std::thread reader([&] {
        drm_neuron_event event{};
        got = ::read(file.fd(), &event, sizeof(event));
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    assert_int_equal(got, 0);
    fault_once(file);
    reader.join();
    assert_int_equal(got, sizeof(drm_neuron_event));
}

void read_gives_whole_events_only(void **) {
    const File file;
    assert_int_equal(event_mask(file, DRM_NEURON_EVENT_FAULT), 0);
    assert_int_equal(::fcntl(file.fd(), F_SETFL, O_NONBLOCK), 0);
    drm_neuron_event events[3]{};
    assert_int_equal(::read(file.fd(), events, sizeof(events)), -1);
    assert_int_equal(errno, EAGAIN);
    fault_once(file);
    fault_once(file);
    assert_int_equal(::read(file.fd(), events, sizeof(events[0]) - 1), 0);
    assert_int_equal(::read(file.fd(), events, sizeof(events)), 2 * sizeof(events[0]));
    assert_int_equal(events[0].type, FAULT);
    assert_int_equal(events[1].type, FAULT);
}

/// A buffer that is a whole stack of HBM, so that it is known where it lies. Return: its first byte in HBM.
std::uint64_t take_stack(const File &file, std::uint32_t bank, std::uint32_t *handle = nullptr) {
    const auto device = file.query();
    drm_neuron_bo_create create{};
    create.size = device.hbm_bytes / device.hbm_banks;
    create.placement = DRM_NEURON_PLACE_HBM;
    create.bank = bank;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_BO_CREATE, &create), 0);
    if (handle)
        *handle = create.handle;
    return bank * create.size;
}

void error_of_hbm_is_told_to_all_and_its_place_to_its_owner(void **) {
    const File owner;
    const File stranger;
    const File deaf;
    const auto place = take_stack(owner, 1) + 0x12345;
    take_stack(stranger, 2);
    assert_int_equal(event_mask(owner, DRM_NEURON_EVENT_RAS), 0);
    assert_int_equal(event_mask(stranger, DRM_NEURON_EVENT_RAS), 0);
    assert_int_equal(event_mask(deaf, DRM_NEURON_EVENT_FAULT | DRM_NEURON_EVENT_RESET), 0);
    for (const bool corrected : {true, false}) {
        const auto before = ras_of(owner);
        set_property(corrected ? "ecc-corrected" : "ecc-uncorrected", std::to_string(place));
        const auto mine = expect(owner, RAS);
        assert_int_equal(mine.code, corrected ? 0 : static_cast<unsigned>(Fault::HBM_ECC));
        assert_int_equal(mine.va, place);
        const auto his = expect(stranger, RAS);
        assert_int_equal(his.code, mine.code);
        assert_int_equal(his.va, ~std::uint64_t{0});
        const auto after = ras_of(owner);
        assert_int_equal(after.hbm_corrected, before.hbm_corrected + corrected);
        assert_int_equal(after.hbm_uncorrected, before.hbm_uncorrected + !corrected);
    }
    assert_false(next_event(deaf).has_value());
}

// An error stops nobody but who reads what it has spoilt, and who writes mends it.
void error_of_hbm_faults_who_reads_it(void **) {
    const File file;
    std::uint32_t handle = 0;
    const auto place = take_stack(file, 1, &handle);
    const auto va = file.bind(handle);
    const auto sink = file.bind(file.host(4096));
    const auto idle = file.queue().queue_id;
    assert_int_equal(file.run(idle, job_of(fill(va, 8192, 1))), 0);
    set_property("ecc-uncorrected", std::to_string(place + 100));
    assert_int_equal(file.run(idle, job_of(copy(va + 4096, sink, 4096))), 0);
    const auto id = file.queue().queue_id;
    assert_int_equal(file.run(id, job_of(copy(va, sink, 4096))), -EIO);
    assert_int_equal(file.state(id).fault_code, static_cast<unsigned>(Fault::HBM_ECC));
    assert_int_equal(file.state(id).fault_info & ~std::uint64_t{63}, place + 64);
    const auto again = file.queue().queue_id;
    assert_int_equal(file.run(again, job_of(fill(va, 4096, 1), copy(va, sink, 4096))), 0);
}

// Events may be lost, counts may not.
void errors_of_hbm_are_counted_over_resets_and_floods(void **) {
    const File file;
    const auto before = ras_of(file);
    Monitor monitor;
    const auto inject = [&](int count) {
        for (int i = 0; i < count; ++i)
            monitor.succeed("qom-set",
                            R"({"path": "/machine/peripheral/npu0", "property": "ecc-corrected", "value": 4096})");
    };
    inject(3);
    assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
    assert_int_equal(ras_of(file).hbm_corrected, before.hbm_corrected + 3);
    inject(400);
    assert_int_equal(ras_of(file).hbm_corrected, before.hbm_corrected + 403);
    assert_int_equal(ras_of(file).hbm_uncorrected, before.hbm_uncorrected);
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

// An event that comes while the file is closed must not outlive it: the kernel would complain.
void files_close_while_events_come(void **) {
    const std::string reset = pci_path() + "/reset";
    const std::string path = node();
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
            while (!stop) {
                const File file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
                event_mask(file, ALL);
                drm_neuron_queue_create queue{};
                if (file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &queue) == 0)
                    file.submit(queue.queue_id, job_of(fill(NOWHERE, 8, 1)));
            }
        });
    }
    for (int i = 0; i < 5; ++i)
        assert_int_equal(write_file(reset, "1"), 0);
    stop = true;
    for (auto &thread : threads)
        thread.join();
    device_works();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(mask_refuses_bad_arguments),
        cmocka_unit_test(who_has_not_asked_gets_nothing),
        cmocka_unit_test(fault_event_names_queue_job_and_address),
        cmocka_unit_test(watchdog_event_has_no_code),
        cmocka_unit_test(faults_are_told_to_their_file_only),
        cmocka_unit_test(reset_is_told_to_all_who_asked),
        cmocka_unit_test(events_that_do_not_fit_are_counted),
        cmocka_unit_test(poll_and_read_sleep_until_an_event_comes),
        cmocka_unit_test(read_gives_whole_events_only),
        cmocka_unit_test(error_of_hbm_is_told_to_all_and_its_place_to_its_owner),
        cmocka_unit_test(error_of_hbm_faults_who_reads_it),
        cmocka_unit_test(errors_of_hbm_are_counted_over_resets_and_floods),
        cmocka_unit_test(files_close_while_events_come),
    };
    return cmocka_run_group_tests_name("kmod event", tests, nullptr, nullptr);
}
