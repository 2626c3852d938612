// SPDX-License-Identifier: MIT
// A thread that waits on behalf of who polls a file: for a real chip, the driver's interrupt handler does.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include <neuron/fd.hpp>

#include "../backend.hpp"

namespace neuron::sim {

class Device;

/** Threading: any thread. The thread starts with the first request. */
class Notifier {
public:
    explicit Notifier(Device &device) : device_(device), state_(std::make_shared<State>()) {}
    ~Notifier();
    Notifier(const Notifier &) = delete;
    Notifier &operator=(const Notifier &) = delete;

    /** Adds 1 to the eventfd, of which it keeps a copy, once @p done says so. It is asked in the thread, and at first here. */
    Result<void> add(std::function<bool()> done, int eventfd);
    /** From now on the device's events are taken to their contexts as they come. */
    void watch();

private:
    struct Entry {
        std::function<bool()> done;
        Fd eventfd;
    };
    // The last entry may hold the device and with it this object, so the thread keeps what it needs to end.
    struct State {
        std::mutex lock; // protects all below
        std::condition_variable changed;
        std::list<Entry> entries;
        bool watching = false;
        bool stopped = false;
        bool busy() const { return watching || !entries.empty(); }
    };

    static void run(Device &device, const std::shared_ptr<State> &state);
    static bool have_work(State &state);
    static bool is_busy(State &state);
    static void notify_those_done(State &state);
    void start();

    Device &device_;
    std::shared_ptr<State> state_;
    std::thread thread_; // made with state_->lock held
};

} // namespace neuron::sim
