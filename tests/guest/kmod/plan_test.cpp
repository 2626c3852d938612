// SPDX-License-Identifier: MIT
// Fault plans from the driver's side: the file that takes them, and what becomes of a job, a queue and the device when
// something goes wrong by a plan.

#include "inspect.hpp"
#include "machine.hpp"
#include "watched.hpp"

#include <bit>
#include <cctype>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

using namespace kmod;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t PAGE = neuron::spec::PAGE_SIZE;

std::string attribute(const std::string &name) { return pci_path() + "/" + name; }

std::string device_state() { return read_file(attribute("device_state")); }

int set_plan(const std::string &text) { return write_file(debugfs("fault_plan"), text); }

std::string report() { return slurp(debugfs("fault_plan")); }

/// A plan with an address in it.
std::string at(const char *format, std::uint64_t address) {
    char text[128];
    std::snprintf(text, sizeof text, format, static_cast<unsigned long long>(address));
    return text;
}

/// A plan as long as this exists, or until end().
class Plan {
public:
    explicit Plan(const std::string &text) {
        if (set_plan(text) != 0)
            fail_msg("%s", report().c_str());
    }
    ~Plan() { set_plan("\n"); }
    Plan(Plan &&) = delete;
    void end() { assert_int_equal(set_plan("\n"), 0); }
};

/// How many faults the plan's rule has made.
std::uint64_t made(unsigned rule = 1) {
    for (const std::string &line : lines_of(report()))
        if (line.starts_with(std::to_string(rule) + ": "))
            return Record(line).number("made");
    return 0;
}

struct Submitted {
    std::uint32_t queue_id;
    std::uint64_t seqno = 0;
};

Submitted submit(const File &file, std::span<const Packet> packets, std::uint32_t timeout_ms) {
    Submitted job{.queue_id = file.queue(4, timeout_ms).queue_id};
    assert_int_equal(file.submit(job.queue_id, packets, &job.seqno), 0);
    return job;
}

int result(const File &file, const Submitted &job) {
    int status = 1;
    assert_int_equal(file.wait(job.queue_id, job.seqno, &status, LONG), 0);
    return status;
}

/// Where in HBM an address of the file is.
std::uint64_t hbm_offset(const File &file, std::uint64_t va) {
    const int fd = ::open(debugfs("vm_walk").c_str(), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    const std::string ask = std::to_string(context_of(file).context) + " " + std::to_string(va);
    assert_int_equal(::write(fd, ask.data(), ask.size()), static_cast<ssize_t>(ask.size()));
    char text[4096];
    const ssize_t got = ::read(fd, text, sizeof(text));
    ::close(fd);
    const std::string answer(text, got > 0 ? static_cast<std::size_t>(got) : 0);
    const auto at = answer.find("\nhbm ");
    if (at == std::string::npos)
        fail_msg("no HBM there: %s", answer.c_str());
    return std::stoull(answer.substr(at + 5), nullptr, 0);
}

/// Once the device answers again, the driver looks for it anew.
void bind_anew(const std::string &path) {
    write_file(path + "/remove", "1");
    write_file("/sys/bus/pci/rescan", "1");
    assert_true(wait_for_node(true));
}

// ---- the file -------------------------------------------------------------------------------------------------------

void a_plan_is_written_and_its_report_read(void **) {
    assert_string_equal(report().c_str(), "");
    {
        const Plan plan("seed 7; irq vector=40: drop # none has it\npacket nth=1: ecc_corrected at=64\n");
        assert_string_equal(report().c_str(), "seed 7\n1: matched=0 made=0 at=- rule=irq vector=40: drop\n"
                                              "2: matched=0 made=0 at=- rule=packet nth=1: ecc_corrected at=64\n");
        const File file;
        const auto queue = file.queue();
        assert_int_equal(file.run(queue.queue_id, nops(1)), 0);
        const auto hw = records_with("queues", "ctx", context_of(file).context).at(0).words.at(0);
        char rule[128];
        std::snprintf(rule, sizeof(rule), "2: matched=1 made=1 at=1@0x%x rule=packet nth=1: ecc_corrected at=64\n",
                      static_cast<unsigned>(std::stoul(hw)));
        assert_true(report().ends_with(rule));
    }
    assert_string_equal(report().c_str(), "");
}

/// "doorbell, dma_read, ..."
std::string event_names() {
    std::string out;
    for (const auto event : neuron::spec::values<neuron::spec::PlanEvent>()) {
        out += out.empty() ? "" : ", ";
        for (const char c : neuron::spec::name(event))
            out += c == '_' ? c : static_cast<char>(std::tolower(c));
    }
    return out;
}

void what_is_no_plan_is_refused_and_says_why(void **) {
    const Plan plan("packet queue=999: hang");
    for (const auto &[text, why] : std::vector<std::pair<std::string, std::string>>{
             {"irq: explode", "fault plan: rule 1: 'explode': irq takes drop, duplicate, reorder, spurious"},
             {"irq: drop; bell: drop", "fault plan: rule 2: 'bell': is no event; there are " + event_names()},
             {"packet: ecc_corrected at=0xffffffffffff",
              "fault plan: 'packet: ecc_corrected at=0xffffffffffff': byte 0xffffffffffff is outside HBM"},
             {"irq: dr\x01p", "fault plan: byte 7 is 0x01, which is no text"}}) {
        assert_int_equal(set_plan(text), -EINVAL);
        assert_string_equal(
            report().c_str(),
            ("seed 0\n1: matched=0 made=0 at=- rule=packet queue=999: hang\nrefused: " + why + "\n").c_str());
    }
    assert_int_equal(set_plan(std::string(neuron::spec::PLAN_BYTES + 1, ' ')), -E2BIG);
    assert_int_equal(set_plan(std::string(neuron::spec::PLAN_BYTES, '#')), 0);
    assert_string_equal(report().c_str(), "");
}

void the_monitor_sets_the_same_plan(void **) {
    set_property("fault-plan", R"("packet nth=2: ecc_corrected at=0")");
    assert_true(report().ends_with("rule=packet nth=2: ecc_corrected at=0\n"));
    const File file;
    assert_int_equal(file.run(file.queue().queue_id, nops(2)), 0);
    const std::string property = std::string(R"({"path": "/machine/peripheral/)") + QEMU_ID + R"(", "property": ")";
    const std::string got = Monitor().succeed("qom-get", property + R"(fault-report"})");
    assert_true(got.find("1: matched=2 made=1 at=2@") != std::string::npos);
    const std::string refused = Monitor().execute("qom-set", property + R"(fault-plan", "value": "irq: explode"})");
    assert_true(refused.find("property 'fault-plan' of neuron: rule 1: 'explode': irq takes") != std::string::npos);
    assert_int_equal(made(), 1);
    set_property("fault-plan", R"("")");
    assert_string_equal(report().c_str(), "");
}

void a_sleeping_device_is_woken(void **) {
    assert_true(wait_until([] { return read_file(attribute("power/runtime_status")) == "suspended"; }));
    const Plan plan("packet queue=999: hang");
    assert_true(wait_until([] { return read_file(attribute("power/runtime_status")) == "suspended"; }));
    assert_true(report().ends_with("rule=packet queue=999: hang\n"));
}

// ---- queues ---------------------------------------------------------------------------------------------------------

void lost_doorbell_ends_in_a_timeout(void **) {
    const File file;
    const Plan plan("doorbell nth=1: drop");
    assert_int_equal(result(file, submit(file, nops(1), 50)), -ETIME);
    assert_int_equal(made(), 1);
    device_works();
}

void lost_doorbell_is_made_good_by_the_next(void **) {
    const File file;
    const auto queue = file.queue(4, 10000);
    const Plan plan("doorbell nth=1: drop");
    std::uint64_t first = 0;
    assert_int_equal(file.submit(queue.queue_id, nops(1), &first), 0);
    assert_int_equal(file.run(queue.queue_id, nops(1)), 0);
    assert_int_equal(result(file, {queue.queue_id, first}), 0);
}

void doubled_doorbells_and_interrupts_change_nothing(void **) {
    const File file;
    const auto queue = file.queue();
    const Plan plan("doorbell: duplicate; irq: duplicate");
    for (int i = 0; i < 20; ++i)
        assert_int_equal(file.run(queue.queue_id, nops(3)), 0);
    assert_true(made(1) >= 20);
    assert_int_equal(file.state(queue.queue_id).state, DRM_NEURON_QUEUE_OK);
}

void lost_interrupts_are_made_good_by_the_watchdog(void **) {
    const File file;
    const auto queue = file.queue();
    const Plan plan("irq: drop");
    assert_int_equal(file.run(queue.queue_id, nops(1)), 0);
    assert_int_equal(made(), 1);
    expect_report("INTERRUPT_MISSING");
}

void spurious_interrupts_are_nothing(void **) {
    const File file;
    KernelLog log;
    const auto queue = file.queue();
    const Plan plan("irq every=2: spurious vector=0; irq: spurious vector=32");
    for (int i = 0; i < 10; ++i)
        assert_int_equal(file.run(queue.queue_id, nops(1)), 0);
    assert_int_equal(made(1), 5);
    assert_int_equal(made(2), 5);
    log.expect_quiet();
}

void hanging_packet_is_stopped_by_the_watchdog(void **) {
    const File file;
    const auto before = ras_of(file);
    const Plan plan("packet nth=2: hang");
    assert_int_equal(result(file, submit(file, nops(3), 50)), -ETIME);
    assert_int_equal(ras_of(file).timeouts, before.timeouts + 1);
    assert_int_equal(ras_of(file).resets, before.resets);
    drop_coredumps();
    device_works();
}

// ---- memory ---------------------------------------------------------------------------------------------------------

void corrected_error_of_hbm_is_counted(void **) {
    const File file;
    const auto before = ras_of(file);
    const Plan plan("packet nth=1: ecc_corrected at=0x1000");
    assert_int_equal(file.run(file.queue().queue_id, nops(1)), 0);
    assert_true(wait_until([&] { return ras_of(file).hbm_corrected == before.hbm_corrected + 1; }));
}

// Ordered for when a packet begins, and for the read itself.
void uncorrected_error_of_hbm_is_a_fault_where_it_is_read(void **) {
    for (const char *rule :
         {"packet nth=1: ecc_uncorrected at=%#llx", "hbm_read addr=%#llx+8 nth=1: ecc_uncorrected"}) {
        const File file;
        const auto before = ras_of(file);
        const auto hbm = file.bind(file.hbm(PAGE));
        const auto host = file.bind(file.host(PAGE));
        assert_int_equal(file.run(file.queue().queue_id, job_of(fill(hbm, PAGE, 1))), 0);
        const Plan plan(at(rule, hbm_offset(file, hbm) + 128));
        assert_int_equal(file.run(file.queue().queue_id, job_of(copy(hbm, host, PAGE))), -EIO);
        assert_true(wait_until([&] { return ras_of(file).hbm_uncorrected == before.hbm_uncorrected + 1; }));
        assert_int_equal(ras_of(file).faults, before.faults + 1);
        device_works();
    }
}

void packets_are_dropped_by_what_they_are_and_where_they_reach(void **) {
    const File file;
    const auto hbm = file.bind(file.hbm(2 * PAGE));
    const auto host = file.host(2 * PAGE);
    const auto va = file.bind(host);
    const auto queue = file.queue();
    // What is dropped would leave never-written memory, which the sanitizer reports when it is read.
    assert_int_equal(file.run(queue.queue_id, job_of(fill(hbm, 2 * PAGE, 3))), 0);
    const Plan plan(at("packet op=fill addr=%#llx: drop", hbm + PAGE));
    assert_int_equal(
        file.run(queue.queue_id, job_of(fill(hbm, 2 * PAGE, 1), fill(hbm, PAGE, 2), copy(hbm, va, 2 * PAGE))), 0);
    assert_int_equal(made(), 1);
    const Mapping memory(file, host);
    assert_int_equal(memory.words()[0], 2);
    assert_int_equal(memory.words()[PAGE / 8], 3);
}

void refused_transfer_is_a_fault(void **) {
    for (const char *event : {"dma_write", "dma_read"}) {
        const File file;
        const auto before = ras_of(file);
        const auto host = file.bind(file.host(PAGE));
        const auto queue = file.queue();
        const Plan plan(std::string(event) + " nth=1: fail");
        assert_int_equal(file.run(queue.queue_id, job_of(fill(host, PAGE, 3))), -EIO);
        assert_int_equal(made(), 1);
        assert_true(wait_until([&] { return ras_of(file).faults == before.faults + 1; }));
        device_works();
    }
}

void flipped_bits_arrive(void **) {
    const File file;
    const auto handle = file.host(PAGE);
    const auto host = file.bind(handle);
    const Mapping memory(file, handle);
    const auto queue = file.queue();
    const Plan plan("seed 3; dma_write nth=1: flip bits=1");
    assert_int_equal(file.run(queue.queue_id, job_of(fill(host, PAGE, 0))), 0);
    int bits = 0;
    for (const std::byte byte : memory.bytes())
        bits += std::popcount(static_cast<unsigned>(byte));
    assert_int_equal(bits, 1);
}

// ---- the whole device -----------------------------------------------------------------------------------------------

/// What nobody has open may have gone to sleep since.
void expect_in_service() {
    const std::string state = device_state();
    if (state != "ready" && state != "sleeping")
        fail_msg("the device is %s", state.c_str());
}

void all_ones_are_a_device_that_is_gone(void **) {
    const auto path = pci_path();
    {
        const File file;
        const auto job = submit(file, job_of(Spinner(file).packet()), 100);
        Plan plan("reg_read nth=20..: ones");
        assert_int_equal(result(file, job), -ENODEV);
        assert_string_equal(device_state().c_str(), "gone");
        assert_string_equal(report().c_str(), "-5");
        plan.end();
    }
    bind_anew(path);
    expect_in_service();
    device_works();
}

void stuck_reset_wedges_until_the_plan_ends(void **) {
    const Attribute limit("watchdog/reset_ms", "100");
    {
        const File file;
        Plan plan("reset: hang");
        write_file(attribute("reset"), "1");
        assert_string_equal(device_state().c_str(), "wedged");
        assert_int_equal(ras_of(file).wedged, 1);
        assert_string_equal(report().c_str(), "-5");
        // A plan is the host's memory, which this device does not reach any more; none is nowhere.
        assert_int_equal(set_plan("irq: drop"), -EIO);
        plan.end();
    }
    assert_int_equal(write_file(attribute("reset"), "1"), 0);
    expect_in_service();
    device_works();
}

void errors_of_the_link_are_reported(void **) {
    for (const char *action : {"aer_corrected", "aer_nonfatal"}) {
        const File file;
        const auto before = ras_of(file);
        const Plan plan(std::string("packet nth=1: ") + action);
        assert_int_equal(file.run(file.queue().queue_id, nops(1)), 0);
        assert_true(wait_until([&] { return ras_of(file).aer_corrected == before.aer_corrected + 1; }));
        assert_int_equal(ras_of(file).aer_fatal, before.aer_fatal);
    }
}

void fatal_error_of_the_link_costs_a_reset(void **) {
    const File file;
    const auto before = ras_of(file);
    const auto packets = job_of(nop(), Spinner(file).packet());
    const Plan plan("packet nth=1: aer_fatal");
    assert_int_equal(result(file, submit(file, packets, 60000)), -ECANCELED);
    assert_int_equal(ras_of(file).aer_fatal, before.aer_fatal + 1);
    assert_true(wait_until([] { return device_state() == "ready"; }));
    device_works();
}

void link_that_goes_down_is_a_device_that_is_gone(void **) {
    const auto path = pci_path();
    {
        const File file;
        const auto packets = job_of(nop(), Spinner(file).packet());
        const Plan plan("packet nth=1: link_down us=1000000");
        assert_int_equal(result(file, submit(file, packets, 100)), -ENODEV);
        assert_string_equal(device_state().c_str(), "gone");
    }
    // The link is up again when the device says who it is.
    assert_true(wait_until([&] { return ConfigSpace().read(0) == neuron::spec::PCI_VENDOR; }));
    bind_anew(path);
    device_works();
}

void device_that_falls_asleep_is_woken_by_a_reset(void **) {
    const File file;
    const Plan plan("packet nth=1: sleep");
    const auto packets = job_of(nop(), Spinner(file).packet());
    assert_true(result(file, submit(file, packets, 100)) < 0);
    assert_int_equal(write_file(attribute("reset"), "1"), 0);
    assert_string_equal(device_state().c_str(), "ready");
    device_works();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_written_and_its_report_read),
        cmocka_unit_test(what_is_no_plan_is_refused_and_says_why),
        cmocka_unit_test(the_monitor_sets_the_same_plan),
        cmocka_unit_test(a_sleeping_device_is_woken),
        cmocka_unit_test(lost_doorbell_ends_in_a_timeout),
        cmocka_unit_test(lost_doorbell_is_made_good_by_the_next),
        cmocka_unit_test(doubled_doorbells_and_interrupts_change_nothing),
        cmocka_unit_test(lost_interrupts_are_made_good_by_the_watchdog),
        cmocka_unit_test(spurious_interrupts_are_nothing),
        cmocka_unit_test(hanging_packet_is_stopped_by_the_watchdog),
        cmocka_unit_test(corrected_error_of_hbm_is_counted),
        cmocka_unit_test(uncorrected_error_of_hbm_is_a_fault_where_it_is_read),
        cmocka_unit_test(packets_are_dropped_by_what_they_are_and_where_they_reach),
        cmocka_unit_test(refused_transfer_is_a_fault),
        cmocka_unit_test(flipped_bits_arrive),
        cmocka_unit_test(all_ones_are_a_device_that_is_gone),
        cmocka_unit_test(stuck_reset_wedges_until_the_plan_ends),
        cmocka_unit_test(errors_of_the_link_are_reported),
        cmocka_unit_test(fatal_error_of_the_link_costs_a_reset),
        cmocka_unit_test(link_that_goes_down_is_a_device_that_is_gone),
        cmocka_unit_test(device_that_falls_asleep_is_woken_by_a_reset),
    };
    return cmocka_run_group_tests_name("kmod plan", tests, nullptr, nullptr);
}
