// SPDX-License-Identifier: MIT
/**
 * @file
 * Two processes that work on the same HBM.
 *
 *     g++ -std=c++20 share.cpp $(pkg-config --cflags --libs libneuron) -o share
 *     ./share                # through the driver: simulated HBM is in one process, and cannot be shared with another
 *
 * The first process fills a buffer in HBM and hands it, as a dma-buf, to a second one that it has started: over a socket,
 * together with a timeline by which the two take turns on the device. The second one changes one half with a job of its own.
 * Nobody copies a byte of the buffer, but for the check at the end.
 */
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <neuron/neuron.hpp>

namespace {

constexpr std::uint64_t bytes = 8 << 20, half = bytes / 2;
constexpr std::uint64_t first_word = 0x1111111111111111, second_word = 0x2222222222222222;
constexpr std::uint64_t filled = 1, changed = 2; // points of the timeline
constexpr std::chrono::seconds patience(60);

template<class T>
T must(neuron::Result<T> result) {
    if (!result)
        throw std::runtime_error(result.error().message);
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

long checked(long result, const char *call) {
    if (result < 0)
        throw std::runtime_error(std::string(call) + ": " + std::strerror(errno));
    return result;
}

// ---- two files in a message ----

struct Files {
    neuron::Fd buffer, timeline;
};

/** A message of one byte, with room for the numbers of two files beside it. */
struct Message {
    char byte = 0;
    iovec data{&byte, 1};
    alignas(cmsghdr) char room[CMSG_SPACE(2 * sizeof(int))]{};
    msghdr header{.msg_name = nullptr,
                  .msg_namelen = 0,
                  .msg_iov = &data,
                  .msg_iovlen = 1,
                  .msg_control = room,
                  .msg_controllen = sizeof(room),
                  .msg_flags = 0};
};

void send_files(int socket, const Files &files) {
    const int numbers[] = {files.buffer.get(), files.timeline.get()};
    Message message;
    cmsghdr *rights = CMSG_FIRSTHDR(&message.header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(numbers));
    std::memcpy(CMSG_DATA(rights), numbers, sizeof(numbers));
    checked(::sendmsg(socket, &message.header, MSG_NOSIGNAL), "sendmsg");
}

Files receive_files(int socket) {
    int numbers[2];
    Message message;
    checked(::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC), "recvmsg");
    const cmsghdr *rights = CMSG_FIRSTHDR(&message.header);
    if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS || rights->cmsg_len != CMSG_LEN(sizeof(numbers)))
        throw std::runtime_error("a message without the two files");
    std::memcpy(numbers, CMSG_DATA(rights), sizeof(numbers));
    return {neuron::Fd(numbers[0]), neuron::Fd(numbers[1])};
}

// ---- the two processes ----

void second(int socket) {
    const Files files = receive_files(socket);
    const auto device = must(neuron::Device::open({.backend = "accel"}));
    const auto context = must(neuron::Context::create(device));
    auto queue = must(neuron::Queue::create(context));
    const auto buffer = must(neuron::Buffer::import_fd(context, files.buffer.get()));
    const auto timeline = must(neuron::Timeline::import_fd(context, files.timeline.get()));

    neuron::CommandList commands;
    commands.fill(buffer.va() + half, half, second_word);
    must(timeline.wait(filled, patience)); // nobody may have promised it yet
    const auto job = must(queue.submit(commands, {.signal = {timeline.at(changed)}}));
    must(queue.wait(job, patience));
}

/** Starts this program once more, with the other end of the socket. */
pid_t start_second(const neuron::Fd &socket) {
    const auto child = static_cast<pid_t>(checked(::fork(), "fork"));
    if (child != 0)
        return child;
    const int kept = ::dup(socket.get()); // without the flag that closes it on exec
    ::execl("/proc/self/exe", "share", "--second", std::to_string(kept).c_str(), nullptr);
    std::fprintf(stderr, "share: starting the second process: %s\n", std::strerror(errno));
    ::_exit(1);
}

void check(neuron::Queue &queue, const neuron::Buffer &buffer) {
    std::vector<std::uint64_t> words(bytes / sizeof(std::uint64_t));
    must(queue.read(buffer, 0, std::as_writable_bytes(std::span(words))));
    for (std::size_t i = 0; i < words.size(); ++i)
        if (words[i] != (i < words.size() / 2 ? first_word : second_word))
            throw std::runtime_error("word " + std::to_string(i) + " is wrong");
}

void first() {
    int ends[2];
    checked(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
    const neuron::Fd mine(ends[0]);
    neuron::Fd theirs(ends[1]);
    const auto device = must(neuron::Device::open({.backend = "accel"}));
    const auto context = must(neuron::Context::create(device));
    auto queue = must(neuron::Queue::create(context));
    const auto buffer =
        must(neuron::Buffer::create(context, bytes, {.placement = neuron::Placement::hbm, .shareable = true}));
    const auto timeline = must(neuron::Timeline::create(context));

    const pid_t child = start_second(theirs);
    theirs = neuron::Fd();
    send_files(mine.get(), {must(buffer.export_fd()), must(timeline.export_fd())});
    neuron::CommandList commands;
    commands.fill(buffer.va(), bytes, first_word);
    must(queue.submit(commands, {.signal = {timeline.at(filled)}}));

    int status = 0;
    checked(::waitpid(child, &status, 0), "waitpid");
    if (status != 0)
        throw std::runtime_error("the second process failed");
    must(timeline.wait(changed, patience));
    check(queue, buffer);
    std::printf("share: two processes filled a half each of %llu MiB of HBM\n",
                static_cast<unsigned long long>(bytes >> 20));
}

} // namespace

int main(int argc, char **argv) {
    const bool is_second = argc == 3 && std::strcmp(argv[1], "--second") == 0;
    const std::string backend = argc > 1 ? argv[1] : "accel";
    if (argc > 2 && !is_second) {
        std::fprintf(stderr, "usage: share [BACKEND]\n");
        return 2;
    }
    try {
        if (is_second) {
            second(std::atoi(argv[2]));
            return 0;
        }
        if (backend != "accel")
            throw std::runtime_error("backend '" + backend +
                                     "': only HBM of the backend accel can be shared between processes");
        first();
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "share: %s\n", error.what());
        return 1;
    }
}
