// SPDX-License-Identifier: MIT
// DMA jobs where the DMA API copies what it maps (swiotlb=force): with the fence the data is there, nothing beside it is
// touched, and bounce buffers run out in order.

#include "bounce.hpp"
#include "child.hpp"
#include "machine.hpp"
#include "memory.hpp"
#include "ring.hpp"

#include <cerrno>

#include <xf86drm.h>

using namespace kmod;

namespace {

constexpr std::uint32_t TO = 0, FROM = DRM_NEURON_DMA_FROM_DEVICE;
constexpr std::size_t PAGE = 4096, MIB = 1 << 20;

struct Rig {
    File file;
    drm_neuron_queue_create queue = file.queue();
    std::uint32_t id = queue.queue_id;
    std::size_t size = BOUNCED_MAX;
    std::uint64_t va = file.bind(file.hbm(size));
    Memory memory{size + 2 * PAGE};

    void prepare(std::uint64_t pattern) const { assert_int_equal(file.run(id, job_of(fill(va, size, pattern))), 0); }
};

std::uint64_t word(const Memory &memory, std::size_t byte) {
    std::uint64_t value = 0;
    std::memcpy(&value, memory.data() + byte, sizeof(value));
    return value;
}

void boot_bounces(void **) { assert_true(bounces()); }

void copies_take_bounce_buffers_and_give_them_back(void **) {
    const Rig rig;
    Gate gate(rig.file);
    const auto before = bounced_bytes();
    assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
    std::uint64_t seqno = 0;
    for (const auto direction : {TO, FROM})
        assert_int_equal(rig.file.dma(rig.id, direction, rig.memory.data() + 1, 2 * MIB, rig.va, &seqno), 0);
    assert_int_equal(bounced_bytes(), before + 2 * (2 * MIB + PAGE));
    gate.open();
    assert_int_equal(rig.file.wait(rig.id, seqno, nullptr, LONG), 0);
    assert_int_equal(bounced_bytes(), before);
    assert_int_equal(pinned_kib(), 0);
}

// The pages are bounced as a whole, as they were when the job was submitted.
void what_lies_beside_stays_the_processs(void **) {
    const Rig rig;
    rig.prepare(0x0101010101010101);
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{100}, PAGE, 2 * PAGE + 7, MIB + 9}) {
        Gate gate(rig.file);
        const std::size_t at = PAGE + 123, pages = (at + bytes) / PAGE + 1;
        const auto all = rig.memory.bytes().first((pages + 1) * PAGE);
        scribble(all, 1);
        assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
        std::uint64_t seqno = 0;
        assert_int_equal(rig.file.dma(rig.id, FROM, all.data() + at, bytes, rig.va, &seqno), 0);
        scribble(all, 2);
        std::vector<std::byte> want(all.begin(), all.end());
        std::memset(want.data() + at, 1, bytes);
        gate.open();
        assert_int_equal(rig.file.wait(rig.id, seqno, nullptr, LONG), 0);
        assert_true(same(all, want));
    }
}

// Also those of the jobs behind: a fence says that all before it on its queue have signalled.
void data_is_there_with_the_fence(void **) {
    const Rig rig;
    for (std::uint64_t round = 1; round <= 5; ++round) {
        rig.prepare(round);
        std::uint64_t seqno = 0;
        const std::size_t bytes = 24 * MIB;
        assert_int_equal(rig.file.dma(rig.id, FROM, rig.memory.data(), bytes, rig.va, &seqno), 0);
        if (round % 2)
            assert_int_equal(rig.file.submit(rig.id, job_of(nop()), &seqno), 0);
        auto handle = rig.queue.syncobj;
        assert_int_equal(drmSyncobjTimelineWait(rig.file.fd(), &handle, &seqno, 1, deadline(LONG),
                                                DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, nullptr),
                         0);
        assert_int_equal(word(rig.memory, 0), round);
        assert_int_equal(word(rig.memory, bytes - 8), round);
        assert_int_equal(rig.file.wait(rig.id, seqno, nullptr, LONG), 0);
    }
}

void queue_without_interrupts_copies_back_as_well(void **) {
    const Rig rig;
    rig.prepare(77);
    const auto polled = rig.file.queue(0, 0, DRM_NEURON_QUEUE_POLLED).queue_id;
    for (int round = 0; round < 10; ++round) {
        std::memset(rig.memory.data(), 0, 4 * MIB);
        assert_int_equal(rig.file.run_dma(polled, FROM, rig.memory.data(), 4 * MIB, rig.va), 0);
        assert_int_equal(word(rig.memory, 4 * MIB - 8), 77);
    }
}

void too_much_at_once_is_refused(void **) {
    const Rig rig;
    const auto before = bounced_bytes();
    for (const auto direction : {TO, FROM}) {
        for (const std::size_t bytes : {BOUNCED_MAX + 1, BOUNCED_MAX + PAGE}) {
            std::uint64_t seqno = 0;
            assert_int_equal(rig.file.dma(rig.id, direction, rig.memory.data(), bytes, rig.va, &seqno), -E2BIG);
            assert_int_equal(seqno, 0);
        }
        // It is whole pages that are bounced.
        assert_int_equal(rig.file.dma(rig.id, direction, rig.memory.data() + 1, BOUNCED_MAX, rig.va), -E2BIG);
        assert_int_equal(pinned_kib(), 0);
        assert_int_equal(bounced_bytes(), before);
        assert_int_equal(rig.file.run_dma(rig.id, direction, rig.memory.data(), BOUNCED_MAX, rig.va), 0);
    }
}

void what_others_have_is_waited_for_by_nobody(void **) {
    const Rig rig;
    const File other;
    const auto theirs = other.queue().queue_id;
    const auto their_va = other.bind(other.hbm(PAGE));
    Gate gate(rig.file);
    const auto before = bounced_bytes();
    assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
    std::uint64_t last = 0;
    for (int i = 0; i < 4; ++i)
        assert_int_equal(rig.file.dma(rig.id, i % 2 ? FROM : TO, rig.memory.data(), BOUNCED_MAX / 4, rig.va, &last), 0);
    const auto pinned = pinned_kib();
    for (int i = 0; i < 3; ++i) {
        std::uint64_t seqno = 0;
        assert_int_equal(rig.file.dma(rig.id, TO, rig.memory.data(), 1, rig.va, &seqno), -ENOMEM);
        assert_int_equal(other.dma(theirs, FROM, rig.memory.data(), 1, their_va, &seqno), -ENOMEM);
        assert_int_equal(seqno, 0);
    }
    assert_int_equal(pinned_kib(), pinned);
    assert_int_equal(bounced_bytes(), before + BOUNCED_MAX);
    gate.open();
    assert_int_equal(rig.file.wait(rig.id, last, nullptr, LONG), 0);
    assert_int_equal(rig.file.run_dma(rig.id, TO, rig.memory.data(), 1, rig.va), 0);
    assert_int_equal(other.run_dma(theirs, FROM, rig.memory.data(), 1, their_va), 0);
    assert_int_equal(bounced_bytes(), before);
}

void commands_are_refused_in_the_same_way(void **) {
    with_each_ring([](Ring &ring) {
        const Rig rig;
        Gate gate(rig.file);
        const iovec registered{.iov_base = rig.memory.data(), .iov_len = rig.memory.bytes().size()};
        assert_int_equal(io_uring_register_buffers(ring.get(), &registered, 1), 0);
        assert_int_equal(rig.file.submit(rig.id, job_of(gate.packet())), 0);
        std::uint64_t seqno = 0;
        assert_int_equal(rig.file.dma(rig.id, TO, rig.memory.data(), BOUNCED_MAX, rig.va, &seqno), 0);
        const auto result = [&](std::uint32_t direction, std::size_t bytes, bool fixed) {
            io_uring_sqe *sqe = ring.add_dma(rig.file, rig.id, direction, rig.memory.data(), bytes, rig.va, 1);
            if (fixed)
                sqe->rw_flags = IORING_URING_CMD_FIXED;
            return ring.result();
        };
        for (const auto direction : {TO, FROM}) {
            for (const bool fixed : {false, true}) {
                assert_int_equal(result(direction, PAGE, fixed), -ENOMEM);
                assert_int_equal(result(direction, BOUNCED_MAX + PAGE, fixed), -E2BIG);
            }
        }
        gate.open();
        assert_int_equal(rig.file.wait(rig.id, seqno, nullptr, LONG), 0);
        for (const auto direction : {TO, FROM})
            for (const bool fixed : {false, true})
                assert_int_equal(result(direction, 3 * MIB + 5, fixed), 0);
    });
}

void jobs_that_fail_give_bounce_buffers_back(void **) {
    const std::string name = pci_name();
    const auto before = bounced_bytes();
    {
        const Rig rig;
        assert_int_equal(rig.file.run_dma(rig.id, FROM, rig.memory.data(), 3 * PAGE, 0x7000000000), -EIO);
        assert_int_equal(bounced_bytes(), before);
        const auto hung = rig.file.queue(0, HANGS_AT_ONCE).queue_id;
        assert_int_equal(rig.file.submit(hung, job_of(Spinner(rig.file).packet())), 0);
        assert_int_equal(rig.file.dma(hung, FROM, rig.memory.data(), MIB, rig.va), 0);
        assert_int_equal(rig.file.wait(hung, 2, nullptr, LONG), 0);
        assert_int_equal(bounced_bytes(), before);
        const auto closed = rig.file.queue().queue_id;
        assert_int_equal(rig.file.submit(closed, job_of(Spinner(rig.file).packet())), 0);
        assert_int_equal(rig.file.dma(closed, FROM, rig.memory.data(), BOUNCED_MAX, rig.va), 0);
    }
    assert_int_equal(bounced_bytes(), before);
    const Rig rig;
    assert_int_equal(rig.file.submit(rig.id, job_of(Spinner(rig.file).packet())), 0);
    for (const auto direction : {TO, FROM})
        assert_int_equal(rig.file.dma(rig.id, direction, rig.memory.data(), MIB, rig.va), 0);
    unbind(name);
    assert_int_equal(bounced_bytes(), before);
    assert_int_equal(pinned_kib(), 0);
    bind_driver(name);
    device_works();
}

// Jobs that the device is done with end well, whatever stops the queue before their data has been copied back.
void stopping_a_queue_loses_no_data(void **) {
    const Rig rig;
    rig.prepare(9);
    for (int round = 0; round < 10; ++round) {
        const auto id = rig.file.queue().queue_id;
        std::memset(rig.memory.data(), 0, 8 * MIB);
        assert_int_equal(rig.file.dma(id, FROM, rig.memory.data(), 8 * MIB, rig.va), 0);
        // The fault behind it stops the queue at once.
        assert_int_equal(rig.file.submit(id, job_of(fill(0x7000000000, 8, 1))), 0);
        int status = 1;
        assert_int_equal(rig.file.wait(id, 1, &status, LONG), 0);
        assert_int_equal(status, 0);
        assert_int_equal(word(rig.memory, 8 * MIB - 8), 9);
        assert_int_equal(rig.file.wait(id, 2, &status, LONG), 0);
        assert_int_equal(status, -EIO);
        assert_int_equal(rig.file.destroy(id), 0);
    }
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(boot_bounces),
        cmocka_unit_test(copies_take_bounce_buffers_and_give_them_back),
        cmocka_unit_test(what_lies_beside_stays_the_processs),
        cmocka_unit_test(data_is_there_with_the_fence),
        cmocka_unit_test(queue_without_interrupts_copies_back_as_well),
        cmocka_unit_test(too_much_at_once_is_refused),
        cmocka_unit_test(what_others_have_is_waited_for_by_nobody),
        cmocka_unit_test(commands_are_refused_in_the_same_way),
        cmocka_unit_test(jobs_that_fail_give_bounce_buffers_back),
        cmocka_unit_test(stopping_a_queue_loses_no_data),
    };
    return cmocka_run_group_tests_name("kmod bounce dma", tests, nullptr, nullptr);
}
