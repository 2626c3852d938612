// SPDX-License-Identifier: MIT
// Why a job did not end well.
#pragma once

#include "address_map.hpp"
#include "backend.hpp"
#include "job_history.hpp"
#include "state.hpp"

namespace neuron::detail {

/** What is known of a queue besides its port. */
struct QueueKnowledge {
    const JobHistory *history; ///< nullptr: packets, and where jobs were submitted, are not named
    const AddressMap &addresses;
    const QueuePorts *siblings; ///< nullptr: a queue that another one has stopped does not say by what
};

/** Adds what the library knows of a fault: packet, line, buffer, and where its job was submitted. @p history may be nullptr. */
void locate(FaultInfo &fault, const JobHistory *history, const AddressMap &addresses);

/** Asks the queue and puts it in words. */
Error job_error(QueuePort &port, std::uint64_t job, JobStatus status, const QueueKnowledge &knowledge);

/** Why a queue that has stopped refuses a job, with all that is known; other errors stay. @p error is that of refusal(). */
Error with_reason(QueuePort &port, Error error, const QueueKnowledge &knowledge);

/** When a job ran that has ended, or is seen to have; for any thread. */
Result<JobTimes> job_times(QueuePort &port, std::uint64_t job);

/** That a stopped queue refuses a job; with_reason() says why. @p error is the positive errno of the refusal. */
Error refusal(QueuePort &port, int error);

} // namespace neuron::detail
