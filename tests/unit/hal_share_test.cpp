// SPDX-License-Identifier: MIT
// Memory that several in-process chips, contexts and processes have in common.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hal_sim.hpp"

using namespace hal_test;
using neuron::Fd;

namespace {

constexpr BufferOptions shareable{.shareable = true};
constexpr std::size_t size = 3 << 20; // more than a large page

Buffer imported(const Rig &rig, const Fd &file, neuron::ImportOptions options = {}) {
    return must(Buffer::import_fd(rig.context, file.get(), options));
}

void device_fills(Rig &rig, const Buffer &buffer, std::uint64_t word) {
    must(rig.queue.run(CommandList{}.fill(buffer.va(), buffer.size(), word), patience));
}

Fd memfd(off_t bytes, int seals, unsigned flags = MFD_ALLOW_SEALING) {
    Fd file(memfd_create("test", flags | MFD_CLOEXEC));
    assert_int_equal(ftruncate(file.get(), bytes), 0);
    if (seals != 0)
        assert_int_equal(fcntl(file.get(), F_ADD_SEALS, seals), 0);
    return file;
}

// ---- what is shared ----

void both_chips_and_the_cpu_see_the_same_bytes(void **) {
    Rig one;
    Rig two;
    const Buffer mine = must(Buffer::create(one.context, size, shareable));
    const Buffer theirs = imported(two, must(mine.export_fd()));
    assert_int_equal(theirs.size(), mine.size());
    assert_true(theirs.placement() == Placement::host);
    device_fills(one, mine, 1);
    assert_int_equal(word_at(theirs), 1);
    assert_true(read_back(two.queue, theirs, size) == read_back(one.queue, mine, size));
    device_fills(two, theirs, 2);
    assert_int_equal(word_at(mine, size - 8), 2);
    must(mine.map())[4095] = std::byte{0xab};
    assert_int_equal(static_cast<int>(read_back(two.queue, theirs, 1, 4095)[0]), 0xab);
}

void it_reads_as_zero_at_first(void **) {
    Rig rig;
    const Buffer buffer = must(Buffer::create(rig.context, 5000, shareable));
    assert_int_equal(buffer.size(), 8192);
    assert_true(read_back(rig.queue, buffer, 8192) == Bytes(8192));
}

// Each import has addresses of its own, and goes alone.
void one_context_may_import_its_own_and_twice(void **) {
    Rig rig;
    const Buffer mine = must(Buffer::create(rig.context, size, shareable));
    const Fd file = must(mine.export_fd());
    const Buffer again = imported(rig, file);
    {
        const Buffer third = imported(rig, file);
        assert_true(mine.va() != again.va() && again.va() != third.va());
        device_fills(rig, third, 3);
    }
    assert_int_equal(word_at(mine), 3);
    device_fills(rig, again, 4);
    assert_int_equal(word_at(mine), 4);
}

void memory_outlives_the_chip_that_made_it(void **) {
    Rig two;
    std::optional<Buffer> theirs;
    {
        Rig one;
        const Buffer mine = must(Buffer::create(one.context, size, shareable));
        device_fills(one, mine, 5);
        theirs.emplace(imported(two, must(mine.export_fd())));
    }
    assert_int_equal(word_at(*theirs), 5);
    device_fills(two, *theirs, 6);
    assert_int_equal(word_at(*theirs), 6);
}

void file_alone_keeps_the_memory(void **) {
    Rig rig;
    Fd file;
    {
        const Buffer mine = must(Buffer::create(rig.context, size, shareable));
        device_fills(rig, mine, 7);
        file = must(mine.export_fd());
    }
    assert_int_equal(word_at(imported(rig, file)), 7);
}

void import_is_exported_again(void **) {
    Rig one;
    Rig two;
    Rig three;
    const Buffer mine = must(Buffer::create(one.context, size, shareable));
    const Buffer theirs = imported(two, must(mine.export_fd()));
    const Buffer last = imported(three, must(theirs.export_fd()));
    device_fills(three, last, 8);
    assert_int_equal(word_at(mine), 8);
}

// A property of the mapping, not of the memory.
void read_only_holds_for_the_importer(void **) {
    Rig one;
    Rig two;
    const Buffer mine = must(Buffer::create(one.context, size, shareable));
    const Buffer theirs = imported(two, must(mine.export_fd()), {.read_only = true});
    device_fills(one, mine, 9);
    assert_int_equal(word_at(theirs), 9);
    must_fail(two.queue.run(CommandList{}.fill(theirs.va(), 8, 1), patience), ErrorCode::device_fault,
              "PAGE_READ_ONLY");
    assert_int_equal(word_at(mine), 9);
}

void processes_share_too(void **) {
    const Fd file = memfd(size, F_SEAL_SHRINK);
    const pid_t child = fork(); // before there is a chip, and with it threads
    if (child == 0) {
        Rig rig;
        device_fills(rig, imported(rig, file), 10);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    Rig rig;
    const Buffer theirs = imported(rig, file);
    assert_int_equal(theirs.size(), size);
    assert_true(read_back(rig.queue, theirs, 1)[0] == std::byte{10});
}

// ---- what is refused ----

void only_shareable_memory_is_exported(void **) {
    Rig rig;
    must_fail(must(Buffer::create(rig.context, 4096)).export_fd(), ErrorCode::invalid_argument, "not made shareable");
    must_fail(must(Buffer::create(rig.context, 4096, hbm)).export_fd(), ErrorCode::invalid_argument,
              "not made shareable");
}

void no_file_is_told_from_a_wrong_one(void **) {
    Rig rig;
    must_fail(Buffer::import_fd(rig.context, -1), ErrorCode::invalid_argument, "file -1, which is not open");
    must_fail(Buffer::import_fd(rig.context, 9999), ErrorCode::invalid_argument, "file 9999, which is not open");
    const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    must_fail(Buffer::import_fd(rig.context, null.get()), ErrorCode::invalid_argument, "no shared buffer");
}

void memory_that_could_shrink_or_has_an_odd_size_is_refused(void **) {
    Rig rig;
    const auto refused = [&](const Fd &file, const char *text) {
        must_fail(Buffer::import_fd(rig.context, file.get()), ErrorCode::invalid_argument, text);
    };
    refused(memfd(8192, 0), "no shared buffer");
    refused(memfd(8192, F_SEAL_GROW), "no shared buffer");
    refused(memfd(5000, F_SEAL_SHRINK), "no shared buffer");
    refused(memfd(0, F_SEAL_SHRINK), "no shared buffer");
    refused(memfd(8192, F_SEAL_SHRINK | F_SEAL_WRITE), "cannot be written to");
    const Fd writable = memfd(8192, F_SEAL_SHRINK);
    const std::string path = "/proc/self/fd/" + std::to_string(writable.get());
    refused(Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC)), "cannot be written to");
    must(Buffer::import_fd(rig.context, writable.get()));
}

// It may be closed as soon as the import has returned.
void file_stays_the_callers(void **) {
    Rig rig;
    Fd file = must(must(Buffer::create(rig.context, 4096, shareable)).export_fd());
    const int number = file.get();
    must(Buffer::import_fd(rig.context, number));
    assert_true(fcntl(number, F_GETFD) == FD_CLOEXEC);
    file = Fd();
    assert_true(fcntl(number, F_GETFD) < 0);
    must_fail(Buffer::import_fd(rig.context, number), ErrorCode::invalid_argument, "not open");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(processes_share_too), // the first: it forks
        cmocka_unit_test(both_chips_and_the_cpu_see_the_same_bytes),
        cmocka_unit_test(it_reads_as_zero_at_first),
        cmocka_unit_test(one_context_may_import_its_own_and_twice),
        cmocka_unit_test(memory_outlives_the_chip_that_made_it),
        cmocka_unit_test(file_alone_keeps_the_memory),
        cmocka_unit_test(import_is_exported_again),
        cmocka_unit_test(read_only_holds_for_the_importer),
        cmocka_unit_test(only_shareable_memory_is_exported),
        cmocka_unit_test(no_file_is_told_from_a_wrong_one),
        cmocka_unit_test(memory_that_could_shrink_or_has_an_odd_size_is_refused),
        cmocka_unit_test(file_stays_the_callers),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("hal_share", tests, nullptr, nullptr);
}
