// SPDX-License-Identifier: GPL-2.0-only OR MIT

#include <linux/module.h>

#include "neuron_compat.h"

MODULE_DESCRIPTION("Unit tests of the Neuron AI accelerator");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_IMPORT_NS(NEURON_NAMESPACE(EXPORTED_FOR_KUNIT_TESTING));
