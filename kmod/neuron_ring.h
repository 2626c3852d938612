/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_RING_H__
#define __NEURON_RING_H__

#include <linux/bits.h>
#include <linux/types.h>

#include "neuron_spec.h"

/**
 * DOC: Arithmetic of rings
 *
 * A ring has 2^log2 entries. A position counts entries since the ring was started, and its entry is
 * the position modulo the length. Positions of queues have 64 bits and do not wrap, but what is
 * written to a doorbell are their lower 32 bits; those of the event ring have 32 bits and do wrap.
 * Differences are right in either case.
 */

/*
 * struct neuron_raw_packet: a packet as user space hands it over
 */
struct neuron_raw_packet {
	struct nrn_packet_header header;
	u8 payload[NRN_PACKET_BYTES - sizeof(struct nrn_packet_header)];
} __aligned(8);

static inline u64 neuron_ring_length(u32 log2)
{
	return BIT_ULL(log2);
}

static inline u32 neuron_ring_entry(u32 log2, u64 position)
{
	return position & (neuron_ring_length(log2) - 1);
}

/* Entries that may be written behind @tail; those from @head on are still in use. */
static inline u64 neuron_ring_room(u32 log2, u64 head, u64 tail)
{
	return neuron_ring_length(log2) - (tail - head);
}

/* Whether an entry has not been overwritten by the later ones, of which @newest is the last. */
static inline bool neuron_ring_keeps(u32 log2, u64 newest, u64 position)
{
	return position <= newest && newest - position < neuron_ring_length(log2);
}

/* Whether the device can have come to @head of a queue that is written up to @tail. */
static inline bool neuron_ring_is_possible(u32 log2, u64 head, u64 tail)
{
	return head <= tail && tail - head <= neuron_ring_length(log2);
}

/* The same for the event ring, which the device writes and the driver reads. */
static inline bool neuron_ring_is_possible32(u32 log2, u32 head, u32 tail)
{
	return tail - head <= neuron_ring_length(log2);
}

void neuron_ring_write(struct neuron_raw_packet *ring, u32 log2, u64 tail,
		       const struct neuron_raw_packet *packets, u32 count, u8 last_flags);
u64 neuron_ring_window(u32 log2, u64 tail, u64 position, u32 before);

/*
 * struct neuron_counter: a register that counts from the last reset, since the driver was bound
 */
struct neuron_counter {
	u64 total;
	u64 reading;
};

/* @mask: Of the register's bits. It may wrap, once between two readings. */
static inline void neuron_counter_advance(struct neuron_counter *counter, u64 reading, u64 mask)
{
	counter->total += (reading - counter->reading) & mask;
	counter->reading = reading;
}

#endif /* __NEURON_RING_H__ */
