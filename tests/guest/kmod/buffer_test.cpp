// SPDX-License-Identifier: MIT
// DEV_QUERY, BO_CREATE, BO_QUERY and mmap.

#include "support.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace kmod;

namespace {

constexpr std::uint64_t MIB = 1 << 20;

std::uint64_t address(const void *pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

drm_neuron_bo_create hbm_request(std::uint64_t size) {
    return {.size = size, .placement = DRM_NEURON_PLACE_HBM, .flags = 0, .bank = DRM_NEURON_BO_ANY_BANK, .handle = 0};
}

int create(const File &file, drm_neuron_bo_create args) { return file.call(DRM_IOCTL_NEURON_BO_CREATE, &args); }

void query_describes_the_device(void **) {
    const File file;
    const auto device = file.query();
    assert_int_equal(device.spec_version >> 16, neuron::spec::VERSION_MAJOR);
    assert_int_equal(device.driver_spec_version >> 16, neuron::spec::VERSION_MAJOR);
    assert_true(device.cores > 0 && device.hbm_banks > 0 && device.max_queues > 0);
    assert_true(device.hbm_free <= device.hbm_bytes && device.aperture_bytes <= device.hbm_bytes);
    assert_true(device.va_start < device.va_end);
    assert_int_equal(device.page_size, neuron::spec::PAGE_SIZE);
}

void query_says_its_size_without_a_pointer(void **) {
    const File file;
    drm_neuron_dev_query args{.type = DRM_NEURON_QUERY_DEVICE, .size = 0, .ptr = 0};
    assert_int_equal(file.call(DRM_IOCTL_NEURON_DEV_QUERY, &args), 0);
    assert_int_equal(args.size, sizeof(drm_neuron_query_device));
}

void query_fills_small_and_large_buffers(void **) {
    const File file;
    std::array<std::uint8_t, sizeof(drm_neuron_query_device) + 16> large;
    large.fill(0xee);
    drm_neuron_dev_query args{.type = DRM_NEURON_QUERY_DEVICE, .size = large.size(), .ptr = address(large.data())};
    assert_int_equal(file.call(DRM_IOCTL_NEURON_DEV_QUERY, &args), 0);
    assert_true(std::all_of(large.end() - 16, large.end(), [](auto byte) { return byte == 0; }));

    std::array<std::uint32_t, 2> small{0, 0xeeeeeeee};
    args = {.type = DRM_NEURON_QUERY_DEVICE, .size = 4, .ptr = address(small.data())};
    assert_int_equal(file.call(DRM_IOCTL_NEURON_DEV_QUERY, &args), 0);
    assert_int_equal(small[0] >> 16, neuron::spec::VERSION_MAJOR);
    assert_int_equal(small[1], 0xeeeeeeee);
}

void query_refuses_bad_arguments(void **) {
    const File file;
    drm_neuron_dev_query args{.type = 99, .size = 0, .ptr = 0};
    assert_int_equal(file.call(DRM_IOCTL_NEURON_DEV_QUERY, &args), -EINVAL);
    args = {.type = DRM_NEURON_QUERY_DEVICE, .size = sizeof(drm_neuron_query_device), .ptr = 8};
    assert_int_equal(file.call(DRM_IOCTL_NEURON_DEV_QUERY, &args), -EFAULT);
}

void sizes_round_up_to_pages(void **) {
    const File file;
    assert_int_equal(file.bo(file.host(1)).size, 4096);
    assert_int_equal(file.bo(file.hbm(4097)).size, 8192);
}

void create_refuses_bad_arguments(void **) {
    const File file;
    const auto device = file.query();
    const drm_neuron_bo_create host{
        .size = 4096, .placement = DRM_NEURON_PLACE_HOST, .flags = 0, .bank = 0, .handle = 0};
    const auto with = [](drm_neuron_bo_create args, auto member, auto value) {
        args.*member = value;
        return args;
    };
    assert_int_equal(create(file, with(host, &drm_neuron_bo_create::size, 0)), -EINVAL);
    assert_int_equal(create(file, with(host, &drm_neuron_bo_create::size, ~0ull)), -EINVAL);
    assert_int_equal(create(file, with(host, &drm_neuron_bo_create::placement, 2)), -EINVAL);
    assert_int_equal(create(file, with(host, &drm_neuron_bo_create::flags, DRM_NEURON_BO_MAPPABLE)), -EINVAL);
    assert_int_equal(create(file, with(host, &drm_neuron_bo_create::bank, 1)), -EINVAL);
    assert_int_equal(create(file, with(host, &drm_neuron_bo_create::size, 1ull << 50)), -ENOMEM);
    assert_int_equal(create(file, hbm_request(0)), -EINVAL);
    assert_int_equal(create(file, with(hbm_request(4096), &drm_neuron_bo_create::flags, 2)), -EINVAL);
    assert_int_equal(create(file, with(hbm_request(4096), &drm_neuron_bo_create::bank, device.hbm_banks)), -EINVAL);
    assert_int_equal(create(file, hbm_request(device.hbm_bytes + 4096)), -ENOSPC);
    assert_int_equal(create(file, hbm_request(1ull << 62)), -ENOSPC);
}

void buffer_beyond_the_aperture_cannot_be_mappable(void **) {
    const File file;
    const auto device = file.query();
    auto args = hbm_request(device.aperture_bytes + 4096);
    args.flags = DRM_NEURON_BO_MAPPABLE;
    assert_int_equal(create(file, args), -ENOSPC);
}

void bank_is_respected_and_runs_out(void **) {
    const File file;
    const auto device = file.query();
    auto args = hbm_request(device.hbm_bytes / device.hbm_banks + 4096);
    args.bank = device.hbm_banks - 1;
    assert_int_equal(create(file, args), -ENOSPC);
}

void hbm_comes_back_when_buffers_go(void **) {
    const File file;
    const auto before = file.query().hbm_free;
    const auto handle = file.hbm(MIB);
    assert_int_equal(file.query().hbm_free, before - MIB);
    assert_int_equal(file.close_bo(handle), 0);
    assert_int_equal(file.query().hbm_free, before);
}

void query_refuses_bad_handles(void **) {
    const File file;
    drm_neuron_bo_query args{};
    args.handle = 4711;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_BO_QUERY, &args), -ENOENT);
    args.handle = file.host(4096);
    args.pad = 1;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_BO_QUERY, &args), -EINVAL);
}

void buffers_read_as_zero_after_another_file_used_the_memory(void **) {
    const auto dirty = [] {
        const File file;
        const Mapping memory(file, file.hbm(MIB));
        std::ranges::fill(memory.bytes(), std::byte{0xa5});
    };
    dirty();
    const File file;
    const Mapping hbm(file, file.hbm(MIB));
    assert_true(std::ranges::all_of(hbm.bytes(), [](auto byte) { return byte == std::byte{}; }));
    const Mapping host(file, file.host(MIB));
    assert_true(std::ranges::all_of(host.bytes(), [](auto byte) { return byte == std::byte{}; }));
}

void mapping_keeps_data_of_both_placements(void **) {
    const File file;
    for (const auto handle : {file.host(3 * MIB), file.hbm(3 * MIB)}) {
        const Mapping one(file, handle);
        const Mapping two(file, handle);
        for (std::size_t i = 0; i < 3 * MIB / 8; i += 511)
            one.words()[i] = i * 0x9e3779b97f4a7c15;
        for (std::size_t i = 0; i < 3 * MIB / 8; i += 511)
            assert_int_equal(two.words()[i], i * 0x9e3779b97f4a7c15);
    }
}

void mapping_needs_a_mappable_buffer(void **) {
    const File file;
    assert_int_equal(file.bo(file.hbm(4096, 0)).mmap_offset, 0);
    assert_ptr_equal(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file.fd(), 0), MAP_FAILED);
}

void mapping_refuses_private_and_oversize(void **) {
    const File file;
    for (const auto handle : {file.host(4096), file.hbm(4096)}) {
        const auto offset = static_cast<off_t>(file.bo(handle).mmap_offset);
        assert_ptr_equal(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.fd(), offset), MAP_FAILED);
        assert_ptr_equal(::mmap(nullptr, 8192, PROT_READ, MAP_SHARED, file.fd(), offset), MAP_FAILED);
    }
}

// Giving back the front of a mapping moves its start: what is touched later must still be the same bytes.
void mapping_keeps_its_bytes_when_it_is_split(void **) {
    const File file;
    for (const auto handle : {file.host(4 * MIB), file.hbm(4 * MIB)}) {
        {
            const Mapping whole(file, handle);
            for (std::size_t i = 0; i < 4 * MIB / 8; i += 512)
                whole.words()[i] = i;
        }
        const auto offset = static_cast<off_t>(file.bo(handle).mmap_offset);
        void *pointer = ::mmap(nullptr, 4 * MIB, PROT_READ, MAP_SHARED, file.fd(), offset);
        assert_ptr_not_equal(pointer, MAP_FAILED);
        assert_int_equal(::munmap(pointer, MIB), 0);
        const auto *words = static_cast<const std::uint64_t *>(pointer);
        for (std::size_t i = MIB / 8; i < 4 * MIB / 8; i += 512)
            assert_int_equal(words[i], i);
        assert_int_equal(::munmap(static_cast<std::byte *>(pointer) + MIB, 3 * MIB), 0);
    }
}

void mapping_of_another_files_buffer_is_refused(void **) {
    const File owner;
    const File stranger;
    for (const auto handle : {owner.host(4096), owner.hbm(4096)}) {
        const auto offset = static_cast<off_t>(owner.bo(handle).mmap_offset);
        assert_ptr_equal(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, stranger.fd(), offset), MAP_FAILED);
        assert_int_equal(errno, EACCES);
    }
}

void handles_belong_to_their_file(void **) {
    const File owner;
    const File stranger;
    drm_neuron_bo_query args{};
    args.handle = owner.host(4096);
    assert_int_equal(stranger.call(DRM_IOCTL_NEURON_BO_QUERY, &args), -ENOENT);
}

void mapping_outlives_handle_and_file(void **) {
    File file;
    const auto handle = file.hbm(4096);
    const Mapping memory(file, handle);
    memory.words()[0] = 42;
    assert_int_equal(file.close_bo(handle), 0);
    file.close();
    assert_int_equal(memory.words()[0], 42);
}

void thousands_of_buffers_fit(void **) {
    const File file;
    std::vector<std::uint32_t> handles;
    for (int i = 0; i < 2000; ++i)
        handles.push_back(i % 2 ? file.host(4096) : file.hbm(4096));
    for (const auto handle : handles)
        assert_int_equal(file.close_bo(handle), 0);
    assert_int_equal(file.close_bo(handles[0]), -EINVAL);
}

void contexts_run_out_in_order(void **) {
    std::vector<int> fds;
    const std::string path = node();
    int fd = 0;
    while ((fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC)) >= 0 && fds.size() < 1000)
        fds.push_back(fd);
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(fds.size(), neuron::spec::MAX_CONTEXTS);
    for (const int open : fds)
        ::close(open);
    const File again;
}

void unknown_ioctl_is_refused(void **) {
    const File file;
    std::uint64_t nothing = 0;
    assert_int_equal(file.call(DRM_IOWR(DRM_COMMAND_BASE + 0x3f, std::uint64_t), &nothing), -EINVAL);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(query_describes_the_device),
        cmocka_unit_test(query_says_its_size_without_a_pointer),
        cmocka_unit_test(query_fills_small_and_large_buffers),
        cmocka_unit_test(query_refuses_bad_arguments),
        cmocka_unit_test(sizes_round_up_to_pages),
        cmocka_unit_test(create_refuses_bad_arguments),
        cmocka_unit_test(buffer_beyond_the_aperture_cannot_be_mappable),
        cmocka_unit_test(bank_is_respected_and_runs_out),
        cmocka_unit_test(hbm_comes_back_when_buffers_go),
        cmocka_unit_test(query_refuses_bad_handles),
        cmocka_unit_test(buffers_read_as_zero_after_another_file_used_the_memory),
        cmocka_unit_test(mapping_keeps_data_of_both_placements),
        cmocka_unit_test(mapping_needs_a_mappable_buffer),
        cmocka_unit_test(mapping_refuses_private_and_oversize),
        cmocka_unit_test(mapping_keeps_its_bytes_when_it_is_split),
        cmocka_unit_test(mapping_of_another_files_buffer_is_refused),
        cmocka_unit_test(handles_belong_to_their_file),
        cmocka_unit_test(mapping_outlives_handle_and_file),
        cmocka_unit_test(thousands_of_buffers_fit),
        cmocka_unit_test(contexts_run_out_in_order),
        cmocka_unit_test(unknown_ioctl_is_refused),
    };
    return cmocka_run_group_tests_name("kmod buffer", tests, nullptr, nullptr);
}
