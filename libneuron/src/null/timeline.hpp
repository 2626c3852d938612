// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>

#include "../backend.hpp"

namespace neuron::null {

/** A number that grows, and who waits for it. Threading: any thread. */
class Timeline final : public detail::TimelinePort {
public:
    Timeline(const void *owner, bool of_queue, std::uint64_t value)
        : owner_(owner), of_queue_(of_queue), value_(value) {}

    const void *owner() const noexcept override { return owner_; }
    bool of_queue() const noexcept override { return of_queue_; }
    Result<std::uint64_t> value() override;
    Result<void> signal(std::uint64_t point) override;
    Result<bool> wait(std::uint64_t point, detail::Deadline deadline) override;
    Result<bool> wait_promised(std::uint64_t point, detail::Deadline deadline) override;
    Result<void> notify(std::uint64_t point, int eventfd) override;
    Result<Fd> export_fd() override;

    /** The point has signalled, whoever says so. */
    void reach(std::uint64_t point);

private:
    const void *owner_;
    const bool of_queue_;

    std::mutex lock_; // protects all below
    std::condition_variable changed_;
    std::uint64_t value_;
    std::multimap<std::uint64_t, Fd> waiting_; // eventfds by point
};

} // namespace neuron::null
