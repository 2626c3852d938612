// SPDX-License-Identifier: MIT
// Timelines of the driver: syncobjs of DRM.
#pragma once

#include <memory>

#include <neuron/fd.hpp>

#include "../backend.hpp"

namespace neuron::accel {

/** A handle of a timeline syncobj in the file of a context. */
class Timeline final : public detail::TimelinePort {
public:
    static Result<std::shared_ptr<detail::TimelinePort>> create(std::shared_ptr<const Fd> fd, const void *owner);
    static Result<std::shared_ptr<detail::TimelinePort>> import(std::shared_ptr<const Fd> fd, int file,
                                                                const void *owner);
    /** One more handle of the syncobj of a queue. */
    static Result<std::shared_ptr<detail::TimelinePort>> of_queue(std::shared_ptr<const Fd> fd, std::uint32_t handle,
                                                                  const void *owner);
    ~Timeline() override;

    std::uint32_t handle() const noexcept { return handle_; }
    const void *owner() const noexcept override { return owner_; }
    bool of_queue() const noexcept override { return of_queue_; }
    Result<std::uint64_t> value() override;
    Result<void> signal(std::uint64_t point) override;
    Result<bool> wait(std::uint64_t point, detail::Deadline deadline) override;
    Result<bool> wait_promised(std::uint64_t point, detail::Deadline deadline) override;
    Result<void> notify(std::uint64_t point, int eventfd) override;
    Result<Fd> export_fd() override;

private:
    Timeline(std::shared_ptr<const Fd> fd, std::uint32_t handle, const void *owner, bool of_queue)
        : fd_(std::move(fd)), handle_(handle), owner_(owner), of_queue_(of_queue) {}
    static Result<std::shared_ptr<detail::TimelinePort>> open(std::shared_ptr<const Fd> fd, int file, const void *owner,
                                                              bool of_queue);

    std::shared_ptr<const Fd> fd_;
    std::uint32_t handle_;
    const void *owner_;
    bool of_queue_;
};

/** Adds 1 to an eventfd once a point of a syncobj has signalled. @return a positive errno or 0 */
int notify_by_syncobj(const Fd &fd, std::uint32_t handle, std::uint64_t point, int eventfd);

} // namespace neuron::accel
