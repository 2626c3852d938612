// SPDX-License-Identifier: MIT
#include "machine.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace neuron::spec;

namespace kmod {

namespace {

std::optional<std::string> read_whole(const std::filesystem::path &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return std::nullopt;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::vector<std::filesystem::path> coredumps() {
    std::vector<std::filesystem::path> paths;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator("/sys/class/devcoredump", error))
        if (entry.path().filename().string().starts_with("devcd"))
            paths.push_back(entry.path() / "data");
    return paths;
}

template<class Query>
Query query(const File &file, std::uint32_t type) {
    Query result{};
    drm_neuron_dev_query args{.type = type, .size = sizeof(result), .ptr = reinterpret_cast<std::uintptr_t>(&result)};
    assert_int_equal(file.call(DRM_IOCTL_NEURON_DEV_QUERY, &args), 0);
    return result;
}

} // namespace

Monitor::Monitor() : fd_(::open("/dev/neuron-qmp", O_RDWR | O_CLOEXEC)) {
    if (fd_ < 0)
        fail_msg("open /dev/neuron-qmp: %s", std::strerror(errno));
    // Refused when a program before this one has said so already.
    execute("qmp_capabilities");
}

Monitor::~Monitor() { ::close(fd_); }

std::string Monitor::read_line() {
    std::size_t end = 0;
    while ((end = buffer_.find('\n')) == std::string::npos) {
        char chunk[4096];
        const ssize_t got = ::read(fd_, chunk, sizeof(chunk));
        if (got <= 0)
            fail_msg("the monitor went away");
        buffer_.append(chunk, static_cast<std::size_t>(got));
    }
    const std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    return line;
}

std::string Monitor::execute(const std::string &command, const std::string &arguments) {
    const std::string id = "kmod-" + std::to_string(::getpid()) + "-" + std::to_string(number_++);
    const std::string request =
        R"({"execute": ")" + command + R"(", "arguments": )" + arguments + R"(, "id": ")" + id + "\"}\n";
    assert_int_equal(::write(fd_, request.data(), request.size()), static_cast<ssize_t>(request.size()));
    // Events and the greeting come in between.
    std::string line;
    while (line.find("\"" + id + "\"") == std::string::npos)
        line = read_line();
    return line;
}

std::string Monitor::succeed(const std::string &command, const std::string &arguments) {
    const std::string reply = execute(command, arguments);
    if (reply.find("\"error\"") != std::string::npos)
        fail_msg("%s %s: %s", command.c_str(), arguments.c_str(), reply.c_str());
    return reply;
}

std::string Monitor::human(const std::string &line) {
    return succeed("human-monitor-command", R"({"command-line": ")" + line + "\"}");
}

void set_property(const std::string &name, const std::string &value) {
    Monitor().succeed("qom-set", std::string(R"({"path": "/machine/peripheral/)") + QEMU_ID + R"(", "property": ")" +
                                     name + R"(", "value": )" + value + "}");
}

std::string read_file(const std::string &path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return std::to_string(-errno);
    char text[4096];
    const ssize_t got = ::read(fd, text, sizeof(text));
    const int error = errno;
    ::close(fd);
    if (got < 0)
        return std::to_string(-error);
    std::string result(text, static_cast<std::size_t>(got));
    if (result.ends_with('\n'))
        result.pop_back();
    return result;
}

bool wait_until(const std::function<bool()> &holds, std::chrono::milliseconds timeout) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

Attribute::Attribute(const std::string &name, const std::string &value)
    : path_(pci_path() + "/" + name), old_(read_file(path_)) {
    assert_int_equal(write_file(path_, value), 0);
}

Attribute::~Attribute() { write_file(path_, old_); }

drm_neuron_query_context context_of(const File &file) {
    return query<drm_neuron_query_context>(file, DRM_NEURON_QUERY_CONTEXT);
}

drm_neuron_query_ras ras_of(const File &file) { return query<drm_neuron_query_ras>(file, DRM_NEURON_QUERY_RAS); }

void device_works() {
    const File file;
    const auto handle = file.hbm(PAGE_SIZE);
    const auto va = file.bind(handle);
    const Mapping memory(file, handle);
    assert_int_equal(memory.words()[0], 0);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va, PAGE_SIZE, 7), Finisher(file).packet())), 0);
    assert_int_equal(memory.words()[PAGE_SIZE / 8 - 1], 7);
}

void unbind(const std::string &name) {
    assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/unbind", name), 0);
    assert_true(wait_for_node(false));
}

void bind_driver(const std::string &name) {
    assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/bind", name), 0);
    assert_true(wait_for_node(true));
}

std::optional<std::string> coredump() {
    for (const auto &path : coredumps())
        if (const auto text = read_whole(path))
            return text;
    return std::nullopt;
}

std::string await_coredump() {
    std::optional<std::string> text;
    if (!wait_until([&] { return (text = coredump()).has_value(); }))
        fail_msg("no device coredump");
    return *text;
}

void drop_coredumps() {
    assert_true(wait_until([] {
        const auto paths = coredumps();
        for (const auto &path : paths)
            write_file(path, "1");
        return paths.empty();
    }));
}

Uevents::Uevents() : fd_(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT)) {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = 1;
    assert_int_equal(::bind(fd_, reinterpret_cast<const sockaddr *>(&address), sizeof(address)), 0);
}

Uevents::~Uevents() { ::close(fd_); }

std::optional<std::vector<std::string>> Uevents::await(const std::string &pair, std::chrono::milliseconds timeout) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        pollfd poller{.fd = fd_, .events = POLLIN, .revents = 0};
        if (left.count() <= 0 || ::poll(&poller, 1, static_cast<int>(left.count())) <= 0)
            return std::nullopt;
        char text[8192];
        const ssize_t got = ::recv(fd_, text, sizeof(text), 0);
        std::vector<std::string> lines;
        for (ssize_t at = 0; at < got; at += static_cast<ssize_t>(lines.back().size()) + 1)
            lines.emplace_back(text + at);
        if (std::ranges::find(lines, pair) != lines.end())
            return lines;
    }
}

Finisher::Finisher(const File &file) {
    const std::uint32_t handle = file.host(PAGE_SIZE);
    const std::uint64_t va = file.bind(handle);
    const Mapping memory(file, handle);

    constexpr std::size_t CODE = 1024;
    ProgramHeader header{.magic = PROGRAM_MAGIC, .isa_version = VERSION_MAJOR << 16 | VERSION_MINOR};
    header.streams[static_cast<std::size_t>(Engine::SP)] = {.addr = va + CODE, .count = 1};
    std::ranges::copy(packed(header), memory.bytes().begin());
    std::ranges::copy(packed(InsnEnd{}), memory.bytes().begin() + CODE);
    packet_ = packed(PacketLaunch{.core_mask = 1, .program = va});
}

ConfigSpace::ConfigSpace() : fd_(::open((pci_path() + "/config").c_str(), O_RDWR | O_CLOEXEC)) {
    assert_true(fd_ >= 0);
}

ConfigSpace::~ConfigSpace() { ::close(fd_); }

std::uint16_t ConfigSpace::read(unsigned offset) const {
    std::uint16_t value = 0;
    assert_int_equal(::pread(fd_, &value, sizeof(value), offset), sizeof(value));
    return value;
}

void ConfigSpace::write(unsigned offset, std::uint16_t value) const {
    assert_int_equal(::pwrite(fd_, &value, sizeof(value), offset), sizeof(value));
}

unsigned ConfigSpace::capability(std::uint8_t id) const {
    unsigned at = read(PCI_CAPABILITY_LIST) & 0xff;
    for (int limit = 48; at && limit; --limit) {
        const auto header = read(at);
        if ((header & 0xff) == id)
            return at;
        at = header >> 8;
    }
    fail_msg("no capability %#x", id);
    return 0;
}

PendingCommand::PendingCommand(const File &file) : spinner_(file), packet_(spinner_.packet()) {
    args_.queue_id = file.queue().queue_id;
    args_.packets = {.stride = sizeof(Packet), .count = 1, .ptr = reinterpret_cast<std::uintptr_t>(&packet_)};
    assert_int_equal(io_uring_queue_init(4, &ring_, 0), 0);
    io_uring_sqe *sqe = io_uring_get_sqe(&ring_);
    if (!sqe)
        std::abort(); // cannot be: the ring is new
    std::memset(static_cast<void *>(sqe), 0, sizeof(*sqe));
    sqe->opcode = IORING_OP_URING_CMD;
    sqe->fd = file.fd();
    sqe->cmd_op = DRM_NEURON_URING_SUBMIT;
    const drm_neuron_uring_submit payload{.ptr = reinterpret_cast<std::uintptr_t>(&args_), .pad = 0};
    std::memcpy(static_cast<void *>(sqe->cmd), &payload, sizeof(payload));
    assert_int_equal(io_uring_submit(&ring_), 1);
}

PendingCommand::~PendingCommand() { io_uring_queue_exit(&ring_); }

int PendingCommand::result() {
    io_uring_cqe *cqe = nullptr;
    __kernel_timespec limit{.tv_sec = 20, .tv_nsec = 0};
    assert_int_equal(io_uring_wait_cqe_timeout(&ring_, &cqe, &limit), 0);
    const int result = cqe->res;
    io_uring_cqe_seen(&ring_, cqe);
    return result;
}

std::optional<drm_neuron_event> next_event(const File &file, std::chrono::milliseconds timeout) {
    pollfd poller{.fd = file.fd(), .events = POLLIN, .revents = 0};
    if (::poll(&poller, 1, static_cast<int>(timeout.count())) <= 0)
        return std::nullopt;
    // read() gives as many as fit.
    drm_neuron_event event{};
    const ssize_t got = ::read(file.fd(), &event, sizeof(event));
    assert_int_equal(got, sizeof(event));
    return event;
}

int event_mask(const File &file, std::uint32_t mask, std::uint32_t pad) {
    drm_neuron_event_mask args{.mask = mask, .pad = pad};
    return file.call(DRM_IOCTL_NEURON_EVENT_MASK, &args);
}

} // namespace kmod
