// SPDX-License-Identifier: MIT
// Host buffers where the DMA API copies what it maps (swiotlb=force): they are one memory for CPU and device all the same,
// take no bounce buffers, and keep their content when the device goes.

#include "bounce.hpp"
#include "child.hpp"
#include "machine.hpp"
#include "share.hpp"
#include "user.hpp"

#include <atomic>
#include <cerrno>
#include <thread>

#include <sys/mman.h>

using namespace kmod;

namespace {

constexpr std::uint64_t MIB = 1 << 20;
constexpr std::uint64_t SIZE = 5 * MIB + 3 * 4096; ///< pieces of several sizes

std::uint64_t value_at(std::size_t word) { return (word + 1) * 0x9e3779b97f4a7c15; }

void write_pattern(std::uint64_t *words, std::uint64_t bytes) {
    for (std::size_t word = 0; word < bytes / 8; ++word)
        words[word] = value_at(word);
}

bool has_pattern(const std::uint64_t *words, std::uint64_t bytes) {
    for (std::size_t word = 0; word < bytes / 8; ++word)
        if (words[word] != value_at(word))
            return false;
    return true;
}

void boot_bounces(void **) { assert_true(bounces()); }

void more_is_bound_than_there_are_bounce_buffers(void **) {
    constexpr std::uint64_t LARGE = 192 * MIB;
    const auto before = bounced_bytes();
    const File file;
    const auto handle = file.host(LARGE);
    const auto va = file.bind(handle);
    assert_int_equal(bounced_bytes(), before);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va, LARGE, 5))), 0);
    const Mapping memory(file, handle);
    for (std::size_t word = 0; word < LARGE / 8; word += 512)
        assert_int_equal(memory.words()[word], 5);
    assert_int_equal(bounced_bytes(), before);
}

// Neither side does anything for the other to see what it wrote.
void both_sides_see_one_memory(void **) {
    const File file;
    const auto queue = file.queue().queue_id;
    const auto handle = file.host(SIZE);
    const Mapping memory(file, handle);
    assert_int_equal(memory.words()[SIZE / 8 - 1], 0);
    const auto va = file.bind(handle);
    const auto hbm = file.bind(file.hbm(SIZE));
    write_pattern(memory.words(), SIZE);
    assert_int_equal(file.run(queue, job_of(copy(va, hbm, SIZE), fill(va, SIZE, 0))), 0);
    assert_int_equal(memory.words()[0], 0);
    assert_int_equal(memory.words()[SIZE / 8 - 1], 0);
    assert_int_equal(file.run(queue, job_of(copy(hbm, va, SIZE))), 0);
    assert_true(has_pattern(memory.words(), SIZE));
}

void large_pieces_have_large_pages(void **) {
    const File file;
    file.bind(file.host(64 * MIB));
    assert_true(fdinfo(file, "neuron-large-pages") > 0);
}

void memory_comes_back_with_the_buffer(void **) {
    const File file;
    for (int i = 0; i < 40; ++i) {
        const auto handle = file.host(64 * MIB);
        const auto va = file.bind(handle);
        assert_int_equal(Mapping(file, handle).words()[64 * MIB / 8 - 1], 0);
        assert_int_equal(file.unbind(va, 64 * MIB), 0);
        assert_int_equal(file.close_bo(handle), 0);
    }
}

void content_stays_in_all_mappings_when_the_driver_is_unbound(void **) {
    const std::string name = pci_name();
    File file;
    const auto handle = file.host(SIZE);
    file.bind(handle);
    const DmaBuf buf = export_of(file, handle);
    const Mapping memory(file, handle);
    const BufMapping through(buf, SIZE);
    write_pattern(memory.words(), SIZE);
    assert_true(has_pattern(through.words(), SIZE));

    unbind(name);
    assert_true(has_pattern(memory.words(), SIZE));
    assert_true(has_pattern(through.words(), SIZE));
    // It is still one memory, for all who have it mapped or map it now.
    memory.words()[0] = 1;
    assert_int_equal(through.words()[0], 1);
    in_child([&] { through.words()[SIZE / 8 - 1] = 2; });
    assert_int_equal(memory.words()[SIZE / 8 - 1], 2);
    assert_int_equal(BufMapping(buf, SIZE).words()[0], 1);

    bind_driver(name);
    file.close();
    assert_int_equal(memory.words()[0], 1);
    assert_int_equal(BufMapping(buf, SIZE).words()[SIZE / 8 - 1], 2);
    device_works();
}

// No store may be lost between the old pages and the new ones.
void writers_do_not_notice_that_the_device_goes(void **) {
    const std::string name = pci_name();
    for (int round = 0; round < 5; ++round) {
        const File file;
        const auto handle = file.host(SIZE);
        file.bind(handle);
        const DmaBuf buf = export_of(file, handle);
        const Mapping memory(file, handle);
        const BufMapping through(buf, SIZE);
        std::atomic<bool> stop = false;
        std::atomic<int> lost = 0;
        std::atomic<int> running = 0;
        std::vector<std::thread> writers;
        for (std::size_t at : {std::size_t{0}, std::size_t{SIZE / 16}, std::size_t{SIZE / 8 - 2}}) {
            writers.emplace_back([&, at] {
                auto *own = static_cast<volatile std::uint64_t *>((at % 1024 ? memory.words() : through.words()) + at);
                for (std::uint64_t count = 1; !stop; ++count) {
                    *own = count;
                    if (count == 1)
                        ++running;
                    if (*own != count)
                        ++lost;
                }
            });
        }
        while (running < 3)
            std::this_thread::yield();
        unbind(name);
        bind_driver(name);
        stop = true;
        for (auto &writer : writers)
            writer.join();
        assert_int_equal(lost, 0);
        assert_memory_equal(memory.words(), through.words(), SIZE);
    }
}

void buffer_that_nobody_had_mapped_is_zero_without_the_device(void **) {
    const std::string name = pci_name();
    const File file;
    const DmaBuf buf = export_of(file, file.host(SIZE));
    unbind(name);
    const BufMapping memory(buf, SIZE);
    for (std::size_t word = 0; word < SIZE / 8; word += 512)
        assert_int_equal(memory.words()[word], 0);
    memory.words()[7] = 7;
    assert_int_equal(BufMapping(buf, SIZE).words()[7], 7);
    bind_driver(name);
}

void device_goes_while_buffers_come_and_go(void **) {
    const std::string name = pci_name();
    for (int round = 0; round < 5; ++round) {
        const File file;
        std::atomic<int> rounds = 0;
        std::atomic<int> wrong = 0;
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([&] {
                drm_neuron_vm_bind args{};
                args.range = 3 * MIB;
                int ret = 0;
                while (!ret) {
                    ret = create(file, DRM_NEURON_PLACE_HOST, 3 * MIB, &args.handle);
                    if (!ret)
                        ret = file.call(DRM_IOCTL_NEURON_VM_BIND, &args);
                    if (!ret && rounds++ % 2)
                        ret = file.close_bo(args.handle);
                }
                wrong += ret != -ENODEV;
            });
        }
        while (rounds < 30)
            std::this_thread::yield();
        unbind(name);
        for (auto &thread : threads)
            thread.join();
        assert_int_equal(wrong, 0);
        bind_driver(name);
    }
    device_works();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(boot_bounces),
        cmocka_unit_test(more_is_bound_than_there_are_bounce_buffers),
        cmocka_unit_test(both_sides_see_one_memory),
        cmocka_unit_test(large_pieces_have_large_pages),
        cmocka_unit_test(memory_comes_back_with_the_buffer),
        cmocka_unit_test(content_stays_in_all_mappings_when_the_driver_is_unbound),
        cmocka_unit_test(writers_do_not_notice_that_the_device_goes),
        cmocka_unit_test(buffer_that_nobody_had_mapped_is_zero_without_the_device),
        cmocka_unit_test(device_goes_while_buffers_come_and_go),
    };
    return cmocka_run_group_tests_name("kmod bounce", tests, nullptr, nullptr);
}
