// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/err.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_print.h>

#include "neuron_check.h"
#include "neuron_name.h"

/**
 * DOC: Names
 *
 * A mapping has what its program calls the buffer, and where in the source it was made; the buffer
 * has the name of its maker's first mapping. Each program sees its own names only. They are text
 * for the debug files of the administrator and for the device's reports, and mean nothing here.
 */

static int neuron_name_copy(char *to, u64 from, u32 bytes)
{
	if (copy_from_user(to, u64_to_user_ptr(from), bytes))
		return -EFAULT;
	return neuron_check_text(to, bytes);
}

/**
 * neuron_name_read() - the name in the arguments of VM_BIND
 * @args: Arguments that neuron_check_vm_bind() has passed.
 *
 * Return: the name, NULL if there is none, or an ERR_PTR(): -EFAULT, -EINVAL, -ENOMEM.
 */
struct neuron_name *neuron_name_read(const struct drm_neuron_vm_bind *args)
{
	struct neuron_name *name;
	int ret;

	if (!args->label && !args->place)
		return NULL;

	name = kzalloc(sizeof(*name), GFP_KERNEL_ACCOUNT);
	if (!name)
		return ERR_PTR(-ENOMEM);

	kref_init(&name->ref);
	ret = neuron_name_copy(name->label, args->label, args->label_bytes);
	if (!ret)
		ret = neuron_name_copy(name->place, args->place, args->place_bytes);
	if (ret) {
		kfree(name);
		return ERR_PTR(ret);
	}
	return name;
}

/* NULL stays NULL. */
struct neuron_name *neuron_name_get(struct neuron_name *name)
{
	if (name)
		kref_get(&name->ref);
	return name;
}

static void neuron_name_free(struct kref *ref)
{
	kfree(container_of(ref, struct neuron_name, ref));
}

void neuron_name_put(struct neuron_name *name)
{
	if (name)
		kref_put(&name->ref, neuron_name_free);
}

/* " label="weights" made="foo.cc:88"", as far as they are known. */
void neuron_name_print(struct drm_printer *p, const struct neuron_name *name)
{
	if (name && name->label[0])
		drm_printf(p, " label=\"%s\"", name->label);
	if (name && name->place[0])
		drm_printf(p, " made=\"%s\"", name->place);
}
