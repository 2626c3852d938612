// SPDX-License-Identifier: MIT
#include <neuron/timeline.hpp>

#include "error.hpp"
#include "eventfd.hpp"
#include "state.hpp"

namespace neuron {

Result<Timeline> Timeline::create(const Context &context) {
    auto port = context.state()->backend->timeline_create();
    return port ? Result<Timeline>(Timeline(std::move(*port))) : detail::forward_error(port);
}

Result<Timeline> Timeline::import_fd(const Context &context, int fd) {
    auto port = context.state()->backend->timeline_import(fd);
    return port ? Result<Timeline>(Timeline(std::move(*port))) : detail::forward_error(port);
}

Result<Fd> Timeline::export_fd() const { return port_->export_fd(); }
Result<std::uint64_t> Timeline::value() const { return port_->value(); }

Result<void> Timeline::signal(std::uint64_t value) const {
    if (value == 0)
        return detail::fail(ErrorCode::invalid_argument, "signalling point 0 of a timeline: they start at 1");
    if (port_->of_queue())
        return detail::fail(ErrorCode::invalid_argument, "signalling point {} of a queue's own timeline: its jobs do",
                            value);
    return port_->signal(value);
}

Result<void> Timeline::wait(std::uint64_t value, std::chrono::nanoseconds timeout) const {
    if (value == 0)
        return {}; // before all others
    const auto done = port_->wait(value, detail::deadline_after(timeout));
    if (!done)
        return tl::unexpected(done.error());
    if (!*done)
        return detail::fail(ErrorCode::timeout, "point {} of a timeline: not signalled in time", value);
    return {};
}

Result<Fd> Timeline::fd(std::uint64_t value) const {
    return detail::make_eventfd([&](int file) -> Result<void> {
        return value == 0 ? detail::add_to_eventfd(file) : port_->notify(value, file);
    });
}

} // namespace neuron
