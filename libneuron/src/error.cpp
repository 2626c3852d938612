// SPDX-License-Identifier: MIT
#include "error.hpp"

#include <cerrno>
#include <system_error>

#include <neuron/queue.hpp>

namespace neuron {

std::string_view name(ErrorCode code) noexcept {
    switch (code) {
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::permission_denied: return "permission_denied";
    case ErrorCode::no_device: return "no_device";
    case ErrorCode::version_mismatch: return "version_mismatch";
    case ErrorCode::out_of_memory: return "out_of_memory";
    case ErrorCode::device_fault: return "device_fault";
    case ErrorCode::timeout: return "timeout";
    case ErrorCode::canceled: return "canceled";
    case ErrorCode::io: return "io";
    case ErrorCode::unsupported: return "unsupported";
    }
    return "?";
}

std::string_view name(QueueStatus::State state) noexcept {
    switch (state) {
    case QueueStatus::State::ok: return "ok";
    case QueueStatus::State::faulted: return "faulted";
    case QueueStatus::State::timed_out: return "timed_out";
    case QueueStatus::State::canceled: return "canceled";
    case QueueStatus::State::lost: return "lost";
    }
    return "?";
}

namespace detail {

ErrorCode code_of(int error) noexcept {
    switch (error) {
    case EINVAL:
    case EFAULT:
    case E2BIG:
    case EEXIST: return ErrorCode::invalid_argument;
    case ENOENT: return ErrorCode::not_found;
    case EACCES:
    case EPERM: return ErrorCode::permission_denied;
    case ENODEV:
    case ENXIO: return ErrorCode::no_device;
    case ENOMEM:
    case ENOSPC:
    case EMFILE:
    case ENFILE: return ErrorCode::out_of_memory;
    case ETIME:
    case ETIMEDOUT: return ErrorCode::timeout;
    case ECANCELED: return ErrorCode::canceled;
    case EOPNOTSUPP:
    case ENOSYS:
    case ENOTTY: return ErrorCode::unsupported;
    default: return ErrorCode::io;
    }
}

tl::unexpected<Error> fail_errno(int error, std::string_view what) {
    return fail(code_of(error), "{}: {}", what, std::generic_category().message(error));
}

std::string version_text(std::uint32_t version) {
    constexpr auto major = spec::field::GLOBAL_VERSION_MAJOR;
    constexpr auto minor = spec::field::GLOBAL_VERSION_MINOR;
    return fmt::format("{}.{}", major.get(version), minor.get(version));
}

} // namespace detail
} // namespace neuron
