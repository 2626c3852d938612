// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/user_namespace.h>

#include <drm/neuron_accel.h>

#include "neuron_device.h"
#include "neuron_user.h"

/**
 * DOC: Limits
 *
 * Memory, contexts and queues of the device are few, and one user must not be able to take them all
 * from the others. What is charged to a user is what its files have made. A file belongs to who
 * opened it, wherever its descriptor is sent later; who had CAP_SYS_RESOURCE then has no limits and
 * is no struct neuron_user but NULL.
 *
 * A buffer is charged from BO_CREATE until it is freed, whatever keeps it alive: a handle, a
 * mapping, a binding or a dma-buf.
 */

void neuron_users_init(struct neuron_device *ndev)
{
	xa_init(&ndev->users);
}

void neuron_users_fini(struct neuron_device *ndev)
{
	WARN_ON(!xa_empty(&ndev->users));
	xa_destroy(&ndev->users);
}

static u64 neuron_user_total(struct neuron_device *ndev, enum neuron_resource what)
{
	switch (what) {
	case NEURON_HOST_BYTES:
		return (u64)totalram_pages() << PAGE_SHIFT;
	case NEURON_HBM_BYTES:
		return ndev->info.hbm_bytes;
	case NEURON_CONTEXTS:
		return ndev->info.contexts;
	case NEURON_QUEUES:
		return ndev->info.queues;
	default:
		return 0;
	}
}

/* Half of all for each user: two of them can always work. */
void neuron_users_set_defaults(struct neuron_device *ndev)
{
	enum neuron_resource what;

	for (what = 0; what < NEURON_RESOURCES; what++)
		ndev->user_limits[what] = max(neuron_user_total(ndev, what) / 2, 1ull);
}

/**
 * neuron_user_current() - the user that the calling process works for
 * @ndev: Device.
 *
 * Return: The user, referenced; NULL for one without limits; or an error pointer.
 */
struct neuron_user *neuron_user_current(struct neuron_device *ndev)
{
	struct neuron_user *user, *fresh;

	/* To have no such capability is no offence. */
	if (ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE))
		return NULL;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return ERR_PTR(-ENOMEM);

	fresh->ndev = ndev;
	fresh->uid = current_uid();

	xa_lock(&ndev->users);
	user = __xa_cmpxchg(&ndev->users, __kuid_val(fresh->uid), NULL, fresh, GFP_KERNEL_ACCOUNT);
	if (!user)
		swap(user, fresh);
	if (xa_is_err(user))
		user = ERR_PTR(xa_err(user));
	else
		user->refs++;
	xa_unlock(&ndev->users);

	kfree(fresh);
	return user;
}

struct neuron_user *neuron_user_get(struct neuron_user *user)
{
	if (!user)
		return NULL;

	xa_lock(&user->ndev->users);
	user->refs++;
	xa_unlock(&user->ndev->users);
	return user;
}

void neuron_user_put(struct neuron_user *user)
{
	enum neuron_resource what;
	struct xarray *users;
	bool last;

	if (!user)
		return;

	users = &user->ndev->users;
	xa_lock(users);
	last = !--user->refs;
	if (last)
		__xa_erase(users, __kuid_val(user->uid));
	xa_unlock(users);
	if (!last)
		return;

	for (what = 0; what < NEURON_RESOURCES; what++)
		WARN_ON(user->used[what]);
	kfree(user);
}

/**
 * neuron_user_charge() - take something of what a user may have
 * @user: User, or NULL for one without limits.
 * @what: Resource.
 * @amount: How much of it.
 *
 * Any context but interrupts.
 *
 * Return: 0; -ENOMEM for host memory and -ENOSPC for what is in the device if the user would have
 * more than the limit. Then nothing is charged.
 */
int neuron_user_charge(struct neuron_user *user, enum neuron_resource what, u64 amount)
{
	u64 limit;
	int ret = 0;

	if (!user)
		return 0;

	xa_lock(&user->ndev->users);
	limit = READ_ONCE(user->ndev->user_limits[what]);
	if (user->used[what] > limit || amount > limit - user->used[what])
		ret = what == NEURON_HOST_BYTES ? -ENOMEM : -ENOSPC;
	else
		user->used[what] += amount;
	xa_unlock(&user->ndev->users);
	return ret;
}

/* Give back what neuron_user_charge() took. The caller holds a reference. */
void neuron_user_uncharge(struct neuron_user *user, enum neuron_resource what, u64 amount)
{
	if (!user)
		return;

	xa_lock(&user->ndev->users);
	if (!WARN_ON(user->used[what] < amount))
		user->used[what] -= amount;
	xa_unlock(&user->ndev->users);
}

/* What the user may have in all: for one without limits, all that there is. */
u64 neuron_user_limit(struct neuron_device *ndev, struct neuron_user *user,
		      enum neuron_resource what)
{
	return user ? READ_ONCE(ndev->user_limits[what]) : neuron_user_total(ndev, what);
}

static u64 neuron_user_used(struct neuron_user *user, enum neuron_resource what)
{
	u64 used;

	if (!user)
		return 0;

	xa_lock(&user->ndev->users);
	used = user->used[what];
	xa_unlock(&user->ndev->users);
	return used;
}

void neuron_user_query_memory(struct neuron_device *ndev, struct neuron_user *user,
			      struct drm_neuron_query_memory *info)
{
	info->host_limit = neuron_user_limit(ndev, user, NEURON_HOST_BYTES);
	info->host_used = neuron_user_used(user, NEURON_HOST_BYTES);
	info->hbm_limit = neuron_user_limit(ndev, user, NEURON_HBM_BYTES);
	info->hbm_used = neuron_user_used(user, NEURON_HBM_BYTES);
}

/*
 * The limits in sysfs, for the administrator. Less than what a user has already only keeps it from
 * having more.
 */
struct neuron_limit_attribute {
	struct device_attribute attr;
	enum neuron_resource what;
};

static ssize_t neuron_limit_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	enum neuron_resource what = container_of(attr, struct neuron_limit_attribute, attr)->what;
	struct neuron_device *ndev = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%llu\n", READ_ONCE(ndev->user_limits[what]));
}

static ssize_t neuron_limit_store(struct device *dev, struct device_attribute *attr,
				  const char *buf, size_t count)
{
	enum neuron_resource what = container_of(attr, struct neuron_limit_attribute, attr)->what;
	struct neuron_device *ndev = dev_get_drvdata(dev);
	u64 limit;
	int ret;

	ret = kstrtou64(buf, 0, &limit);
	if (ret)
		return ret;

	WRITE_ONCE(ndev->user_limits[what], limit);
	return count;
}

#define NEURON_LIMIT(name, resource)                                                               \
	static struct neuron_limit_attribute neuron_limit_##name = {                               \
		.attr = __ATTR(name, 0644, neuron_limit_show, neuron_limit_store),                 \
		.what = (resource),                                                                \
	}

NEURON_LIMIT(host_bytes, NEURON_HOST_BYTES);
NEURON_LIMIT(hbm_bytes, NEURON_HBM_BYTES);
NEURON_LIMIT(contexts, NEURON_CONTEXTS);
NEURON_LIMIT(queues, NEURON_QUEUES);

static struct attribute *neuron_limit_attrs[] = {
	&neuron_limit_host_bytes.attr.attr,
	&neuron_limit_hbm_bytes.attr.attr,
	&neuron_limit_contexts.attr.attr,
	&neuron_limit_queues.attr.attr,
	NULL,
};

const struct attribute_group neuron_user_group = {
	.name = "user_limits",
	.attrs = neuron_limit_attrs,
};
