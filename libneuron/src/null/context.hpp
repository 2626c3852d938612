// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <mutex>

#include "../backend.hpp"

namespace neuron::null {

/** Handles and addresses, and memory for what is mapped. */
class Context final : public detail::ContextBackend {
public:
    explicit Context(DeviceInfo info) : info_(std::move(info)), next_va_(info_.va_start) {}

    Result<DeviceInfo> query() override { return info_; }
    Result<detail::BoInfo> bo_create(const detail::BoRequest &request) override;
    void bo_destroy(std::uint32_t) override {}
    Result<Fd> bo_export(std::uint32_t handle) override;
    Result<detail::BoInfo> bo_import(int fd) override;
    Result<std::span<std::byte>> bo_map(std::uint32_t handle, std::uint64_t size) override;
    void bo_unmap(std::span<std::byte> bytes) override;
    Result<std::uint64_t> bind(std::uint32_t handle, std::uint64_t size, bool read_only,
                               const detail::BufferName &name) override;
    void unbind(std::uint64_t, std::uint64_t, const detail::CallSite &) override {}
    Result<std::shared_ptr<detail::QueuePort>> queue_create(const QueueOptions &options) override;
    Result<std::shared_ptr<detail::TimelinePort>> timeline_create() override;
    Result<std::shared_ptr<detail::TimelinePort>> timeline_import(int fd) override;
    Result<Fd> events_fd() override;
    Result<std::vector<DeviceEvent>> read_events() override { return std::vector<DeviceEvent>(); }

private:
    const DeviceInfo info_;

    std::mutex lock_; // protects all below
    std::uint32_t next_handle_ = 1;
    std::uint32_t next_queue_ = 0;
    std::uint64_t next_va_; // addresses are not used again
};

} // namespace neuron::null
