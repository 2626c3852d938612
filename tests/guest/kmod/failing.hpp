// SPDX-License-Identifier: MIT
// What fails on purpose, one after the other, until all has failed once.
#pragma once

#include <functional>

#include <sys/types.h>

namespace kmod {

enum class Fault {
    ALLOCATION, ///< failslab and fail_page_alloc, those that may wait and single pages, too
    COPY,       ///< copies from and to the process
};

/// Skips the test unless the kernel can do it: the debug kernel can. To be called before the test owns anything.
void need_failing_allocations();

/// Calls `attempt` again and again; in call n, the n-th allocation of the calling thread fails. Ends with the first call
/// that needed fewer. `attempt` must do its work, or leave everything as it was. Return: how many allocations there are.
int for_each_failing_allocation(const std::function<void()> &attempt);

/// What is done again and again.
struct Step {
    std::function<void()> prepare;   ///< before each attempt, without failures; may be empty
    std::function<int()> attempt;    ///< where something fails; gives 0 or -errno
    std::function<void(int)> finish; ///< after each attempt, without failures: what it has given is looked at
};

/// Which allocations are counted. The kernel's own code that does not survive a failure, or turns a detector off, is spared:
/// drm_buddy and the debugging of DMA; where it is the driver core that calls, the minors of DRM and all that lies deep below
/// the driver (docs/decisions.md).
enum class Scope {
    CALL,   ///< all
    DRIVER, ///< those that the driver asks for itself, or by a call or two
};

/// Attempts with each fault of a kind in turn, until nothing is left to fail. With `thread` it is that one's faults that are
/// counted, else the caller's. Return: how many there were.
int for_each_fault(Fault kind, const Step &step, pid_t thread = 0, Scope scope = Scope::CALL);

} // namespace kmod
