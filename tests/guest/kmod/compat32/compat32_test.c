// SPDX-License-Identifier: MIT
// A 32-bit program on a 64-bit kernel: the same structures through drm_compat_ioctl(). It stands alone: no C library,
// system calls by int 0x80, its own _start and its own TAP.

#include <drm/neuron_accel.h>
#include <neuron_spec.h>

#include <asm/errno.h>
#include <asm/unistd_32.h>

#define O_RDWR 2
#define PROT_READ_WRITE 3
#define MAP_SHARED 1
#define SIZE 8192u
#define PATTERN 0x0123456789abcdefull
#define NOT_MAPPED(pointer) ((unsigned long)(pointer) >= (unsigned long)-4096)

_Static_assert(sizeof(void *) == 4, "this is the 32-bit program");

static long call(long number, long a, long b, long c, long d, long e, long f) {
    struct {
        long number, f;
    } last = {number, f};
    long ret;

    // Six arguments and the number are all the registers there are: %ebp takes the last one.
    __asm__ volatile("pushl %%ebp\n\t"
                     "movl 4(%%eax), %%ebp\n\t"
                     "movl (%%eax), %%eax\n\t"
                     "int $0x80\n\t"
                     "popl %%ebp"
                     : "=a"(ret)
                     : "a"(&last), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), "m"(last)
                     : "memory");
    return ret;
}

static long call3(long number, long a, long b, long c) { return call(number, a, b, c, 0, 0, 0); }

// The compiler calls these two by itself.
void *memset(void *to, int value, unsigned long bytes) {
    unsigned char *at = to;

    while (bytes--)
        *at++ = (unsigned char)value;
    return to;
}

void *memcpy(void *to, const void *from, unsigned long bytes) {
    unsigned char *at = to;
    const unsigned char *source = from;

    while (bytes--)
        *at++ = *source++;
    return to;
}

// ---- TAP ------------------------------------------------------------------------------------------------------------

static unsigned int cases;
static int wrong; // line of the first check of this case that failed

static void say(const char *text) {
    unsigned long length = 0;

    while (text[length])
        length++;
    call3(__NR_write, 1, (long)text, (long)length);
}

static void say_number(unsigned int number) {
    char digits[12];
    char *at = &digits[11];

    *at = 0;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    say(at);
}

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!wrong && !(condition))                                                                                    \
            wrong = __LINE__;                                                                                          \
    } while (0)

static void end_case(const char *name) {
    if (wrong) {
        say("# line ");
        say_number((unsigned int)wrong);
        say("\nnot ");
    }
    say("ok ");
    say_number(++cases);
    say(" - ");
    say(name);
    say("\n");
    wrong = 0;
}

// ---- the driver -----------------------------------------------------------------------------------------------------

static int fd;

static long ioctl(unsigned long request, void *args) { return call3(__NR_ioctl, fd, (long)request, (long)args); }

static __u64 pointer(const void *address) { return (unsigned long)address; }

/* While files of a removed device are open its minor is taken, so it may be any. */
static int open_node(void) {
    static char path[] = "/dev/accel/accelNN";
    int number;

    for (number = 0; number < 64; number++) {
        char *at = &path[16];

        if (number >= 10)
            *at++ = (char)('0' + number / 10);
        *at++ = (char)('0' + number % 10);
        *at = 0;
        fd = (int)call3(__NR_open, (long)path, O_RDWR, 0);
        if (fd >= 0)
            break;
    }
    return fd;
}

static __u32 create(__u32 placement) {
    struct drm_neuron_bo_create args = {
        .size = SIZE,
        .placement = placement,
        .flags = placement == DRM_NEURON_PLACE_HBM ? DRM_NEURON_BO_MAPPABLE : 0,
        .bank = placement == DRM_NEURON_PLACE_HBM ? DRM_NEURON_BO_ANY_BANK : 0,
    };

    CHECK(ioctl(DRM_IOCTL_NEURON_BO_CREATE, &args) == 0);
    CHECK(args.handle != 0 && args.size == SIZE);
    return args.handle;
}

/* Fake offsets start at 4 GiB, which mmap2() can say, since it counts in pages. */
static __u64 *map(__u32 handle) {
    struct drm_neuron_bo_query args = {.handle = handle};

    CHECK(ioctl(DRM_IOCTL_NEURON_BO_QUERY, &args) == 0);
    CHECK(args.size == SIZE && args.mmap_offset != 0);
    return (__u64 *)call(__NR_mmap2, 0, SIZE, PROT_READ_WRITE, MAP_SHARED, fd, (long)(args.mmap_offset >> 12));
}

static __u64 bind(__u32 handle) {
    struct drm_neuron_vm_bind args = {
        .op = DRM_NEURON_BIND_MAP,
        .handle = handle,
        .range = SIZE,
    };

    CHECK(ioctl(DRM_IOCTL_NEURON_VM_BIND, &args) == 0);
    CHECK(args.va != 0);
    return args.va;
}

static void queries(void) {
    struct drm_neuron_query_device device = {0};
    struct drm_neuron_query_memory memory = {0};
    struct drm_neuron_dev_query args = {
        .type = DRM_NEURON_QUERY_DEVICE,
        .size = sizeof(device),
        .ptr = pointer(&device),
    };

    CHECK(ioctl(DRM_IOCTL_NEURON_DEV_QUERY, &args) == 0);
    CHECK(args.size == sizeof(device));
    CHECK(device.driver_spec_version == NRN_VERSION);
    CHECK(device.hbm_bytes != 0 && device.page_size == NRN_PAGE_SIZE);
    // The upper half of it is there; what lies behind it is the driver's.
    CHECK(device.va_end >> 32 != 0 && device.va_end < 1ull << NRN_MMU_VA_BITS);

    args.type = DRM_NEURON_QUERY_MEMORY;
    args.size = sizeof(memory);
    args.ptr = pointer(&memory);
    CHECK(ioctl(DRM_IOCTL_NEURON_DEV_QUERY, &args) == 0);
    CHECK(args.size == sizeof(memory) && memory.banks == device.hbm_banks);
    CHECK(memory.bank_bytes[0] * memory.banks == device.hbm_bytes);
    end_case("queries give the same structures");
}

static void bad_arguments(void) {
    struct drm_neuron_dev_query query = {
        .type = DRM_NEURON_QUERY_DEVICE,
        .size = 64,
        .ptr = pointer(&query) | 1ull << 32,
    };
    struct drm_neuron_bo_query bo = {.handle = 4711};

    // What a program of 32 bits cannot point at is refused, and not cut off.
    CHECK(ioctl(DRM_IOCTL_NEURON_DEV_QUERY, &query) == -EFAULT);
    CHECK(ioctl(DRM_IOCTL_NEURON_BO_QUERY, &bo) == -ENOENT);
    bo.pad = 1;
    CHECK(ioctl(DRM_IOCTL_NEURON_BO_QUERY, &bo) == -EINVAL);
    CHECK(ioctl(DRM_IOCTL_NEURON_BO_QUERY, (void *)8) == -EFAULT);
    CHECK(ioctl(DRM_IOWR(DRM_COMMAND_BASE + 0x3f, __u64), &query) == -EINVAL);
    end_case("bad arguments are refused");
}

static void mappings(void) {
    __u64 *host = map(create(DRM_NEURON_PLACE_HOST));
    __u64 *hbm = map(create(DRM_NEURON_PLACE_HBM));

    CHECK(!NOT_MAPPED(host) && !NOT_MAPPED(hbm));
    if (!wrong) {
        CHECK(host[0] == 0 && hbm[SIZE / 8 - 1] == 0);
        host[0] = PATTERN;
        hbm[SIZE / 8 - 1] = PATTERN;
        CHECK(host[0] == PATTERN && hbm[SIZE / 8 - 1] == PATTERN);
    }
    end_case("buffers of both placements can be mapped");
}

static void job(void) {
    __u32 source = create(DRM_NEURON_PLACE_HBM), target = create(DRM_NEURON_PLACE_HOST);
    __u64 from = bind(source), to = bind(target);
    struct nrn_packet_fill fill = {
        .header.opcode = NRN_PACKET_OP_FILL,
        .dst = from,
        .bytes = SIZE,
        .pattern = PATTERN,
    };
    struct nrn_packet_copy copy = {
        .header.opcode = NRN_PACKET_OP_COPY,
        .src = from,
        .dst = to,
        .bytes = SIZE,
    };
    struct drm_neuron_queue_create queue = {0};
    struct drm_neuron_queue_destroy destroy = {0};
    struct drm_neuron_submit submit = {0};
    struct drm_neuron_wait wait = {0};
    unsigned char packets[2][NRN_PACKET_BYTES];
    struct drm_neuron_sync sync;
    __u64 *memory = map(target);

    memcpy(packets[0], &fill, sizeof(fill));
    memcpy(packets[1], &copy, sizeof(copy));
    CHECK(ioctl(DRM_IOCTL_NEURON_QUEUE_CREATE, &queue) == 0);
    CHECK(queue.queue_id != 0 && queue.syncobj != 0);
    submit.queue_id = queue.queue_id;
    submit.packets.stride = NRN_PACKET_BYTES;
    submit.packets.count = 2;
    submit.packets.ptr = pointer(packets);
    CHECK(ioctl(DRM_IOCTL_NEURON_SUBMIT, &submit) == 0);
    CHECK(submit.seqno == 1);

    // The second one waits for the first.
    sync.flags = DRM_NEURON_SYNC_WAIT;
    sync.handle = queue.syncobj;
    sync.point = 1;
    submit.syncs.stride = sizeof(sync);
    submit.syncs.count = 1;
    submit.syncs.ptr = pointer(&sync);
    CHECK(ioctl(DRM_IOCTL_NEURON_SUBMIT, &submit) == 0);

    wait.queue_id = queue.queue_id;
    wait.seqno = 2;
    wait.timeout_ns = 0x7fffffffffffffffll;
    CHECK(ioctl(DRM_IOCTL_NEURON_WAIT, &wait) == 0);
    CHECK(wait.status == 0);
    CHECK(!NOT_MAPPED(memory) && memory[0] == PATTERN && memory[SIZE / 8 - 1] == PATTERN);
    destroy.queue_id = queue.queue_id;
    CHECK(ioctl(DRM_IOCTL_NEURON_QUEUE_DESTROY, &destroy) == 0);
    end_case("a job runs and is waited for");
}

__attribute__((noreturn, used)) static void run(void) {
    say("1..5\n");
    CHECK(open_node() >= 0);
    end_case("the node opens");
    queries();
    bad_arguments();
    mappings();
    job();
    call3(__NR_exit, 0, 0, 0);
    __builtin_unreachable();
}

__asm__(".globl _start\n"
        "_start:\n\t"
        "andl $-16, %esp\n\t"
        "call run\n");
