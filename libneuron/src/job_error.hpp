// SPDX-License-Identifier: MIT
// Why a job did not end well.
#pragma once

#include "address_map.hpp"
#include "backend.hpp"
#include "job_history.hpp"

namespace neuron::detail {

/** Asks the queue and puts it in words. @p history may be nullptr: then packets are not named. */
Error job_error(QueuePort &port, std::uint64_t job, JobStatus status, const JobHistory *history,
                const AddressMap &addresses);

/** When a job ran that has ended, or is seen to have; for any thread. */
Result<JobTimes> job_times(QueuePort &port, std::uint64_t job);

/** Why a stopped queue refuses a job. @p error is the positive errno of the refusal. */
Error refusal(QueuePort &port, int error);

} // namespace neuron::detail
