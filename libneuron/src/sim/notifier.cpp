// SPDX-License-Identifier: MIT
#include "notifier.hpp"

#include <cerrno>

#include <fcntl.h>

#include "../eventfd.hpp"
#include "device.hpp"

namespace neuron::sim {
namespace {

// Between two looks when the chip says nothing: some news are not the chip's, and polled queues raise no interrupt.
constexpr std::chrono::milliseconds look_interval(1);

} // namespace

Notifier::~Notifier() {
    {
        const std::lock_guard guard(state_->lock);
        state_->stopped = true;
    }
    state_->changed.notify_all();
    if (thread_.get_id() == std::this_thread::get_id())
        thread_.detach(); // its last entry held the device: it is on its way out
    else if (thread_.joinable())
        thread_.join();
}

Result<void> Notifier::add(std::function<bool()> done, int eventfd) {
    if (done())
        return detail::add_to_eventfd(eventfd);
    Fd copy(::fcntl(eventfd, F_DUPFD_CLOEXEC, 0));
    if (!copy)
        return detail::fail_errno(errno, "an eventfd");
    {
        const std::lock_guard guard(state_->lock);
        state_->entries.push_back({std::move(done), std::move(copy)});
        start();
    }
    state_->changed.notify_all();
    return {};
}

void Notifier::watch() {
    {
        const std::lock_guard guard(state_->lock);
        state_->watching = true;
        start();
    }
    state_->changed.notify_all();
}

void Notifier::start() {
    if (!thread_.joinable())
        thread_ = std::thread([&device = device_, state = state_] { run(device, state); });
}

/** Waits for something to do. @return false when the device goes */
bool Notifier::have_work(State &state) {
    std::unique_lock guard(state.lock);
    state.changed.wait(guard, [&] { return state.stopped || state.busy(); });
    return !state.stopped;
}

bool Notifier::is_busy(State &state) {
    const std::lock_guard guard(state.lock);
    return !state.stopped && state.busy();
}

void Notifier::run(Device &device, const std::shared_ptr<State> &state) {
    while (have_work(*state)) {
        const std::uint64_t seen = device.chip().news();
        device.service_events();
        notify_those_done(*state); // may take the last holder of the device along: then it is stopped
        if (is_busy(*state))
            device.chip().wait_news(seen, detail::deadline_after(look_interval));
    }
}

// An entry's question may wait for locks of queues, and dropping it may end them: neither with the lock held.
void Notifier::notify_those_done(State &state) {
    std::list<Entry> taken;
    {
        const std::lock_guard guard(state.lock);
        taken.swap(state.entries);
    }
    std::list<Entry> left;
    while (!taken.empty()) {
        if (taken.front().done()) {
            (void)detail::add_to_eventfd(taken.front().eventfd.get());
            taken.pop_front();
        } else {
            left.splice(left.end(), taken, taken.begin());
        }
    }
    const std::lock_guard guard(state.lock);
    state.entries.splice(state.entries.begin(), left);
}

} // namespace neuron::sim
