// SPDX-License-Identifier: MIT
// What one user may have: limits, what is charged, when it is given back, who is exempt.

#include "child.hpp"
#include "user.hpp"

#include <cerrno>
#include <fstream>
#include <memory>

#include <fcntl.h>
#include <unistd.h>
#include <xf86drm.h>

using namespace kmod;

namespace {

constexpr std::uint64_t MIB = 1 << 20;
constexpr std::uint32_t HOST = DRM_NEURON_PLACE_HOST;
constexpr std::uint32_t HBM = DRM_NEURON_PLACE_HBM;

// ---- the limits -----------------------------------------------------------------------------------------------------

void limits_are_half_of_all_by_default(void **) {
    const File file = open_as(ALICE);
    const auto device = file.query();
    const auto memory = memory_of(file);
    assert_int_equal(memory.hbm_limit, device.hbm_bytes / 2);
    assert_int_equal(memory.hbm_limit, read_limit("hbm_bytes"));
    assert_int_equal(memory.host_limit, read_limit("host_bytes"));
    const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
    assert_true(memory.host_limit > pages * 4096 / 3 && memory.host_limit <= pages * 4096);
    assert_int_equal(read_limit("contexts"), neuron::spec::MAX_CONTEXTS / 2);
    assert_int_equal(read_limit("queues"), neuron::spec::MAX_QUEUES / 2);
}

void query_describes_the_stacks(void **) {
    const File file;
    const auto device = file.query();
    auto before = memory_of(file);
    assert_int_equal(before.banks, device.hbm_banks);
    assert_int_equal(before.pad, 0);
    std::uint64_t bytes = 0;
    std::uint64_t free = 0;
    for (std::uint32_t bank = 0; bank < DRM_NEURON_MAX_BANKS; ++bank) {
        bytes += before.bank_bytes[bank];
        free += before.bank_free[bank];
        assert_true(before.bank_free[bank] <= before.bank_bytes[bank]);
        assert_true((before.bank_bytes[bank] != 0) == (bank < before.banks));
    }
    assert_int_equal(bytes, device.hbm_bytes);
    assert_int_equal(free, device.hbm_free);
    for (std::uint32_t bank = 0; bank < before.banks; ++bank) {
        std::uint32_t handle = 0;
        assert_int_equal(create(file, HBM, 3 * MIB + 4096, &handle, 0, bank), 0);
        before.bank_free[bank] -= 3 * MIB + 4096;
        auto now = memory_of(file);
        assert_memory_equal(now.bank_free, before.bank_free, sizeof(now.bank_free));
        assert_int_equal(file.close_bo(handle), 0);
        before.bank_free[bank] += 3 * MIB + 4096;
        now = memory_of(file);
        assert_memory_equal(now.bank_free, before.bank_free, sizeof(now.bank_free));
    }
}

void superuser_has_no_limits_and_is_not_counted(void **) {
    const Limit hbm("hbm_bytes", 0);
    const Limit host("host_bytes", 0);
    const Limit contexts("contexts", 0);
    const Limit queues("queues", 0);
    const File file;
    file.hbm(MIB);
    file.host(MIB);
    file.queue();
    const auto memory = memory_of(file);
    assert_int_equal(memory.hbm_limit, file.query().hbm_bytes);
    assert_true(memory.host_limit > 0);
    assert_int_equal(memory.hbm_used, 0);
    assert_int_equal(memory.host_used, 0);
}

// ---- what is charged ------------------------------------------------------------------------------------------------

void buffers_are_charged_by_their_rounded_size(void **) {
    const File file = open_as(ALICE);
    std::uint32_t host = 0;
    std::uint32_t hbm = 0;
    assert_int_equal(create(file, HOST, 1, &host), 0);
    assert_int_equal(create(file, HBM, MIB + 1, &hbm), 0);
    auto memory = memory_of(file);
    assert_int_equal(memory.host_used, 4096);
    assert_int_equal(memory.hbm_used, MIB + 4096);
    assert_int_equal(file.close_bo(host), 0);
    assert_int_equal(file.close_bo(hbm), 0);
    memory = memory_of(file);
    assert_int_equal(memory.host_used, 0);
    assert_int_equal(memory.hbm_used, 0);
}

void files_of_a_user_count_together_and_users_apart(void **) {
    const File first = open_as(ALICE);
    const File other = open_as(BOB);
    {
        const File second = open_as(ALICE);
        first.hbm(MIB);
        second.hbm(2 * MIB);
        second.host(MIB);
        assert_int_equal(memory_of(first).hbm_used, 3 * MIB);
        assert_int_equal(memory_of(second).host_used, MIB);
        assert_int_equal(memory_of(other).hbm_used, 0);
        assert_int_equal(memory_of(other).host_used, 0);
    }
    assert_int_equal(memory_of(first).hbm_used, MIB);
    assert_int_equal(memory_of(first).host_used, 0);
}

void hbm_limit_holds_to_the_byte(void **) {
    const Limit limit("hbm_bytes", 4 * MIB);
    const File file = open_as(ALICE);
    assert_int_equal(memory_of(file).hbm_limit, 4 * MIB);
    std::uint32_t handle = 0;
    assert_int_equal(create(file, HBM, 4 * MIB + 4096), -ENOSPC);
    assert_int_equal(create(file, HBM, 3 * MIB, &handle), 0);
    assert_int_equal(create(file, HBM, MIB + 1), -ENOSPC);
    assert_int_equal(memory_of(file).hbm_used, 3 * MIB);
    assert_int_equal(create(file, HBM, MIB), 0);
    assert_int_equal(create(file, HBM, 1), -ENOSPC);
    assert_int_equal(memory_of(file).hbm_used, 4 * MIB);
    assert_int_equal(create(file, HOST, MIB), 0);
    assert_int_equal(file.close_bo(handle), 0);
    assert_int_equal(create(file, HBM, 3 * MIB), 0);
}

void host_limit_holds_to_the_byte(void **) {
    const Limit limit("host_bytes", 4 * MIB);
    const File file = open_as(ALICE);
    assert_int_equal(create(file, HOST, 4 * MIB + 1), -ENOMEM);
    assert_int_equal(create(file, HOST, 4 * MIB), 0);
    assert_int_equal(create(file, HOST, 1), -ENOMEM);
    assert_int_equal(memory_of(file).host_used, 4 * MIB);
    assert_int_equal(create(file, HBM, MIB), 0);
}

void one_user_at_the_limit_leaves_others_alone(void **) {
    const Limit limit("hbm_bytes", MIB);
    const File alice = open_as(ALICE);
    const File again = open_as(ALICE);
    const File bob = open_as(BOB);
    const File root;
    assert_int_equal(create(alice, HBM, MIB), 0);
    assert_int_equal(create(again, HBM, 4096), -ENOSPC);
    assert_int_equal(create(bob, HBM, MIB), 0);
    assert_int_equal(create(root, HBM, 8 * MIB), 0);
}

void sizes_that_would_wrap_are_refused(void **) {
    const File file = open_as(ALICE);
    file.hbm(4096);
    file.host(4096);
    for (const std::uint64_t size : {1ull << 60, 1ull << 63, ~0ull - 4096}) {
        assert_int_equal(create(file, HBM, size), -ENOSPC);
        assert_int_equal(create(file, HOST, size), -ENOMEM);
    }
    assert_int_equal(memory_of(file).hbm_used, 4096);
    assert_int_equal(memory_of(file).host_used, 4096);
}

// ---- who owns a charge ----------------------------------------------------------------------------------------------

void charge_stays_while_a_dma_buf_does(void **) {
    const File watch = open_as(ALICE);
    int fd = -1;
    {
        const File file = open_as(ALICE);
        assert_int_equal(drmPrimeHandleToFD(file.fd(), file.host(MIB), DRM_CLOEXEC, &fd), 0);
    }
    assert_int_equal(memory_of(watch).host_used, MIB);
    assert_int_equal(::close(fd), 0);
    assert_int_equal(memory_of(watch).host_used, 0);
}

void charge_stays_while_a_mapping_does(void **) {
    const File watch = open_as(ALICE);
    {
        File file = open_as(ALICE);
        const Mapping hbm(file, file.hbm(MIB));
        const Mapping host(file, file.host(2 * MIB));
        file.close();
        assert_int_equal(memory_of(watch).hbm_used, MIB);
        assert_int_equal(memory_of(watch).host_used, 2 * MIB);
    }
    assert_int_equal(memory_of(watch).hbm_used, 0);
    assert_int_equal(memory_of(watch).host_used, 0);
}

void charge_stays_while_a_binding_does(void **) {
    const File file = open_as(ALICE);
    const auto handle = file.hbm(MIB);
    const auto va = file.bind(handle);
    assert_int_equal(file.close_bo(handle), 0);
    assert_int_equal(memory_of(file).hbm_used, MIB);
    assert_int_equal(file.unbind(va, MIB), 0);
    assert_int_equal(memory_of(file).hbm_used, 0);
}

// A buffer in another user's hands is still paid for by who made it.
void charge_stays_with_the_maker(void **) {
    const File bob = open_as(BOB);
    const File watch = open_as(ALICE);
    {
        const File alice = open_as(ALICE);
        int fd = -1;
        std::uint32_t handle = 0;
        assert_int_equal(drmPrimeHandleToFD(alice.fd(), alice.host(MIB), DRM_CLOEXEC, &fd), 0);
        assert_int_equal(drmPrimeFDToHandle(bob.fd(), fd, &handle), 0);
        assert_int_equal(::close(fd), 0);
    }
    assert_int_equal(memory_of(watch).host_used, MIB);
    assert_int_equal(memory_of(bob).host_used, 0);
}

void file_belongs_to_who_opened_it(void **) {
    const Limit limit("hbm_bytes", MIB);
    const File alice = open_as(ALICE);
    const File root;
    // In root's hands a user's file is the user's, and the other way round.
    assert_int_equal(create(alice, HBM, 2 * MIB), -ENOSPC);
    const AsUser user(ALICE);
    assert_int_equal(create(root, HBM, 2 * MIB), 0);
    assert_int_equal(memory_of(alice).hbm_used, 0);
}

void user_starts_anew_when_all_is_gone(void **) {
    for (int i = 0; i < 50; ++i) {
        const File file = open_as(ALICE);
        assert_int_equal(memory_of(file).hbm_used, 0);
        file.bind(file.hbm(MIB));
        file.queue();
        assert_int_equal(memory_of(file).hbm_used, MIB);
    }
}

void failed_creation_gives_the_charge_back(void **) {
    const Limit limit("hbm_bytes", ~0ull);
    const File file = open_as(ALICE);
    const auto memory = memory_of(file);
    assert_int_equal(create(file, HBM, memory.bank_bytes[0] + 4096, nullptr, 0, 0), -ENOSPC);
    assert_int_equal(create(file, HBM, file.query().aperture_bytes + 4096, nullptr, DRM_NEURON_BO_MAPPABLE), -ENOSPC);
    assert_int_equal(create(file, HBM, 1ull << 60), -ENOSPC);
    assert_int_equal(memory_of(file).hbm_used, 0);
    assert_memory_equal(memory_of(file).bank_free, memory.bank_free, sizeof(memory.bank_free));
    const Limit host("host_bytes", ~0ull);
    assert_int_equal(create(file, HOST, 1ull << 60), -ENOMEM);
    assert_int_equal(memory_of(file).host_used, 0);
}

// ---- contexts and queues --------------------------------------------------------------------------------------------

void contexts_run_out_for_one_user_only(void **) {
    std::vector<File> files;
    for (std::uint64_t i = 0; i < read_limit("contexts"); ++i)
        files.push_back(open_as(ALICE));
    {
        const AsUser user(ALICE);
        assert_int_equal(try_open(), -ENOSPC);
    }
    const File bob = open_as(BOB);
    const File root;
    assert_int_equal(bob.run(bob.queue().queue_id, job_of(nop())), 0);
    files.pop_back();
    open_as(ALICE);
}

// Two users at their limits leave nothing: then it is the device that is full, for everybody.
void contexts_run_out_for_all(void **) {
    std::vector<File> files;
    for (const uid_t uid : {ALICE, BOB})
        for (std::uint64_t i = 0; i < read_limit("contexts"); ++i)
            files.push_back(open_as(uid));
    assert_int_equal(try_open(), -ENOSPC);
    files.pop_back();
    const File root;
}

void queues_run_out_for_one_user_only(void **) {
    const Limit limit("queues", 5);
    const File first = open_as(ALICE);
    const File second = open_as(ALICE);
    std::vector<std::uint32_t> ids;
    for (int i = 0; i < 3; ++i)
        ids.push_back(first.queue().queue_id);
    second.queue();
    second.queue();
    drm_neuron_queue_create args{};
    assert_int_equal(first.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), -ENOSPC);
    assert_int_equal(second.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), -ENOSPC);
    const File bob = open_as(BOB);
    assert_int_equal(bob.run(bob.queue().queue_id, job_of(nop())), 0);
    assert_int_equal(first.destroy(ids[0]), 0);
    assert_int_equal(second.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), 0);
}

void queues_come_back_with_their_file(void **) {
    const Limit limit("queues", 2);
    for (int i = 0; i < 20; ++i) {
        const File file = open_as(ALICE);
        const auto id = file.queue().queue_id;
        file.queue();
        // One that is stopped is still there.
        assert_int_equal(file.run(id, job_of(fill(0x7000000000, 8, 1))), -EIO);
        drm_neuron_queue_create args{};
        assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), -ENOSPC);
    }
}

// ---- the administrator ----------------------------------------------------------------------------------------------

void lower_limit_takes_nothing_away(void **) {
    const Limit limit("hbm_bytes", 4 * MIB);
    const File file = open_as(ALICE);
    const auto handle = file.hbm(2 * MIB);
    limit.set(MIB);
    assert_int_equal(memory_of(file).hbm_limit, MIB);
    assert_int_equal(memory_of(file).hbm_used, 2 * MIB);
    assert_int_equal(create(file, HBM, 4096), -ENOSPC);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(file.bind(handle), MIB, 1))), 0);
    limit.set(8 * MIB);
    assert_int_equal(create(file, HBM, 6 * MIB), 0);
}

void limit_refuses_what_is_no_number(void **) {
    const auto before = read_limit("hbm_bytes");
    for (const auto *text : {"", "much", "-1", "1.5", "18446744073709551616", "12 34"})
        assert_int_equal(write_file(limit_path("hbm_bytes"), text),
                         *text ? (std::string(text) == "18446744073709551616" ? -ERANGE : -EINVAL) : 0);
    assert_int_equal(read_limit("hbm_bytes"), before);
    const Limit hex("hbm_bytes", 0);
    assert_int_equal(write_file(limit_path("hbm_bytes"), "0x100000\n"), 0);
    assert_int_equal(read_limit("hbm_bytes"), MIB);
}

void only_the_administrator_changes_limits(void **) {
    const AsUser user(ALICE);
    for (const auto *name : {"hbm_bytes", "host_bytes", "contexts", "queues"}) {
        assert_true(read_limit(name) > 0);
        assert_int_equal(write_file(limit_path(name), "1"), -EACCES);
    }
}

void driver_that_is_bound_anew_has_the_defaults(void **) {
    const std::string name = pci_name();
    const auto before = read_limit("hbm_bytes");
    const File old = open_as(ALICE);
    const auto handle = old.hbm(MIB);
    assert_int_equal(write_file(limit_path("hbm_bytes"), "4096"), 0);
    assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/unbind", name), 0);
    assert_true(wait_for_node(false));
    assert_int_equal(::access(("/sys/bus/pci/devices/" + name + "/user_limits").c_str(), F_OK), -1);
    assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/bind", name), 0);
    assert_true(wait_for_node(true));
    assert_int_equal(read_limit("hbm_bytes"), before);
    // What is left of the old device is not counted in the new one.
    const File file = open_as(ALICE);
    assert_int_equal(memory_of(file).hbm_used, 0);
    assert_int_equal(old.close_bo(handle), -ENODEV);
}

// ---- many at once ---------------------------------------------------------------------------------------------------

void racing_processes_never_get_more_than_the_limit(void **) {
    const Limit limit("hbm_bytes", 8 * MIB);
    const File watch = open_as(ALICE);
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 4; ++i) {
        children.push_back(std::make_unique<Child>([] {
            const File file = open_as(ALICE);
            for (int round = 0; round < 200; ++round) {
                std::vector<std::uint32_t> handles;
                std::uint32_t handle = 0;
                int ret = 0;
                while (!(ret = create(file, HBM, MIB, &handle)))
                    handles.push_back(handle);
                assert_int_equal(ret, -ENOSPC);
                assert_true(handles.size() <= 8);
                assert_true(memory_of(file).hbm_used <= 8 * MIB);
                for (const auto owned : handles)
                    assert_int_equal(file.close_bo(owned), 0);
            }
        }));
    }
    for (auto &child : children)
        child->join();
    assert_int_equal(memory_of(watch).hbm_used, 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_half_of_all_by_default),
        cmocka_unit_test(query_describes_the_stacks),
        cmocka_unit_test(superuser_has_no_limits_and_is_not_counted),
        cmocka_unit_test(buffers_are_charged_by_their_rounded_size),
        cmocka_unit_test(files_of_a_user_count_together_and_users_apart),
        cmocka_unit_test(hbm_limit_holds_to_the_byte),
        cmocka_unit_test(host_limit_holds_to_the_byte),
        cmocka_unit_test(one_user_at_the_limit_leaves_others_alone),
        cmocka_unit_test(sizes_that_would_wrap_are_refused),
        cmocka_unit_test(charge_stays_while_a_dma_buf_does),
        cmocka_unit_test(charge_stays_while_a_mapping_does),
        cmocka_unit_test(charge_stays_while_a_binding_does),
        cmocka_unit_test(charge_stays_with_the_maker),
        cmocka_unit_test(file_belongs_to_who_opened_it),
        cmocka_unit_test(user_starts_anew_when_all_is_gone),
        cmocka_unit_test(failed_creation_gives_the_charge_back),
        cmocka_unit_test(contexts_run_out_for_one_user_only),
        cmocka_unit_test(contexts_run_out_for_all),
        cmocka_unit_test(queues_run_out_for_one_user_only),
        cmocka_unit_test(queues_come_back_with_their_file),
        cmocka_unit_test(lower_limit_takes_nothing_away),
        cmocka_unit_test(limit_refuses_what_is_no_number),
        cmocka_unit_test(only_the_administrator_changes_limits),
        cmocka_unit_test(driver_that_is_bound_anew_has_the_defaults),
        cmocka_unit_test(racing_processes_never_get_more_than_the_limit),
    };
    return cmocka_run_group_tests_name("kmod quota", tests, nullptr, nullptr);
}
