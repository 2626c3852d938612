// SPDX-License-Identifier: MIT
// dma-bufs: importing what other drivers export, exporting buffers, and what becomes of both when the device goes.

#include "bounce.hpp"
#include "child.hpp"
#include "share.hpp"
#include "user.hpp"

#include <atomic>
#include <cerrno>
#include <fstream>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

using namespace kmod;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t MIB = 1 << 20;
constexpr std::uint64_t SIZE = 4 * MIB;

void unbind(const std::string &name) {
    assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/unbind", name), 0);
    assert_true(wait_for_node(false));
}

void rebind(const std::string &name) {
    assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/bind", name), 0);
    assert_true(wait_for_node(true));
}

/// The device copies `words` of `from` to HBM and back to `to`.
void round_trip(const File &file, std::uint64_t from, std::uint64_t to, std::uint64_t bytes) {
    const auto queue = file.queue().queue_id;
    const auto handle = file.hbm(bytes);
    const auto middle = file.bind(handle);
    assert_int_equal(file.run(queue, job_of(copy(from, middle, bytes), copy(middle, to, bytes))), 0);
    assert_int_equal(file.unbind(middle, bytes), 0);
    assert_int_equal(file.close_bo(handle), 0);
    assert_int_equal(file.destroy(queue), 0);
}

void device_fills(const File &file, std::uint32_t handle, std::uint64_t pattern) {
    const auto bytes = file.bo(handle).size;
    const auto va = file.bind(handle);
    const auto queue = file.queue().queue_id;
    assert_int_equal(file.run(queue, job_of(fill(va, bytes, pattern))), 0);
    assert_int_equal(file.destroy(queue), 0);
    assert_int_equal(file.unbind(va, bytes), 0);
}

// ---- import ---------------------------------------------------------------------------------------------------------

void device_reads_and_writes_a_udmabuf(void **) {
    const File file;
    const Memfd source(SIZE);
    const Memfd target(SIZE);
    for (std::size_t i = 0; i < SIZE / 8; ++i)
        source.words()[i] = i * 0x9e3779b97f4a7c15;
    const auto from = file.bind(import_of(file, source.share()), DRM_NEURON_BIND_READ_ONLY);
    const auto to = file.bind(import_of(file, target.share()));
    round_trip(file, from, to, SIZE);
    assert_memory_equal(source.words(), target.words(), SIZE);
}

void device_reads_and_writes_a_dma_heap_buffer(void **) {
    const File file;
    const DmaBuf source = heap_buffer(SIZE);
    const DmaBuf target = heap_buffer(SIZE);
    const BufMapping from(source, SIZE);
    const BufMapping to(target, SIZE);
    for (std::size_t i = 0; i < SIZE / 8; ++i)
        from.words()[i] = i * 0x9e3779b97f4a7c15;
    round_trip(file, file.bind(import_of(file, source)), file.bind(import_of(file, target)), SIZE);
    assert_memory_equal(from.words(), to.words(), SIZE);
}

void order_of_the_pages_is_the_exporters(void **) {
    constexpr std::uint64_t PAGES = 256;
    const File file;
    const Memfd memory(PAGES * 4096);
    const auto handle = import_of(file, memory.share(true));
    const auto va = file.bind(handle);
    const auto queue = file.queue().queue_id;
    std::vector<Packet> packets;
    for (std::uint64_t page = 0; page < PAGES; ++page)
        packets.push_back(fill(va + page * 4096, 4096, page + 1));
    assert_int_equal(file.run(queue, packets), 0);
    for (std::uint64_t page = 0; page < PAGES; ++page)
        assert_int_equal(memory.words()[(PAGES - 1 - page) * 512 + 511], page + 1);
}

void part_of_an_import_can_be_bound(void **) {
    const File file;
    const Memfd memory(SIZE);
    drm_neuron_vm_bind args{};
    args.op = DRM_NEURON_BIND_MAP;
    args.handle = import_of(file, memory.share());
    args.bo_offset = MIB + 4096;
    args.range = MIB;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), 0);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(args.va, MIB, 7))), 0);
    assert_int_equal(memory.words()[(MIB + 4096) / 8 - 1], 0);
    assert_int_equal(memory.words()[(MIB + 4096) / 8], 7);
    assert_int_equal(memory.words()[(2 * MIB + 4096) / 8 - 1], 7);
    assert_int_equal(memory.words()[(2 * MIB + 4096) / 8], 0);
}

void read_only_binding_of_an_import_refuses_writes(void **) {
    const File file;
    const Memfd memory(4096);
    const auto va = file.bind(import_of(file, memory.share()), DRM_NEURON_BIND_READ_ONLY);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va, 4096, 1))), -EIO);
    assert_int_equal(memory.words()[0], 0);
}

void query_tells_an_import(void **) {
    const File file;
    const Memfd memory(SIZE);
    const auto bo = file.bo(import_of(file, memory.share()));
    assert_int_equal(bo.placement, DRM_NEURON_PLACE_HOST);
    assert_int_equal(bo.flags, DRM_NEURON_BO_IMPORTED);
    assert_int_equal(bo.size, SIZE);
    assert_true(bo.mmap_offset != 0);
}

void import_counts_in_fdinfo_and_not_in_the_limits(void **) {
    const Limit limit("host_bytes", 0);
    const File file = open_as(ALICE);
    const Memfd memory(SIZE);
    const auto handle = import_of(file, memory.share());
    assert_int_equal(memory_of(file).host_used, 0);
    assert_int_equal(fdinfo(file, "drm-total-system"), SIZE);
    assert_int_equal(fdinfo(file, "drm-shared-system"), SIZE);
    assert_int_equal(file.close_bo(handle), 0);
    assert_int_equal(fdinfo(file, "drm-total-system"), 0);
}

void second_import_gives_the_same_handle(void **) {
    const File file;
    const Memfd memory(4096);
    const DmaBuf buf = memory.share();
    const auto handle = import_of(file, buf);
    assert_int_equal(import_of(file, buf), handle);
    const DmaBuf twin(::dup(buf.fd()));
    assert_int_equal(import_of(file, twin), handle);
    assert_int_equal(file.close_bo(handle), 0);
    drm_neuron_bo_query args{};
    args.handle = handle;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_BO_QUERY, &args), -ENOENT);
    assert_int_equal(file.bo(import_of(file, buf)).size, 4096);
}

void files_share_an_import(void **) {
    const File first;
    const File second;
    const Memfd memory(4096);
    const DmaBuf buf = memory.share();
    const auto one = import_of(first, buf);
    const auto two = import_of(second, buf);
    // One attachment, however many files: the same memory must not be mapped twice for a device.
    assert_string_equal(attached_to(buf.inode()).c_str(), pci_name().c_str());
    assert_int_equal(first.bo(one).mmap_offset, second.bo(two).mmap_offset);
    device_fills(first, one, 1);
    assert_int_equal(memory.words()[0], 1);
    assert_int_equal(first.close_bo(one), 0);
    device_fills(second, two, 2);
    assert_int_equal(memory.words()[511], 2);
}

void exporting_an_import_gives_the_original(void **) {
    const File file;
    const Memfd memory(4096);
    const DmaBuf buf = memory.share();
    const auto inode = buf.inode();
    assert_int_equal(export_of(file, import_of(file, buf)).inode(), inode);
    const DmaBuf heap = heap_buffer(4096);
    assert_int_equal(export_of(file, import_of(file, heap)).inode(), heap.inode());
}

void import_outlives_the_exporters_descriptors(void **) {
    const File file;
    std::uint32_t handle = 0;
    std::uint64_t inode = 0;
    {
        const Memfd memory(SIZE);
        memory.words()[SIZE / 8 - 1] = 42;
        const DmaBuf buf = memory.share();
        inode = buf.inode();
        handle = import_of(file, buf);
    }
    assert_string_equal(attached_to(inode).c_str(), pci_name().c_str());
    const Mapping seen(file, handle);
    assert_int_equal(seen.words()[SIZE / 8 - 1], 42);
    device_fills(file, handle, 43);
    assert_int_equal(seen.words()[SIZE / 8 - 1], 43);
}

void closing_the_handle_gives_the_dma_buf_back(void **) {
    const File file;
    const Memfd memory(SIZE);
    DmaBuf buf = memory.share();
    const auto inode = buf.inode();
    assert_string_equal(attached_to(inode).c_str(), "");
    const auto handle = import_of(file, buf);
    assert_string_equal(attached_to(inode).c_str(), pci_name().c_str());
    assert_int_equal(file.close_bo(handle), 0);
    assert_string_equal(attached_to(inode).c_str(), "");
    buf.close();
    assert_string_equal(attached_to(inode).c_str(), "gone");
}

void binding_keeps_the_import(void **) {
    std::uint64_t inode = 0;
    {
        const File file;
        const Memfd memory(4096);
        DmaBuf buf = memory.share();
        inode = buf.inode();
        const auto handle = import_of(file, buf);
        const auto va = file.bind(handle);
        buf.close();
        assert_int_equal(file.close_bo(handle), 0);
        assert_string_equal(attached_to(inode).c_str(), pci_name().c_str());
        assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va, 4096, 9))), 0);
        assert_int_equal(memory.words()[0], 9);
    }
    assert_string_equal(attached_to(inode).c_str(), "gone");
}

void import_refuses_bad_arguments(void **) {
    const File file;
    assert_int_equal(try_import(file, -1), -EBADF);
    assert_int_equal(try_import(file, 1000), -EBADF);
    assert_int_equal(try_import(file, file.fd()), -EINVAL);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(try_import(file, null), -EINVAL);
    ::close(null);
    int fd = -1;
    drm_prime_handle args{.handle = 4711, .flags = 0, .fd = -1};
    assert_int_equal(file.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &args), -ENOENT);
    args = {.handle = file.host(4096), .flags = 1, .fd = -1};
    assert_int_equal(file.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &args), -EINVAL);
    assert_int_equal(fd, -1);
}

// Two files take turns to be the last user and the first one again.
void threads_import_what_others_drop(void **) {
    const Memfd memory(16 * 4096);
    const DmaBuf buf = memory.share();
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
            const File file(::open(node().c_str(), O_RDWR | O_CLOEXEC));
            for (int round = 0; round < 300; ++round) {
                std::uint32_t handle = 0;
                wrong += try_import(file, buf.fd(), &handle) != 0;
                drm_neuron_vm_bind args{};
                args.handle = handle;
                args.range = 16 * 4096;
                wrong += file.call(DRM_IOCTL_NEURON_VM_BIND, &args) != 0;
                wrong += file.unbind(args.va, args.range) != 0;
                wrong += file.close_bo(handle) != 0;
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    assert_int_equal(wrong, 0);
    assert_string_equal(attached_to(buf.inode()).c_str(), "");
}

void thousand_imports_come_and_go(void **) {
    const File file;
    const Memfd memory(4096);
    for (int i = 0; i < 1000; ++i) {
        const DmaBuf buf = memory.share();
        const auto handle = import_of(file, buf);
        assert_int_equal(file.unbind(file.bind(handle), 4096), 0);
        assert_int_equal(file.close_bo(handle), 0);
    }
}

// ---- CPU mappings of an import --------------------------------------------------------------------------------------

void mapping_of_an_import_shows_the_exporters_memory(void **) {
    const File file;
    const Memfd memory(SIZE);
    const Mapping seen(file, import_of(file, memory.share()));
    seen.words()[SIZE / 8 - 1] = 1;
    assert_int_equal(memory.words()[SIZE / 8 - 1], 1);
    const DmaBuf heap = heap_buffer(SIZE);
    const BufMapping direct(heap, SIZE);
    const Mapping through(file, import_of(file, heap));
    direct.words()[SIZE / 8 - 1] = 2;
    assert_int_equal(through.words()[SIZE / 8 - 1], 2);
}

void mapping_of_an_import_outlives_handle_and_file(void **) {
    File file;
    const Memfd memory(SIZE);
    const auto handle = import_of(file, memory.share());
    const Mapping seen(file, handle);
    assert_int_equal(file.close_bo(handle), 0);
    file.close();
    memory.words()[0] = 5;
    assert_int_equal(seen.words()[0], 5);
    in_child([&] {
        assert_int_equal(seen.words()[0], 5);
        seen.words()[0] = 6;
    });
    assert_int_equal(memory.words()[0], 6);
}

void mapping_of_an_import_is_refused_to_strangers(void **) {
    const File owner;
    const File stranger;
    const Memfd memory(4096);
    const auto offset = static_cast<off_t>(owner.bo(import_of(owner, memory.share())).mmap_offset);
    assert_ptr_equal(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, stranger.fd(), offset), MAP_FAILED);
    assert_int_equal(errno, EACCES);
    assert_ptr_equal(::mmap(nullptr, 8192, PROT_READ, MAP_SHARED, owner.fd(), offset), MAP_FAILED);
    assert_int_equal(errno, EINVAL);
    assert_ptr_equal(::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, owner.fd(), offset), MAP_FAILED);
}

// ---- export ---------------------------------------------------------------------------------------------------------

void own_buffer_comes_back_as_itself(void **) {
    const File owner;
    const File friendly;
    const auto handle = owner.host(4096);
    const DmaBuf buf = export_of(owner, handle);
    assert_int_equal(import_of(owner, buf), handle);
    const auto theirs = import_of(friendly, buf);
    // The same object: no import of anything, and one offset for both.
    assert_int_equal(friendly.bo(theirs).flags, 0);
    assert_int_equal(friendly.bo(theirs).mmap_offset, owner.bo(handle).mmap_offset);
    assert_string_equal(attached_to(buf.inode()).c_str(), "");
    device_fills(friendly, theirs, 8);
    assert_int_equal(Mapping(owner, handle).words()[0], 8);
}

void exporting_twice_gives_one_dma_buf(void **) {
    const File file;
    const auto handle = file.host(4096);
    const DmaBuf first = export_of(file, handle);
    assert_int_equal(export_of(file, handle).inode(), first.inode());
}

// ---- HBM: between files of this device -------------------------------------------------------------------------------

void hbm_is_the_same_buffer_in_another_file(void **) {
    const File owner;
    const File friendly;
    const auto handle = owner.hbm(SIZE);
    const DmaBuf buf = export_of(owner, handle);
    const auto theirs = import_of(friendly, buf);
    assert_int_equal(friendly.bo(theirs).placement, DRM_NEURON_PLACE_HBM);
    assert_int_equal(friendly.bo(theirs).flags, DRM_NEURON_BO_MAPPABLE);
    assert_int_equal(friendly.bo(theirs).size, SIZE);
    assert_int_equal(friendly.bo(theirs).mmap_offset, owner.bo(handle).mmap_offset);
    assert_int_equal(export_of(friendly, theirs).inode(), buf.inode());
    device_fills(friendly, theirs, 8);
    assert_int_equal(Mapping(owner, handle).words()[SIZE / 8 - 1], 8);
    device_fills(owner, handle, 9);
    assert_int_equal(Mapping(friendly, theirs).words()[0], 9);
}

void mapping_of_hbm_through_its_dma_buf_is_the_aperture(void **) {
    const File file;
    const auto handle = file.hbm(SIZE);
    const DmaBuf buf = export_of(file, handle);
    const BufMapping direct(buf, SIZE);
    device_fills(file, handle, 3);
    for (std::size_t i = 0; i < SIZE / 8; i += 512)
        assert_int_equal(direct.words()[i], 3);
    direct.words()[1] = 4;
    assert_int_equal(Mapping(file, handle).words()[1], 4);
}

void hbm_that_cannot_be_mapped_is_shared_all_the_same(void **) {
    const File owner;
    const File friendly;
    const auto handle = owner.hbm(SIZE, 0);
    const DmaBuf buf = export_of(owner, handle);
    assert_ptr_equal(::mmap(nullptr, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, buf.fd(), 0), MAP_FAILED);
    assert_int_equal(errno, ENODEV);
    const auto theirs = import_of(friendly, buf);
    assert_int_equal(friendly.bo(theirs).mmap_offset, 0);
    device_fills(owner, handle, 5);
    const auto host = friendly.host(4096);
    const auto job = job_of(copy(friendly.bind(theirs) + SIZE - 4096, friendly.bind(host), 4096));
    assert_int_equal(friendly.run(friendly.queue().queue_id, job), 0);
    assert_int_equal(Mapping(friendly, host).words()[511], 5);
}

/// Free HBM, as the device says.
std::uint64_t hbm_free(const File &file) {
    drm_neuron_query_device facts{};
    drm_neuron_dev_query query{};
    query.type = DRM_NEURON_QUERY_DEVICE;
    query.size = sizeof(facts);
    query.ptr = reinterpret_cast<std::uintptr_t>(&facts);
    assert_int_equal(file.call(DRM_IOCTL_NEURON_DEV_QUERY, &query), 0);
    return facts.hbm_free;
}

// The dma-buf alone keeps it, also without any open file, and then the last close frees it.
void hbm_lives_as_long_as_its_last_user(void **) {
    const std::uint64_t before = hbm_free(File());
    {
        std::optional<DmaBuf> buf;
        {
            const File owner;
            const auto handle = owner.hbm(SIZE);
            device_fills(owner, handle, 6);
            buf.emplace(export_of(owner, handle));
        }
        assert_int_equal(BufMapping(*buf, SIZE).words()[0], 6); // the aperture answers: the device is awake
        const File later;
        assert_int_equal(hbm_free(later), before - SIZE);
        const auto theirs = import_of(later, *buf);
        buf.reset();
        assert_int_equal(Mapping(later, theirs).words()[SIZE / 8 - 1], 6);
        assert_int_equal(hbm_free(later), before - SIZE);
    }
    assert_int_equal(hbm_free(File()), before);
}

void exported_hbm_keeps_the_device_awake(void **) {
    const std::string power = pci_path() + "/power/";
    assert_int_equal(write_file(power + "autosuspend_delay_ms", "0"), 0);
    std::optional<DmaBuf> buf;
    {
        const File file;
        buf.emplace(export_of(file, file.hbm(SIZE)));
        buf.emplace(export_of(file, import_of(file, *buf))); // counts once
    }
    const auto status = [&] {
        std::ifstream in(power + "runtime_status");
        std::string text;
        in >> text;
        return text;
    };
    const BufMapping memory(*buf, SIZE);
    const auto stays_awake = [&](std::uint64_t word) {
        memory.words()[0] = word;
        for (const auto end = std::chrono::steady_clock::now() + 300ms; std::chrono::steady_clock::now() < end;)
            assert_string_equal(status().c_str(), "active");
        assert_int_equal(memory.words()[0], word);
    };
    stays_awake(7);
    buf.reset();
    stays_awake(8); // the mapping has it
}

void device_sleeps_once_shared_hbm_is_gone(void **) {
    const std::string power = pci_path() + "/power/";
    const auto end = std::chrono::steady_clock::now() + LONG;
    for (std::string text; text != "suspended"; std::ifstream(power + "runtime_status") >> text)
        assert_true(std::chrono::steady_clock::now() < end);
    assert_int_equal(write_file(power + "autosuspend_delay_ms", "2000"), 0);
}

// The mapping shows a page of memory; the buffer is no use to the device that comes back, which cannot attach to it.
void exported_hbm_loses_its_content_with_the_device(void **) {
    const std::string name = pci_name();
    File file;
    const auto handle = file.hbm(SIZE);
    device_fills(file, handle, 3);
    const DmaBuf buf = export_of(file, handle);
    const BufMapping memory(buf, SIZE);
    assert_int_equal(memory.words()[0], 3);
    unbind(name);
    assert_int_equal(memory.words()[0], 0);
    memory.words()[0] = 1; // no signal
    file.close();
    assert_int_equal(memory.words()[0], 1);
    rebind(name);
    const File again;
    assert_int_equal(try_import(again, buf.fd()), -ENOSYS); // HBM has no pages to attach to, bounced or not
    assert_string_equal(attached_to(buf.inode()).c_str(), "");
    device_fills(again, again.hbm(SIZE), 4);
    assert_int_equal(memory.words()[0], 1);
}

void exported_buffer_can_be_mapped_through_its_dma_buf(void **) {
    const File file;
    const auto handle = file.host(SIZE);
    const DmaBuf buf = export_of(file, handle);
    const BufMapping direct(buf, SIZE);
    device_fills(file, handle, 3);
    for (std::size_t i = 0; i < SIZE / 8; i += 512)
        assert_int_equal(direct.words()[i], 3);
    in_child([&] { direct.words()[1] = 4; });
    assert_int_equal(Mapping(file, handle).words()[1], 4);
}

void exported_buffer_outlives_its_file(void **) {
    File file;
    const auto handle = file.host(SIZE);
    device_fills(file, handle, 3);
    const DmaBuf buf = export_of(file, handle);
    file.close();
    const File other;
    const auto theirs = import_of(other, buf);
    assert_int_equal(Mapping(other, theirs).words()[SIZE / 8 - 1], 3);
    device_fills(other, theirs, 4);
    assert_int_equal(BufMapping(buf, SIZE).words()[SIZE / 8 - 1], 4);
}

void export_without_a_descriptor_to_spare_leaves_nothing(void **) {
    const File file = open_as(ALICE);
    std::vector<int> fds;
    int fd = 0;
    const auto handle = file.host(4096);
    while ((fd = ::dup(file.fd())) >= 0)
        fds.push_back(fd);
    assert_int_equal(errno, EMFILE);
    drm_prime_handle args{.handle = handle, .flags = DRM_CLOEXEC, .fd = -1};
    assert_int_equal(file.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &args), -EMFILE);
    for (const int open : fds)
        ::close(open);
    assert_int_equal(file.close_bo(handle), 0);
    assert_int_equal(memory_of(file).host_used, 0);
}

// Two processes, each with a context of its own, bind one buffer and take turns to compute on it.
void processes_share_a_buffer_by_its_descriptor(void **) {
    const File file;
    const auto handle = file.host(SIZE);
    const DmaBuf buf = export_of(file, handle);
    const auto va = file.bind(handle);
    const auto queue = file.queue().queue_id;
    int to_child[2];
    int to_parent[2];
    assert_int_equal(::pipe(to_child), 0);
    assert_int_equal(::pipe(to_parent), 0);
    const auto turn = [](int fd, bool mine) {
        char byte = '!';
        assert_int_equal(mine ? ::write(fd, &byte, 1) : ::read(fd, &byte, 1), 1);
    };
    Child child([&] {
        const File own;
        const auto theirs = import_of(own, buf);
        const auto at = own.bind(theirs);
        const auto ring = own.queue().queue_id;
        const Mapping memory(own, theirs);
        for (std::uint64_t round = 1; round <= 20; ++round) {
            turn(to_child[0], false);
            assert_int_equal(memory.words()[0], 2 * round - 1);
            assert_int_equal(own.run(ring, job_of(fill(at, SIZE, 2 * round))), 0);
            turn(to_parent[1], true);
        }
    });
    const Mapping memory(file, handle);
    for (std::uint64_t round = 1; round <= 20; ++round) {
        assert_int_equal(file.run(queue, job_of(fill(va, SIZE, 2 * round - 1))), 0);
        turn(to_child[1], true);
        turn(to_parent[0], false);
        assert_int_equal(memory.words()[SIZE / 8 - 1], 2 * round);
    }
    child.join();
    for (const int fd : {to_child[0], to_child[1], to_parent[0], to_parent[1]})
        ::close(fd);
}

// ---- the device goes ------------------------------------------------------------------------------------------------

// The buffer is still there, but the device's mapping is not: its IOMMU domain may be next to go.
void remove_detaches_imports_that_are_still_open(void **) {
    const std::string name = pci_name();
    const Memfd memory(SIZE);
    const DmaBuf heap = heap_buffer(SIZE);
    const DmaBuf buf = memory.share();
    {
        const File file;
        const auto bound = import_of(file, buf);
        const Mapping seen(file, bound);
        file.bind(bound);
        file.bind(import_of(file, heap));
        memory.words()[0] = 1;
        assert_int_equal(file.submit(file.queue().queue_id, job_of(Spinner(file).packet())), 0);
        assert_string_equal(attached_to(buf.inode()).c_str(), name.c_str());
        assert_string_equal(attached_to(heap.inode()).c_str(), name.c_str());
        unbind(name);
        assert_string_equal(attached_to(buf.inode()).c_str(), "");
        assert_string_equal(attached_to(heap.inode()).c_str(), "");
        assert_int_equal(seen.words()[0], 1);
        assert_int_equal(try_import(file, buf.fd()), -ENODEV);
        rebind(name);
        assert_int_equal(try_import(file, buf.fd()), -ENODEV);
        seen.words()[0] = 2;
        assert_int_equal(memory.words()[0], 2);
    }
    const File again;
    device_fills(again, import_of(again, buf), 3);
    assert_int_equal(memory.words()[0], 3);
}

void function_is_removed_while_imports_are_bound(void **) {
    const std::string path = pci_path();
    const Memfd memory(SIZE);
    {
        const File file;
        const DmaBuf buf = memory.share();
        file.bind(import_of(file, buf));
        file.bind(import_of(file, heap_buffer(SIZE)));
        assert_int_equal(write_file(path + "/remove", "1"), 0);
        assert_true(wait_for_node(false));
        assert_string_equal(attached_to(buf.inode()).c_str(), "");
    }
    assert_int_equal(write_file("/sys/bus/pci/rescan", "1"), 0);
    assert_true(wait_for_node(true));
    const File again;
    device_fills(again, import_of(again, memory.share()), 3);
    assert_int_equal(memory.words()[0], 3);
}

void exported_buffer_survives_the_device(void **) {
    const std::string name = pci_name();
    File file;
    const auto handle = file.host(SIZE);
    device_fills(file, handle, 3);
    const DmaBuf buf = export_of(file, handle);
    unbind(name);
    assert_int_equal(BufMapping(buf, SIZE).words()[0], 3);
    file.close();
    assert_int_equal(BufMapping(buf, SIZE).words()[SIZE / 8 - 1], 3);
    rebind(name);
    // For the device that came back, the buffer is another driver's.
    const File again;
    if (bounces()) { // which is not imported there
        assert_int_equal(try_import(again, buf.fd()), -EOPNOTSUPP);
        assert_string_equal(attached_to(buf.inode()).c_str(), "");
        return;
    }
    const auto foreign = import_of(again, buf);
    assert_int_equal(again.bo(foreign).flags, DRM_NEURON_BO_IMPORTED);
    device_fills(again, foreign, 4);
    assert_int_equal(BufMapping(buf, SIZE).words()[SIZE / 8 - 1], 4);
}

void threads_import_and_export_while_the_device_goes(void **) {
    const std::string name = pci_name();
    for (int round = 0; round < 5; ++round) {
        const File file;
        const Memfd memory(64 * 4096);
        const DmaBuf buf = memory.share();
        std::atomic<int> rounds = 0;
        std::atomic<int> wrong = 0;
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([&] {
                for (;;) {
                    drm_prime_handle args{.handle = 0, .flags = 0, .fd = buf.fd()};
                    if (const int ret = file.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &args)) {
                        wrong += ret != -ENODEV;
                        break;
                    }
                    drm_neuron_vm_bind bind{};
                    bind.handle = args.handle;
                    bind.range = 64 * 4096;
                    file.call(DRM_IOCTL_NEURON_VM_BIND, &bind);
                    drm_prime_handle back{.handle = args.handle, .flags = DRM_CLOEXEC, .fd = -1};
                    if (!file.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &back))
                        ::close(back.fd);
                    file.unbind(bind.va, bind.range);
                    file.close_bo(args.handle);
                    ++rounds;
                }
            });
        }
        while (rounds < 30)
            std::this_thread::yield();
        unbind(name);
        for (auto &thread : threads)
            thread.join();
        assert_int_equal(wrong, 0);
        assert_string_equal(attached_to(buf.inode()).c_str(), "");
        rebind(name);
    }
}

// ---- what is not shared ---------------------------------------------------------------------------------------------

void buffers_of_other_drivers_are_refused_where_they_would_be_copied(void **) {
    const File file;
    const Memfd memory(SIZE);
    const DmaBuf buf = memory.share();
    const DmaBuf heap = heap_buffer(SIZE);
    const auto before = bounced_bytes();
    for (int i = 0; i < 3; ++i) {
        assert_int_equal(try_import(file, buf.fd()), -EOPNOTSUPP);
        assert_int_equal(try_import(file, heap.fd()), -EOPNOTSUPP);
    }
    assert_string_equal(attached_to(buf.inode()).c_str(), "");
    assert_string_equal(attached_to(heap.inode()).c_str(), "");
    assert_int_equal(fdinfo(file, "drm-total-system"), 0);
    assert_int_equal(bounced_bytes(), before);
}

} // namespace

int main() {
    const std::vector<CMUnitTest> imports = {
        cmocka_unit_test(device_reads_and_writes_a_udmabuf),
        cmocka_unit_test(device_reads_and_writes_a_dma_heap_buffer),
        cmocka_unit_test(order_of_the_pages_is_the_exporters),
        cmocka_unit_test(part_of_an_import_can_be_bound),
        cmocka_unit_test(read_only_binding_of_an_import_refuses_writes),
        cmocka_unit_test(query_tells_an_import),
        cmocka_unit_test(import_counts_in_fdinfo_and_not_in_the_limits),
        cmocka_unit_test(second_import_gives_the_same_handle),
        cmocka_unit_test(files_share_an_import),
        cmocka_unit_test(exporting_an_import_gives_the_original),
        cmocka_unit_test(import_outlives_the_exporters_descriptors),
        cmocka_unit_test(closing_the_handle_gives_the_dma_buf_back),
        cmocka_unit_test(binding_keeps_the_import),
        cmocka_unit_test(threads_import_what_others_drop),
        cmocka_unit_test(thousand_imports_come_and_go),
        cmocka_unit_test(mapping_of_an_import_shows_the_exporters_memory),
        cmocka_unit_test(mapping_of_an_import_outlives_handle_and_file),
        cmocka_unit_test(mapping_of_an_import_is_refused_to_strangers),
        cmocka_unit_test(remove_detaches_imports_that_are_still_open),
        cmocka_unit_test(function_is_removed_while_imports_are_bound),
        cmocka_unit_test(threads_import_and_export_while_the_device_goes),
    };
    // Where all that is mapped for a device is copied, none of these could work.
    const std::vector<CMUnitTest> refusals = {
        cmocka_unit_test(buffers_of_other_drivers_are_refused_where_they_would_be_copied),
    };
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(import_refuses_bad_arguments),
        cmocka_unit_test(own_buffer_comes_back_as_itself),
        cmocka_unit_test(exporting_twice_gives_one_dma_buf),
        cmocka_unit_test(hbm_is_the_same_buffer_in_another_file),
        cmocka_unit_test(mapping_of_hbm_through_its_dma_buf_is_the_aperture),
        cmocka_unit_test(hbm_that_cannot_be_mapped_is_shared_all_the_same),
        cmocka_unit_test(hbm_lives_as_long_as_its_last_user),
        cmocka_unit_test(exported_hbm_keeps_the_device_awake),
        cmocka_unit_test(device_sleeps_once_shared_hbm_is_gone),
        cmocka_unit_test(exported_hbm_loses_its_content_with_the_device),
        cmocka_unit_test(exported_buffer_can_be_mapped_through_its_dma_buf),
        cmocka_unit_test(exported_buffer_outlives_its_file),
        cmocka_unit_test(export_without_a_descriptor_to_spare_leaves_nothing),
        cmocka_unit_test(processes_share_a_buffer_by_its_descriptor),
        cmocka_unit_test(exported_buffer_survives_the_device),
    };
    const auto &more = bounces() ? refusals : imports;
    tests.insert(tests.begin(), more.begin(), more.end());
    return _cmocka_run_group_tests("kmod prime", tests.data(), tests.size(), nullptr, nullptr);
}
