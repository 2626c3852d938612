// SPDX-License-Identifier: MIT
// fdinfo as gputop and its like read it: Documentation/gpu/drm-usage-stats.rst.

#include <regex> // before cmocka, whose fail() is a macro

#include "inspect.hpp"
#include "machine.hpp"
#include "user.hpp"
#include "user_queue.hpp"

#include <atomic>
#include <thread>

using namespace kmod;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t LARGE = 2 << 20;

/// What such a program makes of it: everything by name, in nanoseconds and bytes.
struct Client {
    explicit Client(const File &file) {
        const std::regex engine_time("drm-engine-(?!capacity-)(.+)"), capacity("drm-engine-capacity-(.+)"),
            memory("drm-(total|shared|resident|active|purgeable)-(.+)");
        for (const auto &[key, value] : fdinfo_of(file)) {
            std::smatch match;
            if (std::regex_match(key, match, engine_time))
                engines[match[1]] = number(value, "ns");
            else if (std::regex_match(key, match, capacity))
                capacities[match[1]] = number(value, "");
            else if (std::regex_match(key, match, memory))
                regions[match[2]][match[1]] = number(value, "bytes");
        }
    }

    static std::uint64_t number(const std::string &value, const std::string &unit) {
        static const std::regex pattern(R"((\d+)( (\w+))?)");
        std::smatch match;
        if (!std::regex_match(value, match, pattern))
            fail_msg("'%s' is no number", value.c_str());
        const std::uint64_t plain = std::stoull(match[1]);
        if (unit != "bytes") {
            assert_string_equal(match[3].str().c_str(), unit.c_str());
            return plain;
        }
        const std::string scale = match[3];
        return scale == "KiB" ? plain << 10 : scale == "MiB" ? plain << 20 : plain;
    }

    std::map<std::string, std::uint64_t> engines, capacities;
    std::map<std::string, std::map<std::string, std::uint64_t>> regions;
};

/// Runs a program on one core for at least so long.
void occupy(const File &file, std::uint32_t queue_id, Gate &gate, std::chrono::milliseconds time) {
    std::uint64_t seqno = 0;
    gate.close();
    assert_int_equal(file.submit(queue_id, job_of(gate.packet()), &seqno), 0);
    assert_true(wait_until([&] { return Client(file).engines.at("core") > 0; }));
    const auto start = Client(file).engines.at("core");
    assert_true(wait_until([&] {
        return Client(file).engines.at("core") - start >=
               static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
    }));
    gate.open();
    int status = -1;
    assert_int_equal(file.wait(queue_id, seqno, &status, LONG), 0);
    assert_int_equal(status, 0);
}

void keys_name_driver_device_and_client(void **) {
    const File file, other;
    const auto info = fdinfo_of(file);
    assert_string_equal(info.at("drm-driver").c_str(), "neuron_accel");
    assert_string_equal(info.at("drm-pdev").c_str(), pci_name().c_str());
    assert_true(client_of(file) != client_of(other));
    const Client client(file);
    assert_int_equal(client.engines.size(), 2);
    assert_int_equal(client.engines.at("core"), 0);
    assert_int_equal(client.engines.at("queue"), 0);
    assert_int_equal(client.capacities.at("core"), file.query().cores);
    drm_neuron_query_queues queues{};
    assert_int_equal(query(file, DRM_NEURON_QUERY_QUEUES, &queues, sizeof(queues)), 0);
    assert_true(client.capacities.at("queue") >= queues.queues_max);
    assert_int_equal(client.regions.size(), 2);
}

void engines_are_the_counters_of_the_queues(void **) {
    const File file;
    Gate gate(file);
    const auto first = file.queue(), second = file.queue();
    occupy(file, first.queue_id, gate, 5ms);
    assert_int_equal(file.run(second.queue_id, nops(4)), 0);
    const auto a = file.state(first.queue_id), b = file.state(second.queue_id);
    const Client client(file);
    assert_int_equal(client.engines.at("core"), a.core_ns + b.core_ns);
    assert_int_equal(client.engines.at("queue"), a.busy_ns + b.busy_ns);
    assert_true(client.engines.at("core") >= 5000000);
    assert_true(client.engines.at("queue") > 0);
    // Others have not used anything.
    assert_int_equal(Client(File()).engines.at("queue"), 0);
}

void time_moves_while_a_job_runs(void **) {
    const File file;
    Gate gate(file);
    const auto queue = file.queue();
    std::uint64_t seqno = 0;
    assert_int_equal(file.submit(queue.queue_id, job_of(gate.packet()), &seqno), 0);
    for (int i = 0; i < 3; ++i) {
        const auto before = Client(file).engines.at("core");
        assert_true(wait_until([&] { return Client(file).engines.at("core") > before; }));
    }
    gate.open();
    assert_int_equal(file.wait(queue.queue_id, seqno, nullptr, LONG), 0);
}

void queue_in_user_mode_counts(void **) {
    const File file;
    UserQueue queue(file);
    queue.await(queue.submit(nops(8)));
    const auto state = file.state(queue.id());
    assert_true(state.busy_ns > 0);
    assert_int_equal(Client(file).engines.at("queue"), state.busy_ns);
}

void destroyed_queues_stay_in_the_sum(void **) {
    const File file;
    Gate gate(file);
    const auto queue = file.queue();
    occupy(file, queue.queue_id, gate, 2ms);
    const Client before(file);
    assert_int_equal(file.destroy(queue.queue_id), 0);
    assert_true(Client(file).engines == before.engines);
    const auto next = file.queue();
    assert_true(Client(file).engines == before.engines);
    assert_int_equal(file.run(next.queue_id, nops(1)), 0);
    assert_int_equal(Client(file).engines.at("queue"), before.engines.at("queue") + file.state(next.queue_id).busy_ns);
}

void reset_takes_nothing_away(void **) {
    const File file;
    Gate gate(file);
    const auto queue = file.queue();
    occupy(file, queue.queue_id, gate, 2ms);
    const Client before(file);
    assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
    assert_true(Client(file).engines == before.engines);
    const auto next = file.queue();
    assert_int_equal(file.run(next.queue_id, nops(1)), 0);
    assert_int_equal(Client(file).engines.at("queue"), before.engines.at("queue") + file.state(next.queue_id).busy_ns);
    assert_int_equal(file.destroy(queue.queue_id), 0);
    assert_true(Client(file).engines.at("core") >= before.engines.at("core"));
}

void time_never_goes_back(void **) {
    const File file;
    std::atomic<bool> stop = false;
    std::atomic<unsigned> back = 0, looks = 0;
    std::thread looker([&] {
        std::uint64_t last = 0;
        while (!stop) {
            const auto now = Client(file).engines.at("queue");
            back += now < last;
            last = now;
            ++looks;
        }
    });
    for (int i = 0; i < 60 || looks < 100; ++i) {
        const auto queue = file.queue();
        assert_int_equal(file.run(queue.queue_id, nops(8)), 0);
        if (i % 20 == 19)
            assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
        assert_int_equal(file.destroy(queue.queue_id), 0);
    }
    stop = true;
    looker.join();
    assert_int_equal(back, 0);
    assert_true(Client(file).engines.at("queue") > 0);
}

void memory_by_region(void **) {
    const File file, other;
    const auto host = file.host(4 * neuron::spec::PAGE_SIZE);
    file.hbm(LARGE);
    auto system = Client(file).regions.at("system");
    const auto hbm = Client(file).regions.at("hbm");
    assert_int_equal(system.at("total"), 4 * neuron::spec::PAGE_SIZE);
    assert_int_equal(system.at("resident"), 0); // nobody has touched it
    assert_int_equal(system.at("shared"), 0);
    assert_int_equal(system.at("active"), 0);
    assert_int_equal(hbm.at("total"), LARGE);
    assert_int_equal(hbm.at("resident"), LARGE);
    file.bind(host);
    system = Client(file).regions.at("system");
    assert_int_equal(system.at("resident"), 4 * neuron::spec::PAGE_SIZE);
    assert_int_equal(system.at("active"), 0);
}

void bound_memory_is_active_while_jobs_run(void **) {
    const File file;
    Gate gate(file);
    file.hbm(LARGE);
    file.bind(file.hbm(2 * LARGE));
    const auto queue = file.queue();
    assert_int_equal(Client(file).regions.at("hbm").at("active"), 0);
    std::uint64_t seqno = 0;
    assert_int_equal(file.submit(queue.queue_id, job_of(gate.packet()), &seqno), 0);
    assert_int_equal(Client(file).regions.at("hbm").at("active"), 2 * LARGE);
    assert_int_equal(Client(file).regions.at("system").at("active"), neuron::spec::PAGE_SIZE); // the program's
    gate.open();
    assert_int_equal(file.wait(queue.queue_id, seqno, nullptr, LONG), 0);
    assert_int_equal(Client(file).regions.at("hbm").at("active"), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(keys_name_driver_device_and_client),
        cmocka_unit_test(engines_are_the_counters_of_the_queues),
        cmocka_unit_test(time_moves_while_a_job_runs),
        cmocka_unit_test(queue_in_user_mode_counts),
        cmocka_unit_test(destroyed_queues_stay_in_the_sum),
        cmocka_unit_test(reset_takes_nothing_away),
        cmocka_unit_test(time_never_goes_back),
        cmocka_unit_test(memory_by_region),
        cmocka_unit_test(bound_memory_is_active_while_jobs_run),
    };
    return cmocka_run_group_tests_name("kmod fdinfo", tests, nullptr, nullptr);
}
