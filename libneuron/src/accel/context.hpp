// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include <neuron/fd.hpp>

#include "../backend.hpp"
#include "timeline.hpp"

namespace neuron::accel {

/** Asks the driver for the facts. @p name is the node. */
Result<DeviceInfo> query_device(const Fd &fd, const std::string &name);

/** An open file of the node. */
class Context final : public detail::ContextBackend {
public:
    Context(Fd fd, std::string name, detail::Log log)
        : fd_(std::make_shared<const Fd>(std::move(fd))), name_(std::move(name)), log_(std::move(log)) {}

    Result<DeviceInfo> query() override { return query_device(*fd_, name_); }
    std::optional<detail::ContextName> name() override;
    Result<detail::BoInfo> bo_create(const detail::BoRequest &request) override;
    void bo_destroy(std::uint32_t handle) override;
    /** Closes a handle that bo_create() and bo_import() have not given. */
    void bo_close(std::uint32_t handle);
    Result<Fd> bo_export(std::uint32_t handle) override;
    Result<detail::BoInfo> bo_import(int fd) override;
    Result<std::span<std::byte>> bo_map(std::uint32_t handle, std::uint64_t size) override;
    void bo_unmap(std::span<std::byte> bytes) override;
    Result<std::uint64_t> bind(std::uint32_t handle, std::uint64_t size, bool read_only,
                               const detail::BufferName &name) override;
    void unbind(std::uint64_t va, std::uint64_t size, const detail::CallSite &by) override;
    Result<std::shared_ptr<detail::QueuePort>> queue_create(const QueueOptions &options) override;
    Result<std::shared_ptr<detail::TimelinePort>> timeline_create() override { return Timeline::create(fd_, this); }
    Result<std::shared_ptr<detail::TimelinePort>> timeline_import(int fd) override {
        return Timeline::import(fd_, fd, this);
    }
    Result<Fd> events_fd() override;
    Result<std::vector<DeviceEvent>> read_events() override;

private:
    void forget(std::uint32_t handle); // one use of it; with the lock held

    std::shared_ptr<const Fd> fd_; // shared with the queues: their events outlive the context
    std::string name_;
    detail::Log log_;

    // Importing what the file has already gives the handle that it has, and closing that once closes it for all.
    std::mutex lock_; // protects uses_, and keeps it true: held while handles come and go
    std::map<std::uint32_t, std::size_t> uses_;

    std::mutex events_lock_; // one reader at a time
};

} // namespace neuron::accel
