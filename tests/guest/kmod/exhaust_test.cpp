// SPDX-License-Identifier: MIT
// What runs out is an error, and after it everything is as it was before: HBM, address space, memory, descriptors.

#include "child.hpp"
#include "user.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace kmod;

namespace {

constexpr std::uint64_t MIB = 1 << 20;
constexpr std::uint32_t HOST = DRM_NEURON_PLACE_HOST;
constexpr std::uint32_t HBM = DRM_NEURON_PLACE_HBM;

void expect_free(const File &file, const drm_neuron_query_memory &before) {
    const auto now = memory_of(file);
    assert_memory_equal(now.bank_free, before.bank_free, sizeof(now.bank_free));
}

std::uint64_t total_free(const File &file) { return file.query().hbm_free; }

/// Takes all there is, in halves, down to single pages.
std::vector<std::uint32_t> take_all(const File &file, std::uint32_t flags, std::uint32_t bank) {
    std::vector<std::uint32_t> handles;
    std::uint32_t handle = 0;
    for (std::uint64_t size = 1ull << 40; size >= 4096; size /= 2)
        while (!create(file, HBM, size, &handle, flags, bank))
            handles.push_back(handle);
    return handles;
}

// ---- HBM ------------------------------------------------------------------------------------------------------------

void hbm_runs_out_to_the_last_page_and_comes_back(void **) {
    const File file;
    const auto before = memory_of(file);
    {
        const File greedy;
        auto handles = take_all(greedy, 0, DRM_NEURON_BO_ANY_BANK);
        assert_int_equal(total_free(file), 0);
        assert_int_equal(create(greedy, HBM, 1), -ENOSPC);
        assert_int_equal(create(file, HBM, 1, nullptr, DRM_NEURON_BO_MAPPABLE), -ENOSPC);
        // One goes, one comes.
        const auto size = greedy.bo(handles.back()).size;
        assert_int_equal(greedy.close_bo(handles.back()), 0);
        assert_int_equal(total_free(file), size);
        std::uint32_t handle = 0;
        assert_int_equal(create(file, HBM, size, &handle), 0);
        assert_int_equal(total_free(file), 0);
        assert_int_equal(file.close_bo(handle), 0);
    }
    expect_free(file, before);
}

void each_stack_runs_out_alone(void **) {
    const File file;
    const auto before = memory_of(file);
    for (std::uint32_t bank = 0; bank < before.banks; ++bank) {
        const File greedy;
        take_all(greedy, 0, bank);
        const auto now = memory_of(file);
        for (std::uint32_t other = 0; other < before.banks; ++other)
            assert_int_equal(now.bank_free[other], other == bank ? 0 : before.bank_free[other]);
        assert_int_equal(create(greedy, HBM, 1, nullptr, 0, bank), -ENOSPC);
    }
    expect_free(file, before);
}

void aperture_runs_out_while_there_is_hbm(void **) {
    const File file;
    const auto before = memory_of(file);
    {
        const File greedy;
        take_all(greedy, DRM_NEURON_BO_MAPPABLE, DRM_NEURON_BO_ANY_BANK);
        assert_int_equal(create(greedy, HBM, 1, nullptr, DRM_NEURON_BO_MAPPABLE), -ENOSPC);
        if (total_free(file))
            assert_int_equal(create(greedy, HBM, 4096), 0);
    }
    expect_free(file, before);
}

void sizes_beyond_all_bounds_are_refused(void **) {
    const File file;
    const auto before = memory_of(file);
    const auto device = file.query();
    for (const std::uint64_t size :
         {device.hbm_bytes + 1, device.hbm_bytes * 2, 1ull << 47, 1ull << 62, 1ull << 63, ~0ull - 4096}) {
        assert_int_equal(create(file, HBM, size), -ENOSPC);
        assert_int_equal(create(file, HBM, size, nullptr, DRM_NEURON_BO_MAPPABLE), -ENOSPC);
        assert_int_equal(create(file, HBM, size, nullptr, 0, 0), -ENOSPC);
    }
    for (const std::uint64_t size : {1ull << 44, 1ull << 47, 1ull << 62, 1ull << 63, ~0ull - 4096})
        assert_int_equal(create(file, HOST, size), -ENOMEM);
    expect_free(file, before);
    assert_int_equal(fdinfo(file, "drm-total-system"), 0);
    assert_int_equal(fdinfo(file, "drm-total-hbm"), 0);
}

// Every second piece of the aperture is free: a buffer made of what is left is as good as any.
void fragments_make_a_buffer(void **) {
    constexpr std::uint64_t PIECE = 64 << 10;
    constexpr std::uint64_t WANTED = 16 * MIB;
    const File file;
    const auto before = memory_of(file);
    {
        const File greedy;
        std::vector<std::uint32_t> pieces;
        std::uint32_t handle = 0;
        while (pieces.size() < 2 * WANTED / PIECE && !create(greedy, HBM, PIECE, &handle, DRM_NEURON_BO_MAPPABLE))
            pieces.push_back(handle);
        assert_int_equal(pieces.size(), 2 * WANTED / PIECE);
        take_all(greedy, DRM_NEURON_BO_MAPPABLE, DRM_NEURON_BO_ANY_BANK);
        for (std::size_t i = 0; i < pieces.size(); i += 2)
            assert_int_equal(greedy.close_bo(pieces[i]), 0);
        // Neither more than there is in the aperture, nor too little of it for one in a piece.
        assert_int_equal(create(greedy, HBM, WANTED + 4096, nullptr, DRM_NEURON_BO_MAPPABLE), -ENOSPC);
        assert_int_equal(create(greedy, HBM, WANTED, &handle, DRM_NEURON_BO_MAPPABLE), 0);
        const auto large_before = fdinfo(greedy, "neuron-large-pages");
        const auto va = greedy.bind(handle);
        assert_int_equal(fdinfo(greedy, "neuron-large-pages"), large_before);
        const auto queue = greedy.queue().queue_id;
        assert_int_equal(greedy.run(queue, job_of(fill(va, WANTED, 7))), 0);
        const Mapping memory(greedy, handle);
        for (std::size_t word = 0; word < WANTED / 8; word += 512) {
            assert_int_equal(memory.words()[word], 7);
            memory.words()[word] = word;
        }
        const auto check = greedy.host(WANTED);
        assert_int_equal(greedy.run(queue, job_of(copy(va, greedy.bind(check), WANTED))), 0);
        const Mapping seen(greedy, check);
        for (std::size_t word = 0; word < WANTED / 8; word += 512)
            assert_int_equal(seen.words()[word], word);
    }
    expect_free(file, before);
}

// The smallest pieces there are. Each is a command of its own to scrub.
void single_pages_make_a_buffer(void **) {
    constexpr std::uint64_t PAGES = 512;
    const File file;
    const auto before = memory_of(file);
    {
        const File greedy;
        std::vector<std::uint32_t> pages(2 * PAGES);
        for (auto &handle : pages)
            assert_int_equal(create(greedy, HBM, 4096, &handle, DRM_NEURON_BO_MAPPABLE), 0);
        take_all(greedy, 0, DRM_NEURON_BO_ANY_BANK);
        for (std::size_t i = 0; i < pages.size(); i += 2)
            assert_int_equal(greedy.close_bo(pages[i]), 0);
        const auto handle = greedy.hbm(PAGES * 4096);
        const auto va = greedy.bind(handle);
        assert_int_equal(greedy.run(greedy.queue().queue_id, job_of(fill(va, PAGES * 4096, 5))), 0);
        const Mapping memory(greedy, handle);
        for (std::uint64_t page = 0; page < PAGES; ++page)
            assert_int_equal(memory.words()[page * 512], 5);
    }
    expect_free(file, before);
}

// ---- address space --------------------------------------------------------------------------------------------------

// 256 TiB are too many to fill. A page every 64 GiB leaves no room for a buffer of this size.
void address_space_runs_out_and_comes_back(void **) {
    const File file;
    const auto device = file.query();
    const std::uint64_t large = 64ull << 30;
    const auto handle = file.hbm(large, 0);
    const auto page = file.host(4096);
    drm_neuron_vm_bind args{};
    args.flags = DRM_NEURON_BIND_FIXED_VA;
    args.handle = page;
    args.range = 4096;
    std::uint64_t count = 0;
    for (args.va = large; args.va < device.va_end; args.va += large, ++count)
        assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), 0);
    assert_int_equal(fdinfo(file, "neuron-pages"), count);

    drm_neuron_vm_bind wanted{};
    wanted.handle = handle;
    wanted.range = large;
    for (int i = 0; i < 3; ++i)
        assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &wanted), -ENOSPC);
    assert_int_equal(fdinfo(file, "neuron-large-pages"), 0);
    assert_int_equal(fdinfo(file, "neuron-pages"), count);
    // What is smaller finds room.
    assert_int_equal(file.unbind(file.bind(file.hbm(4096)), 4096), 0);
    assert_int_equal(file.unbind(large, 4096), 0);
    assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &wanted), 0);
    assert_int_equal(fdinfo(file, "neuron-large-pages"), large >> 21);
    assert_int_equal(file.unbind(wanted.va, large), 0);
    for (std::uint64_t va = 2 * large; va < device.va_end; va += large)
        assert_int_equal(file.unbind(va, 4096), 0);
    assert_int_equal(fdinfo(file, "neuron-pages"), 0);
    assert_int_equal(fdinfo(file, "neuron-large-pages"), 0);
}

// ---- memory ---------------------------------------------------------------------------------------------------------

/// A memory cgroup that the calling process is in while it lives.
class MemoryLimit {
public:
    explicit MemoryLimit(std::uint64_t bytes) {
        ::mkdir(ROOT, 0755);
        assert_int_equal(::mount("cgroup2", ROOT, "cgroup2", 0, nullptr), 0);
        assert_int_equal(write_file(std::string(ROOT) + "/cgroup.subtree_control", "+memory"), 0);
        ::mkdir(GROUP, 0755);
        set(bytes);
        assert_int_equal(write_file(std::string(GROUP) + "/cgroup.procs", "0"), 0);
    }
    void set(std::uint64_t bytes) const {
        assert_int_equal(write_file(std::string(GROUP) + "/memory.max", std::to_string(bytes)), 0);
    }
    ~MemoryLimit() {
        write_file(std::string(ROOT) + "/cgroup.procs", "0");
        ::rmdir(GROUP);
        ::umount2(ROOT, MNT_DETACH);
    }
    MemoryLimit(MemoryLimit &&) = delete;

private:
    static constexpr const char *ROOT = "/tmp/cgroup";
    static constexpr const char *GROUP = "/tmp/cgroup/neuron";
};

// The pages of a host buffer come with its first binding or mapping, and are the process's.
void host_memory_runs_out_and_comes_back(void **) {
    in_child([] {
        const MemoryLimit limit(32 * MIB);
        const File file;
        const auto large = file.host(128 * MIB);
        drm_neuron_vm_bind args{};
        args.handle = large;
        args.range = 128 * MIB;
        for (int i = 0; i < 3; ++i) {
            assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), -ENOMEM);
            assert_ptr_equal(::mmap(nullptr, 128 * MIB, PROT_READ, MAP_SHARED, file.fd(),
                                    static_cast<off_t>(file.bo(large).mmap_offset)),
                             MAP_FAILED);
            assert_int_equal(errno, ENOMEM);
        }
        assert_int_equal(fdinfo(file, "neuron-pages"), 0);
        // What it had taken on the way is back: there is room for a smaller one.
        const auto small = file.host(16 * MIB);
        assert_int_equal(file.run(file.queue().queue_id, job_of(fill(file.bind(small), 16 * MIB, 1))), 0);
        assert_int_equal(Mapping(file, small).words()[0], 1);
    });
}

// Whatever it is for that the last page is missing, nobody is killed: each small thing a buffer takes is once the first
// that finds none.
void whatever_finds_no_page_is_an_error(void **) {
    in_child([] {
        constexpr std::uint64_t BYTES = 4 * MIB;
        const MemoryLimit limit(BYTES / 2);
        const File file;
        const auto large = file.host(BYTES);
        drm_neuron_vm_bind args{};
        args.handle = large;
        args.range = BYTES;
        for (std::uint64_t page = 0; page < 128; ++page) {
            limit.set(BYTES / 2 + page * 4096);
            assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), -ENOMEM);
        }
    });
}

void unbacked_buffers_cost_nothing(void **) {
    const File file;
    std::uint32_t handle = 0;
    std::vector<std::uint32_t> handles;
    for (int i = 0; i < 64; ++i) {
        assert_int_equal(create(file, HOST, 1ull << 30, &handle), 0);
        handles.push_back(handle);
    }
    assert_int_equal(fdinfo(file, "drm-total-system"), 64ull << 30);
    for (const auto each : handles)
        assert_int_equal(file.close_bo(each), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(hbm_runs_out_to_the_last_page_and_comes_back),
        cmocka_unit_test(each_stack_runs_out_alone),
        cmocka_unit_test(aperture_runs_out_while_there_is_hbm),
        cmocka_unit_test(sizes_beyond_all_bounds_are_refused),
        cmocka_unit_test(fragments_make_a_buffer),
        cmocka_unit_test(single_pages_make_a_buffer),
        cmocka_unit_test(address_space_runs_out_and_comes_back),
        cmocka_unit_test(host_memory_runs_out_and_comes_back),
        cmocka_unit_test(whatever_finds_no_page_is_an_error),
        cmocka_unit_test(unbacked_buffers_cost_nothing),
    };
    return cmocka_run_group_tests_name("kmod exhaust", tests, nullptr, nullptr);
}
