/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef __NEURON_USER_H__
#define __NEURON_USER_H__

#include <linux/types.h>
#include <linux/uidgid_types.h>

struct attribute_group;
struct drm_neuron_query_memory;
struct neuron_device;

/*
 * enum neuron_resource: what a user may have only so much of
 */
enum neuron_resource {
	NEURON_HOST_BYTES,
	NEURON_HBM_BYTES,
	NEURON_CONTEXTS,
	NEURON_QUEUES,
	NEURON_RESOURCES,
};

/*
 * struct neuron_user: what all files of one user have together
 *
 * Files hold it, and so do buffers, which may outlive the file that made them.
 */
struct neuron_user {
	struct neuron_device *ndev;
	kuid_t uid;
	/* What follows is protected by the lock of neuron_device.users. */
	unsigned int refs;
	u64 used[NEURON_RESOURCES];
};

extern const struct attribute_group neuron_user_group;

void neuron_users_init(struct neuron_device *ndev);
void neuron_users_fini(struct neuron_device *ndev);
void neuron_users_set_defaults(struct neuron_device *ndev);

struct neuron_user *neuron_user_current(struct neuron_device *ndev);
struct neuron_user *neuron_user_get(struct neuron_user *user);
void neuron_user_put(struct neuron_user *user);

int neuron_user_charge(struct neuron_user *user, enum neuron_resource what, u64 amount);
void neuron_user_uncharge(struct neuron_user *user, enum neuron_resource what, u64 amount);
u64 neuron_user_limit(struct neuron_device *ndev, struct neuron_user *user,
		      enum neuron_resource what);
void neuron_user_query_memory(struct neuron_device *ndev, struct neuron_user *user,
			      struct drm_neuron_query_memory *info);

static inline int neuron_user_charge_queue(struct neuron_user *user)
{
	return neuron_user_charge(user, NEURON_QUEUES, 1);
}

static inline void neuron_user_uncharge_queue(struct neuron_user *user)
{
	neuron_user_uncharge(user, NEURON_QUEUES, 1);
}

#endif /* __NEURON_USER_H__ */
