// SPDX-License-Identifier: MIT
// Backend "null": takes every job and does nothing, so that what remains is the library's own cost.
#pragma once

#include "../backend.hpp"

namespace neuron::null {

/** Threading: any thread; what it says never changes. */
class Device final : public detail::DeviceBackend {
public:
    static Result<std::shared_ptr<detail::DeviceBackend>> open(const DeviceOptions &options);

    explicit Device(DeviceInfo info) : info_(std::move(info)) {}
    Result<std::unique_ptr<detail::ContextBackend>> context_create() override;
    const DeviceInfo &info() const noexcept override { return info_; }

private:
    const DeviceInfo info_;
};

} // namespace neuron::null
