// SPDX-License-Identifier: MIT
// Whatever a user does wrong, the kernel's log does not hear of it. The ioctls' arguments are in abi_test.cpp, which looks
// at the log as well.

#include "inspect.hpp"
#include "machine.hpp"
#include "memory.hpp"
#include "ring.hpp"
#include "user.hpp"
#include "user_queue.hpp"

#include <cerrno>
#include <functional>

#include <sys/mman.h>

using namespace kmod;

namespace {

constexpr std::uint64_t KERNEL = 0xffff888000000000;

/// One command that is refused, with its error.
struct Bad {
    const char *what;
    int error;
    std::function<void(io_uring_sqe *)> change;
};

/// Every field in which a command has nothing to say.
const std::vector<Bad> EMPTY_FIELDS{
    {"len", -EINVAL, [](io_uring_sqe *sqe) { sqe->len = 1; }},
    {"buf_index", -EINVAL, [](io_uring_sqe *sqe) { sqe->buf_index = 1; }},
    {"file_index", -EINVAL, [](io_uring_sqe *sqe) { sqe->file_index = 1; }},
    {"uring_cmd_flags", -EINVAL, [](io_uring_sqe *sqe) { sqe->uring_cmd_flags = 2; }},
};

template<class Payload>
void set(io_uring_sqe *sqe, const Payload &payload) {
    std::memcpy(static_cast<void *>(sqe->cmd), &payload, sizeof(payload));
}

void expect_refused(Ring &ring, const std::function<io_uring_sqe *()> &good, const std::vector<Bad> &all) {
    KernelLog log;
    for (const Bad &bad : all) {
        bad.change(good());
        const int result = ring.result();
        if (result != bad.error)
            fail_msg("%s: %d, not %d", bad.what, result, bad.error);
    }
    log.expect_quiet();
    good();
    assert_int_equal(ring.result(), 0);
}

void submit_commands(void **) {
    const File file = open_as(ALICE);
    const auto queue = file.queue();
    const auto packets = nops(2);
    auto args = request(queue.queue_id, packets);
    Ring ring(IORING_SETUP_SQE128);
    const auto pointer = [](const void *p) { return reinterpret_cast<std::uintptr_t>(p); };
    auto bad = EMPTY_FIELDS;
    bad.push_back({"addr", -EINVAL, [](io_uring_sqe *sqe) { sqe->addr = 8; }});
    for (const std::uint64_t value : {std::uint64_t{8}, KERNEL, ~std::uint64_t{0}})
        bad.push_back(
            {"ptr", -EFAULT, [=](io_uring_sqe *sqe) { set(sqe, drm_neuron_uring_submit{.ptr = value, .pad = 0}); }});
    bad.push_back({"pad", -EINVAL,
                   [&](io_uring_sqe *sqe) { set(sqe, drm_neuron_uring_submit{.ptr = pointer(&args), .pad = 1}); }});
    auto flags = args, packet_count = args, packet_ptr = args, id = args;
    flags.flags = 1;
    packet_count.packets.count = 0;
    packet_ptr.packets.ptr = KERNEL;
    id.queue_id = 4711;
    for (const auto &[wrong, error] :
         {std::pair{&flags, -EINVAL}, {&packet_count, -EINVAL}, {&packet_ptr, -EFAULT}, {&id, -ENOENT}})
        bad.push_back({"structure", error,
                       [=](io_uring_sqe *sqe) { set(sqe, drm_neuron_uring_submit{.ptr = pointer(wrong), .pad = 0}); }});
    expect_refused(
        ring, [&] { return ring.add_submit(file, &args, 1); }, bad);
}

void inline_commands(void **) {
    const File file = open_as(ALICE);
    const auto queue = file.queue();
    Ring ring(IORING_SETUP_SQE128);
    auto bad = EMPTY_FIELDS;
    bad.push_back({"addr", -EINVAL, [](io_uring_sqe *sqe) { sqe->addr = 8; }});
    bad.push_back({"queue_id", -ENOENT,
                   [](io_uring_sqe *sqe) { reinterpret_cast<drm_neuron_uring_inline *>(sqe->cmd)->queue_id = 4711; }});
    bad.push_back({"flags", -EINVAL,
                   [](io_uring_sqe *sqe) { reinterpret_cast<drm_neuron_uring_inline *>(sqe->cmd)->flags = 1; }});
    bad.push_back({"packet header", -EINVAL, [](io_uring_sqe *sqe) {
                       reinterpret_cast<std::uint8_t *>(
                           reinterpret_cast<drm_neuron_uring_inline *>(sqe->cmd)->packet)[1] = 1;
                   }});
    expect_refused(
        ring, [&] { return ring.add_inline(file, queue.queue_id, nop(), 1); }, bad);

    // Without big entries there is no room for a packet.
    KernelLog log;
    Ring small;
    small.add(file, DRM_NEURON_URING_SUBMIT_INLINE, std::array<std::uint32_t, 4>{queue.queue_id}, 1);
    assert_int_equal(small.result(), -EOPNOTSUPP);
    for (const std::uint32_t op : {0u, 1u, ~0u, unsigned{DRM_NEURON_URING_DMA} + 1}) {
        small.next(file, op, 1);
        assert_int_equal(small.result(), -ENOTTY);
    }
    log.expect_quiet();
}

void wait_commands(void **) {
    const File file = open_as(ALICE);
    const auto queue = file.queue();
    assert_int_equal(file.run(queue.queue_id, nops(1)), 0);
    Ring ring;
    auto bad = EMPTY_FIELDS;
    const auto with = [](std::uint32_t id, std::uint32_t flags, std::uint64_t seqno) {
        return
            [=](io_uring_sqe *sqe) { set(sqe, drm_neuron_uring_wait{.queue_id = id, .flags = flags, .seqno = seqno}); };
    };
    bad.push_back({"queue_id", -ENOENT, with(4711, 0, 1)});
    bad.push_back({"flags", -EINVAL, with(queue.queue_id, 2, 1)});
    bad.push_back({"seqno 0", -EINVAL, with(queue.queue_id, 0, 0)});
    bad.push_back({"seqno to come", -EINVAL, with(queue.queue_id, 0, 2)});
    bad.push_back({"timeout", -EINVAL, [](io_uring_sqe *sqe) { sqe->addr = ~std::uint64_t{0}; }});
    expect_refused(
        ring, [&] { return ring.add_wait(file, queue.queue_id, 1, 1); }, bad);
}

void dma_commands(void **) {
    const File file = open_as(ALICE);
    const Target target(file, 4096);
    const Memory memory(4096);
    const auto queue = file.queue();
    Ring ring;
    std::vector<Bad> bad{
        {"len 0", -EINVAL, [](io_uring_sqe *sqe) { sqe->len = 0; }},
        {"addr", -EFAULT, [](io_uring_sqe *sqe) { sqe->addr = 8; }},
        {"addr in the kernel", -EFAULT, [](io_uring_sqe *sqe) { sqe->addr = KERNEL; }},
        {"file_index", -EINVAL, [](io_uring_sqe *sqe) { sqe->file_index = 1; }},
        {"buf_index", -EINVAL, [](io_uring_sqe *sqe) { sqe->buf_index = 1; }},
        {"registered buffer", -EFAULT, [](io_uring_sqe *sqe) { sqe->uring_cmd_flags = IORING_URING_CMD_FIXED; }}};
    const auto with = [&](std::uint32_t id, std::uint32_t flags, std::uint64_t va) {
        return [=](io_uring_sqe *sqe) { set(sqe, drm_neuron_uring_dma{.queue_id = id, .flags = flags, .va = va}); };
    };
    bad.push_back({"queue_id", -ENOENT, with(4711, 0, target.va)});
    bad.push_back({"flags", -EINVAL, with(queue.queue_id, 2, target.va)});
    bad.push_back({"va", -EINVAL, with(queue.queue_id, 0, ~std::uint64_t{0})});
    expect_refused(
        ring, [&] { return ring.add_dma(file, queue.queue_id, 0, memory.data(), 4096, target.va, 1); }, bad);
}

// What is wrong with the jobs themselves.
void jobs_that_fail(void **) {
    KernelLog log;
    for (int i = 0; i < 3; ++i) {
        const File file = open_as(ALICE);
        const auto queue = file.queue(4);
        assert_int_equal(file.run(queue.queue_id, job_of(fill(file.query().va_start, 64, 0))), -EIO);
        const auto next = file.queue(4);
        Packet garbage{};
        garbage[0] = std::byte{0xee};
        assert_int_equal(file.run(next.queue_id, job_of(garbage)), -EIO);
        const Spinner spinner(file);
        const auto last = file.queue(4, HANGS_AT_ONCE);
        assert_int_equal(file.run(last.queue_id, job_of(spinner.packet())), -ETIME);
    }
    log.expect_quiet();
}

void rings_of_garbage(void **) {
    KernelLog log;
    const File file = open_as(ALICE);
    UserQueue queue(file);
    std::vector<Packet> garbage(4);
    for (Packet &packet : garbage)
        packet.fill(std::byte{0xa5});
    queue.write(garbage, 0xff);
    queue.ring();
    assert_true(wait_until([&] { return file.state(queue.id()).state == DRM_NEURON_QUEUE_FAULTED; }));
    // More than the ring holds, and doorbells of nobody.
    UserQueue other(file);
    other.doorbells().write(other.created().doorbell_offset, 0x80000000);
    for (std::uint32_t at = 0; at < neuron::spec::PAGE_SIZE; at += 4)
        other.doorbells().write(at, ~0u);
    assert_true(wait_until([&] { return file.state(other.id()).state != DRM_NEURON_QUEUE_OK; }));
    log.expect_quiet();
}

void more_than_there_is(void **) {
    KernelLog log;
    const File file = open_as(ALICE);
    for (const auto placement : {DRM_NEURON_PLACE_HOST, DRM_NEURON_PLACE_HBM})
        for (const int shift : {36, 40, 44, 62})
            assert_true(create(file, placement, std::uint64_t{1} << shift) < 0);
    drm_neuron_queue_create args{};
    int ret = 0;
    for (int i = 0; i < 200 && !ret; ++i)
        ret = file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args);
    assert_int_equal(ret, -ENOSPC);
    log.expect_quiet();
}

void bad_mappings(void **) {
    KernelLog log;
    const File file = open_as(ALICE);
    const auto host = file.bo(file.host(4096)), hidden = file.bo(file.hbm(4096, 0));
    const auto map = [&](std::size_t bytes, int prot, int flags, std::uint64_t offset) {
        return ::mmap(nullptr, bytes, prot, flags, file.fd(), static_cast<off_t>(offset));
    };
    assert_ptr_equal(map(8192, PROT_READ, MAP_SHARED, host.mmap_offset), MAP_FAILED);
    assert_ptr_equal(map(4096, PROT_READ, MAP_SHARED, host.mmap_offset + (1ull << 40)), MAP_FAILED);
    assert_ptr_equal(map(4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, host.mmap_offset), MAP_FAILED);
    assert_ptr_equal(map(4096, PROT_READ, MAP_SHARED, hidden.mmap_offset), MAP_FAILED);
    log.expect_quiet();
}

// The same eyes see what is meant for the administrator.
void what_the_administrator_should_know_is_seen(void **) {
    const auto name = pci_name();
    KernelLog log;
    unbind(name);
    bind_driver(name);
    assert_true(wait_for_node(true));
    bool found = false;
    for (const std::string &line : log.lines())
        found |= line.find("MiB HBM") != std::string::npos;
    assert_true(found);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(submit_commands),
        cmocka_unit_test(inline_commands),
        cmocka_unit_test(wait_commands),
        cmocka_unit_test(dma_commands),
        cmocka_unit_test(jobs_that_fail),
        cmocka_unit_test(rings_of_garbage),
        cmocka_unit_test(more_than_there_is),
        cmocka_unit_test(bad_mappings),
        cmocka_unit_test(what_the_administrator_should_know_is_seen),
    };
    return cmocka_run_group_tests_name("kmod quiet", tests, nullptr, nullptr);
}
