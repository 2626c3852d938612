// SPDX-License-Identifier: MIT
// Failure paths: in each call of the driver's interface every allocation fails once, and every copy from and to the process.
// The call works all the same or gives one clear error; nothing is left behind, and the device goes on. What leaks in the
// kernel, and what it complains of, the end of the boot tells.

#include "failing.hpp"
#include "machine.hpp"
#include "memory.hpp"
#include "ring.hpp"
#include "share.hpp"
#include "user.hpp"
#include "user_queue.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

using namespace kmod;

namespace {

constexpr std::size_t PAGE = neuron::spec::PAGE_SIZE;
constexpr std::size_t LARGE = 2 << 20;

/// What there is of the objects that calls make.
struct Inventory {
    std::uint64_t hbm_free;
    long queues, descriptors;
    std::uint64_t tables, pages, large_pages;
    std::string memory; ///< of the buffers that the file has
    bool operator==(const Inventory &) const = default;
};

/// A file with a queue that stays, to see that the device goes on.
class Witness {
public:
    Witness() : id_(file_.queue().queue_id) {}

    const File &file() const { return file_; }
    std::uint32_t id() const { return id_; }

    Inventory inventory() const {
        const auto entries = [](const std::string &folder) {
            const std::filesystem::directory_iterator all(folder);
            return std::distance(begin(all), end(all));
        };
        std::ifstream queues("/sys/kernel/debug/accel/" + pci_name() + "/queues");
        return {.hbm_free = file_.query().hbm_free,
                .queues = std::count(std::istreambuf_iterator<char>(queues), {}, '\n'),
                .descriptors = entries("/proc/self/fd"),
                .tables = fdinfo(file_, "neuron-tables"),
                .pages = fdinfo(file_, "neuron-pages"),
                .large_pages = fdinfo(file_, "neuron-large-pages"),
                .memory = std::to_string(fdinfo(file_, "drm-total-system")) + "+" +
                          std::to_string(fdinfo(file_, "drm-total-hbm"))};
    }
    void runs() const { assert_int_equal(file_.run(id_, job_of(nop())), 0); }

private:
    File file_;
    std::uint32_t id_;
};

/// One call under test. `allocations` and `copies` are the least that must have failed: else something is not tested.
/// No copies fail where they are -1.
struct Call {
    std::string name;
    int allocations, copies;
    Step step;
    std::vector<int> errors; ///< besides ENOMEM
    pid_t thread = 0;
};

bool expected(Fault kind, const Call &call, int result) {
    if (result == 0 || result == (kind == Fault::ALLOCATION ? -ENOMEM : -EFAULT))
        return true;
    return std::ranges::find(call.errors, -result) != call.errors.end();
}

void fail_each(const Witness &witness, Fault kind, const Call &call, int least) {
    const char *what = kind == Fault::ALLOCATION ? "allocations" : "copies";
    if (call.step.prepare)
        call.step.prepare();
    call.step.finish(call.step.attempt()); // what is allocated once for all
    Inventory before = witness.inventory();
    ++before.descriptors; // the counter
    int refused = 0, number = 0;
    Step step = call.step;
    step.finish = [&](int result) {
        ++number;
        if (!expected(kind, call, result))
            fail_msg("%s, number %d of the %s fails: %s", call.name.c_str(), number, what, std::strerror(-result));
        refused += result != 0;
        call.step.finish(result);
        witness.runs();
        if (witness.inventory() != before)
            fail_msg("%s, number %d of the %s fails: something is left", call.name.c_str(), number, what);
    };
    const int faults = for_each_fault(kind, step, call.thread);
    print_message("# %s: %d %s, refused %d times\n", call.name.c_str(), faults, what, refused);
    if (faults < least)
        fail_msg("%s: only %d %s", call.name.c_str(), faults, what);
}

void check(const Witness &witness, const Call &call) {
    fail_each(witness, Fault::ALLOCATION, call, call.allocations);
    if (call.copies >= 0)
        fail_each(witness, Fault::COPY, call, call.copies);
}

// A call that makes something has made it when the copy of its answer fails, so it works in a file that is closed then.

/// The file of one attempt, and what is in it.
struct Scene {
    std::optional<File> file;
    std::uint32_t buffer = 0, queue = 0;
    std::uint64_t va = 0;

    void open() { file.emplace(); }
    std::function<void()> opened(std::function<void()> more = {}) {
        return [this, more] {
            open();
            if (more)
                more();
        };
    }
    std::function<void(int)> closed() {
        return [this](int) { file.reset(); };
    }
};

// ---- the file ----

void open_and_close(void **) {
    const Witness witness;
    const std::string path = node();
    int fd = -1;
    check(witness, {.name = "open",
                    .allocations = 10,
                    .copies = 0,
                    .step = {.prepare = {},
                             .attempt =
                                 [&] {
                                     fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
                                     return fd < 0 ? -errno : 0;
                                 },
                             .finish =
                                 [&](int result) {
                                     if (!result)
                                         ::close(fd);
                                 }},
                    .errors = {}});
    check(witness, {.name = "close",
                    .allocations = 0,
                    .copies = 0,
                    .step = {.prepare =
                                 [&] {
                                     fd = try_open();
                                     const File file(::dup(fd));
                                     file.bind(file.host(3 * PAGE));
                                     file.submit(file.queue().queue_id, nops(8));
                                 },
                             .attempt = [&] { return ::close(fd) ? -errno : 0; },
                             .finish = [](int result) { assert_int_equal(result, 0); }},
                    .errors = {}});
}

void queries(void **) {
    const Witness witness;
    for (std::uint32_t type = DRM_NEURON_QUERY_DEVICE; type <= DRM_NEURON_QUERY_RAS; ++type) {
        std::array<std::byte, 256> answer{};
        check(witness, {.name = "DEV_QUERY " + std::to_string(type),
                        .allocations = 0,
                        .copies = 3,
                        .step = {.prepare = {},
                                 .attempt = [&] { return query(witness.file(), type, answer.data(), answer.size()); },
                                 .finish = [](int) {}},
                        .errors = {}});
    }
    drm_neuron_event_mask mask{.mask = DRM_NEURON_EVENT_FAULT, .pad = 0};
    check(witness, {.name = "EVENT_MASK",
                    .allocations = 0,
                    .copies = 1,
                    .step = {.prepare = {},
                             .attempt = [&] { return witness.file().call(DRM_IOCTL_NEURON_EVENT_MASK, &mask); },
                             .finish = [](int) {}},
                    .errors = {}});
}

// ---- buffers ----

void buffers(void **) {
    const Witness witness;
    Scene scene;
    const struct {
        const char *name;
        std::uint32_t placement, flags, bank;
        int allocations;
    } kinds[] = {
        {"BO_CREATE host", DRM_NEURON_PLACE_HOST, 0, 0, 4},
        {"BO_CREATE hbm", DRM_NEURON_PLACE_HBM, 0, DRM_NEURON_BO_ANY_BANK, 2},
        {"BO_CREATE hbm mappable", DRM_NEURON_PLACE_HBM, DRM_NEURON_BO_MAPPABLE, 0, 2},
    };
    for (const auto &kind : kinds)
        check(
            witness,
            {.name = kind.name,
             .allocations = kind.allocations,
             .copies = 2,
             .step = {.prepare = scene.opened(),
                      .attempt =
                          [&] { return create(*scene.file, kind.placement, 5 * PAGE, nullptr, kind.flags, kind.bank); },
                      .finish = scene.closed()},
             .errors = {}});
    drm_neuron_bo_query info{};
    check(witness, {.name = "BO_QUERY",
                    .allocations = 0,
                    .copies = 2,
                    .step = {.prepare = scene.opened([&] { info.handle = scene.file->host(PAGE); }),
                             .attempt = [&] { return scene.file->call(DRM_IOCTL_NEURON_BO_QUERY, &info); },
                             .finish = scene.closed()},
                    .errors = {}});
    check(witness, {.name = "GEM_CLOSE",
                    .allocations = 0,
                    .copies = 1,
                    .step = {.prepare = scene.opened([&] { scene.buffer = scene.file->hbm(5 * PAGE); }),
                             .attempt = [&] { return scene.file->close_bo(scene.buffer); },
                             .finish = scene.closed()},
                    .errors = {}});
}

void mappings_of_the_cpu(void **) {
    const Witness witness;
    Scene scene;
    off_t offset = 0;
    void *where = nullptr;
    const auto map = [&] {
        where = ::mmap(nullptr, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, scene.file->fd(), offset);
        if (where == MAP_FAILED)
            return -errno;
        // A fault that meets no memory is repeated by the kernel.
        for (std::size_t page = 0; page < 4; ++page)
            static_cast<volatile std::byte *>(where)[page * PAGE] = std::byte{1};
        return 0;
    };
    for (const bool hbm : {false, true})
        check(witness, {.name = std::string("mmap ") + (hbm ? "hbm" : "host"),
                        .allocations = 3,
                        .copies = 0,
                        .step = {.prepare = scene.opened([&, hbm] {
                                     scene.buffer = hbm ? scene.file->hbm(4 * PAGE) : scene.file->host(4 * PAGE);
                                     offset = static_cast<off_t>(scene.file->bo(scene.buffer).mmap_offset);
                                 }),
                                 .attempt = map,
                                 .finish =
                                     [&](int result) {
                                         if (!result)
                                             ::munmap(where, 4 * PAGE);
                                         scene.file.reset();
                                     }},
                        .errors = {}});
}

// ---- mappings of the device ----

int bind_all(const File &file, std::uint32_t handle, std::uint64_t bytes, std::uint64_t *va) {
    drm_neuron_vm_bind args{};
    args.op = DRM_NEURON_BIND_MAP;
    args.handle = handle;
    args.range = bytes;
    const int ret = file.call(DRM_IOCTL_NEURON_VM_BIND, &args);
    *va = args.va;
    return ret;
}

void bindings(void **) {
    const Witness witness;
    Scene scene;
    for (const bool hbm : {false, true}) {
        const std::uint64_t bytes = hbm ? LARGE + 3 * PAGE : 5 * PAGE;
        check(witness,
              {.name = std::string("VM_BIND ") + (hbm ? "hbm" : "host"),
               .allocations = 7,
               .copies = 2,
               .step = {.prepare = scene.opened([&, hbm, bytes] {
                            scene.buffer = hbm ? scene.file->hbm(bytes, 0) : scene.file->host(bytes);
                            scene.queue = scene.file->queue().queue_id;
                        }),
                        .attempt = [&, bytes] { return bind_all(*scene.file, scene.buffer, bytes, &scene.va); },
                        .finish =
                            [&, bytes](int result) {
                                // What was refused can be had now, and is all there.
                                if (result)
                                    assert_int_equal(bind_all(*scene.file, scene.buffer, bytes, &scene.va), 0);
                                assert_int_equal(scene.file->run(scene.queue, job_of(fill(scene.va, bytes, 1))), 0);
                                scene.file.reset();
                            }},
               .errors = {}});
    }
    check(witness, {.name = "VM_BIND unmap",
                    .allocations = 0,
                    .copies = 2,
                    .step = {.prepare = scene.opened([&] { scene.va = scene.file->bind(scene.file->host(5 * PAGE)); }),
                             .attempt = [&] { return scene.file->unbind(scene.va, 5 * PAGE); },
                             .finish = scene.closed()},
                    .errors = {}});
}

// ---- queues ----

void queues(void **) {
    const Witness witness;
    Scene scene;
    for (const std::uint32_t flags : {0u, DRM_NEURON_QUEUE_POLLED, DRM_NEURON_QUEUE_USER}) {
        std::optional<UserMemory> memory;
        drm_neuron_queue_create args{};
        check(witness, {.name = "QUEUE_CREATE " + std::to_string(flags),
                        .allocations = flags == DRM_NEURON_QUEUE_USER ? 4 : 8,
                        .copies = 2,
                        .step = {.prepare = scene.opened([&] {
                                     args = {};
                                     if (flags == DRM_NEURON_QUEUE_USER)
                                         args = memory.emplace(*scene.file, 4).request();
                                     args.flags = flags;
                                 }),
                                 .attempt = [&] { return scene.file->call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args); },
                                 .finish =
                                     [&](int) {
                                         memory.reset();
                                         scene.file.reset();
                                     }},
                        .errors = {}});
    }
    drm_neuron_queue_query state{};
    state.queue_id = witness.id();
    check(witness, {.name = "QUEUE_QUERY",
                    .allocations = 0,
                    .copies = 2,
                    .step = {.prepare = {},
                             .attempt = [&] { return witness.file().call(DRM_IOCTL_NEURON_QUEUE_QUERY, &state); },
                             .finish = [](int) {}},
                    .errors = {}});
    check(witness, {.name = "QUEUE_DESTROY",
                    .allocations = 0,
                    .copies = 1,
                    .step = {.prepare = scene.opened([&] { scene.queue = scene.file->queue().queue_id; }),
                             .attempt = [&] { return scene.file->destroy(scene.queue); },
                             .finish = scene.closed()},
                    .errors = {}});
}

// ---- jobs ----

/// A syncobj of the witness: one that has signalled, to wait for.
std::uint32_t syncobj_of(const Witness &witness, std::uint32_t flags = 0) {
    std::uint32_t handle = 0;
    assert_int_equal(drmSyncobjCreate(witness.file().fd(), flags, &handle), 0);
    return handle;
}

void jobs(void **) {
    const Witness witness;
    const std::array syncs{
        drm_neuron_sync{
            .flags = DRM_NEURON_SYNC_WAIT, .handle = syncobj_of(witness, DRM_SYNCOBJ_CREATE_SIGNALED), .point = 0},
        drm_neuron_sync{.flags = DRM_NEURON_SYNC_SIGNAL, .handle = syncobj_of(witness), .point = 0},
        drm_neuron_sync{.flags = DRM_NEURON_SYNC_SIGNAL, .handle = syncobj_of(witness), .point = 1},
    };
    const auto packets = nops(8);
    std::uint64_t before = 0;
    const auto submitted = [&] { return witness.file().state(witness.id()).submitted; };
    check(witness, {.name = "SUBMIT",
                    .allocations = 7,
                    .copies = 4,
                    .step = {.prepare = [&] { before = submitted(); },
                             .attempt = [&] { return witness.file().submit(witness.id(), packets, nullptr, syncs); },
                             .finish =
                                 [&](int result) {
                                     const auto more = submitted() - before;
                                     // Only when the copy of the number fails, there is a job in spite of the error.
                                     assert_true(result == 0 ? more == 1 : result == -EFAULT ? more <= 1 : more == 0);
                                     assert_int_equal(witness.file().wait(witness.id(), submitted(), nullptr, LONG), 0);
                                 }},
                    .errors = {}});
    check(witness, {.name = "WAIT",
                    .allocations = 0,
                    .copies = 2,
                    .step = {.prepare = {},
                             .attempt = [&] { return witness.file().wait(witness.id(), 1, nullptr, LONG); },
                             .finish = [](int) {}},
                    .errors = {}});

    const Target target(witness.file(), 16 * PAGE);
    const Memory memory(16 * PAGE);
    scribble(memory.bytes(), 1);
    for (const std::uint32_t flags : {0u, DRM_NEURON_DMA_FROM_DEVICE})
        check(witness,
              {.name = "DMA " + std::to_string(flags),
               .allocations = 10,
               .copies = 2,
               .step = {.prepare = [&] { before = submitted(); },
                        .attempt =
                            [&] {
                                return witness.file().dma(witness.id(), flags, memory.data(), 16 * PAGE, target.va,
                                                          nullptr, syncs);
                            },
                        .finish =
                            [&](int result) {
                                if (submitted() != before)
                                    assert_int_equal(witness.file().wait(witness.id(), submitted(), nullptr, LONG), 0);
                                assert_true(result || submitted() == before + 1);
                                assert_int_equal(pinned_kib(), 0);
                            }},
               .errors = {}});
}

// ---- sharing ----

void sharing(void **) {
    const Witness witness;
    Scene scene;
    drm_prime_handle args{};
    int next = -1; // the descriptor that an export gets, also when the copy of the answer fails
    check(witness, {.name = "PRIME_HANDLE_TO_FD",
                    .allocations = 4,
                    .copies = 1,
                    .step = {.prepare = scene.opened([&] {
                                 args = {.handle = scene.file->host(3 * PAGE), .flags = DRM_CLOEXEC, .fd = -1};
                                 next = ::dup(0);
                                 ::close(next);
                             }),
                             .attempt = [&] { return scene.file->call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &args); },
                             .finish =
                                 [&](int result) {
                                     assert_int_equal(result ? -1 : next, args.fd);
                                     ::close(next);
                                     scene.file.reset();
                                 }},
                    .errors = {}});

    const Memfd memfd(4 * PAGE);
    const DmaBuf shared = memfd.share();
    std::uint32_t handle = 0;
    check(witness, {.name = "PRIME_FD_TO_HANDLE",
                    .allocations = 6,
                    .copies = 2,
                    .step = {.prepare = scene.opened(),
                             .attempt = [&] { return try_import(*scene.file, shared.fd(), &handle); },
                             .finish =
                                 [&](int result) {
                                     if (!result)
                                         scene.file->bind(handle);
                                     scene.file.reset();
                                     assert_string_equal(attached_to(shared.inode()).c_str(), "");
                                 }},
                    .errors = {}});
}

// ---- io_uring ----

/// The worker of io_uring that runs what cannot be done at once; there is one at a time.
pid_t worker_of_uring() {
    for (const auto &task : std::filesystem::directory_iterator("/proc/self/task"))
        if (read_file(task.path().string() + "/comm").starts_with("iou-wrk"))
            return std::stoi(task.path().filename().string());
    fail_msg("io_uring has no worker");
    return 0;
}

/// Each command, issued by the submitter or, with IOSQE_ASYNC, by a worker.
void commands(const Witness &witness, unsigned sqe_flags) {
    Ring ring(IORING_SETUP_SQE128);
    unsigned workers[2]{1, 1};
    assert_int_equal(io_uring_register_iowq_max_workers(ring.get(), workers), 0);
    const Target target(witness.file(), 4 * PAGE);
    const Memory memory(4 * PAGE);
    iovec registered{.iov_base = memory.data(), .iov_len = 4 * PAGE};
    assert_int_equal(io_uring_register_buffers(ring.get(), &registered, 1), 0);
    const auto packets = nops(8);
    const std::array syncs{drm_neuron_sync{.flags = DRM_NEURON_SYNC_SIGNAL, .handle = syncobj_of(witness), .point = 1}};
    auto args = request(witness.id(), packets, syncs);
    witness.runs();

    const struct {
        std::string name;
        std::function<io_uring_sqe *()> add;
        int allocations, copies; ///< the latter in a worker
    } kinds[] = {
        {"SUBMIT", [&] { return ring.add_submit(witness.file(), &args, 1); }, 6, 3},
        {"SUBMIT_INLINE", [&] { return ring.add_inline(witness.file(), witness.id(), nop(), 1); }, 2, 0},
        {"WAIT", [&] { return ring.add_wait(witness.file(), witness.id(), 1, 1); }, 1, 0},
        {"WAIT_CANCEL", [&] { return ring.add_wait_cancel(witness.file(), witness.id(), 1, 1); }, 0, 0},
        {"DMA", [&] { return ring.add_dma(witness.file(), witness.id(), 0, memory.data(), 4 * PAGE, target.va, 1); },
         sqe_flags ? 8 : 0, 0},
        {"DMA fixed",
         [&] {
             auto *sqe = ring.add_dma(witness.file(), witness.id(), 0, memory.data(), 4 * PAGE, target.va, 1);
             sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
             sqe->buf_index = 0;
             return sqe;
         },
         sqe_flags ? 8 : 0, 0},
    };
    const auto result_of = [&](io_uring_sqe *sqe) {
        sqe->flags |= static_cast<std::uint8_t>(sqe_flags);
        return ring.result();
    };
    for (const auto &kind : kinds) {
        assert_int_equal(result_of(kind.add()), 0);
        check(witness, {.name = (sqe_flags ? "worker: " : "io_uring: ") + kind.name,
                        .allocations = kind.allocations,
                        .copies = sqe_flags ? kind.copies : -1, // else those of io_uring_enter() would, too
                        .step = {.prepare = {},
                                 .attempt = [&] { return result_of(kind.add()); },
                                 .finish =
                                     [&](int) {
                                         assert_true(ring.empty());
                                         assert_true(wait_until([&] {
                                             const auto state = witness.file().state(witness.id());
                                             return state.completed == state.submitted;
                                         }));
                                     }},
                        .errors = {},
                        .thread = sqe_flags ? worker_of_uring() : 0});
    }
}

void commands_of_io_uring(void **) { commands(Witness(), 0); }
void commands_in_a_worker(void **) { commands(Witness(), IOSQE_ASYNC); }

// ---- the device ----

void reset_from_outside(void **) {
    const std::string path = pci_path() + "/reset";
    const Step step{.prepare = {},
                    .attempt = [&] { return write_file(path, "1"); },
                    .finish =
                        [](int result) {
                            assert_true(result == 0 || result == -ENOMEM);
                            device_works();
                        }};
    print_message("# reset: %d allocations\n", for_each_fault(Fault::ALLOCATION, step));
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(open_and_close),
        cmocka_unit_test(queries),
        cmocka_unit_test(buffers),
        cmocka_unit_test(mappings_of_the_cpu),
        cmocka_unit_test(bindings),
        cmocka_unit_test(queues),
        cmocka_unit_test(jobs),
        cmocka_unit_test(sharing),
        cmocka_unit_test(commands_of_io_uring),
        cmocka_unit_test(commands_in_a_worker),
        cmocka_unit_test(reset_from_outside),
    };
    return cmocka_run_group_tests_name("kmod failures", tests, nullptr, nullptr);
}
