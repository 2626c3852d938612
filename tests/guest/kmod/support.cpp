// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

using namespace neuron::spec;

namespace kmod {

namespace {

constexpr const char *CLASS = "/sys/class/accel";

std::uint64_t address(const void *pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

// While files of a removed device are open its minor is taken, so a device that comes back has another number.
std::string entry_of_class() {
    for (const auto &entry : std::filesystem::directory_iterator(CLASS))
        return entry.path().filename().string();
    return {};
}

} // namespace

std::string node() { return "/dev/accel/" + entry_of_class(); }

File::File() : fd_(::open(node().c_str(), O_RDWR | O_CLOEXEC)) {
    if (fd_ < 0)
        fail_msg("open %s: %s", node().c_str(), std::strerror(errno));
}

void File::close() {
    if (fd_ >= 0)
        ::close(std::exchange(fd_, -1));
}

int File::call(unsigned long request, void *arg) const { return ::ioctl(fd_, request, arg) ? -errno : 0; }

drm_neuron_query_device File::query() const {
    drm_neuron_query_device device{};
    drm_neuron_dev_query args{.type = DRM_NEURON_QUERY_DEVICE, .size = sizeof(device), .ptr = address(&device)};
    assert_int_equal(call(DRM_IOCTL_NEURON_DEV_QUERY, &args), 0);
    return device;
}

std::uint32_t File::host(std::uint64_t size) const {
    drm_neuron_bo_create args{.size = size, .placement = DRM_NEURON_PLACE_HOST, .flags = 0, .bank = 0, .handle = 0};
    assert_int_equal(call(DRM_IOCTL_NEURON_BO_CREATE, &args), 0);
    return args.handle;
}

std::uint32_t File::hbm(std::uint64_t size, std::uint32_t flags) const {
    drm_neuron_bo_create args{
        .size = size, .placement = DRM_NEURON_PLACE_HBM, .flags = flags, .bank = DRM_NEURON_BO_ANY_BANK, .handle = 0};
    assert_int_equal(call(DRM_IOCTL_NEURON_BO_CREATE, &args), 0);
    return args.handle;
}

drm_neuron_bo_query File::bo(std::uint32_t handle) const {
    drm_neuron_bo_query args{};
    args.handle = handle;
    assert_int_equal(call(DRM_IOCTL_NEURON_BO_QUERY, &args), 0);
    return args;
}

int File::close_bo(std::uint32_t handle) const {
    drm_gem_close args{.handle = handle, .pad = 0};
    return call(DRM_IOCTL_GEM_CLOSE, &args);
}

std::uint64_t File::bind(std::uint32_t handle, std::uint32_t flags) const {
    drm_neuron_vm_bind args{};
    args.op = DRM_NEURON_BIND_MAP;
    args.flags = flags;
    args.handle = handle;
    args.range = bo(handle).size;
    assert_int_equal(call(DRM_IOCTL_NEURON_VM_BIND, &args), 0);
    return args.va;
}

int File::unbind(std::uint64_t va, std::uint64_t size) const {
    drm_neuron_vm_bind args{};
    args.op = DRM_NEURON_BIND_UNMAP;
    args.range = size;
    args.va = va;
    return call(DRM_IOCTL_NEURON_VM_BIND, &args);
}

drm_neuron_queue_create File::queue(std::uint32_t ring_log2, std::uint32_t timeout_ms, std::uint32_t flags) const {
    drm_neuron_queue_create args{};
    args.flags = flags;
    args.ring_log2 = ring_log2;
    args.timeout_ms = timeout_ms;
    assert_int_equal(call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), 0);
    return args;
}

int File::destroy(std::uint32_t queue_id) const {
    drm_neuron_queue_destroy args{.queue_id = queue_id, .pad = 0};
    return call(DRM_IOCTL_NEURON_QUEUE_DESTROY, &args);
}

drm_neuron_queue_query File::state(std::uint32_t queue_id) const {
    drm_neuron_queue_query args{};
    args.queue_id = queue_id;
    assert_int_equal(call(DRM_IOCTL_NEURON_QUEUE_QUERY, &args), 0);
    return args;
}

int File::submit(std::uint32_t queue_id, std::span<const Packet> packets, std::uint64_t *seqno,
                 std::span<const drm_neuron_sync> syncs) const {
    drm_neuron_submit args{};
    args.queue_id = queue_id;
    args.packets = {
        .stride = sizeof(Packet), .count = static_cast<std::uint32_t>(packets.size()), .ptr = address(packets.data())};
    args.syncs = {.stride = sizeof(drm_neuron_sync),
                  .count = static_cast<std::uint32_t>(syncs.size()),
                  .ptr = address(syncs.data())};
    const int ret = call(DRM_IOCTL_NEURON_SUBMIT, &args);
    if (seqno)
        *seqno = args.seqno;
    return ret;
}

int File::wait(std::uint32_t queue_id, std::uint64_t seqno, int *status, std::chrono::milliseconds timeout) const {
    drm_neuron_wait args{};
    args.queue_id = queue_id;
    args.seqno = seqno;
    args.timeout_ns = deadline(timeout);
    const int ret = call(DRM_IOCTL_NEURON_WAIT, &args);
    if (status)
        *status = args.status;
    return ret;
}

int File::run(std::uint32_t queue_id, std::span<const Packet> packets) const {
    std::uint64_t seqno = 0;
    int status = 0;
    assert_int_equal(submit(queue_id, packets, &seqno), 0);
    assert_int_equal(wait(queue_id, seqno, &status, LONG), 0);
    return status;
}

int File::dma(std::uint32_t queue_id, std::uint32_t flags, const void *memory, std::size_t bytes, std::uint64_t va,
              std::uint64_t *seqno, std::span<const drm_neuron_sync> syncs) const {
    drm_neuron_dma args{};
    args.queue_id = queue_id;
    args.flags = flags;
    args.ptr = address(memory);
    args.bytes = bytes;
    args.va = va;
    args.syncs = {.stride = sizeof(drm_neuron_sync),
                  .count = static_cast<std::uint32_t>(syncs.size()),
                  .ptr = address(syncs.data())};
    const int ret = call(DRM_IOCTL_NEURON_DMA, &args);
    if (seqno)
        *seqno = args.seqno;
    return ret;
}

int File::run_dma(std::uint32_t queue_id, std::uint32_t flags, const void *memory, std::size_t bytes,
                  std::uint64_t va) const {
    std::uint64_t seqno = 0;
    int status = 0;
    assert_int_equal(dma(queue_id, flags, memory, bytes, va, &seqno), 0);
    assert_int_equal(wait(queue_id, seqno, &status, LONG), 0);
    return status;
}

Mapping::Mapping(const File &file, std::uint32_t handle) {
    const drm_neuron_bo_query bo = file.bo(handle);
    void *pointer =
        ::mmap(nullptr, bo.size, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd(), static_cast<off_t>(bo.mmap_offset));
    if (pointer == MAP_FAILED)
        fail_msg("mmap: %s", std::strerror(errno));
    bytes_ = {static_cast<std::byte *>(pointer), bo.size};
}

Mapping::~Mapping() { ::munmap(bytes_.data(), bytes_.size()); }

Spinner::Spinner(const File &file) {
    const std::uint32_t handle = file.host(PAGE_SIZE);
    const std::uint64_t va = file.bind(handle);
    const Mapping memory(file, handle);

    constexpr std::size_t CODE = 1024;
    const auto loop = packed(InsnBranch{.cond = Cond::ALWAYS, .target = 0});
    ProgramHeader header{.magic = PROGRAM_MAGIC, .isa_version = VERSION_MAJOR << 16 | VERSION_MINOR};
    header.streams[static_cast<std::size_t>(Engine::SP)] = {.addr = va + CODE, .count = 1};
    std::ranges::copy(packed(header), memory.bytes().begin());
    std::ranges::copy(loop, memory.bytes().begin() + CODE);
    packet_ = packed(PacketLaunch{.core_mask = 1, .program = va});
}

// The program looks at a word of its own page until that is not zero.
constexpr std::size_t GATE_CODE = 1024, GATE_BOLT = 2048;

Gate::Gate(const File &file, unsigned core) : Gate(file, core, file.host(PAGE_SIZE)) {}

Gate::Gate(const File &file, unsigned core, std::uint32_t handle) : memory_(file, handle) {
    const std::uint64_t va = file.bind(handle);
    Mem bolt{.offset = static_cast<std::int64_t>(va + GATE_BOLT), .dtype = static_cast<std::uint8_t>(Dtype::U32)};
    bolt.num = {1, 1, 1};
    const auto look = packed(InsnMemLoad{.rd = 1, .src = bolt});
    const auto again = packed(InsnBranch{.cond = Cond::EQ, .ra = 1, .target = 0});
    const auto end = packed(InsnEnd{});
    ProgramHeader header{.magic = PROGRAM_MAGIC, .isa_version = VERSION_MAJOR << 16 | VERSION_MINOR};
    header.streams[static_cast<std::size_t>(Engine::SP)] = {.addr = va + GATE_CODE, .count = 3};
    std::ranges::copy(packed(header), memory_.bytes().begin());
    auto at = memory_.bytes().begin() + GATE_CODE;
    for (const auto &instruction : {look, again, end})
        at = std::ranges::copy(instruction, at).out;
    packet_ = packed(PacketLaunch{.core_mask = 1u << core, .program = va});
}

std::uint32_t *Gate::bolt() const { return reinterpret_cast<std::uint32_t *>(memory_.bytes().data() + GATE_BOLT); }

void Gate::open() { __atomic_store_n(bolt(), 1, __ATOMIC_RELEASE); }
void Gate::close() { __atomic_store_n(bolt(), 0, __ATOMIC_RELEASE); }

Packet copy(std::uint64_t src, std::uint64_t dst, std::uint64_t bytes) {
    return packed(PacketCopy{.src = src, .dst = dst, .bytes = bytes});
}

Packet fill(std::uint64_t dst, std::uint64_t bytes, std::uint64_t pattern) {
    return packed(PacketFill{.dst = dst, .bytes = bytes, .pattern = pattern});
}

Packet nop() { return packed(PacketNop{}); }

std::vector<Packet> nops(std::size_t count) { return std::vector<Packet>(count, nop()); }

std::int64_t deadline(std::chrono::milliseconds from_now) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * std::int64_t{1000000000} + now.tv_nsec + std::chrono::nanoseconds(from_now).count();
}

std::uint64_t pinned_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmPin:"))
            return std::stoull(line.substr(6));
    fail_msg("no VmPin in /proc/self/status");
    return 0;
}

bool wait_until_unpinned() {
    const auto end = std::chrono::steady_clock::now() + LONG;
    while (pinned_kib()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

std::uint64_t queue_interrupts() {
    std::ifstream file("/proc/interrupts");
    std::uint64_t sum = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.find("neuron-queues") == std::string::npos)
            continue;
        std::istringstream words(line.substr(line.find(':') + 1));
        for (std::uint64_t count = 0; words >> count;)
            sum += count;
    }
    return sum;
}

std::string pci_path() { return std::filesystem::canonical(CLASS + ("/" + entry_of_class()) + "/device").string(); }

bool has_iommu() { return std::filesystem::exists(pci_path() + "/iommu_group"); }

std::string pci_name() { return std::filesystem::path(pci_path()).filename().string(); }

int write_file(const std::string &path, const std::string &text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    const int ret = ::write(fd, text.data(), text.size()) < 0 ? -errno : 0;
    ::close(fd);
    return ret;
}

bool wait_for_node(bool present, std::chrono::milliseconds timeout) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    const auto as_wanted = [present] {
        const std::string entry = entry_of_class();
        const std::string path = "/dev/accel/" + entry;
        const bool there = !entry.empty() && ::access(path.c_str(), F_OK) == 0;
        if (!there || !present)
            return there == present;
        // The kernel shows a node a moment before open() finds the device behind it, and says ENODEV meanwhile.
        const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return errno != ENOENT && errno != ENODEV && errno != ENXIO;
        ::close(fd);
        return true;
    };
    while (!as_wanted()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
}

} // namespace kmod
