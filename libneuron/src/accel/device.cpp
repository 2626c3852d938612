// SPDX-License-Identifier: MIT
#include "device.hpp"

#include "context.hpp"
#include "ioctl.hpp"

namespace neuron::accel {
namespace {

using detail::fail;

class Device final : public detail::DeviceBackend {
public:
    Device(Fd fd, DeviceInfo info, detail::Log log)
        : first_(std::move(fd)), info_(std::move(info)), log_(std::move(log)) {}

    Result<std::unique_ptr<detail::ContextBackend>> context_create() override {
        auto fd = take_file();
        if (!fd)
            return detail::forward_error(fd);
        return std::make_unique<Context>(std::move(*fd), info_.name, log_);
    }
    const DeviceInfo &info() const noexcept override { return info_; }

private:
    // The file that open() asked its questions on becomes the first context; contexts are scarce.
    Result<Fd> take_file() {
        const std::lock_guard guard(lock_);
        if (first_)
            return std::move(first_);
        return open_node(info_.name);
    }

    std::mutex lock_; // protects first_
    Fd first_;
    DeviceInfo info_;
    detail::Log log_;
};

Result<void> check_version(const DeviceInfo &info) {
    constexpr auto major = spec::field::GLOBAL_VERSION_MAJOR;
    if (major.get(info.spec_version) == spec::VERSION_MAJOR &&
        major.get(info.driver_spec_version) == spec::VERSION_MAJOR)
        return {};
    return fail(ErrorCode::version_mismatch,
                "{}: the device speaks contract version {}, its driver {}, this library {}", info.name,
                detail::version_text(info.spec_version), detail::version_text(info.driver_spec_version),
                detail::version_text(spec::VERSION));
}

} // namespace

Result<std::shared_ptr<detail::DeviceBackend>> open_device(const DeviceOptions &options, const Roots &roots) {
    auto node = find_node(options.node, roots);
    if (!node)
        return detail::forward_error(node);
    auto info = query_device(node->fd, node->facts.path);
    if (!info)
        return detail::forward_error(info);
    if (auto good = check_version(*info); !good)
        return detail::forward_error(good);
    return std::make_shared<Device>(std::move(node->fd), std::move(*info), detail::Log(options.log));
}

} // namespace neuron::accel
