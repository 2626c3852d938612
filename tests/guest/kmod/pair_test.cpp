// SPDX-License-Identifier: MIT
// Two accelerators, and vgem as a driver of another kind, that share buffers; either of them may go first.

#include "share.hpp"
#include "user.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>

using namespace kmod;

namespace {

constexpr std::uint64_t SIZE = 4 << 20;

/// One of the accelerators.
struct Accelerator {
    std::string node;
    std::string pci;

    File open() const {
        const int fd = ::open(node.c_str(), O_RDWR | O_CLOEXEC);
        if (fd < 0)
            fail_msg("open %s: %s", node.c_str(), std::strerror(errno));
        return File(fd);
    }
    std::string limit(const std::string &name) const { return "/sys/bus/pci/devices/" + pci + "/user_limits/" + name; }
};

/// Those that are there, in the order of the bus.
std::vector<Accelerator> accelerators() {
    std::vector<Accelerator> found;
    for (const auto &entry : std::filesystem::directory_iterator("/sys/class/accel"))
        found.push_back({"/dev/accel/" + entry.path().filename().string(),
                         std::filesystem::canonical(entry.path() / "device").filename().string()});
    std::ranges::sort(found, {}, &Accelerator::pci);
    return found;
}

std::array<Accelerator, 2> both() {
    const auto found = accelerators();
    assert_int_equal(found.size(), 2);
    return {found[0], found[1]};
}

void unbind(const Accelerator &accelerator) {
    assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/unbind", accelerator.pci), 0);
}

void rebind(const Accelerator &accelerator) {
    assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/bind", accelerator.pci), 0);
}

void device_fills(const File &file, std::uint32_t handle, std::uint64_t pattern) {
    const auto bytes = file.bo(handle).size;
    const auto va = file.bind(handle);
    const auto queue = file.queue().queue_id;
    assert_int_equal(file.run(queue, job_of(fill(va, bytes, pattern))), 0);
    assert_int_equal(file.destroy(queue), 0);
    assert_int_equal(file.unbind(va, bytes), 0);
}

void expect_filled(const std::uint64_t *words, std::uint64_t pattern) {
    for (std::size_t i = 0; i < SIZE / 8; i += 512)
        assert_int_equal(words[i], pattern);
}

// ---- two accelerators -----------------------------------------------------------------------------------------------

void buffer_of_one_is_used_by_both(void **) {
    const auto [first, second] = both();
    const File one = first.open();
    const File two = second.open();
    const auto handle = one.host(SIZE);
    const DmaBuf buf = export_of(one, handle);
    const auto theirs = import_of(two, buf);
    assert_int_equal(two.bo(theirs).flags, DRM_NEURON_BO_IMPORTED);
    assert_string_equal(attached_to(buf.inode()).c_str(), second.pci.c_str());
    const Mapping memory(one, handle);
    device_fills(two, theirs, 1);
    expect_filled(memory.words(), 1);
    device_fills(one, handle, 2);
    expect_filled(memory.words(), 2);
    expect_filled(Mapping(two, theirs).words(), 2);
}

// There and back again: what the first gets is its own buffer.
void buffer_comes_back_as_itself_over_the_other(void **) {
    const auto [first, second] = both();
    const File one = first.open();
    const File two = second.open();
    const auto handle = one.host(SIZE);
    const DmaBuf back = export_of(two, import_of(two, export_of(one, handle)));
    assert_int_equal(import_of(one, back), handle);
    assert_int_equal(one.bo(handle).flags, 0);
}

void importer_goes_first(void **) {
    const auto [first, second] = both();
    const File one = first.open();
    const auto handle = one.host(SIZE);
    const DmaBuf buf = export_of(one, handle);
    {
        const File two = second.open();
        const auto theirs = import_of(two, buf);
        two.bind(theirs);
        unbind(second);
        assert_string_equal(attached_to(buf.inode()).c_str(), "");
        device_fills(one, handle, 3);
        expect_filled(Mapping(one, handle).words(), 3);
        rebind(second);
    }
    const File again = both()[1].open();
    device_fills(again, import_of(again, buf), 4);
    expect_filled(Mapping(one, handle).words(), 4);
}

void exporter_goes_first(void **) {
    const auto [first, second] = both();
    const File two = second.open();
    {
        File one = first.open();
        const auto handle = one.host(SIZE);
        device_fills(one, handle, 5);
        const auto theirs = import_of(two, export_of(one, handle));
        const auto va = two.bind(theirs);
        const Mapping memory(two, theirs);
        unbind(first);
        expect_filled(memory.words(), 5);
        assert_int_equal(two.run(two.queue().queue_id, job_of(fill(va, SIZE, 6))), 0);
        expect_filled(memory.words(), 6);
        one.close();
        device_fills(two, theirs, 7);
        expect_filled(memory.words(), 7);
        rebind(first);
    }
    const File again = both()[0].open();
    device_fills(again, again.host(SIZE), 8);
}

void both_go_before_their_files(void **) {
    const auto [first, second] = both();
    {
        const File one = first.open();
        const File two = second.open();
        const auto mine = one.host(SIZE);
        const auto yours = two.host(SIZE);
        const DmaBuf buf = export_of(one, mine);
        two.bind(import_of(two, buf));
        one.bind(import_of(one, export_of(two, yours)));
        one.bind(mine);
        two.bind(yours);
        unbind(first);
        unbind(second);
        assert_string_equal(attached_to(buf.inode()).c_str(), "");
    }
    rebind(second);
    rebind(first);
    for (const Accelerator &accelerator : both()) {
        const File file = accelerator.open();
        device_fills(file, file.host(SIZE), 1);
    }
}

void limits_of_a_user_are_per_device(void **) {
    const auto [first, second] = both();
    assert_int_equal(write_file(first.limit("contexts"), "0"), 0);
    for (const Accelerator &accelerator : {first, second})
        assert_int_equal(::chmod(accelerator.node.c_str(), 0666), 0);
    {
        const AsUser user(ALICE);
        assert_int_equal(::open(first.node.c_str(), O_RDWR | O_CLOEXEC), -1);
        assert_int_equal(errno, ENOSPC);
        const File file = second.open();
        assert_true(memory_of(file).hbm_limit > 0);
    }
    assert_int_equal(write_file(first.limit("contexts"), "32"), 0);
}

// ---- vgem -----------------------------------------------------------------------------------------------------------

/// The card of vgem.
File open_vgem() {
    for (int card = 0; card < 8; ++card) {
        const int fd = ::open(("/dev/dri/card" + std::to_string(card)).c_str(), O_RDWR | O_CLOEXEC);
        if (fd < 0)
            continue;
        drmVersion *version = drmGetVersion(fd);
        const bool found = version && std::string(version->name) == "vgem";
        drmFreeVersion(version);
        if (found)
            return File(fd);
        ::close(fd);
    }
    fail_msg("no vgem: the boot must load it");
    return File(-1);
}

std::uint64_t *map_dumb(const File &vgem, std::uint32_t handle) {
    drm_mode_map_dumb args{.handle = handle, .pad = 0, .offset = 0};
    assert_int_equal(vgem.call(DRM_IOCTL_MODE_MAP_DUMB, &args), 0);
    void *pointer =
        ::mmap(nullptr, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, vgem.fd(), static_cast<off_t>(args.offset));
    assert_ptr_not_equal(pointer, MAP_FAILED);
    return static_cast<std::uint64_t *>(pointer);
}

void buffer_of_vgem_is_imported(void **) {
    const File vgem = open_vgem();
    drm_mode_create_dumb create{};
    create.width = 1024;
    create.height = 1024;
    create.bpp = 32;
    assert_int_equal(vgem.call(DRM_IOCTL_MODE_CREATE_DUMB, &create), 0);
    assert_int_equal(create.size, SIZE);
    const DmaBuf buf = export_of(vgem, create.handle);
    std::uint64_t *words = map_dumb(vgem, create.handle);
    const File file = both()[0].open();
    const auto handle = import_of(file, buf);
    device_fills(file, handle, 11);
    expect_filled(words, 11);
    words[5] = 12;
    assert_int_equal(Mapping(file, handle).words()[5], 12);
    assert_int_equal(export_of(file, handle).inode(), buf.inode());
    ::munmap(words, SIZE);
}

void vgem_imports_a_host_buffer(void **) {
    const File vgem = open_vgem();
    const auto [first, second] = both();
    File file = first.open();
    const auto handle = file.host(SIZE);
    DmaBuf buf = export_of(file, handle);
    const auto inode = buf.inode();
    const auto theirs = import_of(vgem, buf);
    assert_string_equal(attached_to(inode).c_str(), "vgem");
    device_fills(file, handle, 13);
    // Its maker goes, and so does the device; vgem still has it, and whom it gives it to.
    buf.close();
    file.close();
    unbind(first);
    const File two = second.open();
    const auto through = import_of(two, export_of(vgem, theirs));
    expect_filled(Mapping(two, through).words(), 13);
    device_fills(two, through, 14);
    expect_filled(Mapping(two, through).words(), 14);
    assert_int_equal(two.close_bo(through), 0);
    assert_string_equal(attached_to(inode).c_str(), "vgem");
    assert_int_equal(vgem.close_bo(theirs), 0);
    assert_string_equal(attached_to(inode).c_str(), "gone");
    rebind(first);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(buffer_of_one_is_used_by_both), cmocka_unit_test(buffer_comes_back_as_itself_over_the_other),
        cmocka_unit_test(importer_goes_first),           cmocka_unit_test(exporter_goes_first),
        cmocka_unit_test(both_go_before_their_files),    cmocka_unit_test(limits_of_a_user_are_per_device),
        cmocka_unit_test(buffer_of_vgem_is_imported),    cmocka_unit_test(vgem_imports_a_host_buffer),
    };
    return cmocka_run_group_tests_name("kmod pair", tests, nullptr, nullptr);
}
