// SPDX-License-Identifier: MIT
// Queues in user mode: QUEUE_CREATE with USER, rings and doorbells of the process, WAIT, faults, time-outs.

#include "user_queue.hpp"
#include "waiter.hpp"

#include <cerrno>
#include <thread>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace kmod;
using neuron::spec::DOORBELL_STRIDE;
using neuron::spec::PACKET_BYTES;
using neuron::spec::PAGE_SIZE;

namespace {

constexpr std::uint64_t NOWHERE = 0x7000000000;

int status_of(const File &file, const UserQueue &queue, std::uint64_t seqno) {
    int status = 1;
    assert_int_equal(file.wait(queue.id(), seqno, &status, LONG), 0);
    return status;
}

// ---- create ----

void create_gives_a_doorbell_and_no_syncobj(void **) {
    const File file;
    const UserQueue first(file);
    const UserQueue second(file);
    assert_true(first.id() != 0 && first.created().doorbell_handle != 0);
    assert_int_equal(first.created().syncobj, 0);
    assert_int_equal(first.created().doorbell_offset % DOORBELL_STRIDE, 0);
    assert_true(first.created().doorbell_offset < PAGE_SIZE);
    assert_int_not_equal(first.created().doorbell_offset, second.created().doorbell_offset);
    assert_int_not_equal(first.created().doorbell_handle, second.created().doorbell_handle);
    const auto state = file.state(first.id());
    assert_int_equal(state.state, DRM_NEURON_QUEUE_OK);
    assert_int_equal(state.flags, DRM_NEURON_QUEUE_USER);
    assert_int_equal(state.submitted, 0);
    assert_int_equal(state.completed, 0);
}

void create_refuses_bad_arguments(void **) {
    const File file;
    const UserMemory memory(file, 4);
    const auto refused = [&](auto change) {
        auto args = memory.request();
        change(args);
        return file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args);
    };
    using Q = drm_neuron_queue_create;
    assert_int_equal(refused([](Q &q) { q.flags |= DRM_NEURON_QUEUE_POLLED; }), -EINVAL);
    assert_int_equal(refused([](Q &q) { q.flags |= 4; }), -EINVAL);
    assert_int_equal(refused([](Q &q) { q.flags = 0; }), -EINVAL);
    assert_int_equal(refused([](Q &q) { q.ring_log2 = 3; }), -EINVAL);
    assert_int_equal(refused([](Q &q) { q.ring_log2 = 17; }), -EINVAL);
    assert_int_equal(refused([](Q &q) { q.timeout_ms = 3600001; }), -EINVAL);
    assert_int_equal(refused([](Q &q) { q.ring_va += PACKET_BYTES; }), -EINVAL);
    assert_int_equal(refused([](Q &q) { q.seqno_va += 4; }), -EINVAL);
    assert_int_equal(refused([](Q &q) { q.stamps_va += 8; }), -EINVAL);
    assert_int_equal(refused([](Q &q) { q.priority = 3; }), -EINVAL);
    assert_int_equal(refused([](Q &q) { q.coalesce_count = 0x10000; }), -EINVAL);
    assert_int_equal(refused([](Q &q) { q.coalesce_usecs = 0x10000; }), -EINVAL);
    assert_int_equal(refused([](Q &q) { q.stamps_va = 0; }), 0);
}

void create_refuses_memory_that_is_not_bound(void **) {
    const File file;
    const UserMemory memory(file, 4);
    const auto refused = [&](auto change) {
        auto args = memory.request();
        change(args);
        return file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args) == -EFAULT;
    };
    using Q = drm_neuron_queue_create;
    for (const std::uint64_t va : {std::uint64_t{0}, NOWHERE, ~std::uint64_t{0} & ~(PAGE_SIZE - 1)}) {
        assert_true(refused([&](Q &q) { q.ring_va = va; }));
        assert_true(refused([&](Q &q) { q.seqno_va = va; }));
        assert_true(va == 0 || refused([&](Q &q) { q.stamps_va = va; }));
    }
    // The ring begins in the buffer and ends behind it.
    assert_true(refused([&](Q &q) { q.ring_log2 = 12; }));
    assert_true(refused([&](Q &q) { q.stamps_va = memory.va + memory.size() - 16; }));
    // Nothing of a queue that was refused is left pinned.
    assert_int_equal(file.unbind(memory.va, memory.size()), 0);
}

void create_wants_seqno_and_stamps_writable(void **) {
    const File file;
    const UserMemory memory(file, 4);
    const auto read_only = file.bind(memory.handle, DRM_NEURON_BIND_READ_ONLY);
    auto args = memory.request();
    args.seqno_va = read_only;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), -EFAULT);
    args = memory.request();
    args.stamps_va = read_only;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), -EFAULT);
    args = memory.request();
    args.ring_va = read_only;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), 0);
}

// Mappings that touch count as one range; a hole does not.
void ring_may_lie_in_several_mappings(void **) {
    const File file;
    constexpr std::uint32_t LOG2 = 8;
    constexpr std::uint64_t BYTES = PACKET_BYTES << LOG2;
    constexpr std::uint64_t VA = 0x40000000;
    const auto handle = file.host(BYTES);
    const auto bind = [&](std::uint64_t offset) {
        drm_neuron_vm_bind args{};
        args.op = DRM_NEURON_BIND_MAP;
        args.flags = DRM_NEURON_BIND_FIXED_VA;
        args.handle = handle;
        args.bo_offset = offset;
        args.range = PAGE_SIZE;
        args.va = VA + offset;
        assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), 0);
    };
    const UserMemory other(file, 4);
    auto args = other.request();
    args.ring_log2 = LOG2;
    args.ring_va = VA;
    args.stamps_va = 0;
    for (std::uint64_t offset = 0; offset < BYTES; offset += PAGE_SIZE)
        if (offset != PAGE_SIZE)
            bind(offset);
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), -EFAULT);
    bind(PAGE_SIZE);
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), 0);
    for (std::uint64_t offset = 0; offset < BYTES; offset += PAGE_SIZE)
        assert_int_equal(file.unbind(VA + offset, PAGE_SIZE), -EBUSY);
    assert_int_equal(file.destroy(args.queue_id), 0);
    for (std::uint64_t offset = 0; offset < BYTES; offset += PAGE_SIZE)
        assert_int_equal(file.unbind(VA + offset, PAGE_SIZE), 0);
}

void memory_of_a_queue_cannot_be_unmapped(void **) {
    const File file;
    const UserMemory memory(file, 4);
    const auto elsewhere = file.bind(memory.handle);
    auto first = memory.request();
    auto second = memory.request();
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &first), 0);
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &second), 0);
    assert_int_equal(file.unbind(memory.va, memory.size()), -EBUSY);
    assert_int_equal(file.unbind(elsewhere, memory.size()), 0);
    assert_int_equal(file.destroy(first.queue_id), 0);
    assert_int_equal(file.unbind(memory.va, memory.size()), -EBUSY);
    assert_int_equal(file.destroy(second.queue_id), 0);
    assert_int_equal(file.unbind(memory.va, memory.size()), 0);
}

void submit_is_not_for_such_queues(void **) {
    const File file;
    const UserQueue queue(file);
    assert_int_equal(file.submit(queue.id(), job_of(nop())), -EINVAL);
}

// ---- rings ----

// The ring of 16 goes round a thousand times, in steps of every size, and the device runs each packet once.
void ring_wraps_without_losing_a_packet(void **) {
    const File file;
    UserQueue queue(file);
    const auto handle = file.host(PAGE_SIZE);
    const auto va = file.bind(handle);
    const Mapping memory(file, handle);
    memory.words()[0] = 0x1234;
    std::uint64_t value = 0;
    for (std::size_t step = 0; step < 2000; ++step) {
        std::vector<Packet> packets;
        for (std::size_t i = 0; i <= step % 15; ++i, ++value)
            packets.push_back(copy(va + 8 * (value % 256), va + 8 * ((value + 1) % 256), 8));
        queue.submit(packets);
    }
    queue.await(queue.tail());
    assert_int_equal(memory.words()[value % 256], 0x1234);
    const auto state = file.state(queue.id());
    assert_int_equal(state.submitted, queue.tail());
    assert_int_equal(state.completed, queue.tail());
}

// No system call at all between ring and result.
void nops_stream_through_the_doorbell(void **) {
    const File file;
    UserQueue queue(file, 8);
    const auto batch = nops(64);
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t end = queue.tail() + batch.size();
        if (end > queue.memory().entries())
            queue.await(end - queue.memory().entries());
        queue.write(batch, SEQNO);
        queue.ring();
    }
    queue.await(64 * 1000);
}

void longest_and_shortest_ring_can_be_had(void **) {
    const File file;
    for (const auto log2 : {neuron::spec::RING_LOG2_MIN, neuron::spec::RING_LOG2_MAX}) {
        UserQueue queue(file, log2);
        queue.submit(nops(queue.memory().entries()));
        queue.await(queue.memory().entries());
    }
}

void ring_can_be_in_hbm(void **) {
    const File file;
    const UserMemory other(file, 4);
    const auto handle = file.hbm(PAGE_SIZE);
    const Mapping memory(file, handle);
    auto args = other.request();
    args.ring_va = file.bind(handle);
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), 0);
    const DoorbellPage page(file, args.doorbell_handle);
    auto packet = nop();
    packet[1] = std::byte{SEQNO_IRQ};
    std::memcpy(memory.bytes().data(), packet.data(), packet.size());
    __builtin_ia32_sfence(); // the mapping is write-combined
    page.write(args.doorbell_offset, 1);
    int status = -1;
    assert_int_equal(file.wait(args.queue_id, 1, &status, LONG), 0);
    assert_int_equal(status, 0);
}

void stamps_tell_when_packets_ran(void **) {
    const File file;
    UserQueue queue(file);
    const auto before = file.query().clock_ns;
    queue.submit(nops(3));
    queue.await(3);
    queue.submit(nops(2));
    queue.await(5);
    const auto after = file.query().clock_ns;
    const auto first = queue.stamp(2);
    const auto second = queue.stamp(4);
    assert_true(before <= first.start_ns && first.start_ns <= first.end_ns);
    assert_true(first.end_ns <= second.start_ns && second.start_ns <= second.end_ns && second.end_ns <= after);
}

// ---- wait ----

void wait_refuses_bad_arguments(void **) {
    const File file;
    const UserQueue queue(file);
    assert_int_equal(file.wait(queue.id(), 0, nullptr, NOW), -EINVAL);
    assert_int_equal(file.wait(queue.id() + 1, 1, nullptr, NOW), -ENOENT);
}

void wait_may_be_ahead_of_the_doorbell(void **) {
    const File file;
    UserQueue queue(file);
    assert_int_equal(file.wait(queue.id(), 1, nullptr, NOW), -ETIME);
    assert_int_equal(file.wait(queue.id(), 1, nullptr, std::chrono::milliseconds(50)), -ETIME);
    Waiter waiter(file, queue.id(), 3);
    queue.submit(nops(3));
    assert_int_equal(waiter.join(), 0);
    assert_int_equal(waiter.status(), 0);
    assert_int_equal(status_of(file, queue, 1), 0);
    assert_int_equal(file.wait(queue.id(), 4, nullptr, NOW), -ETIME);
}

void wait_gives_no_times(void **) {
    const File file;
    UserQueue queue(file);
    queue.submit(nops(1));
    drm_neuron_wait args{};
    args.queue_id = queue.id();
    args.seqno = 1;
    args.timeout_ns = deadline(LONG);
    args.start_ns = args.end_ns = 1;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_WAIT, &args), 0);
    assert_int_equal(args.start_ns, 0);
    assert_int_equal(args.end_ns, 0);
}

// The interrupt of the second packet tells those who wait for the first as well; HEAD is looked at, not the seqno.
void wait_looks_at_the_device_and_not_at_the_seqno(void **) {
    const File file;
    UserQueue queue(file);
    std::uint64_t *seqno = queue.memory().memory.words() + queue.memory().seqno_offset() / 8;
    *seqno = 1000;
    assert_int_equal(file.wait(queue.id(), 1, nullptr, NOW), -ETIME);
    queue.write(nops(1), 0);
    queue.write(nops(1), SEQNO_IRQ);
    queue.ring();
    assert_int_equal(status_of(file, queue, 1), 0);
    assert_int_equal(status_of(file, queue, 2), 0);
    *seqno = 0;
    assert_int_equal(status_of(file, queue, 2), 0);
}

void packets_without_an_interrupt_are_seen_when_the_time_is_over(void **) {
    const File file;
    UserQueue queue(file);
    queue.write(nops(1), SEQNO);
    queue.ring();
    queue.await(1);
    assert_int_equal(file.wait(queue.id(), 1, nullptr, NOW), 0);
}

// ---- how queues end ----

void fault_names_the_packet(void **) {
    const File file;
    UserQueue queue(file);
    const auto sibling = file.queue().queue_id;
    queue.submit(nops(5));
    queue.await(5);
    queue.submit(job_of(nop(), fill(NOWHERE + 8, 64, 1), nop()));
    assert_int_equal(status_of(file, queue, 7), -EIO);
    assert_int_equal(status_of(file, queue, 6), 0);
    assert_int_equal(status_of(file, queue, 8), -ECANCELED);
    assert_int_equal(status_of(file, queue, 1000), -ECANCELED);
    const auto state = file.state(queue.id());
    assert_int_equal(state.state, DRM_NEURON_QUEUE_FAULTED);
    assert_int_equal(state.fault_code, static_cast<unsigned>(neuron::spec::Fault::PAGE_NOT_MAPPED));
    assert_int_equal(state.fault_seqno, 7);
    assert_int_equal(state.fault_packet, 0);
    assert_int_equal(state.fault_va, NOWHERE + 8);
    assert_int_equal(state.completed, 6);
    assert_int_equal(file.submit(sibling, job_of(nop())), -EIO);
    assert_int_equal(file.state(sibling).state, DRM_NEURON_QUEUE_CANCELED);
    // Its doorbell is dead.
    queue.ring();
    assert_int_equal(file.state(queue.id()).completed, 6);
    UserQueue next(file);
    next.submit(nops(1));
    assert_int_equal(status_of(file, next, 1), 0);
}

void fault_of_another_queue_cancels(void **) {
    const File file;
    UserQueue queue(file);
    queue.submit(nops(2));
    queue.await(2);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(NOWHERE, 8, 1))), -EIO);
    assert_int_equal(status_of(file, queue, 3), -ECANCELED);
    assert_int_equal(status_of(file, queue, 2), 0);
    assert_int_equal(file.state(queue.id()).state, DRM_NEURON_QUEUE_CANCELED);
}

void endless_packet_is_stopped_by_the_watchdog(void **) {
    const File file;
    const auto resets = file.query().reset_count;
    UserQueue queue(file, 4, 50);
    queue.submit(nops(1));
    queue.submit(job_of(Spinner(file).packet(), nop()));
    assert_int_equal(status_of(file, queue, 2), -ETIME);
    assert_int_equal(status_of(file, queue, 3), -ECANCELED);
    assert_int_equal(status_of(file, queue, 1), 0);
    const auto state = file.state(queue.id());
    assert_int_equal(state.state, DRM_NEURON_QUEUE_TIMED_OUT);
    assert_int_equal(state.completed, 1);
    assert_int_equal(state.submitted, 3);
    assert_int_equal(file.query().reset_count, resets);
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

// An idle queue does not time out, however long it is idle.
void idle_queue_is_left_alone(void **) {
    const File file;
    UserQueue queue(file, 4, 10);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    assert_int_equal(file.state(queue.id()).state, DRM_NEURON_QUEUE_OK);
    queue.submit(nops(1));
    assert_int_equal(status_of(file, queue, 1), 0);
}

void destroy_wakes_waiters_and_lets_go_of_memory(void **) {
    const File file;
    UserQueue queue(file);
    queue.submit(job_of(Spinner(file).packet()));
    Waiter waiter(file, queue.id(), 1);
    assert_int_equal(file.destroy(queue.id()), 0);
    assert_int_equal(waiter.join(), 0);
    assert_int_equal(waiter.status(), -ECANCELED);
    assert_int_equal(file.unbind(queue.memory().va, queue.memory().size()), 0);
    queue.ring();
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

void process_dies_while_its_queue_is_busy(void **) {
    const pid_t child = ::fork();
    if (child == 0) {
        const File file;
        UserQueue queue(file);
        queue.submit(job_of(nop(), Spinner(file).packet()));
        queue.await(0);
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(::waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    const File file;
    UserQueue queue(file);
    queue.submit(nops(1));
    assert_int_equal(status_of(file, queue, 1), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        // First: no job of another queue has started the watchdog.
        cmocka_unit_test(endless_packet_is_stopped_by_the_watchdog),
        cmocka_unit_test(create_gives_a_doorbell_and_no_syncobj),
        cmocka_unit_test(create_refuses_bad_arguments),
        cmocka_unit_test(create_refuses_memory_that_is_not_bound),
        cmocka_unit_test(create_wants_seqno_and_stamps_writable),
        cmocka_unit_test(ring_may_lie_in_several_mappings),
        cmocka_unit_test(memory_of_a_queue_cannot_be_unmapped),
        cmocka_unit_test(submit_is_not_for_such_queues),
        cmocka_unit_test(ring_wraps_without_losing_a_packet),
        cmocka_unit_test(nops_stream_through_the_doorbell),
        cmocka_unit_test(longest_and_shortest_ring_can_be_had),
        cmocka_unit_test(ring_can_be_in_hbm),
        cmocka_unit_test(stamps_tell_when_packets_ran),
        cmocka_unit_test(wait_refuses_bad_arguments),
        cmocka_unit_test(wait_may_be_ahead_of_the_doorbell),
        cmocka_unit_test(wait_gives_no_times),
        cmocka_unit_test(wait_looks_at_the_device_and_not_at_the_seqno),
        cmocka_unit_test(packets_without_an_interrupt_are_seen_when_the_time_is_over),
        cmocka_unit_test(fault_names_the_packet),
        cmocka_unit_test(fault_of_another_queue_cancels),
        cmocka_unit_test(idle_queue_is_left_alone),
        cmocka_unit_test(destroy_wakes_waiters_and_lets_go_of_memory),
        cmocka_unit_test(process_dies_while_its_queue_is_busy),
    };
    return cmocka_run_group_tests_name("kmod user queue", tests, nullptr, nullptr);
}
