// SPDX-License-Identifier: MIT
// DRM_NEURON_URING_DMA, with memory as it is and with registered buffers.

#include "memory.hpp"
#include "ring.hpp"
#include "user_queue.hpp"

#include <cerrno>
#include <memory>
#include <thread>

#include <signal.h>
#include <sys/wait.h>

using namespace kmod;

namespace {

constexpr std::uint32_t TO = 0, FROM = DRM_NEURON_DMA_FROM_DEVICE;
constexpr std::size_t PAGE = 4096, MIB = 1 << 20;
constexpr std::uint64_t NOWHERE = 0x7000000000; ///< an address that nothing is mapped at

struct Rig {
    File file;
    std::uint32_t id = file.queue().queue_id;
    Target target;

    explicit Rig(std::size_t bytes = 64 * PAGE, bool hbm = false) : target(file, bytes, hbm) {}
};

void enroll(Ring &ring, std::span<std::byte> memory) {
    const iovec registered{.iov_base = memory.data(), .iov_len = memory.size()};
    assert_int_equal(io_uring_register_buffers(ring.get(), &registered, 1), 0);
}

/// Makes a DMA command one of the registered buffer `index`.
void fix(io_uring_sqe *sqe, unsigned index = 0) {
    sqe->rw_flags = IORING_URING_CMD_FIXED;
    sqe->buf_index = static_cast<std::uint16_t>(index);
}

void bytes_arrive_on_each_ring(void **) {
    with_each_ring([](Ring &ring) {
        const Rig rig;
        const Memory memory(64 * PAGE), back(64 * PAGE);
        const std::size_t pairs[][2] = {{0, PAGE}, {1, 1}, {PAGE - 1, 2}, {100, 5 * PAGE + 3}, {0, 64 * PAGE}};
        std::uint32_t seed = 0;
        for (const auto &[at, bytes] : pairs) {
            scribble(memory.bytes(), ++seed);
            ring.add_dma(rig.file, rig.id, TO, memory.data() + at, bytes, rig.target.va, 1);
            assert_int_equal(ring.result(), 0);
            assert_int_equal(pinned_kib(), 0); // the completion comes after the memory has been given back
            ring.add_dma(rig.file, rig.id, FROM, back.data() + at, bytes, rig.target.va, 2);
            assert_int_equal(ring.result(), 0);
            assert_true(same(back.bytes().subspan(at, bytes), memory.bytes().subspan(at, bytes)));
        }
    });
}

void registered_buffers_need_no_pins(void **) {
    with_each_ring([](Ring &ring) {
        Rig rig(8 * MIB, true);
        Gate gate(rig.file);
        const Memory memory(8 * MIB);
        assert_true(wait_until_unpinned()); // the ring before
        enroll(ring, memory.bytes());
        const auto pinned = pinned_kib();
        scribble(memory.bytes(), 1);
        const std::size_t at = MIB + 77, bytes = 2 * MIB + 5, to = 5 * MIB + 3;
        fix(ring.add_dma(rig.file, rig.id, TO, memory.data() + at, bytes, rig.target.va + 1, 1));
        assert_int_equal(ring.result(), 0);
        assert_true(same(rig.target.bytes().subspan(1, bytes), memory.bytes().subspan(at, bytes)));
        assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
        fix(ring.add_dma(rig.file, rig.id, FROM, memory.data() + to, bytes, rig.target.va + 1, 2));
        ring.submit();
        while (rig.file.state(rig.id).submitted < 3) // a worker is at it
            std::this_thread::yield();
        assert_int_equal(pinned_kib(), pinned);
        gate.open();
        assert_int_equal(ring.wait().result, 0);
        assert_true(same(memory.bytes().subspan(to, bytes), memory.bytes().subspan(at, bytes)));
    });
}

void registered_buffers_are_not_left(void **) {
    const Rig rig;
    Ring ring;
    const Memory memory(8 * PAGE);
    enroll(ring, memory.bytes().subspan(PAGE, 4 * PAGE));
    const auto result = [&](std::size_t at, std::size_t bytes, unsigned index) {
        fix(ring.add_dma(rig.file, rig.id, FROM, memory.data() + at, bytes, rig.target.va, 1), index);
        return ring.result();
    };
    assert_int_equal(result(PAGE, 4 * PAGE, 0), 0);
    assert_int_equal(result(5 * PAGE - 1, 1, 0), 0);
    assert_int_equal(result(PAGE - 1, PAGE, 0), -EFAULT);
    assert_int_equal(result(5 * PAGE - 1, 2, 0), -EFAULT);
    assert_int_equal(result(5 * PAGE, 1, 0), -EFAULT);
    assert_int_equal(result(0, 8 * PAGE, 0), -EFAULT);
    assert_int_equal(result(PAGE, PAGE, 1), -EFAULT);
    assert_int_equal(result(PAGE, PAGE, 0xffff), -EFAULT);
    assert_int_equal(rig.file.state(rig.id).submitted, 2);
}

// The command is cancelled and the buffer unregistered, but the job still writes to its pages.
void registered_pages_stay_until_the_job_is_done(void **) {
    Rig rig;
    Gate gate(rig.file);
    const Memory memory(32 * PAGE);
    scribble(rig.target.bytes(), 1);
    {
        Ring ring;
        enroll(ring, memory.bytes());
        assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
        fix(ring.add_dma(rig.file, rig.id, FROM, memory.data(), 32 * PAGE, rig.target.va, 1));
        ring.submit();
        while (rig.file.state(rig.id).submitted < 2)
            std::this_thread::yield();
    }
    assert_true(wait_until_unpinned());
    gate.open();
    int status = -1;
    assert_int_equal(rig.file.wait(rig.id, 2, &status, LONG), 0);
    assert_int_equal(status, 0);
    assert_true(same(memory.bytes(), rig.target.bytes().first(32 * PAGE)));
}

void bad_arguments_are_refused(void **) {
    const Rig rig;
    Ring ring;
    const Memory memory(2 * PAGE);
    enroll(ring, memory.bytes());
    const auto refused = [&](auto change) {
        drm_neuron_uring_dma payload{.queue_id = rig.id, .flags = 0, .va = rig.target.va};
        io_uring_sqe *sqe = ring.add_dma(rig.file, rig.id, TO, memory.data(), PAGE, rig.target.va, 1);
        change(payload, *sqe);
        std::memcpy(static_cast<void *>(sqe->cmd), &payload, sizeof(payload));
        return ring.result();
    };
    using D = drm_neuron_uring_dma;
    using E = io_uring_sqe;
    assert_int_equal(refused([](D &d, E &) { d.queue_id += 1; }), -ENOENT);
    assert_int_equal(refused([](D &d, E &) { d.queue_id = 0; }), -ENOENT);
    assert_int_equal(refused([](D &d, E &) { d.flags = 2; }), -EINVAL);
    assert_int_equal(refused([](D &d, E &) { d.flags = 1u << 31; }), -EINVAL);
    assert_int_equal(refused([](D &d, E &) { d.va = ~0ull - 10; }), -EINVAL);
    assert_int_equal(refused([](D &, E &e) { e.len = 0; }), -EINVAL);
    assert_int_equal(refused([](D &, E &e) { e.len = (1u << 30) + 1; }), -EINVAL);
    assert_int_equal(refused([](D &, E &e) { e.len = ~0u; }), -EINVAL);
    assert_int_equal(refused([](D &, E &e) { e.addr = 0; }), -EFAULT);
    assert_int_equal(refused([](D &, E &e) { e.addr = ~0ull - 10; }), -EFAULT);
    assert_int_equal(refused([](D &, E &e) { e.buf_index = 1; }), -EINVAL);
    assert_int_equal(refused([](D &, E &e) { e.file_index = 1; }), -EINVAL);
    assert_int_equal(refused([](D &, E &e) { e.ioprio = 1; }), -EINVAL);
    assert_int_equal(refused([](D &, E &e) { e.rw_flags = 1 << 1; }), -EINVAL);
    const auto polled = rig.file.queue(0, 0, DRM_NEURON_QUEUE_POLLED).queue_id;
    assert_int_equal(refused([&](D &d, E &) { d.queue_id = polled; }), -EOPNOTSUPP);
    const UserQueue user(rig.file);
    assert_int_equal(refused([&](D &d, E &) { d.queue_id = user.id(); }), -EINVAL);
    assert_int_equal(rig.file.state(rig.id).submitted, 0);
    assert_int_equal(refused([](D &, E &) {}), 0);
}

void memory_that_cannot_be_pinned_is_refused(void **) {
    const Rig rig;
    Ring ring;
    Memory memory(PAGE);
    memory.protect(PROT_READ);
    ring.add_dma(rig.file, rig.id, FROM, memory.data(), PAGE, rig.target.va, 1);
    assert_int_equal(ring.result(), -EFAULT);
    ring.add_dma(rig.file, rig.id, TO, memory.data(), PAGE, rig.target.va, 1);
    assert_int_equal(ring.result(), 0);
    ring.add_dma(rig.file, rig.id, TO, rig.target.bytes().data(), PAGE, rig.target.va, 1);
    assert_int_equal(ring.result(), -EFAULT);
}

void fault_is_the_result(void **) {
    assert_true(wait_until_unpinned());
    const Rig rig;
    Ring ring;
    const Memory memory(3 * PAGE);
    ring.add_dma(rig.file, rig.id, FROM, memory.data(), 3 * PAGE, NOWHERE, 1);
    assert_int_equal(ring.result(), -EIO);
    assert_int_equal(pinned_kib(), 0);
    ring.add_dma(rig.file, rig.id, FROM, memory.data(), PAGE, rig.target.va, 1);
    assert_int_equal(ring.result(), -EIO);
    enroll(ring, memory.bytes());
    fix(ring.add_dma(rig.file, rig.file.queue().queue_id, TO, memory.data(), PAGE, NOWHERE, 2));
    assert_int_equal(ring.result(), -EIO);
}

// In, compute, out: three commands that the ring itself keeps in order.
void linked_commands_make_a_pipeline(void **) {
    with_each_ring([](Ring &ring) {
        if (!(ring.flags() & IORING_SETUP_SQE128))
            return;
        const Rig rig;
        const Memory memory(2 * PAGE);
        scribble(memory.bytes().first(PAGE), 5);
        ring.add_dma(rig.file, rig.id, TO, memory.data(), PAGE, rig.target.va, 1)->flags |= IOSQE_IO_LINK;
        ring.add_inline(rig.file, rig.id, copy(rig.target.va, rig.target.va + PAGE, PAGE), 2)->flags |= IOSQE_IO_LINK;
        ring.add_dma(rig.file, rig.id, FROM, memory.data() + PAGE, PAGE, rig.target.va + PAGE, 3);
        ring.submit();
        for (std::uint64_t tag = 1; tag <= 3; ++tag) {
            const auto done = ring.wait();
            assert_int_equal(done.tag, tag);
            assert_int_equal(done.result, 0);
        }
        assert_true(same(memory.bytes().first(PAGE), memory.bytes().subspan(PAGE)));
    });
}

void many_copies_in_flight_all_end(void **) {
    assert_true(wait_until_unpinned());
    with_each_ring([](Ring &ring) {
        const Rig rig(64 * PAGE);
        const Memory memory(64 * PAGE), back(64 * PAGE);
        scribble(memory.bytes(), 3);
        for (std::size_t i = 0; i < 32; ++i)
            ring.add_dma(rig.file, rig.id, TO, memory.data() + 2 * i * PAGE, 2 * PAGE, rig.target.va + 2 * i * PAGE, i);
        ring.submit();
        while (ring.in_flight())
            assert_int_equal(ring.wait().result, 0);
        for (std::size_t i = 0; i < 32; ++i)
            ring.add_dma(rig.file, rig.id, FROM, back.data() + 2 * i * PAGE, 2 * PAGE, rig.target.va + 2 * i * PAGE, i);
        ring.submit();
        while (ring.in_flight())
            assert_int_equal(ring.wait().result, 0);
        assert_true(same(memory.bytes(), back.bytes()));
        assert_int_equal(pinned_kib(), 0);
    });
}

void wait_command_comes_after_the_memory_is_free(void **) {
    assert_true(wait_until_unpinned());
    Rig rig;
    Gate gate(rig.file);
    Ring ring;
    const Memory memory(16 * PAGE);
    for (int round = 0; round < 20; ++round) {
        gate.close();
        std::uint64_t seqno = 0;
        assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
        assert_int_equal(rig.file.dma(rig.id, FROM, memory.data(), 16 * PAGE, rig.target.va, &seqno), 0);
        ring.add_wait(rig.file, rig.id, seqno, 1);
        ring.submit();
        gate.open();
        assert_int_equal(ring.wait().result, 0);
        assert_int_equal(pinned_kib(), 0);
    }
}

void destroying_the_queue_completes_copies(void **) {
    assert_true(wait_until_unpinned());
    const Rig rig;
    Ring ring;
    const Memory memory(8 * PAGE);
    assert_int_equal(rig.file.submit(rig.id, job_of(Spinner(rig.file).packet())), 0);
    for (std::uint64_t i = 0; i < 8; ++i)
        ring.add_dma(rig.file, rig.id, i % 2 ? FROM : TO, memory.data() + i * PAGE, PAGE, rig.target.va, i);
    ring.submit();
    while (rig.file.state(rig.id).submitted < 9)
        std::this_thread::yield();
    assert_int_equal(rig.file.destroy(rig.id), 0);
    while (ring.in_flight())
        assert_int_equal(ring.wait().result, -ECANCELED);
    assert_int_equal(pinned_kib(), 0);
}

void closing_the_ring_cancels_and_the_job_goes_on(void **) {
    with_each_ring(
        [](Ring &ring) {
            Rig rig;
            Gate gate(rig.file);
            const Memory memory(8 * PAGE);
            scribble(rig.target.bytes(), 9);
            assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
            ring.add_dma(rig.file, rig.id, FROM, memory.data(), 8 * PAGE, rig.target.va, 1);
            ring.submit();
            while (rig.file.state(rig.id).submitted < 2)
                std::this_thread::yield();
            ring.close();
            gate.open();
            int status = -1;
            assert_int_equal(rig.file.wait(rig.id, 2, &status, LONG), 0);
            assert_int_equal(status, 0);
            assert_true(same(memory.bytes(), rig.target.bytes().first(8 * PAGE)));
        },
        true);
}

void process_dies_with_copies_in_flight(void **) {
    for (const RingKind &kind : RING_KINDS) {
        const pid_t child = ::fork();
        if (child == 0) {
            const Rig rig(MIB);
            const Memory memory(MIB);
            Ring ring(kind.flags);
            enroll(ring, memory.bytes());
            rig.file.submit(rig.id, job_of(Spinner(rig.file).packet()));
            ring.add_dma(rig.file, rig.id, FROM, memory.data(), MIB, rig.target.va, 1);
            fix(ring.add_dma(rig.file, rig.id, FROM, memory.data(), MIB, rig.target.va, 2));
            ring.submit();
            while (rig.file.state(rig.id).submitted < 3)
                std::this_thread::yield();
            ::kill(::getpid(), SIGKILL);
        }
        int status = 0;
        assert_int_equal(::waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
    }
    const Rig rig;
    const Memory memory(PAGE);
    assert_int_equal(rig.file.run_dma(rig.id, TO, memory.data(), PAGE, rig.target.va), 0);
}

// Rings close at any moment of a copy's life.
void rings_close_while_copies_end(void **) {
    const Rig rig;
    const Memory memory(64 * PAGE);
    for (int round = 0; round < 60; ++round) {
        Ring ring(round % 3 ? 0 : if_closable(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN));
        if (round % 2)
            enroll(ring, memory.bytes());
        for (std::size_t i = 0; i < 8; ++i) {
            io_uring_sqe *sqe = ring.add_dma(rig.file, rig.id, i % 2 ? FROM : TO, memory.data() + i * PAGE, PAGE + i,
                                             rig.target.va + i * 2 * PAGE, i);
            if (round % 2)
                fix(sqe);
        }
        ring.submit();
        std::this_thread::sleep_for(std::chrono::microseconds(round * 50));
    }
    const auto fresh = rig.file.queue().queue_id;
    assert_int_equal(rig.file.run_dma(fresh, TO, memory.data(), PAGE, rig.target.va), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_on_each_ring),
        cmocka_unit_test(registered_buffers_need_no_pins),
        cmocka_unit_test(registered_buffers_are_not_left),
        cmocka_unit_test(registered_pages_stay_until_the_job_is_done),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(memory_that_cannot_be_pinned_is_refused),
        cmocka_unit_test(fault_is_the_result),
        cmocka_unit_test(linked_commands_make_a_pipeline),
        cmocka_unit_test(many_copies_in_flight_all_end),
        cmocka_unit_test(wait_command_comes_after_the_memory_is_free),
        cmocka_unit_test(destroying_the_queue_completes_copies),
        cmocka_unit_test(closing_the_ring_cancels_and_the_job_goes_on),
        cmocka_unit_test(process_dies_with_copies_in_flight),
        cmocka_unit_test(rings_close_while_copies_end),
    };
    return cmocka_run_group_tests_name("kmod uring dma", tests, nullptr, nullptr);
}
