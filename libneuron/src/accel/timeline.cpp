// SPDX-License-Identifier: MIT
#include "timeline.hpp"

#include <cerrno>

#include <fcntl.h>

#include "ioctl.hpp"
#include "queue.hpp"

namespace neuron::accel {
namespace {

// From Linux 6.6 on; Debian 12's headers are older.
struct SyncobjEventfd {
    std::uint32_t handle;
    std::uint32_t flags;
    std::uint64_t point;
    std::int32_t fd;
    std::uint32_t pad;
};
constexpr unsigned long syncobj_eventfd = DRM_IOWR(0xCF, SyncobjEventfd);

} // namespace

int notify_by_syncobj(const Fd &fd, std::uint32_t handle, std::uint64_t point, int eventfd) {
    SyncobjEventfd args{};
    args.handle = handle;
    args.point = point;
    args.fd = eventfd;
    return call(fd, syncobj_eventfd, args);
}

Result<std::shared_ptr<detail::TimelinePort>> Timeline::create(std::shared_ptr<const Fd> fd, const void *owner) {
    std::uint32_t handle = 0;
    if (drmSyncobjCreate(fd->get(), 0, &handle) != 0)
        return ioctl_error(errno, "making a timeline");
    return std::shared_ptr<detail::TimelinePort>(new Timeline(std::move(fd), handle, owner, false));
}

Result<std::shared_ptr<detail::TimelinePort>> Timeline::import(std::shared_ptr<const Fd> fd, int file,
                                                               const void *owner) {
    return open(std::move(fd), file, owner, false);
}

Result<std::shared_ptr<detail::TimelinePort>> Timeline::open(std::shared_ptr<const Fd> fd, int file, const void *owner,
                                                             bool of_queue) {
    if (::fcntl(file, F_GETFD) < 0)
        return detail::fail(ErrorCode::invalid_argument, "importing file {}, which is not open", file);
    std::uint32_t handle = 0;
    if (drmSyncobjFDToHandle(fd->get(), file, &handle) != 0)
        return errno == EINVAL
                   ? detail::fail(ErrorCode::invalid_argument, "importing file {}, which is no timeline", file)
                   : ioctl_error(errno, fmt::format("importing file {} as a timeline", file));
    return std::shared_ptr<detail::TimelinePort>(new Timeline(std::move(fd), handle, owner, of_queue));
}

Result<std::shared_ptr<detail::TimelinePort>> Timeline::of_queue(std::shared_ptr<const Fd> fd, std::uint32_t handle,
                                                                 const void *owner) {
    int file = -1;
    if (drmSyncobjHandleToFD(fd->get(), handle, &file) != 0)
        return ioctl_error(errno, "naming the timeline of a queue");
    const Fd owned(file);
    return open(std::move(fd), owned.get(), owner, true);
}

Timeline::~Timeline() { (void)drmSyncobjDestroy(fd_->get(), handle_); }

Result<std::uint64_t> Timeline::value() {
    std::uint64_t point = 0;
    if (drmSyncobjQuery(fd_->get(), &handle_, &point, 1) != 0)
        return ioctl_error(errno, "asking about a timeline");
    return point;
}

Result<void> Timeline::signal(std::uint64_t point) {
    if (drmSyncobjTimelineSignal(fd_->get(), &handle_, &point, 1) != 0)
        return ioctl_error(errno, fmt::format("signalling point {} of a timeline", point));
    return {};
}

namespace {

Result<bool> wait_for(const Fd &fd, std::uint32_t handle, std::uint64_t point, detail::Deadline deadline,
                      unsigned flags) {
    const int error = -drmSyncobjTimelineWait(fd.get(), &handle, &point, 1, to_kernel(deadline), flags, nullptr);
    if (error == 0)
        return true;
    if (error == ETIME)
        return false;
    if (error == EINVAL)
        return detail::fail(ErrorCode::invalid_argument,
                            "point {} of a timeline: no job was submitted yet that signals it", point);
    return ioctl_error(error, fmt::format("waiting for point {} of a timeline", point));
}

} // namespace

Result<bool> Timeline::wait(std::uint64_t point, detail::Deadline deadline) {
    return wait_for(*fd_, handle_, point, deadline, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT);
}

Result<bool> Timeline::wait_promised(std::uint64_t point, detail::Deadline deadline) {
    return wait_for(*fd_, handle_, point, deadline, 0);
}

Result<void> Timeline::notify(std::uint64_t point, int eventfd) {
    if (const int error = notify_by_syncobj(*fd_, handle_, point, eventfd))
        return ioctl_error(error, fmt::format("a file to poll for point {} of a timeline", point));
    return {};
}

Result<Fd> Timeline::export_fd() {
    int file = -1;
    if (drmSyncobjHandleToFD(fd_->get(), handle_, &file) != 0)
        return ioctl_error(errno, "sharing a timeline");
    return Fd(file);
}

} // namespace neuron::accel
