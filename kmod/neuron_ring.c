// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/build_bug.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include <kunit/visibility.h>

#include "neuron_bug.h"
#include "neuron_ring.h"

/**
 * neuron_ring_write() - enter the packets of a job
 * @ring: Ring.
 * @log2: Of its length.
 * @tail: Position of the first packet.
 * @packets: The job.
 * @count: Packets, from 1 to what there is room for.
 * @last_flags: What the device does when it has retired the last one.
 */
void neuron_ring_write(struct neuron_raw_packet *ring, u32 log2, u64 tail,
		       const struct neuron_raw_packet *packets, u32 count, u8 last_flags)
{
	u32 first = neuron_ring_entry(log2, tail);
	u32 run = min_t(u64, count, neuron_ring_length(log2) - first);

	memcpy(&ring[first], packets, run * sizeof(*packets));
	if (!NEURON_MISTAKE(RING_WRAP)) /* "it always fits" */
		memcpy(&ring[0], packets + run, (count - run) * sizeof(*packets));
	ring[neuron_ring_entry(log2, tail + count - 1)].header.flags = last_flags;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_ring_write);

/**
 * neuron_ring_window() - where to begin to show a ring
 * @log2: Of its length.
 * @tail: Position behind the newest packet.
 * @position: What to show.
 * @before: How many packets to show before it, if there are so many.
 *
 * Return: The position to begin with, whose entry is not overwritten yet.
 */
u64 neuron_ring_window(u32 log2, u64 tail, u64 position, u32 before)
{
	u64 length = neuron_ring_length(log2);
	u64 oldest = tail > length ? tail - length : 0;

	return max(position > before ? position - before : 0, oldest);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_ring_window);

static_assert(sizeof(struct neuron_raw_packet) == NRN_PACKET_BYTES);
