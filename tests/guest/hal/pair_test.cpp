// SPDX-License-Identifier: MIT
// Two accelerators that share a buffer by way of the HAL, and one of them that goes.
#include <filesystem>
#include <fstream>
#include <optional>

#include "share.hpp"

using namespace hal_test;

namespace {

constexpr const char *driver = "/sys/bus/pci/drivers/neuron_accel/";

neuron::DeviceNode accelerator(std::size_t number) {
    const auto nodes = must(neuron::Device::list());
    assert_int_equal(nodes.size(), 2);
    return nodes[number];
}

void tell_driver(const char *what, const std::string &address) {
    std::ofstream file(std::string(driver) + what);
    file << address << std::flush;
    assert_true(file.good());
}

void both_devices_and_the_cpu_see_the_same_bytes(void **) {
    Tenant one(accelerator(0).name);
    Tenant two(accelerator(1).name);
    const Buffer mine = must(Buffer::create(one.context, size, shareable));
    const Buffer theirs = two.imports(must(mine.export_fd()));
    one.fills(mine, 1);
    assert_true(all_are(theirs, 1));
    two.fills(theirs, 2);
    assert_true(all_are(mine, 2));
    // A device copies what the other has written.
    one.fills(mine, 3);
    const Buffer copy = must(Buffer::create(two.context, size));
    must(two.queue.run(CommandList{}.copy(copy.va(), theirs.va(), size), patience));
    assert_true(all_are(copy, 3));
}

void it_comes_back_as_the_same_memory(void **) {
    Tenant one(accelerator(0).name);
    Tenant two(accelerator(1).name);
    const Buffer mine = must(Buffer::create(one.context, size, shareable));
    const Buffer back = one.imports(must(two.imports(must(mine.export_fd())).export_fd()));
    one.fills(back, 4);
    assert_true(all_are(mine, 4));
}

// The buffer's own device is unbound: the other one goes on, and calls that need the first say that it is gone.
void memory_outlives_its_device(void **) {
    const neuron::DeviceNode first = accelerator(0);
    Tenant two(accelerator(1).name);
    {
        Tenant one(first.name);
        const Buffer mine = must(Buffer::create(one.context, size, shareable));
        one.fills(mine, 5);
        const Fd file = must(mine.export_fd());
        const Buffer theirs = two.imports(file);
        tell_driver("unbind", first.address);
        must_fail(mine.export_fd(), ErrorCode::no_device, "");
        must_fail(Buffer::import_fd(one.context, file.get()), ErrorCode::no_device, "");
        assert_true(all_are(theirs, 5));
        two.fills(theirs, 6);
        assert_true(all_are(theirs, 6));
        assert_true(all_are(two.imports(file), 6));
    }
    tell_driver("bind", first.address);
    Tenant again(accelerator(0).name);
    again.fills(must(Buffer::create(again.context, size)), 7);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(both_devices_and_the_cpu_see_the_same_bytes),
        cmocka_unit_test(it_comes_back_as_the_same_memory),
        cmocka_unit_test(memory_outlives_its_device),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("pair_hal", tests, nullptr, nullptr);
}
