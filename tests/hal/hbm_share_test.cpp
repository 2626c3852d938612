// SPDX-License-Identifier: MIT
// HBM that contexts of a device share.
#include <optional>

#include <sys/wait.h>
#include <unistd.h>

#include "rig.hpp"

using namespace hal_test;

namespace {

constexpr std::size_t size = 3 << 20; // more than a large page

BufferOptions shared_hbm(bool mappable = false) {
    BufferOptions options = hbm;
    options.mappable = mappable;
    options.shareable = true;
    return options;
}

/// A second context of the rig's device.
struct Tenant {
    Context context;
    Queue queue;
    explicit Tenant(const Rig &rig) : context(must(Context::create(rig.device))), queue(rig.make_queue(context)) {}
};

void both_contexts_see_the_same_bytes(void **state) {
    Rig rig(state);
    Tenant other(rig);
    const Buffer mine = must(Buffer::create(rig.context, size, shared_hbm()));
    const Buffer theirs = must(Buffer::import_fd(other.context, must(mine.export_fd()).get()));
    assert_true(theirs.placement() == Placement::hbm);
    assert_int_equal(theirs.size(), mine.size());
    const Bytes data = pattern(size);
    must(rig.queue.write(mine, 0, data));
    assert_true(read_back(other.queue, theirs, size) == data);
    must(other.queue.run(CommandList{}.fill(theirs.va(), size, 7), patience));
    assert_true(read_back(rig.queue, mine, 8) == (Bytes{std::byte{7}, {}, {}, {}, {}, {}, {}, {}}));
    must_fail(theirs.map(), ErrorCode::unsupported, "not made mappable");
}

void mappable_hbm_can_be_mapped_by_both(void **state) {
    Rig rig(state);
    const Tenant other(rig);
    const Buffer mine = must(Buffer::create(rig.context, size, shared_hbm(true)));
    const Buffer theirs = must(Buffer::import_fd(other.context, must(mine.export_fd()).get()));
    must(rig.queue.run(CommandList{}.fill(mine.va(), size, 9), patience));
    assert_int_equal(word_at(theirs, size - 8), 9);
    must(theirs.map())[0] = std::byte{4};
    assert_int_equal(word_at(mine), 4);
}

void read_only_holds_for_the_importer(void **state) {
    Rig rig(state);
    Tenant other(rig);
    const Buffer mine = must(Buffer::create(rig.context, size, shared_hbm()));
    const Buffer theirs =
        must(Buffer::import_fd(other.context, must(mine.export_fd()).get(), {.read_only = true, .label = "borrowed"}));
    must(rig.queue.run(CommandList{}.fill(mine.va(), size, 1), patience));
    must_fail(other.queue.run(CommandList{}.fill(theirs.va(), 8, 2), patience), ErrorCode::device_fault,
              "of buffer 'borrowed'");
    assert_true(read_back(rig.queue, mine, 1)[0] == std::byte{1});
}

void memory_outlives_the_context_that_made_it(void **state) {
    Rig rig(state);
    const auto before = must(rig.context.info()).hbm_free;
    {
        std::optional<Buffer> theirs;
        {
            Tenant maker(rig);
            const Buffer mine = must(Buffer::create(maker.context, size, shared_hbm()));
            must(maker.queue.run(CommandList{}.fill(mine.va(), size, 5), patience));
            theirs.emplace(must(Buffer::import_fd(rig.context, must(mine.export_fd()).get())));
        }
        assert_true(read_back(rig.queue, *theirs, 1, size - 8)[0] == std::byte{5});
        assert_true(must(rig.context.info()).hbm_free < before);
        const Buffer again = must(Buffer::import_fd(rig.context, must(theirs->export_fd()).get()));
        theirs.reset();
        assert_true(read_back(rig.queue, again, 1)[0] == std::byte{5});
    }
    assert_int_equal(must(rig.context.info()).hbm_free, before);
}

void only_shareable_hbm_is_exported(void **state) {
    const Rig rig(state);
    must_fail(must(Buffer::create(rig.context, 4096, hbm)).export_fd(), ErrorCode::invalid_argument,
              "not made shareable");
}

// ---- null ----

void nothing_is_shared(void **state) {
    const Rig rig(state);
    for (const BufferOptions &options : {shared_hbm(), shared_hbm(true), BufferOptions{.shareable = true}})
        must_fail(must(Buffer::create(rig.context, size, options)).export_fd(), ErrorCode::unsupported, "not shared");
    must_fail(Buffer::import_fd(rig.context, 0), ErrorCode::unsupported, "file 0");
    only_shareable_hbm_is_exported(state);
}

// ---- sim ----

void another_device_is_refused(void **state) {
    const Rig rig(state);
    const Rig other(state);
    const Buffer mine = must(Buffer::create(rig.context, size, shared_hbm()));
    must_fail(Buffer::import_fd(other.context, must(mine.export_fd()).get()), ErrorCode::unsupported,
              "HBM of another device");
}

void file_alone_does_not_keep_it(void **state) {
    const Rig rig(state);
    const Fd file = must(must(Buffer::create(rig.context, size, shared_hbm())).export_fd());
    must_fail(Buffer::import_fd(rig.context, file.get()), ErrorCode::not_found, "whose HBM buffer is gone");
}

// ---- accel ----

void file_alone_keeps_it(void **state) {
    Rig rig(state);
    Fd file;
    {
        const Buffer mine = must(Buffer::create(rig.context, size, shared_hbm()));
        must(rig.queue.run(CommandList{}.fill(mine.va(), size, 6), patience));
        file = must(mine.export_fd());
    }
    const Buffer again = must(Buffer::import_fd(rig.context, file.get()));
    assert_true(read_back(rig.queue, again, 1, size - 8)[0] == std::byte{6});
}

void processes_share_it(void **state) {
    Rig rig(state);
    const Buffer mine = must(Buffer::create(rig.context, size, shared_hbm()));
    const Fd file = must(mine.export_fd());
    const pid_t child = fork();
    if (child == 0) {
        const Context context = must(Context::create(open_device()));
        Queue queue = must(Queue::create(context));
        const Buffer theirs = must(Buffer::import_fd(context, file.get()));
        must(queue.run(CommandList{}.fill(theirs.va(), size, 8), patience));
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(read_back(rig.queue, mine, 1, size - 8)[0] == std::byte{8});
}

} // namespace

int main(int argc, char **argv) {
    take_arguments(argc, argv);
    Cases cases;
#define EACH(test) cases.add(#test, test, any_way())
    if (on_null()) {
        EACH(nothing_is_shared);
        return cases.run("hal_hbm_share");
    }
    EACH(both_contexts_see_the_same_bytes);
    EACH(mappable_hbm_can_be_mapped_by_both);
    EACH(read_only_holds_for_the_importer);
    EACH(memory_outlives_the_context_that_made_it);
    EACH(only_shareable_hbm_is_exported);
    if (on_accel()) {
        EACH(file_alone_keeps_it);
        EACH(processes_share_it);
    } else {
        EACH(another_device_is_refused);
        EACH(file_alone_does_not_keep_it);
    }
    return cases.run("hal_hbm_share");
}
