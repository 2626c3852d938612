// SPDX-License-Identifier: MIT
// What the handles of neuron.h are, and how its structures and errors come and go.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <type_traits>
#include <vector>

#include <neuron/neuron.h>
#include <neuron/neuron.hpp>
#include <neuron/source_place.hpp>

struct neuron_error {
    neuron::Error value;
};

struct neuron_device_list {
    std::vector<neuron::DeviceNode> nodes;
};

struct neuron_device {
    neuron::Device value;
};

struct neuron_context {
    neuron::Context value;
    std::mutex lock{};                        ///< Protects what follows.
    std::deque<neuron::DeviceEvent> events{}; ///< Taken from the backend, and not yet by the caller.
};

struct neuron_sim_group {
    std::shared_ptr<neuron::SimGroup> value;
};

struct neuron_event {
    neuron::Event value;
};

struct neuron_timeline {
    neuron::Timeline value;
};

struct neuron_queue {
    neuron::Queue value;
};

struct neuron_buffer {
    neuron::Buffer value;
};

struct neuron_kernel {
    neuron::KernelFile value;
};

struct neuron_program {
    neuron::Program value;
};

namespace neuron::c {

/** Callers from C do not say who they are. */
inline constexpr SourcePlace nowhere{};

neuron_status status_of(ErrorCode code) noexcept;

/** Hands the error to the caller, if he wants it. */
neuron_status report(neuron_error **error, Error value);
neuron_status invalid(neuron_error **error, std::string message);

inline neuron_status good(neuron_error **error) {
    if (error != nullptr)
        *error = nullptr;
    return NEURON_OK;
}

/** A result without a value. */
neuron_status finish(neuron_error **error, const Result<void> &result);

/** A result that is a file, to the caller. */
inline neuron_status give_fd(int *out, neuron_error **error, Result<Fd> file) {
    if (!file)
        return report(error, std::move(file.error()));
    *out = file->release();
    return good(error);
}

/** A result as a new handle of the caller's. */
template<class Handle, class T>
neuron_status give(Handle **out, neuron_error **error, Result<T> result) {
    if (!result)
        return report(error, std::move(result.error()));
    *out = new Handle{std::move(*result)};
    return good(error);
}

/** Sets an output to nothing at first. False: it is NULL. */
template<class T>
bool clear(T *out) {
    if (out != nullptr)
        *out = T{};
    return out != nullptr;
}

/**
 * Options of the caller, of an older or a newer version: what he does not have is zero, what is not known here must be zero.
 * False: an error was reported.
 */
template<class T>
bool take(T &out, const T *options, const char *what, neuron_status &status, neuron_error **error) {
    static_assert(std::is_trivially_copyable_v<T>);
    out = {};
    if (options == nullptr)
        return true;
    const std::size_t size = options->size;
    if (size < sizeof(out.size)) {
        status = invalid(error, std::string(what) + ": size is not set");
        return false;
    }
    std::memcpy(&out, options, std::min(size, sizeof(T)));
    const auto *bytes = reinterpret_cast<const std::byte *>(options);
    if (size <= sizeof(T) ||
        std::all_of(bytes + sizeof(T), bytes + size, [](std::byte b) { return b == std::byte{0}; }))
        return true;
    status = report(error, {ErrorCode::unsupported,
                            std::string(what) +
                                ": this library is older than the header, and does not know all that is asked for"});
    return false;
}

/** Fills a structure of the caller's, of whatever version. False: its size is not set. */
template<class T>
bool fill(T *out, T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (out == nullptr || out->size < sizeof(out->size))
        return false;
    const std::size_t size = out->size;
    value.size = size;
    std::memset(static_cast<void *>(out), 0, size);
    std::memcpy(static_cast<void *>(out), &value, std::min(size, sizeof(T)));
    return true;
}

/** When a job ran, to a structure of the caller's. */
inline neuron_status put_times(neuron_job_times *out, neuron_error **error, const Result<JobTimes> &times) {
    if (out == nullptr || out->size < sizeof(out->size))
        return invalid(error, "times is NULL, or its size is not set");
    if (!times)
        return report(error, times.error());
    fill(out, neuron_job_times{0, static_cast<std::uint64_t>(times->start.count()),
                               static_cast<std::uint64_t>(times->end.count())});
    return good(error);
}

neuron_device_info info_of(const DeviceInfo &info);

/** nullopt is 0, and stack 0 is 1. */
inline std::optional<std::uint32_t> bank_of(std::uint32_t bank) {
    return bank == 0 ? std::nullopt : std::optional(bank - 1);
}

inline std::chrono::nanoseconds timeout_of(std::int64_t timeout_ns) {
    return timeout_ns < 0 ? forever : std::chrono::nanoseconds(timeout_ns);
}

} // namespace neuron::c
