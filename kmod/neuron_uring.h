/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_URING_H__
#define __NEURON_URING_H__

#include <linux/kconfig.h>

struct io_comp_batch;
struct io_uring_cmd;
struct neuron_job;
struct neuron_submission;

#if IS_ENABLED(CONFIG_IO_URING)
int neuron_uring_cmd(struct io_uring_cmd *ioucmd, unsigned int issue_flags);
int neuron_uring_cmd_iopoll(struct io_uring_cmd *ioucmd, struct io_comp_batch *iob,
			    unsigned int poll_flags);
void neuron_uring_arm(struct neuron_job *job, struct neuron_submission *sub);
int neuron_uring_disarm(struct neuron_job *job, struct neuron_submission *sub, int error);
void neuron_uring_job_done(struct neuron_job *job);
#else
static inline void neuron_uring_arm(struct neuron_job *job, struct neuron_submission *sub)
{
}

static inline int neuron_uring_disarm(struct neuron_job *job, struct neuron_submission *sub,
				      int error)
{
	return error;
}

static inline void neuron_uring_job_done(struct neuron_job *job)
{
}
#endif

#endif /* __NEURON_URING_H__ */
