// SPDX-License-Identifier: MIT
// DRM_IOCTL_NEURON_DMA: memory of the process as it is, at one end of a copy.

#include "bounce.hpp"
#include "child.hpp"
#include "failing.hpp"
#include "memory.hpp"
#include "user_queue.hpp"

#include <atomic>
#include <cerrno>
#include <thread>

#include <linux/capability.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

using namespace kmod;
using std::chrono::milliseconds;

namespace {

constexpr std::uint32_t TO = 0, FROM = DRM_NEURON_DMA_FROM_DEVICE;
constexpr std::size_t PAGE = 4096, MIB = 1 << 20;
constexpr std::uint64_t NOWHERE = 0x7000000000; ///< an address that nothing is mapped at

/// A file with a queue and a buffer.
struct Rig {
    File file;
    std::uint32_t id = file.queue().queue_id;
    Target target;

    explicit Rig(std::size_t bytes = 4 * PAGE, bool hbm = false) : target(file, bytes, hbm) {}
    int to(std::span<const std::byte> from, std::uint64_t offset = 0) const {
        return file.run_dma(id, TO, from.data(), from.size(), target.va + offset);
    }
    int from(std::span<std::byte> to, std::uint64_t offset = 0) const {
        return file.run_dma(id, FROM, to.data(), to.size(), target.va + offset);
    }
};

// ---- data ----

void bytes_arrive_whatever_the_alignment(void **) {
    for (const bool hbm : {false, true}) {
        const Rig rig(5 * PAGE, hbm);
        const Memory memory(5 * PAGE), back(5 * PAGE);
        std::uint32_t seed = 0;
        for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{64}, PAGE - 1}) {
            for (const std::size_t bytes : {std::size_t{1}, std::size_t{63}, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE + 5}) {
                for (const std::size_t offset : {std::size_t{0}, std::size_t{7}, PAGE - 1}) {
                    scribble(memory.bytes(), ++seed);
                    scribble(rig.target.bytes(), ++seed);
                    const std::vector<std::byte> before(rig.target.bytes().begin(), rig.target.bytes().end());
                    const auto part = memory.bytes().subspan(at, bytes);
                    assert_int_equal(rig.to(part, offset), 0);
                    assert_true(same(rig.target.bytes().subspan(offset, bytes), part));
                    assert_true(same(rig.target.bytes().first(offset), std::span(before).first(offset)));
                    assert_true(
                        same(rig.target.bytes().subspan(offset + bytes), std::span(before).subspan(offset + bytes)));

                    scribble(back.bytes(), ++seed);
                    std::vector<std::byte> want(back.bytes().begin(), back.bytes().end());
                    std::memcpy(want.data() + at, part.data(), bytes);
                    assert_int_equal(rig.from(back.bytes().subspan(at, bytes), offset), 0);
                    assert_true(same(back.bytes(), want)); // and not a byte beside
                }
            }
        }
    }
    assert_int_equal(pinned_kib(), 0);
}

void megabytes_come_and_go(void **) {
    std::size_t bytes = 37 * MIB + 13;
    const Rig rig(38 * MIB, true);
    const Memory memory(38 * MIB), back(38 * MIB);
    scribble(memory.bytes(), 1);
    if (bounces()) {
        assert_int_equal(rig.file.dma(rig.id, TO, memory.data() + 5, bytes, rig.target.va), -E2BIG);
        bytes = BOUNCED_MAX - MIB + 13;
    }
    assert_int_equal(rig.to(memory.bytes().subspan(5, bytes), 3), 0);
    assert_int_equal(rig.from(back.bytes().subspan(9, bytes), 3), 0);
    assert_true(same(back.bytes().subspan(9, bytes), memory.bytes().subspan(5, bytes)));
}

void each_kind_of_memory_that_can_be_pinned_works(void **) {
    const Rig rig;
    const MemoryFile shared(2 * PAGE);
    const Memory mapped(2 * PAGE, PROT_READ | PROT_WRITE, shared.fd());
    std::array<std::byte, 3000> stack{};
    std::vector<std::byte> heap(5000);
    static std::array<std::byte, 2500> data{};
    const std::span<std::byte> all[] = {mapped.bytes(), stack, heap, data};
    std::uint32_t seed = 0;
    for (const auto memory : all) {
        scribble(memory, ++seed);
        assert_int_equal(rig.to(memory), 0);
        assert_true(same(rig.target.bytes().first(memory.size()), memory));
        scribble(rig.target.bytes(), ++seed);
        assert_int_equal(rig.from(memory), 0);
        assert_true(same(rig.target.bytes().first(memory.size()), memory));
    }
    // What is in the file is what the device wrote.
    std::vector<std::byte> content(2 * PAGE);
    assert_int_equal(rig.from(mapped.bytes()), 0);
    assert_int_equal(::pread(shared.fd(), content.data(), content.size(), 0), content.size());
    assert_true(same(content, mapped.bytes()));
}

void memory_that_was_never_touched_reads_as_zero(void **) {
    const Rig rig;
    const Memory memory(2 * PAGE);
    scribble(rig.target.bytes(), 1);
    assert_int_equal(rig.to(memory.bytes()), 0);
    const std::vector<std::byte> zero(2 * PAGE);
    assert_true(same(rig.target.bytes().first(2 * PAGE), zero));
}

// The child's pages are its own from the fork on, and the parent's are those that the device writes.
void a_fork_meanwhile_does_not_separate_process_and_device(void **) {
    Rig rig;
    Gate gate(rig.file);
    const Memory memory(PAGE);
    scribble(memory.bytes(), 1);
    scribble(rig.target.bytes(), 2);
    assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
    std::uint64_t seqno = 0;
    assert_int_equal(rig.file.dma(rig.id, FROM, memory.data(), PAGE, rig.target.va, &seqno), 0);
    int end[2];
    assert_int_equal(::pipe(end), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        char byte = 0;
        ::close(end[1]);
        ::_exit(static_cast<int>(::read(end[0], &byte, 1)));
    }
    memory.data()[0] = std::byte{1}; // would give a page that is shared with the child a copy
    gate.open();
    assert_int_equal(rig.file.wait(rig.id, seqno, nullptr, LONG), 0);
    assert_true(same(memory.bytes(), rig.target.bytes().first(PAGE)));
    ::close(end[0]);
    ::close(end[1]);
    assert_int_equal(::waitpid(child, nullptr, 0), child);
}

// ---- arguments ----

void bad_arguments_are_refused(void **) {
    const Rig rig;
    const Memory memory(2 * PAGE);
    drm_neuron_dma good{};
    good.queue_id = rig.id;
    good.ptr = reinterpret_cast<std::uintptr_t>(memory.data());
    good.bytes = PAGE;
    good.va = rig.target.va;
    const auto refused = [&](auto change) {
        auto args = good;
        change(args);
        const int ret = rig.file.call(DRM_IOCTL_NEURON_DMA, &args);
        assert_int_equal(args.seqno, 0);
        return ret;
    };
    using D = drm_neuron_dma;
    assert_int_equal(refused([](D &d) { d.queue_id += 1; }), -ENOENT);
    assert_int_equal(refused([](D &d) { d.queue_id = 0; }), -ENOENT);
    assert_int_equal(refused([](D &d) { d.flags = 2; }), -EINVAL);
    assert_int_equal(refused([](D &d) { d.flags = 1u << 31; }), -EINVAL);
    assert_int_equal(refused([](D &d) { d.bytes = 0; }), -EINVAL);
    assert_int_equal(refused([](D &d) { d.bytes = (1u << 30) + 1; }), -EINVAL);
    assert_int_equal(refused([](D &d) { d.bytes = ~0ull; }), -EINVAL);
    assert_int_equal(refused([](D &d) { d.va = ~0ull - 10; }), -EINVAL);
    assert_int_equal(refused([](D &d) { d.ptr = ~0ull - 10; }), -EFAULT);
    assert_int_equal(refused([](D &d) { d.ptr = 0; }), -EFAULT);
    assert_int_equal(refused([](D &d) { d.ptr = 1ull << 63; }), -EFAULT); // the kernel's
    assert_int_equal(refused([](D &d) { d.bytes = 1u << 30; }), -EFAULT); // there is not as much
    assert_int_equal(refused([](D &d) { d.syncs = {.stride = 16, .count = 257, .ptr = 64}; }), -EINVAL);
    assert_int_equal(refused([](D &d) { d.syncs = {.stride = 15, .count = 1, .ptr = 64}; }), -EINVAL);
    assert_int_equal(refused([](D &d) { d.syncs = {.stride = 16, .count = 1, .ptr = 64}; }), -EFAULT);
    const UserQueue user(rig.file);
    assert_int_equal(refused([&](D &d) { d.queue_id = user.id(); }), -EINVAL);
    assert_int_equal(rig.file.state(rig.id).submitted, 0);
    assert_int_equal(pinned_kib(), 0);
    auto args = good;
    assert_int_equal(rig.file.call(DRM_IOCTL_NEURON_DMA, &args), 0);
    assert_int_equal(args.seqno, 1);
}

void memory_that_cannot_be_pinned_is_refused(void **) {
    const Rig rig;
    const auto run = [&](std::uint32_t flags, const std::byte *memory, std::size_t bytes) {
        return rig.file.dma(rig.id, flags, memory, bytes, rig.target.va);
    };
    Memory memory(3 * PAGE);
    scribble(memory.bytes(), 1);
    memory.protect(PROT_READ);
    assert_int_equal(run(FROM, memory.data(), PAGE), -EFAULT);
    assert_int_equal(run(TO, memory.data(), PAGE), 0); // reading is fine
    memory.protect(PROT_NONE);
    assert_int_equal(run(TO, memory.data(), PAGE), -EFAULT);
    memory.protect(PROT_READ | PROT_WRITE);
    // A hole behind the first pages.
    assert_int_equal(::munmap(memory.data() + 2 * PAGE, PAGE), 0);
    assert_int_equal(run(TO, memory.data() + PAGE, PAGE + 1), -EFAULT);
    assert_int_equal(run(FROM, memory.data() + PAGE, PAGE + 1), -EFAULT);
    // Buffers of the driver have a way of their own.
    assert_int_equal(run(TO, rig.target.bytes().data(), PAGE), -EFAULT);
    const Target hbm(rig.file, PAGE, true);
    assert_int_equal(run(FROM, hbm.bytes().data(), PAGE), -EFAULT);
    // Behind the end of a file.
    const MemoryFile file(PAGE);
    const Memory mapped(2 * PAGE, PROT_READ | PROT_WRITE, file.fd());
    assert_int_equal(run(FROM, mapped.data(), 2 * PAGE), -EFAULT);
    assert_int_equal(run(FROM, mapped.data(), PAGE), 0);
    assert_int_equal(rig.file.wait(rig.id, 2, nullptr, LONG), 0);
    assert_int_equal(rig.file.state(rig.id).submitted, 2);
    assert_int_equal(pinned_kib(), 0);
}

void queues_belong_to_their_file(void **) {
    const Rig rig;
    const File stranger;
    const Memory memory(PAGE);
    assert_int_equal(stranger.dma(rig.id, TO, memory.data(), PAGE, rig.target.va), -ENOENT);
}

// ---- the context's side ----

void unmapped_address_is_a_fault(void **) {
    Rig rig;
    const Memory memory(3 * PAGE);
    assert_int_equal(rig.file.run_dma(rig.id, TO, memory.data(), 3 * PAGE, NOWHERE), -EIO);
    const auto state = rig.file.state(rig.id);
    assert_int_equal(state.state, DRM_NEURON_QUEUE_FAULTED);
    assert_int_equal(state.fault_va, NOWHERE);
    assert_int_equal(pinned_kib(), 0);
    assert_int_equal(rig.file.dma(rig.id, TO, memory.data(), PAGE, rig.target.va), -EIO);
    rig.id = rig.file.queue().queue_id;
    assert_int_equal(rig.file.run_dma(rig.id, FROM, memory.data(), 3 * PAGE, NOWHERE), -EIO);
    assert_int_equal(pinned_kib(), 0);
    rig.id = rig.file.queue().queue_id;
    assert_int_equal(rig.to(memory.bytes()), 0);
}

void read_only_mapping_is_not_written(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    const auto va = file.bind(file.host(PAGE), DRM_NEURON_BIND_READ_ONLY);
    const Memory memory(PAGE);
    assert_int_equal(file.run_dma(id, FROM, memory.data(), PAGE, va), 0);
    assert_int_equal(file.run_dma(id, TO, memory.data(), PAGE, va), -EIO);
}

// What the kernel maps for a job lies where user space maps nothing.
void kernels_part_of_the_address_space_is_out_of_reach(void **) {
    const File file;
    const auto device = file.query();
    assert_true(device.va_end < 1ull << neuron::spec::MMU_VA_BITS);
    drm_neuron_vm_bind args{};
    args.op = DRM_NEURON_BIND_MAP;
    args.flags = DRM_NEURON_BIND_FIXED_VA;
    args.handle = file.host(PAGE);
    args.range = PAGE;
    args.va = device.va_end;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), -EINVAL);
    assert_int_equal(file.unbind(device.va_end, PAGE), -EINVAL);
    args.va = device.va_end - PAGE;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), 0);
}

// A job of the context cannot use the mapping once the DMA is over: it would reach memory that is somebody else's.
void mapping_is_gone_with_the_job(void **) {
    Rig rig;
    Gate gate(rig.file);
    const Memory memory(PAGE);
    scribble(memory.bytes(), 1);
    const auto window = rig.file.query().va_end;
    assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
    std::uint64_t seqno = 0;
    assert_int_equal(rig.file.dma(rig.id, TO, memory.data(), PAGE, rig.target.va, &seqno), 0);
    const auto thief = rig.file.queue().queue_id;
    const Target loot(rig.file, PAGE);
    assert_int_equal(rig.file.run(thief, job_of(copy(window, loot.va, PAGE))), 0); // it is the process's own
    assert_true(same(loot.bytes(), memory.bytes()));
    gate.open();
    assert_int_equal(rig.file.wait(rig.id, seqno, nullptr, LONG), 0);
    assert_int_equal(rig.file.run(thief, job_of(copy(window, loot.va, PAGE))), -EIO);
}

// The device may read what it copies from, no more.
void device_cannot_write_what_it_reads_from(void **) {
    Rig rig;
    Gate gate(rig.file);
    const Memory memory(PAGE);
    const auto window = rig.file.query().va_end;
    assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
    assert_int_equal(rig.file.dma(rig.id, TO, memory.data(), PAGE, rig.target.va), 0);
    const auto vandal = rig.file.queue().queue_id;
    assert_int_equal(rig.file.run(vandal, job_of(fill(window, 8, 7))), -EIO);
    assert_int_equal(static_cast<int>(memory.data()[0]), 0);
    int status = 0;
    assert_int_equal(rig.file.wait(rig.id, 2, &status, LONG), 0);
    assert_int_equal(status, -ECANCELED); // the fault has stopped the context's queues
    assert_int_equal(pinned_kib(), 0);
}

// ---- order and syncs ----

void jobs_and_copies_run_in_order(void **) {
    const Rig rig;
    const Memory memory(PAGE);
    for (std::uint64_t i = 1; i <= 50; ++i) {
        std::memcpy(memory.data(), &i, sizeof(i));
        std::uint64_t seqno = 0;
        assert_int_equal(rig.file.dma(rig.id, TO, memory.data(), 8, rig.target.va), 0);
        assert_int_equal(rig.file.submit(rig.id, job_of(copy(rig.target.va, rig.target.va + 8, 8))), 0);
        assert_int_equal(rig.file.dma(rig.id, FROM, memory.data() + 8, 8, rig.target.va + 8, &seqno), 0);
        assert_int_equal(rig.file.wait(rig.id, seqno, nullptr, LONG), 0);
        assert_memory_equal(memory.data() + 8, &i, sizeof(i));
    }
}

void syncs_are_waited_for_and_signalled(void **) {
    Rig rig;
    Gate gate(rig.file);
    const auto producer = rig.file.queue();
    const Memory memory(PAGE);
    std::uint32_t done = 0;
    assert_int_equal(drmSyncobjCreate(rig.file.fd(), 0, &done), 0);
    assert_int_equal(rig.file.submit(producer.queue_id, job_of(gate.packet(), fill(rig.target.va, PAGE, 5))), 0);
    const std::array syncs{
        drm_neuron_sync{.flags = DRM_NEURON_SYNC_WAIT, .handle = producer.syncobj, .point = 1},
        drm_neuron_sync{.flags = DRM_NEURON_SYNC_SIGNAL, .handle = done, .point = 0},
    };
    std::thread opener([&] {
        std::this_thread::sleep_for(milliseconds(50));
        gate.open();
    });
    assert_int_equal(rig.file.dma(rig.id, FROM, memory.data(), PAGE, rig.target.va, nullptr, syncs), 0);
    assert_int_equal(drmSyncobjWait(rig.file.fd(), &done, 1, deadline(LONG), 0, nullptr), 0);
    assert_int_equal(static_cast<int>(memory.data()[PAGE - 8]), 5); // the data is there with the fence
    opener.join();
    assert_int_equal(rig.file.wait(rig.id, 1, nullptr, LONG), 0);
}

void queue_without_interrupts_copies_as_well(void **) {
    Rig rig;
    rig.id = rig.file.queue(0, 0, DRM_NEURON_QUEUE_POLLED).queue_id;
    const Memory memory(PAGE);
    scribble(memory.bytes(), 1);
    assert_int_equal(rig.to(memory.bytes()), 0);
    assert_true(same(rig.target.bytes().first(PAGE), memory.bytes()));
    assert_int_equal(pinned_kib(), 0);
}

// ---- what is pinned ----

void memory_is_pinned_until_the_wait_returns(void **) {
    Rig rig;
    Gate gate(rig.file);
    const Memory memory(16 * PAGE);
    assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
    assert_int_equal(rig.file.dma(rig.id, FROM, memory.data() + 100, 3 * PAGE, rig.target.va), 0);
    assert_int_equal(pinned_kib(), 16);
    assert_int_equal(rig.file.wait(rig.id, 2, nullptr, milliseconds(20)), -ETIME);
    assert_int_equal(pinned_kib(), 16);
    gate.open();
    assert_int_equal(rig.file.wait(rig.id, 2, nullptr, LONG), 0);
    assert_int_equal(pinned_kib(), 0);
    for (int i = 0; i < 200; ++i) {
        assert_int_equal(rig.from(memory.bytes().first(3 * PAGE)), 0);
        assert_int_equal(pinned_kib(), 0);
    }
}

/// From here on the process may lock `bytes` of memory, and has no privilege.
void may_lock(std::size_t bytes) {
    const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
    assert_int_equal(::setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct none[2]{};
    assert_int_equal(::syscall(SYS_capset, &header, none), 0);
}

void memory_counts_as_locked(void **) {
    const Rig rig; // opened with privilege, used without
    in_child([&] {
        may_lock(4 * PAGE);
        const Memory memory(8 * PAGE);
        const auto run = [&](std::size_t bytes) {
            return rig.file.dma(rig.id, TO, memory.data(), bytes, rig.target.va);
        };
        assert_int_equal(run(4 * PAGE + 1), -ENOMEM);
        // What was refused is not counted, and what a wait has seen done is not any more.
        for (std::uint64_t seqno = 1; seqno <= 200; ++seqno) {
            assert_int_equal(run(5 * PAGE), -ENOMEM);
            assert_int_equal(run(4 * PAGE), 0);
            assert_int_equal(rig.file.wait(rig.id, seqno, nullptr, LONG), 0);
        }
    });
    const Memory memory(8 * PAGE);
    assert_int_equal(rig.to(memory.bytes().first(4 * PAGE)), 0); // with privilege there is no limit
}

void copies_in_flight_count_together(void **) {
    Rig rig;
    Gate gate(rig.file);
    in_child([&] {
        may_lock(4 * PAGE);
        const Memory memory(8 * PAGE);
        assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
        assert_int_equal(rig.file.dma(rig.id, TO, memory.data(), 2 * PAGE, rig.target.va), 0);
        assert_int_equal(rig.file.dma(rig.id, TO, memory.data() + PAGE - 1, 2, rig.target.va), 0);
        assert_int_equal(rig.file.dma(rig.id, TO, memory.data(), 1, rig.target.va), -ENOMEM);
        gate.open();
        assert_int_equal(rig.file.wait(rig.id, 3, nullptr, LONG), 0);
        assert_int_equal(rig.file.dma(rig.id, TO, memory.data(), 1, rig.target.va), 0);
    });
}

void nothing_is_left_when_memory_is_short(void **) {
    need_failing_allocations();
    const Rig rig(64 * PAGE);
    const Memory memory(64 * PAGE), back(64 * PAGE);
    scribble(memory.bytes(), 1);
    scribble(back.bytes(), 2);
    std::uint32_t syncobj = 0;
    assert_int_equal(drmSyncobjCreate(rig.file.fd(), 0, &syncobj), 0);
    const std::array syncs{
        drm_neuron_sync{.flags = DRM_NEURON_SYNC_SIGNAL, .handle = syncobj, .point = 0},
        drm_neuron_sync{.flags = DRM_NEURON_SYNC_SIGNAL, .handle = syncobj, .point = 1},
    };
    std::uint64_t last = 0, seqno = 0;
    const auto copy_back = [&] {
        return rig.file.dma(rig.id, FROM, back.data(), 64 * PAGE, rig.target.va, &seqno, syncs);
    };
    const auto look = [&](int ret) {
        assert_true(ret == 0 || ret == -ENOMEM);
        assert_int_equal(seqno, ret ? 0 : ++last);
        assert_int_equal(rig.file.state(rig.id).submitted, last);
        if (!ret)
            assert_int_equal(rig.file.wait(rig.id, seqno, nullptr, LONG), 0);
        assert_int_equal(pinned_kib(), 0);
    };
    look(copy_back()); // what is allocated once for all
    const int allocations = for_each_fault(Fault::ALLOCATION, {.prepare = {}, .attempt = copy_back, .finish = look});
    print_message("# %d allocations\n", allocations);
    assert_true(allocations >= 6);
    assert_int_equal(rig.to(memory.bytes()), 0);
    assert_int_equal(rig.from(back.bytes()), 0);
    assert_true(same(back.bytes(), memory.bytes()));
}

// ---- things that go away ----

void memory_may_go_while_it_is_used(void **) {
    Rig rig(64 * PAGE);
    Gate gate(rig.file);
    MemoryFile file(32 * PAGE);
    Memory shared(32 * PAGE, PROT_READ | PROT_WRITE, file.fd());
    Memory anonymous(32 * PAGE);
    Memory written(32 * PAGE);
    std::vector<std::byte> want(64 * PAGE);
    scribble(want, 1);
    std::memcpy(shared.data(), want.data(), 32 * PAGE);
    std::memcpy(anonymous.data(), want.data() + 32 * PAGE, 32 * PAGE);
    assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
    assert_int_equal(rig.file.dma(rig.id, TO, shared.data(), 32 * PAGE, rig.target.va), 0);
    assert_int_equal(rig.file.dma(rig.id, TO, anonymous.data(), 32 * PAGE, rig.target.va + 32 * PAGE), 0);
    assert_int_equal(rig.file.dma(rig.id, FROM, written.data(), 32 * PAGE, rig.target.va), 0);
    assert_int_equal(::ftruncate(file.fd(), 0), 0);
    shared.unmap();
    anonymous.unmap();
    written.unmap();
    const Memory others(256 * PAGE); // what was freed would be used again
    scribble(others.bytes(), 2);
    gate.open();
    int status = -1;
    assert_int_equal(rig.file.wait(rig.id, 4, &status, LONG), 0);
    assert_int_equal(status, 0);
    assert_true(same(rig.target.bytes(), want));
    std::vector<std::byte> still(256 * PAGE);
    scribble(still, 2);
    assert_true(same(others.bytes(), still));
    assert_int_equal(pinned_kib(), 0);
}

void destroying_the_queue_gives_memory_back(void **) {
    const Rig rig;
    const Memory memory(4 * PAGE);
    assert_int_equal(rig.file.submit(rig.id, job_of(Spinner(rig.file).packet())), 0);
    for (int i = 0; i < 8; ++i)
        assert_int_equal(rig.file.dma(rig.id, FROM, memory.data(), 4 * PAGE, rig.target.va), 0);
    assert_int_equal(pinned_kib(), 8 * 16);
    int status = 0;
    std::thread waiter([&] {
        rig.file.wait(rig.id, 9, &status, LONG); // until the memory has been given back
        assert_int_equal(pinned_kib(), 0);
    });
    std::this_thread::sleep_for(milliseconds(50));
    assert_int_equal(rig.file.destroy(rig.id), 0);
    waiter.join();
    assert_int_equal(status, -ECANCELED);
}

void watchdog_gives_memory_back(void **) {
    Rig rig;
    rig.id = rig.file.queue(0, HANGS_AT_ONCE).queue_id;
    const Memory memory(4 * PAGE);
    assert_int_equal(rig.file.submit(rig.id, job_of(Spinner(rig.file).packet())), 0);
    assert_int_equal(rig.file.dma(rig.id, FROM, memory.data(), 4 * PAGE, rig.target.va), 0);
    int status = 0;
    assert_int_equal(rig.file.wait(rig.id, 2, &status, LONG), 0);
    assert_int_equal(status, -ECANCELED);
    assert_int_equal(pinned_kib(), 0);
}

void closing_the_file_gives_memory_back(void **) {
    for (int i = 0; i < 10; ++i) {
        const Memory memory(MIB);
        {
            const Rig rig(MIB);
            assert_int_equal(rig.file.submit(rig.id, job_of(Spinner(rig.file).packet())), 0);
            for (int copy = 0; copy < 4; ++copy)
                assert_int_equal(rig.file.dma(rig.id, copy % 2 ? FROM : TO, memory.data(), MIB, rig.target.va), 0);
            assert_int_equal(rig.file.dma(rig.file.queue().queue_id, TO, memory.data(), MIB, rig.target.va), 0);
        }
        assert_int_equal(pinned_kib(), 0);
    }
}

void process_dies_with_copies_in_flight(void **) {
    const pid_t child = ::fork();
    if (child == 0) {
        const Rig rig(MIB);
        const Memory memory(MIB);
        rig.file.submit(rig.id, job_of(Spinner(rig.file).packet()));
        rig.file.dma(rig.id, FROM, memory.data(), MIB, rig.target.va);
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(::waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    const Rig rig;
    const Memory memory(PAGE);
    assert_int_equal(rig.to(memory.bytes()), 0);
}

void function_reset_gives_memory_back(void **) {
    const Rig rig;
    const Memory memory(4 * PAGE);
    assert_int_equal(rig.file.submit(rig.id, job_of(Spinner(rig.file).packet())), 0);
    assert_int_equal(rig.file.dma(rig.id, FROM, memory.data(), 4 * PAGE, rig.target.va), 0);
    assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
    int status = 0;
    assert_int_equal(rig.file.wait(rig.id, 2, &status, LONG), 0);
    assert_int_equal(status, -ECANCELED);
    assert_int_equal(pinned_kib(), 0);
    const auto fresh = rig.file.queue().queue_id;
    assert_int_equal(rig.file.run_dma(fresh, TO, memory.data(), PAGE, rig.target.va), 0);
}

void unbind_gives_memory_back(void **) {
    const std::string name = pci_name();
    const Memory memory(4 * PAGE);
    {
        const Rig rig;
        assert_int_equal(rig.file.submit(rig.id, job_of(Spinner(rig.file).packet())), 0);
        assert_int_equal(rig.file.dma(rig.id, FROM, memory.data(), 4 * PAGE, rig.target.va), 0);
        int status = 0;
        int ret = -1;
        std::thread waiter([&] { ret = rig.file.wait(rig.id, 2, &status, LONG); });
        std::this_thread::sleep_for(milliseconds(50));
        assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/unbind", name), 0);
        assert_int_equal(pinned_kib(), 0); // when unbind has returned, the device has let go
        waiter.join();
        assert_int_equal(ret, 0);
        assert_int_equal(status, -ENODEV);
        assert_int_equal(rig.file.dma(rig.id, FROM, memory.data(), PAGE, rig.target.va), -ENODEV);
        assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/bind", name), 0);
        assert_true(wait_for_node(true));
    }
    const Rig rig;
    assert_int_equal(rig.to(memory.bytes()), 0);
}

// ---- threads ----

void threads_copy_side_by_side(void **) {
    const File file;
    const auto shared = file.queue(4).queue_id;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (std::uint32_t seed = 1; seed <= 4; ++seed) {
        threads.emplace_back([&, seed] {
            const auto own = file.queue().queue_id;
            const Target target(file, 40 * PAGE);
            const Memory memory(40 * PAGE), back(40 * PAGE);
            for (std::uint32_t round = 0; round < 40; ++round) {
                const std::size_t bytes = 1 + (seed * 7919 + round * 104729) % (39 * PAGE);
                scribble(memory.bytes(), seed * 1000 + round);
                wrong += file.run_dma(round % 2 ? own : shared, TO, memory.data() + seed, bytes, target.va) != 0;
                wrong += file.run_dma(round % 2 ? shared : own, FROM, back.data() + round, bytes, target.va) != 0;
                wrong += !same(back.bytes().subspan(round, bytes), memory.bytes().subspan(seed, bytes));
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    assert_int_equal(wrong, 0);
    assert_int_equal(pinned_kib(), 0);
}

// DMA API debugging complains of the eighth mapping of a page at a time: each thread has pages of its own, and only so many
// jobs in flight, however slow the device is.
void threads_copy_while_the_device_goes(void **) {
    constexpr std::size_t THREADS = 3;
    constexpr std::size_t BYTES = 64 * PAGE;
    constexpr int IN_FLIGHT = 4;
    const std::string name = pci_name();
    const Memory memory(THREADS * BYTES);
    for (int round = 0; round < 4; ++round) {
        const Rig rig(BYTES);
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < THREADS; ++i) {
            threads.emplace_back([&, i] {
                std::uint64_t seqno = 0;
                for (int job = 1; !rig.file.dma(rig.id, FROM, memory.data() + i * BYTES, BYTES, rig.target.va, &seqno);
                     ++job)
                    rig.file.wait(rig.id, seqno, nullptr, job % IN_FLIGHT == 0 ? LONG : milliseconds(2));
            });
        }
        std::this_thread::sleep_for(milliseconds(30));
        if (round % 2) {
            assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
        } else {
            assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/unbind", name), 0);
            assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/bind", name), 0);
            assert_true(wait_for_node(true));
        }
        for (auto &thread : threads)
            thread.join();
    }
    assert_int_equal(pinned_kib(), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_whatever_the_alignment),
        cmocka_unit_test(megabytes_come_and_go),
        cmocka_unit_test(each_kind_of_memory_that_can_be_pinned_works),
        cmocka_unit_test(memory_that_was_never_touched_reads_as_zero),
        cmocka_unit_test(a_fork_meanwhile_does_not_separate_process_and_device),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(memory_that_cannot_be_pinned_is_refused),
        cmocka_unit_test(queues_belong_to_their_file),
        cmocka_unit_test(unmapped_address_is_a_fault),
        cmocka_unit_test(read_only_mapping_is_not_written),
        cmocka_unit_test(kernels_part_of_the_address_space_is_out_of_reach),
        cmocka_unit_test(mapping_is_gone_with_the_job),
        cmocka_unit_test(device_cannot_write_what_it_reads_from),
        cmocka_unit_test(jobs_and_copies_run_in_order),
        cmocka_unit_test(syncs_are_waited_for_and_signalled),
        cmocka_unit_test(queue_without_interrupts_copies_as_well),
        cmocka_unit_test(memory_is_pinned_until_the_wait_returns),
        cmocka_unit_test(memory_counts_as_locked),
        cmocka_unit_test(copies_in_flight_count_together),
        cmocka_unit_test(nothing_is_left_when_memory_is_short),
        cmocka_unit_test(memory_may_go_while_it_is_used),
        cmocka_unit_test(destroying_the_queue_gives_memory_back),
        cmocka_unit_test(watchdog_gives_memory_back),
        cmocka_unit_test(closing_the_file_gives_memory_back),
        cmocka_unit_test(process_dies_with_copies_in_flight),
        cmocka_unit_test(function_reset_gives_memory_back),
        cmocka_unit_test(unbind_gives_memory_back),
        cmocka_unit_test(threads_copy_side_by_side),
        cmocka_unit_test(threads_copy_while_the_device_goes),
    };
    return cmocka_run_group_tests_name("kmod dma", tests, nullptr, nullptr);
}
