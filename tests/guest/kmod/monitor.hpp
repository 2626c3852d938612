// SPDX-License-Identifier: MIT
// The monitor of the guest's own QEMU: the accelerator is pulled out and plugged in again.
#pragma once

#include <string>

namespace kmod {

/// Pulls the accelerator out of its slot. When it returns, it is gone and the slot is free.
void unplug();
/// Plugs one in. When it returns, its node is there.
void plug();

} // namespace kmod
