// SPDX-License-Identifier: MIT
// VM_BIND: arguments, addresses, data through both placements, isolation.

#include "user.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include <unistd.h>

using namespace kmod;

namespace {

constexpr std::uint64_t MIB = 1 << 20;
constexpr std::uint64_t VA = 0x40000000;

drm_neuron_vm_bind map_request(std::uint32_t handle, std::uint64_t range) {
    drm_neuron_vm_bind args{};
    args.op = DRM_NEURON_BIND_MAP;
    args.flags = DRM_NEURON_BIND_FIXED_VA;
    args.handle = handle;
    args.range = range;
    args.va = VA;
    return args;
}

int bind(const File &file, drm_neuron_vm_bind args) { return file.call(DRM_IOCTL_NEURON_VM_BIND, &args); }

template<class Member, class Value>
drm_neuron_vm_bind with(drm_neuron_vm_bind args, Member member, Value value) {
    args.*member = static_cast<std::remove_reference_t<decltype(args.*member)>>(value);
    return args;
}

using B = drm_neuron_vm_bind;

void map_refuses_bad_arguments(void **) {
    const File file;
    const auto device = file.query();
    const auto good = map_request(file.host(8192), 8192);
    assert_int_equal(bind(file, with(good, &B::op, 2)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::flags, 4)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::handle, 4711)), -ENOENT);
    assert_int_equal(bind(file, with(good, &B::pad, 1)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::bo_offset, 4096)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::bo_offset, 8192)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::bo_offset, 1)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::bo_offset, ~0xfffull)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::range, 0)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::range, 12288)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::range, 100)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::range, ~0xfffull)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::va, VA + 1)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::va, device.va_start - 4096)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::va, device.va_end - 4096)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::va, ~0xfffull)), -EINVAL);
    assert_int_equal(bind(file, good), 0);
}

void unmap_refuses_bad_arguments(void **) {
    const File file;
    const auto handle = file.host(8192);
    assert_int_equal(bind(file, map_request(handle, 8192)), 0);
    B good{};
    good.op = DRM_NEURON_BIND_UNMAP;
    good.range = 8192;
    good.va = VA;
    assert_int_equal(bind(file, with(good, &B::flags, DRM_NEURON_BIND_FIXED_VA)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::handle, handle)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::bo_offset, 4096)), -EINVAL);
    assert_int_equal(bind(file, with(good, &B::range, 4096)), -ENOENT);
    assert_int_equal(bind(file, with(good, &B::va, VA + 4096)), -ENOENT);
    assert_int_equal(bind(file, with(good, &B::va, VA - 4096)), -ENOENT);
    assert_int_equal(bind(file, good), 0);
    assert_int_equal(bind(file, good), -ENOENT);
}

void fixed_ranges_must_not_overlap(void **) {
    const File file;
    const auto good = map_request(file.host(8192), 8192);
    assert_int_equal(bind(file, good), 0);
    assert_int_equal(bind(file, good), -EEXIST);
    assert_int_equal(bind(file, with(good, &B::va, VA + 4096)), -EEXIST);
    assert_int_equal(bind(file, with(good, &B::va, VA - 4096)), -EEXIST);
    assert_int_equal(bind(file, with(good, &B::va, VA + 8192)), 0);
    assert_int_equal(file.unbind(VA, 8192), 0);
    assert_int_equal(bind(file, good), 0);
}

void ends_of_the_address_space_can_be_bound(void **) {
    const File file;
    const auto device = file.query();
    const auto handle = file.host(4096);
    const auto queue = file.queue().queue_id;
    for (const auto va : {device.va_start, device.va_end - 4096}) {
        assert_int_equal(bind(file, with(map_request(handle, 4096), &B::va, va)), 0);
        assert_int_equal(file.run(queue, job_of(fill(va, 4096, va))), 0);
        assert_int_equal(Mapping(file, handle).words()[511], va);
    }
}

void chosen_addresses_are_distinct_and_ignore_va(void **) {
    const File file;
    const auto handle = file.host(4096);
    auto args = with(with(map_request(handle, 4096), &B::flags, 0), &B::va, 1);
    assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), 0);
    assert_int_not_equal(args.va, file.bind(handle));
}

// Each pair of placements, with sizes on both sides of the 2 MiB page and odd offsets.
void copies_arrive_in_and_from_both_placements(void **) {
    const File file;
    const auto queue = file.queue().queue_id;
    for (const std::uint64_t size : {4096ul, 2 * MIB, 5 * MIB + 8192}) {
        const std::array handles{file.host(size), file.hbm(size), file.host(size)};
        std::array<std::uint64_t, 3> va{};
        std::ranges::transform(handles, va.begin(), [&](auto handle) { return file.bind(handle); });
        const Mapping source(file, handles[0]);
        const Mapping middle(file, handles[1]);
        const Mapping target(file, handles[2]);
        for (std::uint64_t i = 0; i < size / 8; ++i)
            source.words()[i] = i * 0x9e3779b97f4a7c15;
        assert_int_equal(file.run(queue, job_of(copy(va[0], va[1], size), copy(va[1] + 1, va[2] + 1, size - 2))), 0);
        assert_memory_equal(source.bytes().data(), middle.bytes().data(), size);
        assert_memory_equal(source.bytes().data() + 1, target.bytes().data() + 1, size - 2);
        assert_true(target.bytes()[0] == std::byte{} && target.bytes()[size - 1] == std::byte{});
    }
}

void part_of_a_buffer_can_be_bound(void **) {
    const File file;
    const auto queue = file.queue().queue_id;
    for (const auto handle : {file.host(8 * MIB), file.hbm(8 * MIB)}) {
        auto args = with(map_request(handle, 3 * MIB), &B::bo_offset, MIB + 4096);
        assert_int_equal(bind(file, args), 0);
        assert_int_equal(file.run(queue, job_of(fill(VA, 3 * MIB, 7))), 0);
        const Mapping memory(file, handle);
        const auto word = [&](std::uint64_t byte) { return memory.words()[byte / 8]; };
        assert_int_equal(word(MIB + 4096 - 8), 0);
        assert_int_equal(word(MIB + 4096), 7);
        assert_int_equal(word(4 * MIB + 4096 - 8), 7);
        assert_int_equal(word(4 * MIB + 4096), 0);
        assert_int_equal(file.unbind(VA, 3 * MIB), 0);
    }
}

// Small and large pages take turns at one address, so each unmap must leave no entry and no stale table behind.
void rebinding_an_address_shows_the_new_buffer(void **) {
    const File file;
    const auto queue = file.queue().queue_id;
    for (std::uint64_t round = 1; round <= 20; ++round) {
        const std::uint64_t size = round % 2 ? 4 * MIB : 4096 * round;
        const auto handle = round % 4 < 2 ? file.host(size) : file.hbm(size);
        assert_int_equal(bind(file, map_request(handle, size)), 0);
        assert_int_equal(file.run(queue, job_of(fill(VA, size, round))), 0);
        const Mapping memory(file, handle);
        assert_int_equal(memory.words()[0], round);
        assert_int_equal(memory.words()[size / 8 - 1], round);
        assert_int_equal(file.unbind(VA, size), 0);
        assert_int_equal(file.close_bo(handle), 0);
    }
}

void buffer_lives_while_it_is_bound(void **) {
    const File file;
    const auto queue = file.queue().queue_id;
    const auto gone = file.hbm(4096);
    const auto va = file.bind(gone);
    assert_int_equal(file.close_bo(gone), 0);
    const auto seen = file.host(4096);
    const auto target = file.bind(seen);
    assert_int_equal(file.run(queue, job_of(fill(va, 4096, 77), copy(va, target, 4096))), 0);
    assert_int_equal(Mapping(file, seen).words()[0], 77);
}

void addresses_mean_nothing_in_another_file(void **) {
    const File owner;
    const File stranger;
    const auto handle = owner.host(4096);
    assert_int_equal(bind(owner, map_request(handle, 4096)), 0);
    const auto queue = stranger.queue().queue_id;
    assert_int_equal(stranger.run(queue, job_of(fill(VA, 4096, 1))), -EIO);
    assert_int_equal(stranger.state(queue).fault_code, static_cast<unsigned>(neuron::spec::Fault::PAGE_NOT_MAPPED));
    assert_int_equal(Mapping(owner, handle).words()[0], 0);
}

// ---- large pages ----------------------------------------------------------------------------------------------------

struct Pages {
    std::uint64_t small;
    std::uint64_t large;
};

Pages pages_of(const File &file) { return {fdinfo(file, "neuron-pages"), fdinfo(file, "neuron-large-pages")}; }

/// The whole buffer where the kernel likes: how many translations of each size it takes, and that all of it works.
Pages pages_for(const File &file, std::uint32_t handle) {
    const auto before = pages_of(file);
    const auto size = file.bo(handle).size;
    const auto va = file.bind(handle);
    const auto after = pages_of(file);
    const auto queue = file.queue().queue_id;
    assert_int_equal(file.run(queue, job_of(fill(va, size, size))), 0);
    assert_int_equal(file.destroy(queue), 0);
    {
        const Mapping memory(file, handle);
        assert_int_equal(memory.words()[0], size);
        assert_int_equal(memory.words()[size / 8 - 1], size);
    }
    assert_int_equal(file.unbind(va, size), 0);
    const auto end = pages_of(file);
    assert_int_equal(end.small, before.small);
    assert_int_equal(end.large, before.large);
    return {after.small - before.small, after.large - before.large};
}

void hbm_is_bound_by_large_pages(void **) {
    const File file;
    for (const std::uint64_t size : {4096ul, 2 * MIB - 4096, 2 * MIB, 4 * MIB, 5 * MIB + 8192, 64 * MIB, 65 * MIB}) {
        const auto pages = pages_for(file, file.hbm(size));
        assert_int_equal(pages.large, size / (2 * MIB));
        assert_int_equal(pages.small, size % (2 * MIB) / 4096);
    }
}

void kernel_aligns_what_can_have_large_pages(void **) {
    const File file;
    file.bind(file.host(4096)); // so that the next free address is no round one
    assert_int_equal(file.bind(file.hbm(2 * MIB)) % (2 * MIB), 0);
    assert_int_equal(file.bind(file.host(5 * MIB)) % (2 * MIB), 0);
}

void odd_addresses_are_bound_by_small_pages(void **) {
    const File file;
    const auto handle = file.hbm(4 * MIB);
    const auto pages = [&](std::uint64_t va, std::uint64_t offset, std::uint64_t range) {
        auto args = with(with(map_request(handle, range), &B::va, va), &B::bo_offset, offset);
        assert_int_equal(bind(file, args), 0);
        const auto found = pages_of(file);
        assert_int_equal(file.unbind(va, range), 0);
        return found;
    };
    // The address is odd, the offset is, both are by as much, or the range is cut.
    assert_int_equal(pages(VA + MIB, 0, 4 * MIB).large, 0);
    assert_int_equal(pages(VA, MIB, 3 * MIB).large, 0);
    assert_int_equal(pages(VA + MIB, MIB, 3 * MIB).large, 1);
    assert_int_equal(pages(VA, 0, 3 * MIB).large, 1);
    assert_int_equal(pages(VA, 0, 3 * MIB).small, MIB / 4096);
}

// What an IOMMU maps for the device is in one piece, whatever the memory is.
void host_memory_behind_an_iommu_is_bound_by_large_pages(void **) {
    if (!has_iommu())
        skip();
    const File file;
    for (const std::uint64_t size : {4096ul, 2 * MIB, 5 * MIB + 8192, 32 * MIB}) {
        const auto pages = pages_for(file, file.host(size));
        assert_int_equal(pages.large, size / (2 * MIB));
        assert_int_equal(pages.small, size % (2 * MIB) / 4096);
    }
}

/// A setting of the kernel; the destructor puts the old one back.
class Setting {
public:
    Setting(const std::string &path, const std::string &value) : path_(path) {
        std::ifstream file(path);
        for (std::string word; file >> word;)
            if (word.front() == '[')
                before_ = word.substr(1, word.size() - 2);
        assert_int_equal(write_file(path, value), 0);
    }
    ~Setting() { write_file(path_, before_); }
    Setting(Setting &&) = delete;

private:
    std::string path_;
    std::string before_;
};

// Without one it takes huge pages in the system, which the administrator allows for memory of drivers.
void host_memory_of_huge_pages_is_bound_by_large_pages(void **) {
    for (const auto *value : {"always", "within_size"}) {
        const Setting huge("/sys/kernel/mm/transparent_hugepage/shmem_enabled", value);
        const File file;
        const auto pages = pages_for(file, file.host(8 * MIB));
        assert_int_equal(pages.large * 512 + pages.small, 8 * MIB / 4096);
        assert_true(pages.large > 0);
    }
}

void many_bindings_fit(void **) {
    const File file;
    const auto handle = file.host(4096);
    std::vector<std::uint64_t> addresses;
    for (int i = 0; i < 1500; ++i)
        addresses.push_back(file.bind(handle));
    for (const auto va : addresses)
        assert_int_equal(file.unbind(va, 4096), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(map_refuses_bad_arguments),
        cmocka_unit_test(unmap_refuses_bad_arguments),
        cmocka_unit_test(fixed_ranges_must_not_overlap),
        cmocka_unit_test(ends_of_the_address_space_can_be_bound),
        cmocka_unit_test(chosen_addresses_are_distinct_and_ignore_va),
        cmocka_unit_test(copies_arrive_in_and_from_both_placements),
        cmocka_unit_test(part_of_a_buffer_can_be_bound),
        cmocka_unit_test(rebinding_an_address_shows_the_new_buffer),
        cmocka_unit_test(buffer_lives_while_it_is_bound),
        cmocka_unit_test(addresses_mean_nothing_in_another_file),
        cmocka_unit_test(hbm_is_bound_by_large_pages),
        cmocka_unit_test(kernel_aligns_what_can_have_large_pages),
        cmocka_unit_test(odd_addresses_are_bound_by_small_pages),
        cmocka_unit_test(host_memory_behind_an_iommu_is_bound_by_large_pages),
        cmocka_unit_test(host_memory_of_huge_pages_is_bound_by_large_pages),
        cmocka_unit_test(many_bindings_fit),
    };
    return cmocka_run_group_tests_name("kmod bind", tests, nullptr, nullptr);
}
