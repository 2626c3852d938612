/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_TDR_H__
#define __NEURON_TDR_H__

struct neuron_queue;
struct work_struct;

void neuron_tdr_kick(struct neuron_queue *queue);
void neuron_tdr_work(struct work_struct *work);

#endif /* __NEURON_TDR_H__ */
