// SPDX-License-Identifier: MIT
// What happens when a job hangs: who is stopped, who is told what, and that the next job runs.

#include "machine.hpp"
#include "watched.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <thread>

#include <linux/pci_regs.h>
#include <regex.h>

using namespace kmod;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t NOWHERE = 0x7000000000;

std::string attribute(const std::string &name) { return pci_path() + "/" + name; }

void reset_function() { assert_int_equal(write_file(attribute("reset"), "1"), 0); }

void expect_context(const File &file, const drm_neuron_query_context &want) {
    const auto have = context_of(file);
    assert_int_equal(have.faults, want.faults);
    assert_int_equal(have.timeouts, want.timeouts);
    assert_int_equal(have.canceled, want.canceled);
    assert_int_equal(have.lost, want.lost);
    assert_int_equal(have.resets_caused, want.resets_caused);
}

/// Submits a job that never ends. Return: its queue.
std::uint32_t spin(const File &file, std::uint32_t timeout_ms) {
    const auto id = file.queue(0, timeout_ms).queue_id;
    assert_int_equal(file.submit(id, job_of(Spinner(file).packet())), 0);
    return id;
}

int result(const File &file, std::uint32_t queue_id) {
    int status = 1;
    assert_int_equal(file.wait(queue_id, 1, &status, LONG), 0);
    return status;
}

// ---- limits ----

void limits_have_defaults_and_ranges(void **) {
    struct Limit {
        const char *name;
        const char *initial;
        std::vector<const char *> good;
        std::vector<const char *> bad;
    };
    const Limit limits[] = {
        {"watchdog/timeout_ms", "10000", {"1", "3600000"}, {"0", "3600001", "4294967295"}},
        {"watchdog/job_timeouts", "32", {"1", "1000"}, {"0", "1001"}},
        {"watchdog/stop_ms", "2000", {"10", "60000"}, {"9", "60001"}},
        {"watchdog/reset_ms", "10000", {"100", "300000"}, {"99", "300001"}},
    };
    for (const auto &limit : limits) {
        const auto path = attribute(limit.name);
        assert_string_equal(read_file(path).c_str(), limit.initial);
        for (const char *value : limit.good) {
            assert_int_equal(write_file(path, value), 0);
            assert_string_equal(read_file(path).c_str(), value);
        }
        for (const char *value : limit.bad)
            assert_int_equal(write_file(path, value), -ERANGE);
        for (const char *value : {"x", "0x", "-1", "1.5", "12 12"})
            assert_int_not_equal(write_file(path, value), 0);
        assert_string_equal(read_file(path).c_str(), limit.good.back());
        assert_int_equal(write_file(path, limit.initial), 0);
    }
}

void default_timeout_is_the_one_of_queues_that_name_none(void **) {
    const Attribute timeout("watchdog/timeout_ms", "20");
    const File file;
    assert_int_equal(result(file, spin(file, 0)), -ETIME);
    device_works();
}

void job_that_moves_is_stopped_after_so_many_timeouts(void **) {
    const File file;
    const auto before = std::chrono::steady_clock::now();
    const Attribute jobs("watchdog/job_timeouts", "4");
    assert_int_equal(result(file, spin(file, 100)), -ETIME);
    assert_true(std::chrono::steady_clock::now() - before >= 400ms);
    device_works();
}

// ---- waiting for cores ----

// The device says that the job waits, so standing still is no hang.
void job_that_waits_for_cores_is_spared(void **) {
    const Attribute jobs("watchdog/job_timeouts", "1000");
    const File holder;
    const File waiter;
    const auto spinner = spin(holder, 60000);
    const auto id = waiter.queue(0, 20).queue_id;
    assert_int_equal(waiter.submit(id, job_of(Finisher(waiter).packet())), 0);
    assert_int_equal(waiter.wait(id, 1, nullptr, 500ms), -ETIME);
    assert_int_equal(waiter.state(id).state, DRM_NEURON_QUEUE_OK);
    assert_int_equal(holder.destroy(spinner), 0);
    assert_int_equal(result(waiter, id), 0);
}

// Its fence must signal all the same.
void job_that_waits_too_long_is_stopped(void **) {
    const Attribute jobs("watchdog/job_timeouts", "2");
    const File holder;
    const File waiter;
    const auto spinner = spin(holder, 60000);
    const auto id = waiter.queue(0, HANGS_AT_ONCE).queue_id;
    assert_int_equal(waiter.submit(id, job_of(Finisher(waiter).packet())), 0);
    assert_int_equal(result(waiter, id), -ETIME);
    assert_int_equal(holder.state(spinner).state, DRM_NEURON_QUEUE_OK);
    assert_int_equal(holder.destroy(spinner), 0);
    device_works();
}

// ---- guilty and innocent ----

void counters_start_at_zero_with_each_file(void **) {
    {
        const File file;
        assert_int_equal(file.run(file.queue().queue_id, job_of(fill(NOWHERE, 8, 1))), -EIO);
    }
    const File file;
    expect_context(file, {});
}

void fault_makes_its_queue_guilty_and_its_siblings_innocent(void **) {
    const File file;
    const File bystander;
    const auto ras = ras_of(file);
    spin(file, 0);
    file.queue();
    bystander.queue();
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(NOWHERE, 8, 1))), -EIO);
    drm_neuron_query_context want{};
    want.faults = 1;
    want.canceled = 2;
    assert_true(wait_until([&] { return context_of(file).canceled == 2; }));
    expect_context(file, want);
    expect_context(bystander, {});
    assert_int_not_equal(context_of(file).context, context_of(bystander).context);
    assert_int_equal(ras_of(file).faults, ras.faults + 1);
}

void watchdog_makes_only_its_queue_guilty(void **) {
    const File file;
    const auto ras = ras_of(file);
    const auto idle = file.queue().queue_id;
    assert_int_equal(result(file, spin(file, 20)), -ETIME);
    drm_neuron_query_context want{};
    want.timeouts = 1;
    expect_context(file, want);
    assert_int_equal(ras_of(file).timeouts, ras.timeouts + 1);
    assert_int_equal(ras_of(file).resets, ras.resets);
    assert_int_equal(file.run(idle, job_of(nop())), 0);
}

void reset_from_outside_makes_nobody_guilty(void **) {
    const File file;
    const File other;
    const auto ras = ras_of(file);
    const auto busy = spin(file, 0);
    file.queue();
    const auto idle = other.queue().queue_id;
    reset_function();
    assert_int_equal(result(file, busy), -ECANCELED);
    drm_neuron_query_context want{};
    want.lost = 2;
    expect_context(file, want);
    want.lost = 1;
    expect_context(other, want);
    assert_int_equal(other.submit(idle, job_of(nop())), -EIO);
    const auto after = ras_of(file);
    assert_int_equal(after.resets, ras.resets + 1);
    assert_int_equal(after.faults, ras.faults);
    assert_int_equal(after.timeouts, ras.timeouts);
    assert_int_equal(after.wedged, 0);
    assert_int_equal(other.run(other.queue().queue_id, job_of(nop())), 0);
}

// A queue that is destroyed has met nothing.
void destroyed_queues_do_not_count(void **) {
    const File file;
    assert_int_equal(file.destroy(spin(file, 0)), 0);
    expect_context(file, {});
}

// ---- a queue that does not stop ----

void queue_that_does_not_stop_costs_a_reset(void **) {
    const Attribute stop("watchdog/stop_ms", "100");
    const Misbehaviour hang("hang-stop");
    const File file;
    const File other;
    const auto ras = ras_of(file);
    assert_int_equal(event_mask(file, DRM_NEURON_EVENT_FAULT | DRM_NEURON_EVENT_RESET), 0);
    const auto sibling = file.queue().queue_id;
    const auto idle = other.queue().queue_id;
    const auto id = spin(file, 50);
    assert_int_equal(result(file, id), -ETIME);
    assert_int_equal(file.state(id).state, DRM_NEURON_QUEUE_TIMED_OUT);
    assert_int_equal(file.state(sibling).state, DRM_NEURON_QUEUE_LOST);
    assert_int_equal(other.state(idle).state, DRM_NEURON_QUEUE_LOST);

    drm_neuron_query_context want{};
    want.timeouts = 1;
    want.lost = 1;
    want.resets_caused = 1;
    expect_context(file, want);
    want = {};
    want.lost = 1;
    expect_context(other, want);
    assert_int_equal(ras_of(file).resets, ras.resets + 1);
    const auto fault = next_event(file, LONG);
    assert_true(fault && fault->type == (DRM_NEURON_EVENT_TYPE | DRM_NEURON_EVENT_FAULT) && fault->queue_id == id);
    const auto reset = next_event(file, LONG);
    assert_true(reset && reset->type == (DRM_NEURON_EVENT_TYPE | DRM_NEURON_EVENT_RESET));

    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
    assert_int_equal(other.run(other.queue().queue_id, job_of(Finisher(other).packet())), 0);
    device_works();
}

// Who destroys it, or closes the file, waits for the reset, and is guilty of it.
void queue_that_does_not_stop_when_it_is_destroyed(void **) {
    const Attribute stop("watchdog/stop_ms", "100");
    const Misbehaviour hang("hang-stop");
    const File observer;
    auto resets = ras_of(observer).resets;
    {
        const File file;
        const auto id = spin(file, 60000);
        assert_int_equal(file.destroy(id), 0);
        assert_int_equal(context_of(file).resets_caused, 1);
        assert_int_equal(ras_of(observer).resets, ++resets);
        spin(file, 60000);
    }
    assert_int_equal(ras_of(observer).resets, ++resets);
    assert_int_equal(context_of(observer).resets_caused, 0);
    device_works();
}

// ---- a reset that fails ----

/// While it exists the function decodes no memory: what its registers read as is not what they say.
class NoMemory {
public:
    NoMemory() : command_(config_.read(PCI_COMMAND)) { set(command_ & ~PCI_COMMAND_MEMORY); }
    ~NoMemory() { end(); }
    NoMemory(NoMemory &&) = delete;
    void end() { set(command_); }

private:
    void set(unsigned value) { config_.write(PCI_COMMAND, static_cast<std::uint16_t>(value)); }

    ConfigSpace config_;
    unsigned command_;
};

void expect_wedged(const File &file) {
    assert_string_equal(read_file(attribute("device_state")).c_str(), "wedged");
    assert_int_equal(ras_of(file).wedged, 1);
    drm_neuron_queue_create queue{};
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &queue), -EIO);
    drm_neuron_bo_create create{};
    create.size = 4096;
    create.placement = DRM_NEURON_PLACE_HBM;
    create.bank = DRM_NEURON_BO_ANY_BANK;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_BO_CREATE, &create), -EIO);
    drm_neuron_vm_bind bind{};
    bind.op = DRM_NEURON_BIND_MAP;
    bind.handle = file.host(4096);
    bind.range = 4096;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &bind), -EIO);
    assert_int_equal(file.query().clock_ns, 0);
}

void expect_uevent(Uevents &uevents, const std::string &node) {
    const auto lines = uevents.await("WEDGED=rebind");
    if (!lines)
        fail_msg("no uevent");
    const auto has = [&](const std::string &line) { return std::ranges::find(*lines, line) != lines->end(); };
    assert_true(has("ACTION=change"));
    assert_true(has("SUBSYSTEM=accel"));
    assert_true(has("DEVNAME=" + node.substr(5)));
}

void reset_that_fails_wedges_the_device_until_it_is_bound_anew(void **) {
    const Attribute reset("watchdog/reset_ms", "100");
    const std::string name = pci_name();
    Uevents uevents;
    {
        const File file;
        const File other;
        const auto va = file.bind(file.host(4096));
        const auto busy = spin(file, 0);
        NoMemory blind;
        reset_function();
        assert_int_equal(result(file, busy), -ECANCELED);
        expect_uevent(uevents, node());
        blind.end();
        expect_wedged(file);
        // Giving back works all the same, and at once.
        assert_int_equal(file.unbind(va, 4096), 0);
        assert_int_equal(file.destroy(busy), 0);
        unbind(name);
        bind_driver(name);
    }
    assert_string_equal(read_file(attribute("device_state")).c_str(), "ready");
    device_works();
}

// From inside and with a device that really does not get ready, which a new binding finds out as well.
void stuck_device_is_wedged_until_it_is_unstuck(void **) {
    const Attribute stop("watchdog/stop_ms", "100");
    const Attribute reset("watchdog/reset_ms", "100");
    const std::string name = pci_name();
    Uevents uevents;
    Misbehaviour hang("hang-stop");
    Misbehaviour stuck("stuck");
    {
        const File file;
        assert_int_equal(result(file, spin(file, 50)), -ETIME);
        expect_uevent(uevents, node());
        expect_wedged(file);
        assert_int_equal(context_of(file).resets_caused, 1);
        unbind(name);
    }
    assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/bind", name), -ETIMEDOUT);
    hang.end();
    stuck.end();
    bind_driver(name);
    device_works();
}

void reset_that_succeeds_after_one_that_failed_is_enough(void **) {
    const Attribute reset("watchdog/reset_ms", "100");
    const File file;
    {
        const NoMemory blind;
        reset_function();
    }
    expect_wedged(file);
    assert_int_equal(write_file(attribute("watchdog/reset_ms"), "10000"), 0);
    reset_function();
    assert_string_equal(read_file(attribute("device_state")).c_str(), "ready");
    assert_int_equal(ras_of(file).wedged, 0);
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
    device_works();
}

template<class Query>
void negotiates_size(const File &file, std::uint32_t type) {
    std::array<std::byte, sizeof(Query) + 64> buffer;
    const auto ask = [&](std::uint32_t size, bool pointer) {
        drm_neuron_dev_query args{
            .type = type, .size = size, .ptr = pointer ? reinterpret_cast<std::uintptr_t>(buffer.data()) : 0};
        buffer.fill(std::byte{0xaa});
        assert_int_equal(file.call(DRM_IOCTL_NEURON_DEV_QUERY, &args), 0);
        assert_int_equal(args.size, sizeof(Query));
    };
    ask(0, false);
    ask(4, true);
    assert_true(buffer[4] == std::byte{0xaa});
    ask(sizeof(buffer), true);
    assert_true(buffer[sizeof(Query)] == std::byte{0} && buffer.back() == std::byte{0});
    drm_neuron_dev_query args{.type = type, .size = sizeof(Query), .ptr = 8};
    assert_int_equal(file.call(DRM_IOCTL_NEURON_DEV_QUERY, &args), -EFAULT);
}

void queries_negotiate_their_size(void **) {
    const File file;
    negotiates_size<drm_neuron_query_context>(file, DRM_NEURON_QUERY_CONTEXT);
    negotiates_size<drm_neuron_query_ras>(file, DRM_NEURON_QUERY_RAS);
}

void attributes_show_the_counters(void **) {
    const File file;
    const auto ras = ras_of(file);
    const auto number = [](const char *name) { return std::stoull(read_file(attribute(std::string("ras/") + name))); };
    assert_int_equal(number("faults"), ras.faults);
    assert_int_equal(number("timeouts"), ras.timeouts);
    assert_int_equal(number("resets"), ras.resets);
    assert_int_equal(number("hbm_corrected"), ras.hbm_corrected);
    assert_int_equal(number("hbm_uncorrected"), ras.hbm_uncorrected);
    assert_int_equal(number("aer_corrected"), ras.aer_corrected);
    assert_int_equal(number("aer_fatal"), ras.aer_fatal);
    assert_string_equal(read_file(attribute("device_state")).c_str(), "ready");
}

// ---- coredumps ----

// No coredump is there or on its way: the driver's remove waits for the one that it is making.
void forget_coredumps() {
    if (!std::filesystem::exists("/sys/class/devcoredump"))
        skip(); // not in every kernel
    const std::string name = pci_name();
    unbind(name);
    bind_driver(name);
    drop_coredumps();
}

void coredump_tells_of_a_hang(void **) {
    needs_old_packets();
    forget_coredumps();
    const Impatient impatient;
    const File file;
    const auto handle = file.host(3 * 4096);
    const auto va = file.bind(handle, DRM_NEURON_BIND_READ_ONLY);
    const Mapping memory(file, handle);
    std::memcpy(memory.bytes().data(), "nobody's business", 17);
    const auto id = file.queue(0, HANGS_LATER).queue_id;
    assert_int_equal(file.run(id, nops(3)), 0);
    assert_int_equal(file.submit(id, job_of(nop(), Spinner(file).packet())), 0);
    assert_int_equal(file.submit(id, nops(2)), 0);
    assert_int_equal(file.wait(id, 2, nullptr, LONG), 0);

    const auto text = await_coredump();
    const auto has = [&](const std::string &pattern) {
        regex_t regex;
        assert_int_equal(::regcomp(&regex, pattern.c_str(), REG_EXTENDED | REG_NEWLINE | REG_NOSUB), 0);
        if (::regexec(&regex, text.c_str(), 0, nullptr, 0))
            fail_msg("the coredump has no '%s':\n%s", pattern.c_str(), text.c_str());
        ::regfree(&regex);
    };
    char mapping[128];
    std::snprintf(mapping, sizeof(mapping),
                  "^0x%llx \\+0x3000 host ro buffer=[0-9]+ offset=0x0 pid=%d comm=kmod_recovery",
                  static_cast<unsigned long long>(va), ::getpid());
    has("^neuron_accel coredump 1$");
    has("^record [0-9]+ DOORBELL:( [0-9a-f]{16}){8}$");
    has("^reason: a job has timed out$");
    has("^context: " + std::to_string(context_of(file).context) + "$");
    has("^contract: device [0-9]+\\.[0-9]+ driver [0-9]+\\.[0-9]+$");
    has("^time: [0-9]+\\.[0-9]{9}$");
    has("^STATUS: 0x[0-9a-f]*[13579bdf]$"); // READY: taken before anything was reset
    has("^id: " + std::to_string(id) + "$");
    // The state and the jobs are those before the watchdog touched them.
    has("^state: ok$");
    has("^HEAD: 0x4$");
    has("^TAIL: 0x7$");
    has("^jobs: 2$");
    has("^job 2: packets 3 to 4$");
    has("^job 3: packets 5 to 6$");
    has("^packet 3 NOP: 01");
    has("^packet 4 LAUNCH: 05");
    has(mapping);
    has("^\\[end\\]$");
    assert_true(text.find("business") == std::string::npos);
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

std::string coredump_of_a_hang() {
    const File file;
    assert_int_equal(result(file, spin(file, 20)), -ETIME);
    return await_coredump();
}

void coredump_is_of_the_first_failure_until_it_is_read(void **) {
    forget_coredumps();
    const auto text = coredump_of_a_hang();
    assert_string_equal(coredump_of_a_hang().c_str(), text.c_str());
    forget_coredumps();
    assert_true(coredump_of_a_hang() != text);
}

void faults_leave_a_coredump_only_on_demand(void **) {
    forget_coredumps();
    const File file;
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(NOWHERE, 8, 1))), -EIO);
    assert_int_equal(write_file(attribute("coredump_on_fault"), "maybe"), -EINVAL);
    {
        const Attribute on("coredump_on_fault", "1");
        assert_string_equal(read_file(attribute("coredump_on_fault")).c_str(), "1");
        assert_false(coredump().has_value());
        assert_int_equal(file.run(file.queue().queue_id, job_of(nop(), fill(NOWHERE, 8, 1))), -EIO);
        const auto text = await_coredump();
        assert_true(text.find("reason: a job has faulted") != std::string::npos);
        assert_true(text.find("FAULT PAGE_NOT_MAPPED") != std::string::npos);
        assert_true(text.find("packet 1 FILL:") != std::string::npos);
    }
    drop_coredumps();
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(NOWHERE, 8, 1))), -EIO);
    assert_int_equal(result(file, spin(file, 20)), -ETIME);
    assert_true(await_coredump().find("a job has timed out") != std::string::npos);
}

// It must outlive the driver: what makes the administrator bind anew is what it tells of.
void coredump_survives_a_rebind(void **) {
    forget_coredumps();
    const std::string name = pci_name();
    {
        const File file;
        assert_int_equal(result(file, spin(file, 20)), -ETIME);
        unbind(name);
    }
    bind_driver(name);
    assert_true(coredump().has_value());
    drop_coredumps();
    device_works();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(limits_have_defaults_and_ranges),
        cmocka_unit_test(default_timeout_is_the_one_of_queues_that_name_none),
        cmocka_unit_test(job_that_moves_is_stopped_after_so_many_timeouts),
        cmocka_unit_test(job_that_waits_for_cores_is_spared),
        cmocka_unit_test(job_that_waits_too_long_is_stopped),
        cmocka_unit_test(counters_start_at_zero_with_each_file),
        cmocka_unit_test(fault_makes_its_queue_guilty_and_its_siblings_innocent),
        cmocka_unit_test(watchdog_makes_only_its_queue_guilty),
        cmocka_unit_test(reset_from_outside_makes_nobody_guilty),
        cmocka_unit_test(destroyed_queues_do_not_count),
        cmocka_unit_test(queue_that_does_not_stop_costs_a_reset),
        cmocka_unit_test(queue_that_does_not_stop_when_it_is_destroyed),
        cmocka_unit_test(reset_that_fails_wedges_the_device_until_it_is_bound_anew),
        cmocka_unit_test(stuck_device_is_wedged_until_it_is_unstuck),
        cmocka_unit_test(reset_that_succeeds_after_one_that_failed_is_enough),
        cmocka_unit_test(queries_negotiate_their_size),
        cmocka_unit_test(attributes_show_the_counters),
        cmocka_unit_test(coredump_tells_of_a_hang),
        cmocka_unit_test(coredump_is_of_the_first_failure_until_it_is_read),
        cmocka_unit_test(faults_leave_a_coredump_only_on_demand),
        cmocka_unit_test(coredump_survives_a_rebind),
    };
    return cmocka_run_group_tests_name("kmod recovery", tests, nullptr, nullptr);
}
