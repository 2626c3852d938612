// SPDX-License-Identifier: MIT
// Hardware that fails on demand (fail_* in debugfs): what the driver does then, and that the next job runs. Only kernels
// with fault injection can do it.

#include "inspect.hpp"
#include "machine.hpp"
#include "memory.hpp"
#include "user.hpp"

#include <cerrno>
#include <filesystem>

using namespace kmod;

namespace {

/// The next calls, and no others, fail.
class Failing {
public:
    explicit Failing(const std::string &name, int times = 1) : folder_(debugfs(name) + "/") {
        set("verbose", 0);
        set("times", times);
        set("probability", 100);
    }
    ~Failing() { set("probability", 0); }
    Failing(Failing &&) = delete;
    /// How many have not failed yet.
    int left() const { return std::stoi(read_file(folder_ + "times")); }

private:
    void set(const char *name, int value) const {
        assert_int_equal(write_file(folder_ + name, std::to_string(value)), 0);
    }

    std::string folder_;
};

/// Skips the test where nothing fails on demand. Then there must be no such files.
void need_failures() {
    for (const auto &entry : std::filesystem::directory_iterator(debugfs("")))
        if (entry.path().filename().string().starts_with("fail_"))
            return;
    assert_false(std::filesystem::exists("/sys/kernel/debug/failslab"));
    skip();
}

/// The driver has reset the device, and only once.
template<class Body>
void expect_reset(Body body) {
    const auto before = File().query().reset_count;
    body();
    assert_int_equal(File().query().reset_count, before + 1);
    device_works();
}

void lost_doorbell_ends_in_a_timeout(void **) {
    need_failures();
    const File file;
    const auto queue = file.queue(4, HANGS_AT_ONCE);
    std::uint64_t seqno = 0;
    {
        const Failing failing("fail_doorbell");
        assert_int_equal(file.submit(queue.queue_id, nops(1), &seqno), 0);
        assert_int_equal(failing.left(), 0);
    }
    int status = 0;
    assert_int_equal(file.wait(queue.queue_id, seqno, &status, LONG), 0);
    assert_int_equal(status, -ETIME);
    device_works();
}

void lost_interrupt_is_made_good_by_the_watchdog(void **) {
    need_failures();
    const File file;
    const auto queue = file.queue();
    const Failing failing("fail_interrupt");
    assert_int_equal(file.run(queue.queue_id, nops(1)), 0);
    assert_int_equal(failing.left(), 0);
    // Who looks later learns of it.
    assert_int_equal(file.run(queue.queue_id, nops(1)), 0);
    const auto said = records_with("queues", "unheard", 1);
    assert_int_equal(said.size(), 1);
    assert_int_equal(said[0].number("unheard_job"), 1);
    assert_true(said[0].number("unheard_ns") >= 100'000'000);
}

void memory_that_cannot_be_mapped_is_an_error(void **) {
    need_failures();
    const File file;
    const Target target(file, 4096);
    const auto host = file.host(4096);
    const auto queue = file.queue();
    const Memory memory(4096);
    drm_neuron_vm_bind args{};
    args.op = DRM_NEURON_BIND_MAP;
    args.handle = host;
    args.range = 4096;
    {
        const Failing failing("fail_dma_map");
        assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), -ENOMEM);
    }
    {
        const Failing failing("fail_dma_map");
        assert_int_equal(file.dma(queue.queue_id, 0, memory.data(), 4096, target.va), -ENOMEM);
    }
    assert_int_equal(pinned_kib(), 0);
    assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), 0);
    assert_int_equal(file.run_dma(queue.queue_id, 0, memory.data(), 4096, target.va), 0);
}

void queue_that_does_not_stop_costs_a_reset(void **) {
    need_failures();
    expect_reset([] {
        const File file;
        const auto queue = file.queue();
        const Failing failing("fail_queue_stop");
        assert_int_equal(file.destroy(queue.queue_id), 0);
    });
}

void context_that_does_not_stop_costs_a_reset(void **) {
    need_failures();
    expect_reset([] {
        const Failing failing("fail_context_stop");
        File().close();
    });
}

void flush_that_does_not_end_costs_a_reset(void **) {
    need_failures();
    expect_reset([] {
        const File file;
        const auto va = file.bind(file.host(4096));
        const Failing failing("fail_tlb_flush");
        assert_int_equal(file.unbind(va, 4096), 0);
    });
}

void scrub_that_does_not_end_costs_a_reset(void **) {
    need_failures();
    expect_reset([] {
        const File file;
        const auto before = file.query().hbm_free;
        const Failing failing("fail_scrub");
        assert_int_equal(create(file, DRM_NEURON_PLACE_HBM, 4096), -EIO);
        assert_int_equal(file.query().hbm_free, before);
    });
}

void reset_that_fails_wedges_until_the_driver_is_bound_anew(void **) {
    need_failures();
    const auto name = pci_name();
    {
        const File file;
        const auto queue = file.queue();
        const Failing stop("fail_queue_stop"), reset("fail_reset");
        assert_int_equal(file.destroy(queue.queue_id), 0);
        assert_string_equal(records("device").at(0).text("state").c_str(), "wedged");
        assert_string_equal(slurp(debugfs("registers")).c_str(), "the device is wedged\n");
        drm_neuron_queue_create args{};
        assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), -EIO);
    }
    unbind(name);
    bind_driver(name);
    assert_true(wait_for_node(true));
    device_works();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(lost_doorbell_ends_in_a_timeout),
        cmocka_unit_test(lost_interrupt_is_made_good_by_the_watchdog),
        cmocka_unit_test(memory_that_cannot_be_mapped_is_an_error),
        cmocka_unit_test(queue_that_does_not_stop_costs_a_reset),
        cmocka_unit_test(context_that_does_not_stop_costs_a_reset),
        cmocka_unit_test(flush_that_does_not_end_costs_a_reset),
        cmocka_unit_test(scrub_that_does_not_end_costs_a_reset),
        cmocka_unit_test(reset_that_fails_wedges_until_the_driver_is_bound_anew),
    };
    return cmocka_run_group_tests_name("kmod failure", tests, nullptr, nullptr);
}
