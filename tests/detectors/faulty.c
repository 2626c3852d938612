// SPDX-License-Identifier: MIT
// A module with a bug of each kind, to see the debug kernel find it: insmod faulty.ko bug=NAME.

#include <linux/dma-mapping.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

static char *bug = "";
module_param(bug, charp, 0);

static int __rcu *shared;

static void without_rcu_lock(void)
{
	pr_info("%p\n", rcu_dereference(shared));
}

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static void lock_both(struct mutex *outer, struct mutex *inner)
{
	mutex_lock(outer);
	mutex_lock(inner);
	mutex_unlock(inner);
	mutex_unlock(outer);
}

static void in_both_orders(void)
{
	lock_both(&first, &second);
	lock_both(&second, &first);
}

static void sleep_in_atomic(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	might_sleep();
	spin_unlock(&lock);
}

static void shift_too_far(void)
{
	volatile unsigned int distance = 40;

	pr_info("%u\n", 1U << distance);
}

static void unlink_twice(void)
{
	LIST_HEAD(list);
	LIST_HEAD(entry);

	list_add(&entry, &list);
	list_del(&entry);
	list_del(&entry);
}

static void expire(struct timer_list *timer)
{
}

static void free_active_timer(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	timer_setup(timer, expire, 0);
	mod_timer(timer, jiffies + 1000 * HZ);
	kfree(timer);
}

static void unmap_twice(void)
{
	struct platform_device *device = platform_device_register_simple("faulty", PLATFORM_DEVID_NONE, NULL, 0);
	void *buffer = kmalloc(64, GFP_KERNEL);
	dma_addr_t address;

	dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
	address = dma_map_single(&device->dev, buffer, 64, DMA_TO_DEVICE);
	if (!dma_mapping_error(&device->dev, address)) {
		dma_unmap_single(&device->dev, address, 64, DMA_TO_DEVICE);
		dma_unmap_single(&device->dev, address, 64, DMA_TO_DEVICE);
	}
	kfree(buffer);
	platform_device_unregister(device);
}

static void read_freed(void)
{
	volatile char *memory = kmalloc(64, GFP_KERNEL);

	kfree((void *)memory);
	pr_info("%d\n", memory[5]);
}

static void read_beyond(void)
{
	volatile char *memory = vmalloc(100);
	volatile int index = 200;

	pr_info("%d\n", memory[index]);
	vfree((void *)memory);
}

static void forget(void)
{
	int i;

	for (i = 0; i < 8; i++)
		pr_info("forgotten: %d\n", !kmalloc(1234, GFP_KERNEL));
}

static const struct {
	const char *name;
	void (*have)(void);
} bugs[] = {
	{ "rcu", without_rcu_lock }, { "lock-order", in_both_orders }, { "sleep", sleep_in_atomic },
	{ "shift", shift_too_far }, { "list", unlink_twice }, { "object", free_active_timer },
	{ "dma", unmap_twice }, { "use-after-free", read_freed }, { "out-of-bounds", read_beyond },
	{ "leak", forget },
};

static int __init faulty_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++)
		if (!strcmp(bug, bugs[i].name)) {
			pr_info("faulty: %s\n", bug);
			bugs[i].have();
			return 0;
		}
	return -EINVAL;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("A bug of each kind");
MODULE_LICENSE("Dual MIT/GPL");
