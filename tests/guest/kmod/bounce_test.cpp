// SPDX-License-Identifier: MIT
// Where the DMA API would copy everything through bounce buffers, memory of the host cannot be shared with the device:
// that is refused, and nothing is left of it. What is in HBM works.

#include "share.hpp"
#include "user.hpp"

#include <cerrno>

using namespace kmod;

namespace {

constexpr std::uint64_t SIZE = 64 * 4096;

int bind(const File &file, std::uint32_t handle) {
    drm_neuron_vm_bind args{};
    args.handle = handle;
    args.range = SIZE;
    return file.call(DRM_IOCTL_NEURON_VM_BIND, &args);
}

void host_buffers_are_not_bound(void **) {
    const File file;
    const auto handle = file.host(SIZE);
    for (int i = 0; i < 3; ++i)
        assert_int_equal(bind(file, handle), -EOPNOTSUPP);
    assert_int_equal(fdinfo(file, "neuron-pages"), 0);
    // They are memory all the same.
    const Mapping memory(file, handle);
    memory.words()[SIZE / 8 - 1] = 1;
    assert_int_equal(memory.words()[SIZE / 8 - 1], 1);
}

void buffers_of_other_drivers_are_not_imported(void **) {
    const File file;
    const Memfd memory(SIZE);
    const DmaBuf buf = memory.share();
    for (int i = 0; i < 3; ++i)
        assert_int_equal(try_import(file, buf.fd()), -EOPNOTSUPP);
    assert_string_equal(attached_to(buf.inode()).c_str(), "");
    assert_int_equal(fdinfo(file, "drm-total-system"), 0);
}

void own_buffers_are_shared_between_processes(void **) {
    const File file;
    const File other;
    const auto handle = file.host(SIZE);
    const auto theirs = import_of(other, export_of(file, handle));
    Mapping(file, handle).words()[0] = 7;
    assert_int_equal(Mapping(other, theirs).words()[0], 7);
    assert_int_equal(bind(other, theirs), -EOPNOTSUPP);
}

void hbm_works(void **) {
    const File file;
    const auto handle = file.hbm(SIZE);
    const auto va = file.bind(handle);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va, SIZE, 5))), 0);
    assert_int_equal(Mapping(file, handle).words()[SIZE / 8 - 1], 5);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(host_buffers_are_not_bound),
        cmocka_unit_test(buffers_of_other_drivers_are_not_imported),
        cmocka_unit_test(own_buffers_are_shared_between_processes),
        cmocka_unit_test(hbm_works),
    };
    return cmocka_run_group_tests_name("kmod bounce", tests, nullptr, nullptr);
}
