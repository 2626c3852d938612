// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "device.hpp"
#include "hbm_block.hpp"
#include "page_table.hpp"

namespace neuron::sim {

/** What the driver keeps for an open file. */
class Context final : public detail::ContextBackend {
public:
    // The first large page stays unmapped: it catches null addresses and small offsets from them.
    static constexpr std::uint64_t va_start = std::uint64_t{1} << spec::MMU_LARGE_PAGE_SHIFT;
    static constexpr std::uint64_t va_end = std::uint64_t{1} << spec::MMU_VA_BITS;

    static Result<std::unique_ptr<detail::ContextBackend>> create(std::shared_ptr<Device> device);
    ~Context() override;

    Result<DeviceInfo> query() override { return device_->current_info(); }
    Result<detail::BoInfo> bo_create(const detail::BoRequest &request) override;
    void bo_destroy(std::uint32_t handle) override;
    Result<Fd> bo_export(std::uint32_t handle) override;
    Result<detail::BoInfo> bo_import(int fd) override;
    Result<std::span<std::byte>> bo_map(std::uint32_t handle, std::uint64_t size) override;
    void bo_unmap(std::span<std::byte>) override {} // the memory is this process's anyway
    Result<std::uint64_t> bind(std::uint32_t handle, std::uint64_t size, bool read_only,
                               const detail::BufferName &name) override;
    void unbind(std::uint64_t va, std::uint64_t size, const detail::CallSite &by) override;
    Result<std::shared_ptr<detail::QueuePort>> queue_create(const QueueOptions &options) override;
    Result<std::shared_ptr<detail::TimelinePort>> timeline_create() override;
    Result<std::shared_ptr<detail::TimelinePort>> timeline_import(int fd) override;
    Result<Fd> events_fd() override;
    Result<std::vector<DeviceEvent>> read_events() override;

private:
    /** A buffer: one of the two. */
    struct Bo {
        HostMemory::Block host{};
        std::shared_ptr<HbmBlock> hbm{};
        std::uint64_t bytes = 0; ///< that were asked for
        std::uint64_t serial = 0;
    };

    Context(std::shared_ptr<Device> device, std::uint32_t id, PageTable table)
        : device_(std::move(device)), id_(id), table_(std::move(table)), addresses_(va_start, va_end) {}
    detail::BoInfo add(Bo bo, std::uint64_t size);
    Result<std::optional<detail::BoInfo>> import_hbm(int fd);
    Result<Bo *> find(std::uint32_t handle);
    /** Tells the chip's sanitizer. */
    void tell_open();
    void tell_place(std::uint64_t va, std::string_view place);
    void tell_bind(const Bo &bo, std::uint64_t va, std::uint64_t size, bool read_only, const detail::BufferName &name);
    void tell_unbind(std::uint64_t va, std::uint64_t size, std::string_view place);

    std::shared_ptr<Device> device_;
    std::uint32_t id_;

    std::mutex lock_; // protects all below
    PageTable table_;
    RangeAllocator addresses_;
    std::map<std::uint32_t, Bo> bos_;
    std::map<std::uint64_t, std::uint64_t> serials_; ///< of what is bound, by address
    std::uint32_t next_handle_ = 1;
};

} // namespace neuron::sim
