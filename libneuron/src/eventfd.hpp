// SPDX-License-Identifier: MIT
// Files that poll() says are readable when something has happened.
#pragma once

#include <cerrno>
#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

#include <neuron/fd.hpp>

#include "error.hpp"

namespace neuron::detail {

inline Result<Fd> make_eventfd() {
    Fd file(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!file)
        return fail_errno(errno, "an eventfd");
    return file;
}

/** One that @p arm has been told of. */
template<class Arm>
Result<Fd> make_eventfd(Arm &&arm) {
    auto file = make_eventfd();
    if (!file)
        return file;
    if (Result<void> armed = arm(file->get()); !armed)
        return forward_error(armed);
    return file;
}

inline Result<void> add_to_eventfd(int file) {
    if (::eventfd_write(file, 1) != 0 && errno != EAGAIN) // EAGAIN: it is as readable as can be
        return fail_errno(errno, "writing to an eventfd");
    return {};
}

/** Makes it not readable. Gives whether it was. */
inline bool clear_eventfd(int file) {
    eventfd_t count = 0;
    return ::eventfd_read(file, &count) == 0;
}

} // namespace neuron::detail
