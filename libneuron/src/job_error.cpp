// SPDX-License-Identifier: MIT
#include "job_error.hpp"

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "error.hpp"

namespace neuron::detail {
namespace {

/// The fault with its packet, its buffer, and where its job was submitted.
FaultInfo located(QueuePort &port, FaultInfo fault, const JobHistory *history, const AddressMap &addresses) {
    locate(fault, history, addresses);
    // What this library has forgotten, or never had, the device may know.
    if (fault.place && !fault.place->buffer)
        if (auto place = port.place_of_fault(fault.va))
            fault.place = std::move(place);
    return fault;
}

Error faulted(const FaultInfo &fault, std::uint64_t job) {
    if (fault.job != job)
        return {ErrorCode::canceled,
                fmt::format("job {}: canceled, because the queue stopped: {}", job, describe(fault))};
    return {ErrorCode::device_fault, describe(fault), fault};
}

/// Why a queue stopped that has no fault of its own, if another one of its context has.
std::optional<std::string> reason_of_sibling(const QueueKnowledge &knowledge) {
    const auto other = knowledge.siblings != nullptr ? knowledge.siblings->faulted() : std::nullopt;
    if (!other)
        return std::nullopt;
    return fmt::format("canceled, because another queue of the context stopped: {}",
                       describe(located(*other->first, other->second, nullptr, knowledge.addresses)));
}

std::string_view reason(QueueStatus::State state) {
    switch (state) {
    case QueueStatus::State::timed_out: return "canceled, because an earlier job made no progress";
    case QueueStatus::State::canceled: return "canceled, because another queue of the context was stopped";
    case QueueStatus::State::lost: return "lost: the device was reset or is gone";
    default: return "canceled";
    }
}

void locate_line(FaultInfo &fault, const JobHistory &history, const AddressMap &addresses) {
    const auto launched = history.launched(fault.job, fault.packet);
    const auto kernel = launched ? addresses.program_at(launched->va, launched->loads) : nullptr;
    if (kernel == nullptr)
        return;
    fault.line = line_of(fault, kernel->file);
    if (const auto other = other_access(fault))
        fault.other_line = line_of(*other, kernel->file);
}

} // namespace

void locate(FaultInfo &fault, const JobHistory *history, const AddressMap &addresses) {
    if (history != nullptr) {
        fault.opcode = history->opcode(fault.job, fault.packet);
        fault.submitted = code_place(history->where(fault.job));
        locate_line(fault, *history, addresses);
    }
    addresses.locate(fault);
}

Error job_error(QueuePort &port, std::uint64_t job, JobStatus status, const QueueKnowledge &knowledge) {
    const JobHistory *const history = knowledge.history;
    const Result<QueueStatus> queue = port.query();
    if (queue && queue->fault && (status == EIO || status == ECANCELED))
        return faulted(located(port, *queue->fault, history, knowledge.addresses), job);
    const std::string submitted = submitted_text(history != nullptr ? code_place(history->where(job)) : std::string());
    switch (status) {
    case ETIME:
        return {ErrorCode::timeout, fmt::format("job {}: stopped, because it made no progress{}", job, submitted)};
    case ENODEV: return {ErrorCode::no_device, fmt::format("job {}: the device was reset or is gone", job)};
    case ECANCELED: {
        const auto state = queue ? queue->state : QueueStatus::State::canceled;
        const auto code = state == QueueStatus::State::lost ? ErrorCode::no_device : ErrorCode::canceled;
        if (queue && state == QueueStatus::State::canceled)
            if (const auto why = reason_of_sibling(knowledge))
                return {code, fmt::format("job {}: {}", job, *why)};
        return {code, fmt::format("job {}: {}", job, queue ? reason(state) : "canceled, because its queue is gone")};
    }
    case EIO:
        return {ErrorCode::device_fault,
                fmt::format("job {}: stopped by a fault that the driver tells nothing about", job)};
    default: return {ErrorCode::io, fmt::format("job {}: {}", job, std::generic_category().message(status))};
    }
}

Result<JobTimes> job_times(QueuePort &port, std::uint64_t job) {
    const auto status = port.wait_shared(job, Deadline::min());
    if (!status)
        return tl::unexpected(status.error());
    if (!*status)
        return fail(ErrorCode::timeout, "job {}: has not ended, so it has no times", job);
    const auto times = port.times(job);
    if (!times)
        return tl::unexpected(times.error());
    if (!*times)
        return fail(ErrorCode::not_found, "job {}: when it ran is not known{}", job,
                    **status == 0 ? " any more" : ": it did not run to its end");
    return **times;
}

Error refusal(QueuePort &port, int error) {
    const Result<QueueStatus> queue = port.query();
    if (queue && (queue->fault || queue->state != QueueStatus::State::ok)) {
        const bool lost = !queue->fault && queue->state == QueueStatus::State::lost;
        return {lost ? ErrorCode::no_device : ErrorCode::canceled, fmt::format("job {}", reason(queue->state))};
    }
    return fail_errno(error, "submitting a job").value();
}

Error with_reason(QueuePort &port, Error error, const QueueKnowledge &knowledge) {
    if (error.code != ErrorCode::canceled)
        return error;
    const Result<QueueStatus> queue = port.query();
    if (queue && queue->fault)
        error.message = fmt::format("the queue takes no more jobs, because it stopped: {}",
                                    describe(located(port, *queue->fault, knowledge.history, knowledge.addresses)));
    else if (queue && queue->state == QueueStatus::State::canceled)
        if (const auto why = reason_of_sibling(knowledge))
            error.message = fmt::format("job {}", *why);
    return error;
}

} // namespace neuron::detail
