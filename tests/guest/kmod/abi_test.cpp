// SPDX-License-Identifier: MIT
// Every argument of every ioctl with every kind of value that is refused, one case for each. Each case starts with a
// file of its own, makes the call with one thing wrong, looks whether anything has changed, and then makes the same call
// with nothing wrong, so that it is clear what was refused.

#include "inspect.hpp"
#include "user.hpp"

#include <cerrno>
#include <deque>
#include <functional>

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

using namespace kmod;

namespace {

constexpr std::uint64_t SIZE = 8192;
constexpr std::uint64_t VA = 0x40000000;
constexpr std::uint64_t KERNEL = 0xffff888000000000;
constexpr std::uint64_t NON_CANONICAL = 0x8000000000000000;
constexpr std::uint32_t RING_LOG2 = 4;

std::uint64_t address(const void *pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

/// Two pages of which the second is not there.
class Edge {
public:
    Edge() {
        void *pointer = ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(pointer, MAP_FAILED);
        page_ = static_cast<std::byte *>(pointer);
        assert_int_equal(::munmap(page_ + 4096, 4096), 0);
    }
    ~Edge() { ::munmap(page_, 4096); }
    Edge(Edge &&) = delete;
    std::uint64_t unmapped() const { return address(page_) + 4096; }
    /// So many bytes before the end.
    std::uint64_t before_end(std::size_t bytes) const { return unmapped() - bytes; }
    std::byte *page() const { return page_; }

private:
    std::byte *page_;
};

/// A user's file with one of everything.
struct Rig {
    Rig()
        : file(open_as(ALICE)),
          host(file.host(SIZE)),
          hbm(file.hbm(SIZE)),
          queue(file.queue(RING_LOG2)),
          packets(nops(8)) {
        drm_neuron_vm_bind args{};
        args.flags = DRM_NEURON_BIND_FIXED_VA;
        args.handle = host;
        args.range = SIZE;
        args.va = VA;
        assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), 0);
        assert_int_equal(file.run(queue.queue_id, job_of(nop())), 0);
        syncs[0] = {.flags = DRM_NEURON_SYNC_WAIT, .handle = queue.syncobj, .point = 1};
    }

    File file;
    std::uint32_t host;
    std::uint32_t hbm;
    drm_neuron_queue_create queue;
    std::vector<Packet> packets;
    std::array<drm_neuron_sync, 2> syncs{};
    Edge edge;
    std::array<std::byte, 4096> scratch{};
};

// ---- what a refused call must leave as it was -----------------------------------------------------------------------

struct Snapshot {
    explicit Snapshot(const Rig &rig)
        : memory(memory_of(rig.file)),
          queue(rig.file.state(rig.queue.queue_id)),
          descriptor(next_descriptor()),
          queues(count_queues()) {
        auto info = fdinfo_of(rig.file);
        for (const auto *key : {"drm-total-system", "drm-total-hbm", "drm-shared-system", "drm-shared-hbm",
                                "neuron-pages", "neuron-large-pages"})
            figures.push_back(info.at(key));
    }

    void expect_same(const Snapshot &before) const {
        assert_memory_equal(&memory, &before.memory, sizeof(memory));
        assert_int_equal(queue.state, before.queue.state);
        assert_int_equal(queue.submitted, before.queue.submitted);
        assert_int_equal(descriptor, before.descriptor);
        assert_int_equal(queues, before.queues);
        assert_true(figures == before.figures);
    }

private:
    /// The lowest that is free: a descriptor more would have taken it.
    static int next_descriptor() {
        const int fd = ::dup(STDOUT_FILENO);
        assert_true(fd >= 0);
        ::close(fd);
        return fd;
    }
    static std::size_t count_queues() {
        static const std::string path = debugfs("queues"); // the device stays where it is
        return lines_of(slurp(path)).size();
    }

    drm_neuron_query_memory memory;
    drm_neuron_queue_query queue;
    int descriptor;
    std::size_t queues;
    std::vector<std::string> figures;
};

// ---- the cases ------------------------------------------------------------------------------------------------------

struct Case {
    std::string name;
    std::function<void()> body;
};
std::deque<Case> cases;

unsigned long with_size(unsigned long request, std::size_t size) {
    return _IOC(_IOC_DIR(request), _IOC_TYPE(request), _IOC_NR(request), size);
}

std::string hex(std::uint64_t value) {
    char text[32];
    std::snprintf(text, sizeof(text), "%#llx", static_cast<unsigned long long>(value));
    return text;
}

/// The cases of one ioctl, or of one way to use it.
template<class T>
class Ioctl {
public:
    using Good = std::function<T(Rig &)>;
    using Change = std::function<void(T &, Rig &)>;

    Ioctl(std::string name, unsigned long request, Good good)
        : name_(std::move(name)), request_(request), good_(std::move(good)) {}

    /// The call is refused with this error.
    Ioctl &refuse(const std::string &what, int error, Change change) {
        cases.push_back({name_ + ": " + what, [request = request_, good = good_, error, change] {
                             Rig rig;
                             T args = good(rig);
                             change(args, rig);
                             const Snapshot before(rig);
                             assert_int_equal(rig.file.call(request, &args), error);
                             Snapshot(rig).expect_same(before);
                             args = good(rig);
                             assert_int_equal(rig.file.call(request, &args), 0);
                         }});
        return *this;
    }

    /// Each of these values of a field is refused.
    template<class Field>
    Ioctl &values(const std::string &field, Field T::*member, std::vector<std::uint64_t> values, int error = -EINVAL) {
        for (const auto value : values)
            refuse(field + " " + hex(value), error, [=](T &args, Rig &) { args.*member = static_cast<Field>(value); });
        return *this;
    }

    /// Each bit that is not in `known` is refused, on top of what a good call has.
    Ioctl &bits(const std::string &field, std::uint32_t T::*member, std::uint32_t known, int error = -EINVAL) {
        for (std::uint32_t bit = 0; bit < 32; ++bit)
            if (!(known >> bit & 1))
                refuse(field + " bit " + std::to_string(bit), error,
                       [=](T &args, Rig &) { args.*member |= 1u << bit; });
        return *this;
    }

    /// Pointers that lead nowhere.
    Ioctl &pointers(const std::string &field, std::function<__u64 &(T &)> pointer, std::size_t element) {
        const auto bad = [&](const std::string &what, std::function<std::uint64_t(Rig &)> value) {
            refuse(field + " " + what, -EFAULT, [=](T &args, Rig &rig) { pointer(args) = value(rig); });
        };
        bad("in the first page", [](Rig &) { return 8; });
        bad("in the kernel", [](Rig &) { return KERNEL; });
        bad("that is no address", [](Rig &) { return NON_CANONICAL; });
        bad("at the very end", [](Rig &) { return ~0ull; });
        bad("unmapped", [](Rig &rig) { return rig.edge.unmapped(); });
        bad("that ends unmapped", [=](Rig &rig) { return rig.edge.before_end(element / 2); });
        return *this;
    }

    /// The structure itself: where it is, and how large user space thinks it is. `zeroes` is what a call with nothing in
    /// it gives.
    Ioctl &structure(int zeroes) {
        at("is NULL", [](Rig &) { return 0; });
        at("is in the kernel", [](Rig &) { return KERNEL; });
        at("is no address", [](Rig &) { return NON_CANONICAL; });
        at("is unmapped", [](Rig &rig) { return rig.edge.unmapped(); });
        at("ends unmapped", [](Rig &rig) { return rig.edge.before_end(sizeof(T) / 2); });

        add("structure of no size reads as zero", [=](Rig &rig, unsigned long request, const Good &) {
            assert_int_equal(rig.file.call(with_size(request, 0), nullptr), zeroes);
        });
        larger("structure may be larger", std::byte{0});
        // The core of DRM does not look behind the end: who uses a newer field must know that the driver has it.
        larger("what is behind the structure is not looked at", std::byte{0xff});
        add("structure is not written behind its end", [](Rig &rig, unsigned long request, const Good &good) {
            const T args = good(rig);
            std::memcpy(rig.scratch.data(), &args, sizeof(args));
            std::memset(rig.scratch.data() + sizeof(args), 0xee, 64);
            assert_int_equal(rig.file.call(request, rig.scratch.data()), 0);
            for (std::size_t i = 0; i < 64; ++i)
                assert_int_equal(rig.scratch[sizeof(args) + i], std::byte{0xee});
        });
        return *this;
    }

    /// A structure that ends before this member, as older programs have it, gives the same as zeroes there.
    Ioctl &older(const std::string &what, std::size_t size) {
        add(what, [=](Rig &rig, unsigned long request, const Good &good) {
            const T args = good(rig);
            std::byte *end = rig.edge.page() + 4096;
            std::memcpy(end - size, &args, size);
            assert_int_equal(rig.file.call(with_size(request, size), end - size), 0);
        });
        return *this;
    }

    /// Anything else about this ioctl.
    Ioctl &add(const std::string &what, std::function<void(Rig &, unsigned long, const Good &)> body) {
        cases.push_back({name_ + ": " + what, [request = request_, good = good_, body] {
                             Rig rig;
                             body(rig, request, good);
                         }});
        return *this;
    }

private:
    void at(const std::string &where, std::function<std::uint64_t(Rig &)> pointer) {
        add("structure " + where, [=](Rig &rig, unsigned long request, const Good &) {
            const Snapshot before(rig);
            assert_int_equal(rig.file.call(request, reinterpret_cast<void *>(pointer(rig))), -EFAULT);
            Snapshot(rig).expect_same(before);
        });
    }

    void larger(const std::string &what, std::byte tail) {
        add(what, [=](Rig &rig, unsigned long request, const Good &good) {
            for (const std::size_t more : {8u, 64u, 1024u}) {
                Rig fresh;
                const T args = good(fresh);
                fresh.scratch.fill(tail);
                std::memcpy(fresh.scratch.data(), &args, sizeof(args));
                assert_int_equal(fresh.file.call(with_size(request, sizeof(args) + more), fresh.scratch.data()), 0);
                for (std::size_t i = 0; i < more; ++i)
                    assert_int_equal(fresh.scratch[sizeof(args) + i], tail);
            }
            (void)rig;
        });
    }

    std::string name_;
    unsigned long request_;
    Good good_;
};

// ---- DEV_QUERY ------------------------------------------------------------------------------------------------------

void list_dev_query() {
    using T = drm_neuron_dev_query;
    const std::array<std::pair<std::string, std::uint32_t>, 6> types{{{"DEVICE", DRM_NEURON_QUERY_DEVICE},
                                                                      {"MEMORY", DRM_NEURON_QUERY_MEMORY},
                                                                      {"QUEUES", DRM_NEURON_QUERY_QUEUES},
                                                                      {"CONTEXT", DRM_NEURON_QUERY_CONTEXT},
                                                                      {"RAS", DRM_NEURON_QUERY_RAS},
                                                                      {"FAULT", DRM_NEURON_QUERY_FAULT}}};
    for (const auto &[name, type] : types) {
        Ioctl<T>("DEV_QUERY " + name, DRM_IOCTL_NEURON_DEV_QUERY,
                 [type = type](Rig &rig) { return T{.type = type, .size = 64, .ptr = address(rig.scratch.data())}; })
            .pointers(
                "ptr", [](T &args) -> __u64 & { return args.ptr; }, 64)
            .refuse("ptr to memory that cannot be written", -EFAULT,
                    [](T &args, Rig &) { args.ptr = address(reinterpret_cast<const void *>(&list_dev_query)); })
            .refuse("size beyond the memory at ptr", -EFAULT,
                    [](T &args, Rig &rig) {
                        args.ptr = rig.edge.before_end(4096);
                        args.size = 4097;
                    })
            .refuse("size beyond all memory", -EFAULT,
                    [](T &args, Rig &rig) {
                        args.ptr = rig.edge.before_end(4096);
                        args.size = ~0u;
                    })
            .add("size 0 writes nothing but the size", [](Rig &rig, unsigned long request, const auto &good) {
                T args = good(rig);
                args.size = 0;
                args.ptr = rig.edge.unmapped();
                assert_int_equal(rig.file.call(request, &args), 0);
                assert_true(args.size > 0);
            });
    }
    Ioctl<T>("DEV_QUERY", DRM_IOCTL_NEURON_DEV_QUERY, [](Rig &) { return T{}; })
        .values("type", &T::type, {DRM_NEURON_QUERY_FAULT + 1, 0x100, 0x80000000, ~0u})
        .structure(0);
}

// ---- BO_CREATE, BO_QUERY --------------------------------------------------------------------------------------------

void list_bo_create() {
    using T = drm_neuron_bo_create;
    const auto any_bank = DRM_NEURON_BO_ANY_BANK;
    Ioctl<T>(
        "BO_CREATE HOST", DRM_IOCTL_NEURON_BO_CREATE,
        [](Rig &) { return T{.size = 4096, .placement = DRM_NEURON_PLACE_HOST, .flags = 0, .bank = 0, .handle = 0}; })
        .values("size", &T::size, {0, ~0ull, ~0ull - 4095})
        .values("size", &T::size, {~0ull - 4096, 1ull << 63, 1ull << 44}, -ENOMEM)
        .values("placement", &T::placement, {DRM_NEURON_PLACE_HBM + 1, 0x100, 0x80000000, ~0u})
        .bits("flags", &T::flags, 0)
        .values("bank", &T::bank, {1, 0x80000000, any_bank})
        .structure(-EINVAL);
    Ioctl<T>("BO_CREATE HBM", DRM_IOCTL_NEURON_BO_CREATE,
             [](Rig &) {
                 return T{.size = 4096,
                          .placement = DRM_NEURON_PLACE_HBM,
                          .flags = 0,
                          .bank = DRM_NEURON_BO_ANY_BANK,
                          .handle = 0};
             })
        .values("size", &T::size, {0, ~0ull, ~0ull - 4095})
        .values("size", &T::size, {~0ull - 4096, 1ull << 63, 1ull << 44}, -ENOSPC)
        .bits("flags", &T::flags, DRM_NEURON_BO_MAPPABLE)
        .values("bank", &T::bank, {DRM_NEURON_MAX_BANKS, 0x80000000, any_bank - 1})
        .refuse("bank one beyond the last", -EINVAL, [](T &args, Rig &rig) { args.bank = rig.file.query().hbm_banks; });
}

void list_bo_query() {
    using T = drm_neuron_bo_query;
    Ioctl<T>("BO_QUERY", DRM_IOCTL_NEURON_BO_QUERY,
             [](Rig &rig) {
                 T args{};
                 args.handle = rig.host;
                 return args;
             })
        .values("handle", &T::handle, {0, 4711, 0x80000000, ~0u}, -ENOENT)
        .refuse("handle that was closed", -ENOENT,
                [](T &args, Rig &rig) {
                    args.handle = rig.file.host(4096);
                    assert_int_equal(rig.file.close_bo(args.handle), 0);
                })
        .bits("pad", &T::pad, 0)
        .structure(-ENOENT);
}

// ---- VM_BIND --------------------------------------------------------------------------------------------------------

// The text stays where it is as long as the rig's scratch.
auto text_at(__u64 drm_neuron_vm_bind::*where, __u32 drm_neuron_vm_bind::*bytes, std::string text) {
    return [=](drm_neuron_vm_bind &args, Rig &rig) {
        std::memcpy(rig.scratch.data(), text.data(), text.size());
        args.*where = reinterpret_cast<std::uintptr_t>(rig.scratch.data());
        args.*bytes = static_cast<std::uint32_t>(text.size());
    };
}

auto label(std::string text) {
    return text_at(&drm_neuron_vm_bind::label, &drm_neuron_vm_bind::label_bytes, std::move(text));
}

auto place(std::string text) {
    return text_at(&drm_neuron_vm_bind::place, &drm_neuron_vm_bind::place_bytes, std::move(text));
}

void list_vm_bind() {
    using T = drm_neuron_vm_bind;
    const auto map = [](std::uint32_t flags) {
        return [flags](Rig &rig) {
            T args{};
            args.op = DRM_NEURON_BIND_MAP;
            args.flags = flags;
            args.handle = rig.hbm;
            args.range = SIZE;
            args.va = 2 * VA;
            return args;
        };
    };
    Ioctl<T>("VM_BIND MAP", DRM_IOCTL_NEURON_VM_BIND, map(0))
        .values("op", &T::op, {DRM_NEURON_BIND_UNMAP + 1, 0x100, ~0u})
        .bits("flags", &T::flags, DRM_NEURON_BIND_FIXED_VA | DRM_NEURON_BIND_READ_ONLY)
        .values("handle", &T::handle, {0, 4711, ~0u}, -ENOENT)
        .bits("pad", &T::pad, 0)
        .values("bo_offset", &T::bo_offset, {1, 4095, 4096, SIZE, ~0xfffull, 1ull << 63})
        .values("range", &T::range, {0, 1, 4095, SIZE - 1, SIZE + 4096, ~0xfffull, 1ull << 63})
        .refuse("bo_offset and range that wrap", -EINVAL,
                [](T &args, Rig &) {
                    args.bo_offset = ~0xfffull;
                    args.range = 4096 + SIZE;
                })
        .values("label without a length", &T::label, {1, 1ull << 63, ~0ull})
        .values("place without a length", &T::place, {1, 1ull << 63, ~0ull})
        .values("label_bytes without a label", &T::label_bytes, {1, DRM_NEURON_LABEL_MAX, ~0u})
        .values("place_bytes without a place", &T::place_bytes, {1, DRM_NEURON_PLACE_MAX, ~0u})
        .refuse("a label that is too long", -EINVAL, label(std::string(DRM_NEURON_LABEL_MAX + 1, 'x')))
        .refuse("a label with a quotation mark", -EINVAL, label("a\"b"))
        .refuse("a label with a control character", -EINVAL, label("a\nb"))
        .refuse("a label with a zero", -EINVAL, label(std::string(3, '\0')))
        .refuse("a label beyond ASCII", -EINVAL, label("a\xc3\xa4"))
        .refuse("a label that is not there", -EFAULT,
                [](T &args, Rig &) {
                    args.label = 8;
                    args.label_bytes = 4;
                })
        .refuse("a place that is too long", -EINVAL, place(std::string(DRM_NEURON_PLACE_MAX + 1, 'x')))
        .refuse("a place with a control character", -EINVAL, place("a\x1b[2J"))
        .refuse("a place that is not there", -EFAULT,
                [](T &args, Rig &) {
                    args.place = 8;
                    args.place_bytes = 4;
                })
        .structure(-EINVAL);
    Ioctl<T>("VM_BIND MAP FIXED", DRM_IOCTL_NEURON_VM_BIND, map(DRM_NEURON_BIND_FIXED_VA))
        .values("va", &T::va, {0, 1, 4096, 2 * VA + 1, ~0xfffull, 1ull << 63, 1ull << 48})
        .values("va of another mapping", &T::va, {VA, VA + 4096, VA - 4096}, -EEXIST)
        .refuse("va below the first", -EINVAL, [](T &args, Rig &rig) { args.va = rig.file.query().va_start - 4096; })
        .refuse("va that ends behind the last", -EINVAL,
                [](T &args, Rig &rig) { args.va = rig.file.query().va_end - 4096; })
        .refuse("va behind the last", -EINVAL, [](T &args, Rig &rig) { args.va = rig.file.query().va_end; });
    Ioctl<T>("VM_BIND UNMAP", DRM_IOCTL_NEURON_VM_BIND,
             [](Rig &) {
                 T args{};
                 args.op = DRM_NEURON_BIND_UNMAP;
                 args.range = SIZE;
                 args.va = VA;
                 return args;
             })
        .bits("flags", &T::flags, 0)
        .bits("pad", &T::pad, 0)
        .values("handle", &T::handle, {1, ~0u})
        .refuse("a label", -EINVAL, label("weights"))
        .refuse("a place that is too long", -EINVAL, place(std::string(DRM_NEURON_PLACE_MAX + 1, 'x')))
        .refuse("a place with a quotation mark", -EINVAL, place("\""))
        .values("bo_offset", &T::bo_offset, {4096, 1, ~0xfffull})
        .values("range", &T::range, {0, 1, SIZE + 1, ~0xfffull})
        .values("range", &T::range, {4096, SIZE + 4096}, -ENOENT)
        .values("va", &T::va, {0, 1, VA + 1, ~0xfffull, 1ull << 48})
        .values("va", &T::va, {VA + 4096, VA - 4096, 2 * VA}, -ENOENT);
}

// ---- queues ---------------------------------------------------------------------------------------------------------

void list_queue_create() {
    using T = drm_neuron_queue_create;
    Ioctl<T>("QUEUE_CREATE", DRM_IOCTL_NEURON_QUEUE_CREATE, [](Rig &) { return T{}; })
        .bits("flags", &T::flags, DRM_NEURON_QUEUE_USER | DRM_NEURON_QUEUE_POLLED)
        .values("flags USER and POLLED", &T::flags, {DRM_NEURON_QUEUE_USER | DRM_NEURON_QUEUE_POLLED})
        .values("ring_log2", &T::ring_log2, {1, 3, 17, 32, 64, ~0u})
        .values("timeout_ms", &T::timeout_ms, {3600001, 0x80000000, ~0u})
        .values("priority", &T::priority, {DRM_NEURON_PRIORITY_HIGH + 1, 0x100, 0x80000000, ~0u})
        .add("high priority is for the privileged",
             [](Rig &rig, unsigned long request, const auto &good) {
                 T args = good(rig);
                 args.priority = DRM_NEURON_PRIORITY_HIGH;
                 const Snapshot before(rig);
                 {
                     const AsUser user(ALICE);
                     assert_int_equal(rig.file.call(request, &args), -EACCES);
                 }
                 Snapshot(rig).expect_same(before);
                 assert_int_equal(rig.file.call(request, &args), 0);
             })
        .values("coalesce_count", &T::coalesce_count, {0x10000, 0x80000000, ~0u})
        .values("coalesce_usecs", &T::coalesce_usecs, {0x10000, 0x80000000, ~0u})
        .values("ring_va of a queue of the kernel", &T::ring_va, {1, VA, ~0xfffull})
        .values("seqno_va of a queue of the kernel", &T::seqno_va, {1, VA, ~0xfffull})
        .values("stamps_va of a queue of the kernel", &T::stamps_va, {1, VA, ~0xfffull})
        .structure(0)
        .older("structure of the first version", offsetof(T, priority) + 4);
    Ioctl<T>("QUEUE_CREATE POLLED", DRM_IOCTL_NEURON_QUEUE_CREATE,
             [](Rig &) {
                 T args{};
                 args.flags = DRM_NEURON_QUEUE_POLLED;
                 return args;
             })
        .values("coalesce_count", &T::coalesce_count, {1})
        .values("coalesce_usecs", &T::coalesce_usecs, {1})
        .values("ring_va", &T::ring_va, {VA});
    Ioctl<T>("QUEUE_CREATE USER", DRM_IOCTL_NEURON_QUEUE_CREATE,
             [](Rig &) {
                 T args{};
                 args.flags = DRM_NEURON_QUEUE_USER;
                 args.ring_log2 = RING_LOG2;
                 args.ring_va = VA;
                 args.seqno_va = VA + 4096;
                 args.stamps_va = VA + 4096 + 64;
                 return args;
             })
        .bits("flags", &T::flags, DRM_NEURON_QUEUE_USER)
        .values("ring_log2", &T::ring_log2, {1, 3, 17, ~0u})
        .values("ring_va", &T::ring_va, {1, VA + 8, VA + 64, VA + 4095})
        .values("ring_va where nothing is bound", &T::ring_va, {2 * VA, ~0xfffull, 1ull << 63, 4096}, -EFAULT)
        .values("seqno_va", &T::seqno_va, {1, VA + 4, VA + 4096 + 7})
        .values("seqno_va where nothing is bound", &T::seqno_va, {0, 2 * VA, ~7ull, 1ull << 63}, -EFAULT)
        .values("stamps_va", &T::stamps_va, {1, VA + 4096 + 8, VA + 4096 + 15})
        .values("stamps_va where nothing is bound", &T::stamps_va, {2 * VA, ~15ull, 1ull << 63, VA + SIZE - 16},
                -EFAULT)
        .refuse("ring longer than what is bound", -EFAULT, [](T &args, Rig &) { args.ring_log2 = 8; });
}

void list_queue_destroy() {
    using T = drm_neuron_queue_destroy;
    Ioctl<T>("QUEUE_DESTROY", DRM_IOCTL_NEURON_QUEUE_DESTROY,
             [](Rig &rig) { return T{.queue_id = rig.queue.queue_id, .pad = 0}; })
        .values("queue_id", &T::queue_id, {0, 4711, 0x80000000, ~0u}, -ENOENT)
        .bits("pad", &T::pad, 0)
        .structure(-ENOENT);
}

void list_queue_query() {
    using T = drm_neuron_queue_query;
    Ioctl<T>("QUEUE_QUERY", DRM_IOCTL_NEURON_QUEUE_QUERY,
             [](Rig &rig) {
                 T args{};
                 args.queue_id = rig.queue.queue_id;
                 return args;
             })
        .values("queue_id", &T::queue_id, {0, 4711, 0x80000000, ~0u}, -ENOENT)
        .structure(-ENOENT)
        .older("structure of the first version", offsetof(T, busy_ns));
}

// ---- SUBMIT, WAIT ---------------------------------------------------------------------------------------------------

/// An array argument: stride, count and pointer, with everything that can be wrong about them.
template<class T>
void array_cases(Ioctl<T> &ioctl, const std::string &name, drm_neuron_array T::*array, std::uint32_t element,
                 std::uint32_t most) {
    const auto set = [&](const std::string &what, int error, std::function<void(drm_neuron_array &)> change) {
        ioctl.refuse(name + " " + what, error, [=](T &args, Rig &) { change(args.*array); });
    };
    for (const std::uint32_t stride : {0u, 1u, element - 1})
        set("stride " + hex(stride), -EINVAL, [=](drm_neuron_array &a) { a.stride = stride; });
    for (const std::uint32_t stride : {4097u, 0x80000000u, ~0u})
        set("stride " + hex(stride), -E2BIG, [=](drm_neuron_array &a) { a.stride = stride; });
    for (const std::uint32_t count : {most + 1, 0x04000000u, 0x80000000u, ~0u})
        set("count " + hex(count), -EINVAL, [=](drm_neuron_array &a) { a.count = count; });
    ioctl.pointers(
        name + " ptr", [=](T &args) -> __u64 & { return (args.*array).ptr; }, element);
    ioctl.refuse(name + " of larger elements that hold what the kernel does not know", -E2BIG, [=](T &args, Rig &rig) {
        std::memcpy(rig.scratch.data(), reinterpret_cast<const void *>((args.*array).ptr), element);
        rig.scratch[element] = std::byte{1};
        args.*array = {.stride = element + 8, .count = 1, .ptr = address(rig.scratch.data())};
    });
    ioctl.add(name + " of larger elements that are zero beyond",
              [=](Rig &rig, unsigned long request, const auto &good) {
                  T args = good(rig);
                  std::memcpy(rig.scratch.data(), reinterpret_cast<const void *>((args.*array).ptr), element);
                  args.*array = {.stride = 2048, .count = 1, .ptr = address(rig.scratch.data())};
                  assert_int_equal(rig.file.call(request, &args), 0);
              });
}

/// What can be wrong about the syncs of a job.
template<class T>
void sync_cases(Ioctl<T> &ioctl) {
    array_cases(ioctl, "syncs", &T::syncs, sizeof(drm_neuron_sync), 256);
    const auto set = [&](const std::string &what, int error, std::function<void(drm_neuron_sync &)> change) {
        ioctl.refuse("sync " + what, error, [=](T &args, Rig &rig) {
            change(rig.syncs[1] = rig.syncs[0]);
            args.syncs.count = 2; // the first is good, and must come undone
        });
    };
    set("flags 0", -EINVAL, [](drm_neuron_sync &s) { s.flags = 0; });
    set("flags WAIT and SIGNAL", -EINVAL,
        [](drm_neuron_sync &s) { s.flags = DRM_NEURON_SYNC_WAIT | DRM_NEURON_SYNC_SIGNAL; });
    for (std::uint32_t bit = 2; bit < 32; ++bit)
        set("flags bit " + std::to_string(bit), -EINVAL, [=](drm_neuron_sync &s) { s.flags |= 1u << bit; });
    for (const auto flags : {DRM_NEURON_SYNC_WAIT, DRM_NEURON_SYNC_SIGNAL})
        for (const std::uint32_t handle : {0u, 4711u, ~0u})
            set((flags == DRM_NEURON_SYNC_WAIT ? "WAIT for handle " : "SIGNAL of handle ") + hex(handle), -ENOENT,
                [=](drm_neuron_sync &s) { s = {.flags = flags, .handle = handle, .point = 1}; });
    set("WAIT for a point without a fence", -EINVAL, [](drm_neuron_sync &s) { s.point = 99; });
}

void list_submit() {
    using T = drm_neuron_submit;
    Ioctl<T> ioctl("SUBMIT", DRM_IOCTL_NEURON_SUBMIT, [](Rig &rig) {
        T args{};
        args.queue_id = rig.queue.queue_id;
        args.packets = {.stride = sizeof(Packet), .count = 1, .ptr = address(rig.packets.data())};
        args.syncs = {.stride = sizeof(drm_neuron_sync), .count = 1, .ptr = address(rig.syncs.data())};
        return args;
    });
    ioctl.values("queue_id", &T::queue_id, {0, 4711, 0x80000000, ~0u}, -ENOENT)
        .bits("flags", &T::flags, 0)
        .structure(-ENOENT);
    array_cases(ioctl, "packets", &T::packets, sizeof(Packet), (1u << RING_LOG2) / 2);
    ioctl.refuse("packets count 0", -EINVAL, [](T &args, Rig &) { args.packets.count = 0; });
    // A header belongs to the driver but for the opcode, which is the device's to judge.
    for (std::uint32_t bit = 8; bit < 32; ++bit)
        ioctl.refuse("packet header bit " + std::to_string(bit), -EINVAL, [=](T &args, Rig &rig) {
            auto packet = rig.packets[0];
            packet[bit / 8] |= std::byte(1u << bit % 8);
            std::memcpy(rig.scratch.data(), packet.data(), packet.size());
            args.packets.ptr = address(rig.scratch.data());
        });
    ioctl.refuse("bad packet behind a good one", -EINVAL, [](T &args, Rig &rig) {
        std::memcpy(rig.scratch.data(), rig.packets.data(), 2 * sizeof(Packet));
        rig.scratch[sizeof(Packet) + 1] = std::byte{1};
        args.packets.ptr = address(rig.scratch.data());
        args.packets.count = 2;
    });
    sync_cases(ioctl);
}

void list_wait() {
    using T = drm_neuron_wait;
    Ioctl<T>("WAIT", DRM_IOCTL_NEURON_WAIT,
             [](Rig &rig) {
                 T args{};
                 args.queue_id = rig.queue.queue_id;
                 args.seqno = 1;
                 return args;
             })
        .values("queue_id", &T::queue_id, {0, 4711, 0x80000000, ~0u}, -ENOENT)
        .bits("pad", &T::pad, 0)
        .bits("pad2", &T::pad2, 0)
        .values("seqno", &T::seqno, {0, 2, 1ull << 32, 1ull << 63, ~0ull})
        .structure(-ENOENT)
        .older("structure of the first version", offsetof(T, start_ns))
        .add("timeout_ns may be any number", [](Rig &rig, unsigned long request, const auto &good) {
            for (const std::int64_t timeout :
                 {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, INT64_MIN, INT64_MAX}) {
                T args = good(rig);
                args.timeout_ns = timeout;
                assert_int_equal(rig.file.call(request, &args), 0);
                assert_int_equal(args.status, 0);
            }
        });
}

// ---- EVENT_MASK, DMA ------------------------------------------------------------------------------------------------

void list_event_mask() {
    using T = drm_neuron_event_mask;
    Ioctl<T>("EVENT_MASK", DRM_IOCTL_NEURON_EVENT_MASK,
             [](Rig &) {
                 return T{.mask = DRM_NEURON_EVENT_FAULT | DRM_NEURON_EVENT_RESET | DRM_NEURON_EVENT_RAS, .pad = 0};
             })
        .bits("mask", &T::mask, DRM_NEURON_EVENT_FAULT | DRM_NEURON_EVENT_RESET | DRM_NEURON_EVENT_RAS)
        .bits("pad", &T::pad, 0)
        .structure(0);
}

void list_dma() {
    using T = drm_neuron_dma;
    const auto good = [](std::uint32_t flags) {
        return [flags](Rig &rig) {
            T args{};
            args.queue_id = rig.queue.queue_id;
            args.flags = flags;
            args.ptr = address(rig.edge.page());
            args.bytes = 4096;
            args.va = VA;
            args.syncs = {.stride = sizeof(drm_neuron_sync), .count = 1, .ptr = address(rig.syncs.data())};
            return args;
        };
    };
    Ioctl<T> to("DMA", DRM_IOCTL_NEURON_DMA, good(0));
    to.values("queue_id", &T::queue_id, {0, 4711, 0x80000000, ~0u}, -ENOENT)
        .bits("flags", &T::flags, DRM_NEURON_DMA_FROM_DEVICE)
        .values("bytes", &T::bytes, {0, (1ull << 30) + 1, 1ull << 32, 1ull << 63, ~0ull})
        .values("bytes beyond the memory at ptr", &T::bytes, {4097, 1ull << 20, 1ull << 30}, -EFAULT)
        .values("va that wraps", &T::va, {~0ull, ~0ull - 4094})
        .pointers(
            "ptr", [](T &args) -> __u64 & { return args.ptr; }, 4096)
        .structure(-EINVAL);
    sync_cases(to);
    Ioctl<T>("DMA FROM_DEVICE", DRM_IOCTL_NEURON_DMA, good(DRM_NEURON_DMA_FROM_DEVICE))
        .pointers(
            "ptr", [](T &args) -> __u64 & { return args.ptr; }, 4096)
        .refuse("ptr to memory that cannot be written", -EFAULT, [](T &args, Rig &) {
            args.ptr = address(reinterpret_cast<const void *>(&list_dma));
            args.bytes = 8;
        });
}

// ---- numbers --------------------------------------------------------------------------------------------------------

void list_numbers() {
    const auto add = [](const std::string &name, std::function<void(Rig &)> body) {
        cases.push_back({name, [body] {
                             Rig rig;
                             const Snapshot before(rig);
                             body(rig);
                             Snapshot(rig).expect_same(before);
                         }});
    };
    add("numbers behind the last ioctl are refused", [](Rig &rig) {
        for (unsigned nr = DRM_COMMAND_BASE + DRM_NEURON_DMA + 1; nr < DRM_COMMAND_END; ++nr)
            for (const std::size_t size : {0u, 8u, 64u, 4096u})
                assert_int_equal(rig.file.call(_IOC(_IOC_READ | _IOC_WRITE, 'd', nr, size), rig.scratch.data()),
                                 -EINVAL);
    });
    add("ioctls of other kinds of devices are refused", [](Rig &rig) {
        for (const unsigned type : {unsigned{'N'}, 0u, unsigned{'D'}, unsigned{'e'}, 0xffu})
            for (unsigned nr = 0; nr < 0x100; nr += 0x20)
                assert_int_equal(rig.file.call(_IOC(_IOC_READ | _IOC_WRITE, type, nr, 64), rig.scratch.data()),
                                 -ENOTTY);
    });
    add("an ioctl without its direction reads zeroes and writes nothing", [](Rig &rig) {
        drm_neuron_bo_query args{};
        args.handle = rig.host;
        const auto request = DRM_IOCTL_NEURON_BO_QUERY;
        assert_int_equal(rig.file.call(_IOC(_IOC_NONE, 'd', _IOC_NR(request), sizeof(args)), &args), -ENOENT);
        assert_int_equal(rig.file.call(_IOC(_IOC_READ, 'd', _IOC_NR(request), sizeof(args)), &args), -ENOENT);
        args.handle = rig.host;
        assert_int_equal(rig.file.call(_IOC(_IOC_WRITE, 'd', _IOC_NR(request), sizeof(args)), &args), 0);
        assert_int_equal(args.size, 0);
    });
    add("version says what there is", [](Rig &rig) {
        drmVersion *version = drmGetVersion(rig.file.fd());
        assert_non_null(version);
        assert_string_equal(version->name, "neuron_accel");
        assert_int_equal(version->version_major, 1);
        assert_true(version->version_minor >= 1);
        drmFreeVersion(version);
    });
    add("modes, planes and masters are not here", [](Rig &rig) {
        for (const unsigned long request : {DRM_IOCTL_MODE_GETRESOURCES, DRM_IOCTL_MODE_CREATE_DUMB})
            assert_true(rig.file.call(request, rig.scratch.data()) < 0);
    });
}

void run_case(void **state) { static_cast<const Case *>(*state)->body(); }

/// What users do wrong is theirs to know: the log is the administrator's.
void list_silence() {
    static KernelLog log;
    cases.push_back({"all of this has left no line in the kernel's log", [] { log.expect_quiet(); }});
}

} // namespace

int main() {
    list_dev_query();
    list_bo_create();
    list_bo_query();
    list_vm_bind();
    list_queue_create();
    list_queue_destroy();
    list_queue_query();
    list_submit();
    list_wait();
    list_event_mask();
    list_dma();
    list_numbers();
    list_silence();
    std::vector<CMUnitTest> tests;
    for (Case &each : cases)
        tests.push_back({each.name.c_str(), run_case, nullptr, nullptr, &each});
    return _cmocka_run_group_tests("kmod abi", tests.data(), tests.size(), nullptr, nullptr);
}
