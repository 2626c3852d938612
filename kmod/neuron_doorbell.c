// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/mm.h>

#include <drm/drm_drv.h>
#include <drm/neuron_accel.h>

#include "neuron_device.h"
#include "neuron_doorbell.h"
#include "neuron_gem.h"

/**
 * DOC: Doorbells
 *
 * The device has a page of doorbells for each context. The file of the context can map it, as a
 * buffer of its own, and ring its queues in user mode without the kernel. Any value at any place of
 * the page concerns queues of that context only: the device ignores slots that no queue listens to,
 * and the kernel's queues listen to none.
 *
 * The page must not be in reach while a reset from outside has taken the function away, after the
 * device has gone, and when the context belongs to somebody else. So whoever takes it away says so
 * under neuron_device.doorbell_lock, and then removes it from all page tables. A fault holds the
 * lock from the look at what has been said until the page table is written: it either sees that,
 * or is removed. Instead of the doorbells it then shows a page of memory, for a process must not
 * die from a signal because of what happens to the device.
 */

/*
 * struct neuron_doorbell: the page of doorbells of a context
 */
struct neuron_doorbell {
	struct neuron_bo bo;
	/* @page: Its CPU address; constant. */
	phys_addr_t page;
	/* @revoked: The context is not the file's any more; under neuron_device.doorbell_lock. */
	bool revoked;
};

static struct neuron_doorbell *to_neuron_doorbell(struct drm_gem_object *obj)
{
	return container_of(to_neuron_bo(obj), struct neuron_doorbell, bo);
}

static vm_fault_t neuron_doorbell_map(struct vm_fault *vmf, struct neuron_doorbell *doorbell)
{
	struct neuron_device *ndev = to_neuron_device(doorbell->bo.shmem.base.dev);
	vm_fault_t ret;

	mutex_lock(&ndev->doorbell_lock);
	if (ndev->doorbells_shut || doorbell->revoked)
		ret = neuron_bo_map_dummy(vmf, &doorbell->bo);
	else
		ret = vmf_insert_pfn(vmf->vma, vmf->address, PHYS_PFN(doorbell->page));
	mutex_unlock(&ndev->doorbell_lock);
	return ret;
}

static vm_fault_t neuron_doorbell_fault(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;
	vm_fault_t ret;
	int idx;

	if (!drm_dev_enter(obj->dev, &idx))
		return neuron_bo_map_dummy(vmf, to_neuron_bo(obj));

	ret = neuron_doorbell_map(vmf, to_neuron_doorbell(obj));
	drm_dev_exit(idx);
	return ret;
}

static const struct vm_operations_struct neuron_doorbell_vm_ops = {
	.fault = neuron_doorbell_fault,
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

/* A copy of the page, or one that cannot be written, would be of no use. */
static int neuron_doorbell_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	if ((vma->vm_flags & (VM_SHARED | VM_WRITE | VM_EXEC)) != (VM_SHARED | VM_WRITE))
		return -EINVAL;

	vm_flags_mod(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	vma->vm_page_prot = pgprot_noncached(vm_get_page_prot(vma->vm_flags));
	vma->vm_page_prot = pgprot_decrypted(vma->vm_page_prot);
	return 0;
}

/* The doorbells are the file's alone. */
static struct dma_buf *neuron_doorbell_export(struct drm_gem_object *obj, int flags)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void neuron_doorbell_free(struct drm_gem_object *obj)
{
	struct neuron_doorbell *doorbell = to_neuron_doorbell(obj);

	neuron_bo_list_del(&doorbell->bo);
	if (doorbell->bo.dummy)
		__free_page(doorbell->bo.dummy);
	drm_gem_object_release(obj);
	kfree(doorbell);
}

static const struct drm_gem_object_funcs neuron_doorbell_funcs = {
	.free = neuron_doorbell_free,
	.export = neuron_doorbell_export,
	.mmap = neuron_doorbell_mmap,
	.vm_ops = &neuron_doorbell_vm_ops,
};

static struct neuron_doorbell *neuron_doorbell_create(struct neuron_device *ndev, u32 ctx)
{
	struct neuron_doorbell *doorbell;
	struct drm_gem_object *obj;
	int ret;

	doorbell = kzalloc(sizeof(*doorbell), GFP_KERNEL_ACCOUNT);
	if (!doorbell)
		return ERR_PTR(-ENOMEM);

	neuron_bo_init(&doorbell->bo);
	doorbell->bo.placement = DRM_NEURON_PLACE_HOST;
	doorbell->bo.flags = DRM_NEURON_BO_DOORBELL;
	doorbell->page = ndev->doorbells + NRN_DOORBELL(ctx, 0);
	obj = &doorbell->bo.shmem.base;
	obj->funcs = &neuron_doorbell_funcs;
	drm_gem_private_object_init(&ndev->drm, obj, PAGE_SIZE);

	ret = drm_gem_create_mmap_offset(obj);
	if (ret) {
		drm_gem_object_put(obj);
		return ERR_PTR(ret);
	}
	return doorbell;
}

/* A new handle of the file to the doorbells of its context. */
int neuron_doorbell_handle(struct neuron_file *nfile, u32 *handle)
{
	struct neuron_device *ndev = nfile->ndev;
	struct neuron_doorbell *doorbell;

	mutex_lock(&ndev->doorbell_lock);
	doorbell = nfile->doorbell ?: neuron_doorbell_create(ndev, nfile->ctx);
	if (!IS_ERR(doorbell) && !nfile->doorbell) {
		nfile->doorbell = doorbell;
		neuron_bo_list_add(&doorbell->bo, nfile->drm_file);
	}
	mutex_unlock(&ndev->doorbell_lock);

	if (IS_ERR(doorbell))
		return PTR_ERR(doorbell);
	return drm_gem_handle_create(nfile->drm_file, &doorbell->bo.shmem.base, handle);
}

/*
 * The file is being closed, so nobody asks for a handle any more. Mappings of its own have kept it
 * open until now, but there may be one of another file, to which a privileged process has passed
 * the buffer by name. May be called twice.
 */
void neuron_doorbell_revoke(struct neuron_file *nfile)
{
	struct neuron_device *ndev = nfile->ndev;
	struct neuron_doorbell *doorbell = nfile->doorbell;
	struct drm_gem_object *obj;

	if (!doorbell)
		return;

	mutex_lock(&ndev->doorbell_lock);
	doorbell->revoked = true;
	nfile->doorbell = NULL;
	mutex_unlock(&ndev->doorbell_lock);

	obj = &doorbell->bo.shmem.base;
	drm_vma_node_unmap(&obj->vma_node, ndev->drm.anon_inode->i_mapping);
	drm_gem_object_put(obj);
}

/*
 * Removes all mappings of the device's buffers: they come back with the next fault, as they should
 * be then. May wait for whoever uses the page tables, and so for fences of others.
 */
static void neuron_doorbells_set_shut(struct neuron_device *ndev, bool shut)
{
	mutex_lock(&ndev->doorbell_lock);
	ndev->doorbells_shut = shut;
	mutex_unlock(&ndev->doorbell_lock);
	unmap_mapping_range(ndev->drm.anon_inode->i_mapping, 0, 0, 1);
}

/* When it returns, no process reaches a doorbell. Outside of reset_sem. */
void neuron_doorbells_shut(struct neuron_device *ndev)
{
	neuron_doorbells_set_shut(ndev, true);
}

/* The function is back. Outside of reset_sem. */
void neuron_doorbells_open(struct neuron_device *ndev)
{
	neuron_doorbells_set_shut(ndev, false);
}
