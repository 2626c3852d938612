// SPDX-License-Identifier: MIT
// The driver's ioctls with errors in words.
#pragma once

#include <cerrno>

#include <drm/neuron_accel.h>
#include <xf86drm.h>

#include <neuron/fd.hpp>

#include "../error.hpp"

namespace neuron::accel {

/** Calls an ioctl, again when a signal interrupts it. @return 0 or a positive errno */
template<class T>
int call(const Fd &fd, unsigned long request, T &args) {
    return drmIoctl(fd.get(), request, &args) == 0 ? 0 : errno;
}

/** "<what>: <why>" for the errno of an ioctl, with what the interface says about it. */
inline tl::unexpected<Error> ioctl_error(int error, std::string_view what) {
    switch (error) {
    case ENOSPC:
        return detail::fail(ErrorCode::out_of_memory, "{}: out of device memory, queues or address space", what);
    case ENODEV: return detail::fail(ErrorCode::no_device, "{}: the device is gone", what);
    case EIO: return detail::fail(ErrorCode::device_fault, "{}: the queue was stopped by a fault", what);
    case ECANCELED: return detail::fail(ErrorCode::canceled, "{}: the queue was stopped", what);
    default: return detail::fail_errno(error, what);
    }
}

} // namespace neuron::accel
