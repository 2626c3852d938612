// SPDX-License-Identifier: MIT
// What the driver tells a file besides the ends of jobs.
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "context.hpp"
#include "ioctl.hpp"

namespace neuron::accel {
namespace {

DeviceEvent event_of(const drm_neuron_event &from) {
    DeviceEvent event;
    switch (from.type & ~DRM_NEURON_EVENT_TYPE) {
    case DRM_NEURON_EVENT_RESET: event.kind = DeviceEvent::Kind::reset; break;
    case DRM_NEURON_EVENT_RAS: event.kind = DeviceEvent::Kind::ras; break;
    default: event.kind = DeviceEvent::Kind::fault; break;
    }
    event.queue = from.queue_id;
    event.job = from.seqno;
    event.code = static_cast<spec::Fault>(from.code);
    if (event.kind == DeviceEvent::Kind::fault ? from.va != 0 : from.va != UINT64_MAX)
        event.address = from.va;
    if (event.kind == DeviceEvent::Kind::reset)
        event.address.reset();
    event.info = from.info;
    event.time = std::chrono::nanoseconds(from.time_ns);
    event.dropped = from.dropped;
    return event;
}

bool readable(const Fd &fd) {
    pollfd wanted{fd.get(), POLLIN, 0};
    return ::poll(&wanted, 1, 0) == 1 && (wanted.revents & POLLIN) != 0;
}

} // namespace

Result<Fd> Context::events_fd() {
    drm_neuron_event_mask mask{};
    mask.mask = DRM_NEURON_EVENT_FAULT | DRM_NEURON_EVENT_RESET | DRM_NEURON_EVENT_RAS;
    if (const int error = call(*fd_, DRM_IOCTL_NEURON_EVENT_MASK, mask))
        return ioctl_error(error, fmt::format("{}: asking for events", name_));
    Fd file(::fcntl(fd_->get(), F_DUPFD_CLOEXEC, 0));
    if (!file)
        return detail::fail_errno(errno, fmt::format("{}: a file for events", name_));
    return file;
}

// read() would wait for the first event, and gives whole ones. What it does not know it skips by its length.
Result<std::vector<DeviceEvent>> Context::read_events() {
    std::vector<DeviceEvent> events;
    const std::lock_guard guard(events_lock_);
    while (readable(*fd_)) {
        std::array<std::byte, 4096> bytes{};
        const ssize_t got = ::read(fd_->get(), bytes.data(), bytes.size());
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return detail::fail_errno(errno, fmt::format("{}: reading events", name_));
        drm_neuron_event event{};
        for (std::size_t at = 0; at + sizeof(drm_event) <= static_cast<std::size_t>(got); at += event.length) {
            std::memcpy(&event, bytes.data() + at, std::min(sizeof(event), bytes.size() - at));
            if ((event.type & DRM_NEURON_EVENT_TYPE) != 0)
                events.push_back(event_of(event));
        }
    }
    return events;
}

} // namespace neuron::accel
