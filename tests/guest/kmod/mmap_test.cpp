// SPDX-License-Identifier: MIT
// CPU mappings: what mmap() refuses, and what becomes of a mapping under fork(), mremap(), munmap() and unplug.

#include "child.hpp"
#include "support.hpp"

#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace kmod;

namespace {

constexpr std::uint64_t MIB = 1 << 20;
constexpr std::uint64_t SIZE = 4 * MIB;
constexpr std::size_t STEP = 4096 / 8;

/// errno of a mapping that is refused; fails the test if it is not.
int refusal(std::uint64_t bytes, int prot, int flags, int fd, std::uint64_t offset) {
    void *pointer = ::mmap(nullptr, bytes, prot, flags, fd, static_cast<off_t>(offset));
    if (pointer == MAP_FAILED)
        return errno;
    ::munmap(pointer, bytes);
    return 0;
}

/// A buffer of each placement, each of its pages marked with its own number.
struct Marked {
    explicit Marked(const File &file) : handles{file.host(SIZE), file.hbm(SIZE)} {
        for (const auto handle : handles) {
            const Mapping memory(file, handle);
            for (std::size_t i = 0; i < SIZE / 8; i += STEP)
                memory.words()[i] = i + 1;
        }
    }
    std::array<std::uint32_t, 2> handles;
};

std::uint64_t *map(const File &file, std::uint32_t handle, std::uint64_t bytes = SIZE) {
    void *pointer = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd(),
                           static_cast<off_t>(file.bo(handle).mmap_offset));
    assert_ptr_not_equal(pointer, MAP_FAILED);
    return static_cast<std::uint64_t *>(pointer);
}

/// The same mapping somewhere else.
std::uint64_t *move(std::uint64_t *words) {
    void *target = ::mmap(nullptr, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(target, MAP_FAILED);
    assert_ptr_equal(::mremap(words, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, target), target);
    return static_cast<std::uint64_t *>(target);
}

void expect_marks(const std::uint64_t *words, std::uint64_t from, std::uint64_t to) {
    for (std::size_t i = from / 8; i < to / 8; i += STEP)
        assert_int_equal(words[i - from / 8], i + 1);
}

// ---- what is refused ------------------------------------------------------------------------------------------------

void offsets_that_name_no_buffer_are_refused(void **) {
    const File file;
    const auto handle = file.hbm(SIZE);
    const auto offset = file.bo(handle).mmap_offset;
    const auto refused = [&](std::uint64_t bytes, std::uint64_t at) {
        return refusal(bytes, PROT_READ, MAP_SHARED, file.fd(), at);
    };
    assert_int_equal(refused(4096, 0), EINVAL);
    assert_int_equal(refused(4096, 4096), EINVAL);
    assert_int_equal(refused(4096, offset + 4096), EINVAL);
    assert_int_equal(refused(4096, offset - 4096), EINVAL);
    assert_int_equal(refused(4096, offset + SIZE), EINVAL);
    assert_int_equal(refused(SIZE + 4096, offset), EINVAL);
    assert_int_equal(refused(4096, offset + 1), EINVAL);
    assert_int_equal(refused(4096, 1ull << 62), EINVAL);
    assert_int_equal(refused(4096, ~0xfffull), EINVAL);
    assert_int_equal(refused(4096, offset), 0);
}

void offset_of_a_buffer_that_is_gone_is_refused(void **) {
    const File file;
    for (const auto handle : {file.host(4096), file.hbm(4096)}) {
        const auto offset = file.bo(handle).mmap_offset;
        assert_int_equal(file.close_bo(handle), 0);
        assert_int_equal(refusal(4096, PROT_READ, MAP_SHARED, file.fd(), offset), EINVAL);
    }
}

// The offset of another file's buffer is known, or guessed: it is no use, however often the file itself has the buffer.
void offset_of_a_closed_handle_is_refused_though_others_have_the_buffer(void **) {
    const File file;
    const auto handle = file.hbm(4096);
    const auto offset = file.bo(handle).mmap_offset;
    const Mapping memory(file, handle);
    assert_int_equal(file.close_bo(handle), 0);
    assert_int_equal(refusal(4096, PROT_READ, MAP_SHARED, file.fd(), offset), EACCES);
}

void private_mappings_are_refused(void **) {
    const File file;
    for (const auto handle : {file.host(4096), file.hbm(4096)}) {
        const auto offset = file.bo(handle).mmap_offset;
        assert_int_equal(refusal(4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.fd(), offset), EINVAL);
        assert_int_equal(refusal(4096, PROT_READ, MAP_PRIVATE, file.fd(), offset), EINVAL);
    }
}

void descriptor_without_writing_gives_no_writable_mapping(void **) {
    const int fd = ::open(node().c_str(), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    const File file(fd);
    for (const auto handle : {file.host(4096), file.hbm(4096)}) {
        const auto offset = file.bo(handle).mmap_offset;
        assert_int_equal(refusal(4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset), EACCES);
        void *pointer = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(offset));
        assert_ptr_not_equal(pointer, MAP_FAILED);
        assert_int_equal(*static_cast<std::uint64_t *>(pointer), 0);
        assert_int_equal(::mprotect(pointer, 4096, PROT_READ | PROT_WRITE), -1);
        assert_int_equal(errno, EACCES);
        ::munmap(pointer, 4096);
    }
}

void mapping_cannot_grow_beyond_the_buffer(void **) {
    const File file;
    for (const auto handle : {file.host(SIZE), file.hbm(SIZE)}) {
        auto *words = map(file, handle);
        assert_ptr_equal(::mremap(words, SIZE, 2 * SIZE, MREMAP_MAYMOVE), MAP_FAILED);
        assert_int_equal(errno, EFAULT);
        assert_ptr_equal(::mremap(words, 0, SIZE, MREMAP_MAYMOVE), MAP_FAILED); // which would double it
        assert_int_equal(errno, EFAULT);
        words[SIZE / 8 - 1] = 1;
        ::munmap(words, SIZE);
    }
}

// ---- what works -----------------------------------------------------------------------------------------------------

void part_of_a_buffer_can_be_mapped(void **) {
    const File file;
    const Marked marked(file);
    for (const auto handle : marked.handles) {
        auto *words = map(file, handle, MIB);
        expect_marks(words, 0, MIB);
        ::munmap(words, MIB);
    }
}

void mapping_moves_and_shrinks(void **) {
    const File file;
    const Marked marked(file);
    for (const auto handle : marked.handles) {
        auto *words = map(file, handle);
        words[0] += 0; // one page is there, the others come at their new place
        std::uint64_t *moved = move(words);
        expect_marks(moved, 0, SIZE);
        assert_ptr_equal(::mremap(moved, SIZE, MIB, 0), moved);
        expect_marks(moved, 0, MIB);
        ::munmap(moved, MIB);
    }
}

// The tail of a mapping moved away on its own: its pages are still those of the tail.
void part_of_a_mapping_moves(void **) {
    const File file;
    const Marked marked(file);
    for (const auto handle : marked.handles) {
        auto *words = map(file, handle);
        void *tail = ::mremap(reinterpret_cast<std::byte *>(words) + 3 * MIB, MIB, MIB, MREMAP_MAYMOVE);
        assert_ptr_not_equal(tail, MAP_FAILED);
        expect_marks(static_cast<std::uint64_t *>(tail), 3 * MIB, SIZE);
        expect_marks(words, 0, 3 * MIB);
        ::munmap(tail, MIB);
        ::munmap(words, 3 * MIB);
    }
}

void hole_in_a_mapping_leaves_the_rest(void **) {
    const File file;
    const Marked marked(file);
    for (const auto handle : marked.handles) {
        auto *words = map(file, handle);
        auto *bytes = reinterpret_cast<std::byte *>(words);
        assert_int_equal(::munmap(bytes + MIB, MIB), 0);
        expect_marks(words, 0, MIB);
        expect_marks(words + 2 * MIB / 8, 2 * MIB, SIZE);
        ::munmap(bytes, MIB);
        expect_marks(words + 2 * MIB / 8, 2 * MIB, SIZE);
        ::munmap(bytes + 2 * MIB, 2 * MIB);
    }
}

void pages_that_were_dropped_come_back(void **) {
    const File file;
    const Marked marked(file);
    for (const auto handle : marked.handles) {
        auto *words = map(file, handle);
        expect_marks(words, 0, SIZE);
        ::madvise(words, SIZE, MADV_DONTNEED); // refused or not: nothing may get lost
        expect_marks(words, 0, SIZE);
        assert_int_equal(::mprotect(words, SIZE, PROT_NONE), 0);
        assert_int_equal(::mprotect(words, SIZE, PROT_READ | PROT_WRITE), 0);
        expect_marks(words, 0, SIZE);
        ::munmap(words, SIZE);
    }
}

// System calls reach the memory like any other: the kernel's own accesses fault it in.
void system_calls_read_and_write_the_mapping(void **) {
    const File file;
    for (const auto handle : {file.host(MIB), file.hbm(MIB)}) {
        const Mapping memory(file, handle);
        int ends[2];
        assert_int_equal(::pipe(ends), 0);
        const std::uint64_t sent = 0x0123456789abcdef;
        assert_int_equal(::write(ends[1], &sent, sizeof(sent)), sizeof(sent));
        assert_int_equal(::read(ends[0], memory.words() + 512, sizeof(sent)), sizeof(sent));
        assert_int_equal(memory.words()[512], sent);
        assert_int_equal(::write(ends[1], memory.words() + 512, sizeof(sent)), sizeof(sent));
        std::uint64_t got = 0;
        assert_int_equal(::read(ends[0], &got, sizeof(got)), sizeof(got));
        assert_int_equal(got, sent);
        ::close(ends[0]);
        ::close(ends[1]);
    }
}

// Like any file's: mov $42, %eax; ret.
void mapping_may_hold_code(void **) {
    const File file;
    const auto handle = file.host(4096);
    constexpr std::array<std::uint8_t, 6> code = {0xb8, 42, 0, 0, 0, 0xc3};
    std::memcpy(Mapping(file, handle).bytes().data(), code.data(), code.size());
    void *pointer = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, file.fd(),
                           static_cast<off_t>(file.bo(handle).mmap_offset));
    assert_ptr_not_equal(pointer, MAP_FAILED);
    assert_int_equal(reinterpret_cast<int (*)()>(pointer)(), 42);
    ::munmap(pointer, 4096);
}

// ---- children -------------------------------------------------------------------------------------------------------

void parent_and_child_share_the_memory(void **) {
    const File file;
    for (const auto handle : {file.host(SIZE), file.hbm(SIZE)}) {
        const Mapping memory(file, handle);
        memory.words()[0] = 1;
        in_child([&] {
            assert_int_equal(memory.words()[0], 1);
            memory.words()[0] = 2;
            memory.words()[SIZE / 8 - 1] = 3; // a page that the parent has never touched
        });
        assert_int_equal(memory.words()[0], 2);
        assert_int_equal(memory.words()[SIZE / 8 - 1], 3);
    }
}

void mapping_in_a_child_outlives_the_parents(void **) {
    int ends[2];
    assert_int_equal(::pipe(ends), 0);
    std::unique_ptr<Child> child;
    {
        const File file;
        const Marked marked(file);
        std::array<std::uint64_t *, 2> words{map(file, marked.handles[0]), map(file, marked.handles[1])};
        child = std::make_unique<Child>([&] {
            ::close(file.fd());
            char go = 0;
            assert_int_equal(::read(ends[0], &go, 1), 1);
            for (auto *memory : words)
                expect_marks(memory, 0, SIZE);
        });
        for (auto *memory : words)
            ::munmap(memory, SIZE);
    }
    const File other;
    const Marked noise(other);
    assert_int_equal(::write(ends[1], "!", 1), 1);
    child->join();
    ::close(ends[0]);
    ::close(ends[1]);
}

void child_may_keep_no_copy(void **) {
    const File file;
    const Marked marked(file);
    for (const auto handle : marked.handles) {
        auto *words = map(file, handle);
        assert_int_equal(::madvise(words, SIZE, MADV_DONTFORK), 0);
        in_child([&] {
            unsigned char there = 0;
            assert_int_equal(::mincore(words, 4096, &there), -1);
            assert_int_equal(errno, ENOMEM);
        });
        expect_marks(words, 0, SIZE);
        ::munmap(words, SIZE);
    }
}

// ---- the device goes ------------------------------------------------------------------------------------------------

// Each kind of mapping there is, touched before or never, in this process and in a child: none may die of a signal.
void no_mapping_dies_when_the_device_goes(void **) {
    const std::string name = pci_name();
    int ends[2];
    assert_int_equal(::pipe(ends), 0);
    {
        File file;
        const Marked marked(file);
        std::array<std::uint64_t *, 2> touched{};
        std::array<std::uint64_t *, 2> fresh{};
        std::array<std::uint64_t *, 2> moved{};
        std::array<std::uint64_t *, 2> split{};
        for (std::size_t i = 0; i < 2; ++i) {
            const auto handle = marked.handles[i];
            touched[i] = map(file, handle);
            expect_marks(touched[i], 0, SIZE);
            fresh[i] = map(file, handle);
            moved[i] = move(map(file, handle));
            split[i] = map(file, handle);
            assert_int_equal(::munmap(split[i], MIB), 0);
        }
        const auto look = [&](bool writing) {
            for (std::size_t i = 0; i < 2; ++i) {
                for (auto *words : {touched[i], fresh[i], moved[i], split[i]}) {
                    const std::uint64_t from = words == split[i] ? MIB : 0;
                    for (std::size_t word = from / 8; word < SIZE / 8; word += STEP) {
                        const auto value = const_cast<const volatile std::uint64_t *>(words)[word];
                        if (i == 0)
                            assert_int_equal(value, word + 1); // host memory stays what it was
                        else if (!writing)
                            assert_int_equal(value, 0);
                        if (i == 1 && writing)
                            words[word] = word;
                    }
                }
            }
        };
        Child child([&] {
            char go = 0;
            assert_int_equal(::read(ends[0], &go, 1), 1);
            look(false);
        });
        assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/unbind", name), 0);
        assert_true(wait_for_node(false));
        look(false);
        assert_int_equal(::write(ends[1], "!", 1), 1);
        child.join();
        look(true);
        assert_int_equal(refusal(SIZE, PROT_READ, MAP_SHARED, file.fd(), 1ull << 32), ENODEV);
        // Neither do they when the file is closed, or the device comes back.
        file.close();
        look(true);
        assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/bind", name), 0);
        assert_true(wait_for_node(true));
        look(true);
        for (std::size_t i = 0; i < 2; ++i) {
            for (auto *words : {touched[i], fresh[i], moved[i]})
                ::munmap(words, SIZE);
            ::munmap(split[i] + MIB / 8, SIZE - MIB);
        }
    }
    ::close(ends[0]);
    ::close(ends[1]);
    const File file;
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(offsets_that_name_no_buffer_are_refused),
        cmocka_unit_test(offset_of_a_buffer_that_is_gone_is_refused),
        cmocka_unit_test(offset_of_a_closed_handle_is_refused_though_others_have_the_buffer),
        cmocka_unit_test(private_mappings_are_refused),
        cmocka_unit_test(descriptor_without_writing_gives_no_writable_mapping),
        cmocka_unit_test(mapping_cannot_grow_beyond_the_buffer),
        cmocka_unit_test(part_of_a_buffer_can_be_mapped),
        cmocka_unit_test(mapping_moves_and_shrinks),
        cmocka_unit_test(part_of_a_mapping_moves),
        cmocka_unit_test(hole_in_a_mapping_leaves_the_rest),
        cmocka_unit_test(pages_that_were_dropped_come_back),
        cmocka_unit_test(system_calls_read_and_write_the_mapping),
        cmocka_unit_test(mapping_may_hold_code),
        cmocka_unit_test(parent_and_child_share_the_memory),
        cmocka_unit_test(mapping_in_a_child_outlives_the_parents),
        cmocka_unit_test(child_may_keep_no_copy),
        cmocka_unit_test(no_mapping_dies_when_the_device_goes),
    };
    return cmocka_run_group_tests_name("kmod mmap", tests, nullptr, nullptr);
}
