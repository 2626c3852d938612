// SPDX-License-Identifier: MIT
// Allocations that fail on purpose.
#pragma once

#include <functional>

namespace kmod {

/// Skips the test unless the kernel can do it: the debug kernel can. To be called before the test owns anything.
void need_failing_allocations();

/// Calls `attempt` again and again; in call n, the n-th allocation of the calling thread fails. Ends with the first call
/// that needed fewer. `attempt` must do its work, or leave everything as it was. Return: how many allocations there are.
int for_each_failing_allocation(const std::function<void()> &attempt);

} // namespace kmod
