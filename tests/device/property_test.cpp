// SPDX-License-Identifier: MIT
// The properties of -device neuron: what they do, and that a bad value ends QEMU with a message that names it.
#include "support/neuron.hpp"
#include "support/suite.hpp"
#include "support/workload.hpp"

#include <neuron_chip.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <unistd.h>

using namespace neuron;
using namespace neuron::test;

namespace {

/// QEMU with that property refuses to start, says why, and names the property.
void expect_refused(const std::string &property, const std::string &setting) {
    Process qemu({"-M", "q35", "-accel", "qtest", "-display", "none", "-nodefaults", "-device", "neuron," + setting});
    const int code = qemu.wait();
    const std::string errors = qemu.errors();
    if (code != 1 || errors.find("'" + property + "'") == std::string::npos)
        fail_msg("neuron,%s: exit code %d, message: %s", setting.c_str(), code, errors.c_str());
}

void every_profile_boots_as_itself(void **) {
    for (const spec::ProfileDesc &profile : spec::profiles()) {
        const Neuron device = Neuron::boot("profile=" + std::string(profile.name));
        assert_int_equal(device.reg32(spec::reg::GLOBAL_PROFILE), profile.id);
        assert_int_equal(device.reg32(spec::reg::GLOBAL_CORES), profile.cores);
        assert_int_equal(device.reg32(spec::reg::GLOBAL_SBUF_BYTES), profile.sbuf_bytes);
        Machine::stop_all();
    }
}

void sizes_and_cores_reach_the_registers(void **) {
    const Neuron device = Neuron::boot("hbm=512M,aperture=128M,cores=3,threads=2");
    assert_int_equal(device.reg64(spec::reg::GLOBAL_HBM_BYTES), 512 << 20);
    assert_int_equal(device.reg64(spec::reg::GLOBAL_APERTURE_BYTES), 128 << 20);
    assert_int_equal(device.reg32(spec::reg::GLOBAL_CORES), 3);
    assert_int_equal(device.pci().bar_size(spec::BAR_APERTURE), 128 << 20);
}

void stepped_mode_shows_in_status(void **) {
    for (bool stepped : {false, true}) {
        const Neuron device = Neuron::boot(stepped ? "stepped=on,seed=7" : "stepped=off");
        assert_int_equal(spec::field::GLOBAL_STATUS_STEPPED.get(device.reg32(spec::reg::GLOBAL_STATUS)), stepped);
        Machine::stop_all();
    }
}

void an_unknown_profile_is_refused(void **) { expect_refused("profile", "profile=trn9"); }
void hbm_that_is_no_size_is_refused(void **) { expect_refused("hbm", "hbm=lots"); }
void hbm_that_does_not_divide_into_banks_is_refused(void **) { expect_refused("hbm", "hbm=3M"); }
void hbm_beyond_all_addresses_is_refused(void **) { expect_refused("hbm", "hbm=8388608T"); }
void an_aperture_of_an_odd_size_is_refused(void **) { expect_refused("aperture", "aperture=3M"); }
void an_aperture_smaller_than_a_page_is_refused(void **) { expect_refused("aperture", "aperture=16"); }
void an_aperture_larger_than_hbm_is_refused(void **) { expect_refused("aperture", "hbm=64M,aperture=128M"); }
void more_cores_than_a_core_mask_holds_are_refused(void **) { expect_refused("cores", "cores=33"); }
void cores_that_are_no_number_are_refused(void **) { expect_refused("cores", "cores=-1"); }
void an_absurd_number_of_threads_is_refused(void **) { expect_refused("threads", "threads=1000000"); }
void stepped_that_is_no_switch_is_refused(void **) { expect_refused("stepped", "stepped=perhaps"); }
void simd_that_nobody_has_is_refused(void **) { expect_refused("simd", "simd=mmx"); }
void hazards_that_is_no_switch_is_refused(void **) { expect_refused("hazards", "hazards=perhaps"); }
void a_recorder_of_an_odd_size_is_refused(void **) { expect_refused("recorder", "recorder=100"); }
void a_recorder_that_is_too_large_is_refused(void **) { expect_refused("recorder", "recorder=2097152"); }
void a_sanitizer_that_is_no_switch_is_refused(void **) { expect_refused("sanitizer", "sanitizer=perhaps"); }
void a_sanitizer_without_a_recorder_is_refused(void **) { expect_refused("sanitizer", "sanitizer=on,recorder=0"); }
void a_seed_that_is_no_number_is_refused(void **) { expect_refused("seed", "seed=x"); }

void the_recorder_has_the_size_that_was_asked_for(void **) {
    for (const std::uint32_t records : {0U, 64U, 65536U}) {
        const Neuron device = Neuron::boot("recorder=" + std::to_string(records));
        assert_int_equal(device.reg32(spec::reg::REC_CAPACITY), records);
        Machine::stop_all();
    }
}

std::string refused_file(const Neuron &device, const std::string &path) {
    return device.machine().qmp_error(
        "qom-set", {{"path", "/machine/peripheral/n0"}, {"property", "recorder-file"}, {"value", path}});
}

void the_recorder_is_written_to_a_file(void **) {
    const auto path = std::filesystem::temp_directory_path() / ("neuron-recorder." + std::to_string(::getpid()));
    {
        const Neuron device = Neuron::boot("id=n0");
        device.machine().set_property("n0", "recorder-file", path.string());
        const std::uint64_t written = device.reg64(spec::reg::REC_WRITTEN);
        assert_true(written > 0);
        assert_int_equal(std::filesystem::file_size(path), written * spec::RecordReset::BYTES);
        std::filesystem::remove(path);
        assert_true(refused_file(device, "/nonexistent/file").find("/nonexistent/file") != std::string::npos);
    }
    Machine::stop_all();
    const Neuron without = Neuron::boot("id=n0,recorder=0");
    assert_true(refused_file(without, path.string()).find("has no recorder") != std::string::npos);
    assert_false(std::filesystem::exists(path));
}

// A folder for a test's files.
class Folder {
public:
    Folder() { std::filesystem::create_directories(path_); }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder &) = delete;
    Folder &operator=(const Folder &) = delete;
    std::string operator/(const char *name) const { return (path_ / name).string(); }

private:
    const std::filesystem::path path_ =
        std::filesystem::temp_directory_path() / ("neuron-tape." + std::to_string(::getpid()));
};

nlohmann::json record_to(const std::string &path) {
    return {{"path", "/machine/peripheral/n0"}, {"property", "record"}, {"value", path}};
}

std::string refused_tape(const Neuron &device, const std::string &path) {
    return device.machine().qmp_error("qom-set", record_to(path));
}

neuron_chip_replay_result replayed(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    const std::string tape{std::istreambuf_iterator<char>(file), {}};
    neuron_chip_replay_result result{};
    result.size = sizeof result;
    char error[256];
    if (neuron_chip_replay(tape.data(), tape.size(), nullptr, &result, error, sizeof error) != 0)
        fail_msg("%s: %s", path.c_str(), error);
    return result;
}

void a_tape_may_begin_while_the_machine_runs(void **) {
    const Folder folder;
    Neuron device = Neuron::boot("id=n0,stepped=on");
    const Context memory(device);
    Queue queue(device);
    const auto nop = [&] {
        queue.push(spec::PacketNop{});
        queue.ring();
        assert_eventually(queue.done());
    };
    nop();
    for (const char *name : {"first", "second"}) {
        device.machine().qmp("qom-set", record_to(folder / name));
        assert_string_equal(
            refused_tape(device, folder / "third").c_str(),
            ("property 'record' of neuron: it is being recorded to '" + (folder / name) + "'; an empty name ends that")
                .c_str());
        nop();
        device.machine().qmp("qom-set", record_to(""));
        nop();
        const neuron_chip_replay_result result = replayed(folder / name);
        assert_true(result.complete && result.steps > 0 && result.dma_reads > 0 && result.dma_writes > 0);
    }
    device.machine().qmp("stop");
    device.machine().qmp("qom-set", record_to(folder / "stopped"));
    device.machine().qmp("cont");
    nop();
    device.machine().qmp("qom-set", record_to(""));
    assert_true(replayed(folder / "stopped").complete);
}

void a_tape_that_cannot_begin_is_refused(void **) {
    const Folder folder;
    {
        const Neuron device = Neuron::boot("id=n0");
        assert_string_equal(refused_tape(device, folder / "x").c_str(),
                            "property 'record' of neuron: only a device with stepped=on can be recorded");
    }
    Machine::stop_all();
    const Neuron device = Neuron::boot("id=n0,stepped=on,fault-plan=explore seed=1");
    assert_string_equal(refused_tape(device, folder / "x").c_str(),
                        "property 'record' of neuron: fault plan: a chip with one is not saved");
    assert_string_equal(refused_tape(device, "/nonexistent/file").c_str(),
                        "property 'record' of neuron: Could not create '/nonexistent/file': No such file or directory");
}

void a_refused_hotplug_leaves_the_machine_alive(void **) {
    const auto machine = Machine::start({"-device", "pcie-root-port,id=rp0"});
    const std::string reply = machine->monitor("device_add neuron,bus=rp0,aperture=3M");
    assert_true(reply.find("'aperture'") != std::string::npos);
    assert_true(machine->alive());
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        device_test(every_profile_boots_as_itself),
        device_test(sizes_and_cores_reach_the_registers),
        device_test(stepped_mode_shows_in_status),
        device_test(an_unknown_profile_is_refused),
        device_test(hbm_that_is_no_size_is_refused),
        device_test(hbm_that_does_not_divide_into_banks_is_refused),
        device_test(hbm_beyond_all_addresses_is_refused),
        device_test(an_aperture_of_an_odd_size_is_refused),
        device_test(an_aperture_smaller_than_a_page_is_refused),
        device_test(an_aperture_larger_than_hbm_is_refused),
        device_test(more_cores_than_a_core_mask_holds_are_refused),
        device_test(cores_that_are_no_number_are_refused),
        device_test(an_absurd_number_of_threads_is_refused),
        device_test(stepped_that_is_no_switch_is_refused),
        device_test(hazards_that_is_no_switch_is_refused),
        device_test(simd_that_nobody_has_is_refused),
        device_test(a_recorder_of_an_odd_size_is_refused),
        device_test(a_recorder_that_is_too_large_is_refused),
        device_test(a_sanitizer_that_is_no_switch_is_refused),
        device_test(a_sanitizer_without_a_recorder_is_refused),
        device_test(the_recorder_has_the_size_that_was_asked_for),
        device_test(a_seed_that_is_no_number_is_refused),
        device_test(the_recorder_is_written_to_a_file),
        device_test(a_tape_may_begin_while_the_machine_runs),
        device_test(a_tape_that_cannot_begin_is_refused),
        device_test(a_refused_hotplug_leaves_the_machine_alive),
    };
    return run_suite("device properties", tests);
}
