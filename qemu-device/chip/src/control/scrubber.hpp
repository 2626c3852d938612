// SPDX-License-Identifier: MIT
#pragma once

#include "../exec/executor.hpp"
#include "../hbm.hpp"

#include <cstdint>
#include <mutex>

namespace neuron::chip {

/// Zeroes a range of HBM on behalf of the SCRUB registers.
class Scrubber final : public Unit {
public:
    /// `drained` is woken when a scrub has stopped; a reset waits for that.
    Scrubber(const Hbm &hbm, Executor &executor, Unit &drained)
        : Unit(Priority::CONTROL), hbm_(hbm), executor_(executor), drained_(drained) {}

    /// HBM that one step zeroes: long enough to be cheap, short enough for others to get their turn.
    static constexpr std::uint64_t STEP_BYTES = 256ULL << 20;

    struct Registers {
        std::uint64_t addr = 0;
        std::uint64_t bytes = 0;
        bool running = false;
        bool error = false;
    };
    Registers registers() const;
    /// These return false, and do nothing, while a scrub is running.
    bool set_addr(std::uint64_t value);
    bool set_bytes(std::uint64_t value);
    bool start();
    /// Clears the registers; a running scrub ends at its next step.
    void reset();
    bool busy() const;
    void serialize(Archive &archive);

    Step step() override;
    void failed() noexcept override {}

private:
    const Hbm &hbm_;
    Executor &executor_;
    Unit &drained_;

    mutable std::mutex mutex_; ///< guards all below
    Registers regs_;
    std::uint64_t at_ = 0;
    std::uint64_t left_ = 0;
    bool stepping_ = false; ///< step() is zeroing without the lock
};

} // namespace neuron::chip
