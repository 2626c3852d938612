// SPDX-License-Identifier: MIT
// Memory that the DMA API would have to copy through bounce buffers (swiotlb) is refused, and given back at once.

#include "memory.hpp"
#include "ring.hpp"

#include <cerrno>

using namespace kmod;

namespace {

constexpr std::uint32_t DIRECTIONS[] = {0, DRM_NEURON_DMA_FROM_DEVICE};
constexpr std::size_t SIZES[] = {1, 4096, 3 << 20};

struct Rig {
    File file;
    std::uint32_t id = file.queue().queue_id;
    std::uint64_t va = file.bind(file.hbm(4 << 20));
    Memory memory{4 << 20};
};

void dma_is_refused(void **) {
    const Rig rig;
    for (const auto direction : DIRECTIONS) {
        for (const auto bytes : SIZES) {
            std::uint64_t seqno = 0;
            assert_int_equal(rig.file.dma(rig.id, direction, rig.memory.data() + 5, bytes, rig.va, &seqno),
                             -EOPNOTSUPP);
            assert_int_equal(seqno, 0);
            assert_int_equal(pinned_kib(), 0);
        }
    }
    assert_int_equal(rig.file.state(rig.id).submitted, 0);
    assert_int_equal(rig.file.run(rig.id, job_of(nop())), 0);
}

void dma_command_is_refused(void **) {
    with_each_ring([](Ring &ring) {
        const Rig rig;
        const iovec registered{.iov_base = rig.memory.data(), .iov_len = rig.memory.bytes().size()};
        assert_int_equal(io_uring_register_buffers(ring.get(), &registered, 1), 0);
        for (const auto direction : DIRECTIONS) {
            for (const auto bytes : SIZES) {
                ring.add_dma(rig.file, rig.id, direction, rig.memory.data() + 5, bytes, rig.va, 1);
                assert_int_equal(ring.result(), -EOPNOTSUPP);
                io_uring_sqe *sqe = ring.add_dma(rig.file, rig.id, direction, rig.memory.data(), bytes, rig.va, 1);
                sqe->rw_flags = IORING_URING_CMD_FIXED;
                assert_int_equal(ring.result(), -EOPNOTSUPP);
            }
        }
        assert_int_equal(rig.file.state(rig.id).submitted, 0);
        assert_int_equal(rig.file.run(rig.id, job_of(nop())), 0);
    });
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(dma_is_refused),
        cmocka_unit_test(dma_command_is_refused),
    };
    return cmocka_run_group_tests_name("kmod bounce dma", tests, nullptr, nullptr);
}
