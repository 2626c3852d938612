// SPDX-License-Identifier: MIT
/**
 * @file
 * Jobs in an event loop, beside everything else that has a file descriptor.
 *
 *     g++ -std=c++20 event_loop.cpp $(pkg-config --cflags --libs libneuron) -o event_loop
 *     ./event_loop            # the chip in this process
 *     ./event_loop accel      # the device of the driver
 *
 * One epoll waits for jobs of two queues, for a timer that ticks, and for bad news of the device. Each job fills a piece of
 * HBM and then writes its number into a word of host memory.
 */
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <neuron/neuron.hpp>

namespace {

template<class T>
T must(neuron::Result<T> result) {
    if (!result)
        throw std::runtime_error(result.error().message);
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

int checked(int result, const char *call) {
    if (result < 0)
        throw std::runtime_error(std::string(call) + ": " + std::strerror(errno));
    return result;
}

/** Files, and what to do when one is readable. */
class Loop {
public:
    void add(neuron::Fd file, std::function<void()> action) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = file.get()}};
        checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, file.get(), &event), "epoll_ctl");
        const int number = file.get();
        entries_.insert_or_assign(number, Entry{std::move(file), std::move(action)});
    }
    /** Closing a file takes it out of the epoll. Not from the file's own action. */
    void step() {
        epoll_event events[8];
        const int count = ::epoll_wait(epoll_.get(), events, std::size(events), -1);
        if (count < 0 && errno == EINTR)
            return;
        checked(count, "epoll_wait");
        for (int i = 0; i < count; ++i)
            entries_.at(events[i].data.fd).action();
    }

private:
    struct Entry {
        neuron::Fd file;
        std::function<void()> action;
    };
    neuron::Fd epoll_{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
    std::map<int, Entry> entries_;
};

neuron::Fd ticking_timer(std::chrono::milliseconds period) {
    neuron::Fd timer(checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create"));
    const timespec time{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(period).count()};
    const itimerspec spec{.it_interval = time, .it_value = time};
    checked(::timerfd_settime(timer.get(), 0, &spec, nullptr), "timerfd_settime");
    return timer;
}

std::uint64_t read_count(int file) {
    std::uint64_t count = 0;
    return ::read(file, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

/** Memory and a queue; its jobs, of which the events tell. */
struct Worker {
    static constexpr std::uint64_t jobs = 4, bytes = 4 << 20;
    neuron::Buffer piece, words;
    neuron::Queue queue;

    explicit Worker(const neuron::Context &context)
        : piece(must(neuron::Buffer::create(context, bytes, {.placement = neuron::Placement::hbm, .label = "piece"}))),
          words(must(neuron::Buffer::create(context, jobs * sizeof(std::uint64_t), {.label = "words"}))),
          queue(must(neuron::Queue::create(context))) {}

    neuron::Event start(std::uint64_t number) {
        neuron::CommandList commands;
        commands.fill(piece.va(), bytes, number);
        commands.fence(words.va() + (number - 1) * sizeof(std::uint64_t), number);
        return must(queue.event(must(queue.submit(commands))));
    }
    bool has_written(std::uint64_t number) const {
        std::uint64_t word = 0;
        std::memcpy(&word, must(words.map()).data() + (number - 1) * sizeof(word), sizeof(word));
        return word == number;
    }
};

void run(const std::string &backend) {
    const auto device = must(neuron::Device::open({.backend = backend}));
    const auto context = must(neuron::Context::create(device));
    Worker workers[] = {Worker(context), Worker(context)};
    Loop loop;
    std::size_t left = 0;
    std::uint64_t ticks = 0;

    auto timer = ticking_timer(std::chrono::milliseconds(5));
    const int timer_number = timer.get();
    loop.add(std::move(timer), [&ticks, timer_number] { ticks += read_count(timer_number); });
    loop.add(must(context.events_fd()), [&context] {
        for (const auto &event : must(context.read_events()))
            std::printf("event-loop: the device tells of queue %u\n", event.queue);
    });
    for (std::uint64_t number = 1; number <= Worker::jobs; ++number) {
        for (Worker &worker : workers) {
            const auto event = worker.start(number);
            auto file = must(event.fd());
            const int file_number = file.get();
            loop.add(std::move(file), [&left, &worker, event, number, file_number] {
                if (read_count(file_number) == 0)
                    return;
                must(event.wait()); // has ended: says how
                if (!worker.has_written(number))
                    throw std::runtime_error("job " + std::to_string(number) + " has not written its word");
                --left;
            });
            ++left;
        }
    }
    while (left != 0 || ticks < 3)
        loop.step();
    std::printf("event-loop: %zu jobs of %zu queues ended well, and the timer ticked\n",
                std::size(workers) * Worker::jobs, std::size(workers));
}

} // namespace

int main(int argc, char **argv) {
    if (argc > 2) {
        std::fprintf(stderr, "usage: event-loop [BACKEND]\n");
        return 2;
    }
    try {
        run(argc > 1 ? argv[1] : "sim");
        return 0;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "event-loop: %s\n", error.what());
        return 1;
    }
}
