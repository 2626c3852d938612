// SPDX-License-Identifier: MIT
// Timelines in the process.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "../backend.hpp"
#include "names.hpp"

namespace neuron::sim {

class Device;

/** The timeline itself, of which each context that has it has a Timeline. Threading: any thread. */
class TimelineState : public std::enable_shared_from_this<TimelineState> {
public:
    virtual ~TimelineState();

    /** The file names one of this process, or it is an error. */
    static Result<std::shared_ptr<TimelineState>> find(int fd);
    Result<Fd> export_fd();

    virtual std::uint64_t value() = 0;
    /** Whether the point has signalled by the deadline; if @p promised, it is an error if nobody is to signal it. */
    virtual Result<bool> wait(std::uint64_t point, detail::Deadline deadline, bool promised) = 0;
    /** The point signals once the job, if there is one, has ended, and all points before it have signalled. */
    virtual void add(std::uint64_t point, std::shared_ptr<detail::QueuePort> port, std::uint64_t job) = 0;
    virtual bool of_queue() const noexcept { return false; }

private:
    Fd name_; // under the lock of the names
};

/** One whose points are given one by one. */
class FreeTimeline final : public TimelineState {
public:
    std::uint64_t value() override;
    Result<bool> wait(std::uint64_t point, detail::Deadline deadline, bool promised) override;
    void add(std::uint64_t point, std::shared_ptr<detail::QueuePort> port, std::uint64_t job) override;

private:
    /** What a point waits for; no port: nothing. */
    struct Promise {
        std::shared_ptr<detail::QueuePort> port;
        std::uint64_t job = 0;
    };
    void advance();

    std::mutex lock_; // protects all below; queues' and the device's locks come after it
    std::condition_variable changed_;
    std::map<std::uint64_t, Promise> promises_; // by point
    std::uint64_t value_ = 0;
};

/** The jobs of a queue by number. */
class QueueTimeline final : public TimelineState {
public:
    explicit QueueTimeline(std::shared_ptr<detail::QueuePort> port) : port_(std::move(port)) {}
    std::uint64_t value() override;
    Result<bool> wait(std::uint64_t point, detail::Deadline deadline, bool promised) override;
    void add(std::uint64_t, std::shared_ptr<detail::QueuePort>, std::uint64_t) override {} // never asked to
    bool of_queue() const noexcept override { return true; }

private:
    std::shared_ptr<detail::QueuePort> port_;
};

class Timeline final : public detail::TimelinePort {
public:
    Timeline(std::shared_ptr<TimelineState> state, std::shared_ptr<Device> device, const void *owner)
        : state_(std::move(state)), device_(std::move(device)), owner_(owner) {}

    TimelineState &state() const noexcept { return *state_; }
    const void *owner() const noexcept override { return owner_; }
    Result<std::uint64_t> value() override { return state_->value(); }
    Result<void> signal(std::uint64_t point) override;
    Result<bool> wait(std::uint64_t point, detail::Deadline deadline) override {
        return state_->wait(point, deadline, false);
    }
    Result<bool> wait_promised(std::uint64_t point, detail::Deadline deadline) override {
        return state_->wait(point, deadline, true);
    }
    bool of_queue() const noexcept override { return state_->of_queue(); }
    Result<void> notify(std::uint64_t point, int eventfd) override;
    Result<Fd> export_fd() override { return state_->export_fd(); }

private:
    std::shared_ptr<TimelineState> state_;
    std::shared_ptr<Device> device_;
    const void *owner_;
};

} // namespace neuron::sim
