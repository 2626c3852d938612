// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>

namespace neuron::chip {

/// Signals of the host process are not for our threads: those that begin within the scope take none.
class BlockedSignals {
public:
    BlockedSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &saved_);
    }
    ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &saved_, nullptr); }
    BlockedSignals(const BlockedSignals &) = delete;
    BlockedSignals &operator=(const BlockedSignals &) = delete;

private:
    sigset_t saved_{};
};

} // namespace neuron::chip
