// SPDX-License-Identifier: MIT
// Sharing buffers with the accel backend, between contexts of one device.
#include <cstring>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "share.hpp"

using namespace hal_test;

namespace {

void both_contexts_and_the_cpu_see_the_same_bytes(void **) {
    Tenant one;
    Tenant two;
    const Buffer mine = must(Buffer::create(one.context, size, shareable));
    const Buffer theirs = two.imports(must(mine.export_fd()));
    assert_int_equal(theirs.size(), mine.size());
    assert_true(theirs.placement() == Placement::host);
    one.fills(mine, 1);
    assert_true(all_are(theirs, 1));
    two.fills(theirs, 2);
    assert_true(all_are(mine, 2));
}

// The kernel gives one handle for all of them: it must stay as long as one is there.
void one_context_may_import_its_own_and_twice(void **) {
    Tenant one;
    std::optional<Buffer> mine = must(Buffer::create(one.context, size, shareable));
    const Fd file = must(mine->export_fd());
    const Buffer again = one.imports(file);
    {
        const Buffer third = one.imports(file);
        assert_true(mine->va() != again.va() && again.va() != third.va());
        one.fills(third, 3);
    }
    assert_true(all_are(*mine, 3));
    mine.reset();
    one.fills(again, 4);
    assert_true(all_are(again, 4));
    assert_true(all_are(one.imports(must(again.export_fd())), 4));
}

void memory_outlives_the_context_that_made_it(void **) {
    Tenant two;
    std::optional<Buffer> theirs;
    {
        Tenant one;
        const Buffer mine = must(Buffer::create(one.context, size, shareable));
        one.fills(mine, 5);
        theirs.emplace(two.imports(must(mine.export_fd())));
    }
    assert_true(all_are(*theirs, 5));
    two.fills(*theirs, 6);
    assert_true(all_are(*theirs, 6));
}

void file_alone_keeps_the_memory(void **) {
    Fd file;
    {
        Tenant one;
        const Buffer mine = must(Buffer::create(one.context, size, shareable));
        one.fills(mine, 7);
        file = must(mine.export_fd());
    }
    Tenant two;
    assert_true(all_are(two.imports(file), 7));
}

void read_only_holds_for_the_importer(void **) {
    Tenant one;
    Tenant two;
    const Buffer mine = must(Buffer::create(one.context, size, shareable));
    const Buffer theirs = two.imports(must(mine.export_fd()), {.read_only = true});
    one.fills(mine, 8);
    must_fail(two.queue.run(CommandList{}.fill(theirs.va(), 8, 1), patience), ErrorCode::device_fault,
              "PAGE_READ_ONLY");
    assert_true(all_are(mine, 8));
}

void only_shareable_memory_is_exported(void **) {
    Tenant one;
    must_fail(must(Buffer::create(one.context, 4096)).export_fd(), ErrorCode::invalid_argument, "not made shareable");
    must_fail(must(Buffer::create(one.context, 4096, {.placement = Placement::hbm})).export_fd(),
              ErrorCode::invalid_argument, "not made shareable");
}

void no_file_is_told_from_a_wrong_one(void **) {
    Tenant one;
    must_fail(Buffer::import_fd(one.context, -1), ErrorCode::invalid_argument, "file -1, which is not open");
    must_fail(Buffer::import_fd(one.context, 999), ErrorCode::invalid_argument, "file 999, which is not open");
    const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
    must_fail(Buffer::import_fd(one.context, null.get()), ErrorCode::invalid_argument, "no shared buffer");
}

// Each backend has its own kind of file, and says so of the other's.
void backends_do_not_mix(void **) {
    Tenant real;
    neuron::DeviceOptions options{.backend = "sim"};
    options.sim.hbm_bytes = 64 << 20;
    options.sim.cores = 1;
    const Context simulated = must(Context::create(must(neuron::Device::open(options))));
    const Fd dma_buf = must(must(Buffer::create(real.context, size, shareable)).export_fd());
    const Fd memfd = must(must(Buffer::create(simulated, size, shareable)).export_fd());
    must_fail(Buffer::import_fd(real.context, memfd.get()), ErrorCode::invalid_argument, "no shared buffer");
    must_fail(Buffer::import_fd(simulated, dma_buf.get()), ErrorCode::invalid_argument, "no shared buffer");
}

void file_stays_the_callers(void **) {
    Tenant one;
    const Fd file = must(must(Buffer::create(one.context, 4096, shareable)).export_fd());
    must(Buffer::import_fd(one.context, file.get()));
    assert_int_equal(fcntl(file.get(), F_GETFD), FD_CLOEXEC);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(both_contexts_and_the_cpu_see_the_same_bytes),
        cmocka_unit_test(one_context_may_import_its_own_and_twice),
        cmocka_unit_test(memory_outlives_the_context_that_made_it),
        cmocka_unit_test(file_alone_keeps_the_memory),
        cmocka_unit_test(read_only_holds_for_the_importer),
        cmocka_unit_test(only_shareable_memory_is_exported),
        cmocka_unit_test(no_file_is_told_from_a_wrong_one),
        cmocka_unit_test(backends_do_not_mix),
        cmocka_unit_test(file_stays_the_callers),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("hal_share", tests, nullptr, nullptr);
}
