// SPDX-License-Identifier: MIT
// The monitor of the guest's own QEMU: the accelerator is pulled out and plugged in again.
#pragma once

#include <string>

namespace kmod {

class Monitor;

/// Ends the test as skipped where the kernel would complain of its own: 6.12's pciehp takes two locks in one order when it
/// resets a slot after an error, and in the other when it empties one, and lockdep has seen the first.
void needs_unplug();
/// Pulls the accelerator out of its slot. When it returns, it is gone and the slot is free.
void unplug();
/// Plugs one in. When it returns, its node is there.
void plug();
/// Asks for one to be plugged in, and gives the answer.
std::string try_plug(Monitor &monitor);

} // namespace kmod
