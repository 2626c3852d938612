// SPDX-License-Identifier: MIT
// The page of doorbells: who may map it and how, that garbage hurts nobody else, and what becomes of it when the
// device is reset or goes away.

#include "child.hpp"
#include "machine.hpp"
#include "user_queue.hpp"
#include "waiter.hpp"

#include <atomic>
#include <cerrno>
#include <random>
#include <thread>

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <sys/mman.h>

using namespace kmod;
using neuron::spec::DOORBELL_STRIDE;
using neuron::spec::PAGE_SIZE;

namespace {

int try_map(const File &file, std::uint32_t handle, std::size_t bytes, int prot, int flags) {
    void *page = nullptr;
    const int ret = map_buffer(file, handle, bytes, prot, flags, &page);
    if (!ret)
        ::munmap(page, bytes);
    return ret;
}

// ---- the buffer ----

void buffer_query_tells_what_it_is(void **) {
    const File file;
    const UserQueue queue(file);
    const auto bo = file.bo(queue.created().doorbell_handle);
    assert_int_equal(bo.flags, DRM_NEURON_BO_DOORBELL);
    assert_int_equal(bo.size, PAGE_SIZE);
    assert_int_not_equal(bo.mmap_offset, 0);
}

void queues_of_a_file_share_the_page_and_not_the_handle(void **) {
    const File file;
    const UserQueue first(file);
    UserQueue second(file);
    assert_int_equal(file.bo(first.created().doorbell_handle).mmap_offset,
                     file.bo(second.created().doorbell_handle).mmap_offset);
    assert_int_equal(file.close_bo(first.created().doorbell_handle), 0);
    // The mapping of the first serves the second, whose own handle goes as well.
    assert_int_equal(file.close_bo(second.created().doorbell_handle), 0);
    second.write(nops(1), SEQNO);
    first.doorbells().write(second.created().doorbell_offset, 1);
    second.await(1);
    // The page is still the same for the next.
    UserQueue third(file);
    third.submit(nops(1));
    third.await(1);
}

void mapping_is_shared_writable_and_one_page(void **) {
    const File file;
    const UserQueue queue(file);
    const auto map = [&](std::size_t bytes, int prot, int flags) {
        return try_map(file, queue.created().doorbell_handle, bytes, prot, flags);
    };
    assert_int_equal(map(PAGE_SIZE, PROT_WRITE, MAP_SHARED), 0);
    assert_int_equal(map(PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED), 0);
    assert_int_equal(map(PAGE_SIZE, PROT_READ, MAP_SHARED), -EINVAL);
    assert_int_equal(map(PAGE_SIZE, PROT_NONE, MAP_SHARED), -EINVAL);
    assert_int_equal(map(PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE), -EINVAL);
    assert_int_equal(map(PAGE_SIZE, PROT_READ, MAP_PRIVATE), -EINVAL);
    assert_int_equal(map(PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED), -EINVAL);
    assert_int_equal(map(2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED), -EINVAL);
    void *page = nullptr;
    assert_int_equal(map_buffer(file, queue.created().doorbell_handle, PAGE_SIZE, PROT_WRITE, MAP_SHARED, &page), 0);
    assert_int_equal(::mprotect(page, PAGE_SIZE, PROT_READ | PROT_EXEC), -1);
    assert_ptr_equal(::mremap(page, PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE), MAP_FAILED);
    assert_int_equal(::munmap(page, PAGE_SIZE), 0);
}

void mapping_reads_as_zero(void **) {
    const File file;
    UserQueue queue(file);
    queue.submit(nops(3));
    queue.await(3);
    for (std::uint32_t offset = 0; offset < PAGE_SIZE; offset += 4)
        assert_int_equal(queue.doorbells().read(offset), 0);
}

void other_files_cannot_map_it(void **) {
    const File owner;
    const File stranger;
    const UserQueue queue(owner);
    const auto offset = owner.bo(queue.created().doorbell_handle).mmap_offset;
    assert_ptr_equal(
        ::mmap(nullptr, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, stranger.fd(), static_cast<off_t>(offset)),
        MAP_FAILED);
    assert_int_equal(errno, EACCES);
}

void it_cannot_be_bound_or_exported(void **) {
    const File file;
    const UserQueue queue(file);
    drm_neuron_vm_bind bind{};
    bind.op = DRM_NEURON_BIND_MAP;
    bind.handle = queue.created().doorbell_handle;
    bind.range = PAGE_SIZE;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &bind), -EINVAL);
    drm_prime_handle prime{};
    prime.handle = queue.created().doorbell_handle;
    prime.flags = DRM_CLOEXEC | DRM_RDWR;
    assert_int_equal(file.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), -EOPNOTSUPP);
}

// A privileged process can pass any buffer on by name. When the context is gone, the page must not be that of the next.
void mapping_of_a_stranger_dies_with_the_context(void **) {
    const File stranger;
    std::uint32_t handle = 0;
    File owner;
    {
        const UserQueue queue(owner);
        drm_gem_flink flink{.handle = queue.created().doorbell_handle, .name = 0};
        assert_int_equal(owner.call(DRM_IOCTL_GEM_FLINK, &flink), 0);
        drm_gem_open open{};
        open.name = flink.name;
        assert_int_equal(stranger.call(DRM_IOCTL_GEM_OPEN, &open), 0);
        handle = open.handle;
    }
    const DoorbellPage page(stranger, handle);
    page.write(0, 0);
    owner.close();

    const File successor;
    UserQueue queue(successor);
    queue.write(nops(1), SEQNO_IRQ);
    for (std::uint32_t offset = 0; offset < PAGE_SIZE; offset += DOORBELL_STRIDE)
        page.write(offset, 1);
    assert_int_equal(successor.state(queue.id()).submitted, 0);
    queue.ring();
    queue.await(1);
    // It is memory now.
    assert_int_equal(page.read(0), 1);
}

// ---- garbage ----

/// Rings at random, all over the page.
void ring_at_random(const DoorbellPage &page, std::mt19937 &random, int times) {
    for (int i = 0; i < times; ++i) {
        const auto offset = static_cast<std::uint32_t>(random() % PAGE_SIZE & ~3u);
        page.write(offset, random() % 4 ? random() : random() % 64);
    }
}

void kernel_queues_do_not_hear_it(void **) {
    const File file;
    std::vector<std::uint32_t> kernel;
    for (int i = 0; i < 8; ++i)
        kernel.push_back(file.queue(4).queue_id);
    UserQueue user(file);
    assert_int_equal(file.destroy(user.id()), 0);
    const auto va = file.bind(file.host(PAGE_SIZE));
    std::mt19937 random(1);
    for (int round = 0; round < 50; ++round) {
        ring_at_random(user.doorbells(), random, 500);
        for (const auto id : kernel)
            assert_int_equal(file.run(id, job_of(fill(va, PAGE_SIZE, random()), nop())), 0);
    }
    for (const auto id : kernel)
        assert_int_equal(file.state(id).state, DRM_NEURON_QUEUE_OK);
}

/// In a process of its own: queues in user mode, rung at random until they are dead, again and again.
void wreak_havoc(unsigned seed) {
    std::mt19937 random(seed);
    for (;;) {
        const File file;
        std::vector<std::unique_ptr<UserQueue>> queues;
        for (int i = 0; i < 4; ++i)
            queues.push_back(std::make_unique<UserQueue>(file));
        for (auto &queue : queues)
            queue->write(nops(16), SEQNO_IRQ);
        ring_at_random(queues[0]->doorbells(), random, 2000);
    }
}

void garbage_hurts_nobody_else(void **) {
    const Child vandal([] { wreak_havoc(7); });
    const File file;
    const auto resets = file.query().reset_count;
    const auto kernel = file.queue().queue_id;
    UserQueue user(file);
    const auto handle = file.host(2 * PAGE_SIZE);
    const auto va = file.bind(handle);
    const Mapping memory(file, handle);
    for (std::uint64_t i = 1; i <= 300; ++i) {
        memory.words()[0] = i;
        assert_int_equal(file.run(kernel, job_of(copy(va, va + PAGE_SIZE, 8))), 0);
        assert_int_equal(memory.words()[PAGE_SIZE / 8], i);
        memory.words()[0] = ~i;
        const auto seqno = user.submit(job_of(copy(va, va + PAGE_SIZE, 8)));
        int status = -1;
        assert_int_equal(file.wait(user.id(), seqno, &status, LONG), 0);
        assert_int_equal(status, 0);
        assert_int_equal(memory.words()[PAGE_SIZE / 8], ~i);
    }
    assert_int_equal(file.query().reset_count, resets);
}

void doorbell_beyond_the_ring_is_a_fault(void **) {
    const File file;
    const UserQueue queue(file);
    queue.doorbells().write(queue.created().doorbell_offset, 17);
    int status = 0;
    assert_int_equal(file.wait(queue.id(), 1, &status, LONG), 0);
    assert_int_equal(status, -EIO);
    const auto state = file.state(queue.id());
    assert_int_equal(state.state, DRM_NEURON_QUEUE_FAULTED);
    assert_int_equal(state.fault_code, static_cast<unsigned>(neuron::spec::Fault::DOORBELL_RANGE));
    assert_int_equal(state.fault_info, 17);
}

// ---- resets and the end ----

/// Rings all the time, in a thread of its own.
class Ringer {
public:
    explicit Ringer(const UserQueue &queue)
        : thread_([this, &queue] {
              while (!stop_) {
                  queue.doorbells().write(queue.created().doorbell_offset, static_cast<std::uint32_t>(queue.tail()));
                  ++count_;
              }
          }) {}
    ~Ringer() {
        stop_ = true;
        thread_.join();
    }
    Ringer(Ringer &&) = delete;
    /// Waits until it has rung some more.
    void await_more() const {
        for (const auto end = count_ + 100; count_ < end;)
            std::this_thread::yield();
    }

private:
    std::atomic<bool> stop_ = false;
    std::atomic<unsigned> count_ = 0;
    std::thread thread_;
};

void reset_loses_the_queue_and_the_page_comes_back(void **) {
    const File file;
    UserQueue lost(file);
    lost.submit(nops(2));
    lost.await(2);
    const auto busy = file.state(lost.id()).busy_ns;
    {
        const Ringer ringer(lost);
        assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
        ringer.await_more();
    }
    auto state = file.state(lost.id());
    assert_int_equal(state.state, DRM_NEURON_QUEUE_LOST);
    assert_int_equal(state.completed, 2);
    assert_true(state.busy_ns >= busy);
    int status = 0;
    assert_int_equal(file.wait(lost.id(), 2, &status, NOW), 0);
    assert_int_equal(status, 0);
    assert_int_equal(file.wait(lost.id(), 3, &status, NOW), 0);
    assert_int_equal(status, -ECANCELED);

    // Nothing runs for the lost queue. Its mapping of the page rings the next one, and so does a new mapping.
    lost.write(nops(1), SEQNO);
    lost.ring();
    UserQueue next(file);
    next.write(nops(1), SEQNO);
    lost.doorbells().write(next.created().doorbell_offset, 1);
    next.await(1);
    next.submit(nops(1));
    next.await(2);
    assert_int_equal(lost.seqno(), 2);
}

void waiters_learn_of_a_reset(void **) {
    const File file;
    const UserQueue queue(file);
    Waiter waiter(file, queue.id(), 1);
    assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
    assert_int_equal(waiter.join(), 0);
    assert_int_equal(waiter.status(), -ECANCELED);
}

void unbind_leaves_the_mapping_to_the_process(void **) {
    const std::string name = pci_name();
    {
        const File file;
        UserQueue queue(file);
        queue.submit(nops(1));
        queue.await(1);
        Waiter waiter(file, queue.id(), 2);
        {
            const Ringer ringer(queue);
            assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/unbind", name), 0);
            assert_true(wait_for_node(false));
            ringer.await_more();
        }
        assert_int_equal(waiter.join(), 0);
        assert_int_equal(waiter.status(), -ENODEV);
        assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/bind", name), 0);
        assert_true(wait_for_node(true));

        // A mapping of the device that was must not ring the one that is, whose context may have the same number.
        const File successor;
        UserQueue other(successor);
        other.write(nops(1), SEQNO);
        for (std::uint32_t offset = 0; offset < PAGE_SIZE; offset += DOORBELL_STRIDE)
            queue.doorbells().write(offset, 1);
        assert_int_equal(successor.state(other.id()).submitted, 0);
    }
    const File file;
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

/// The doorbells of all contexts, without a driver: as root sees them in sysfs.
class BarePages {
public:
    BarePages(const std::string &function, std::size_t bytes) : bytes_(bytes) {
        const int fd = ::open((function + "/resource2").c_str(), O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        words_ =
            static_cast<volatile std::uint32_t *>(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
        ::close(fd);
        assert_true(words_ != MAP_FAILED);
    }
    ~BarePages() { ::munmap(const_cast<std::uint32_t *>(words_), bytes_); }
    BarePages(BarePages &&) = delete;
    void write(std::size_t offset, std::uint32_t value) const { words_[offset / sizeof(value)] = value; }

private:
    std::size_t bytes_;
    volatile std::uint32_t *words_;
};

// One CPU writes without a pause while another changes what lies where in memory. The pages are now there, now not, which
// no driver may notice. Not to the first page: the offset of the others is beyond the end of most devices' regions.
void memory_map_changes_under_a_writer(void **) {
    const std::string name = pci_name(), path = pci_path();
    const ConfigSpace config;
    unbind(name);
    assert_int_equal(write_file(path + "/enable", "1"), 0);
    {
        const BarePages pages(path, 4 * PAGE_SIZE);
        std::atomic<bool> enough = false;
        std::thread writer([&] {
            while (!enough)
                pages.write(3 * PAGE_SIZE, 0);
        });
        const auto command = config.read(PCI_COMMAND);
        for (int i = 0; i < 500; ++i) {
            config.write(PCI_COMMAND, command & ~PCI_COMMAND_MEMORY);
            config.write(PCI_COMMAND, command);
        }
        enough = true;
        writer.join();
    }
    assert_int_equal(write_file(path + "/enable", "0"), 0);
    bind_driver(name);
    device_works();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(buffer_query_tells_what_it_is),
        cmocka_unit_test(queues_of_a_file_share_the_page_and_not_the_handle),
        cmocka_unit_test(mapping_is_shared_writable_and_one_page),
        cmocka_unit_test(mapping_reads_as_zero),
        cmocka_unit_test(other_files_cannot_map_it),
        cmocka_unit_test(it_cannot_be_bound_or_exported),
        cmocka_unit_test(mapping_of_a_stranger_dies_with_the_context),
        cmocka_unit_test(kernel_queues_do_not_hear_it),
        cmocka_unit_test(garbage_hurts_nobody_else),
        cmocka_unit_test(doorbell_beyond_the_ring_is_a_fault),
        cmocka_unit_test(reset_loses_the_queue_and_the_page_comes_back),
        cmocka_unit_test(waiters_learn_of_a_reset),
        cmocka_unit_test(unbind_leaves_the_mapping_to_the_process),
        cmocka_unit_test(memory_map_changes_under_a_writer),
    };
    return cmocka_run_group_tests_name("kmod doorbell", tests, nullptr, nullptr);
}
