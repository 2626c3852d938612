// SPDX-License-Identifier: MIT
#pragma once

#include "../exec/executor.hpp"
#include "../host.hpp"
#include "../recorder/book.hpp"
#include "../recorder/recorder.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace neuron::chip {

/// The event ring: writes records to host memory one after another, moves TAIL, raises vector 0.
class EventRing final : public Unit {
public:
    /// `drained` is woken whenever a record has left; a reset waits for that.
    EventRing(const Host &host, InterruptGate &interrupts, Executor &executor, Unit &drained, Recorder &recorder,
              const Book &book)
        : Unit(Priority::CONTROL),
          host_(host),
          interrupts_(interrupts),
          executor_(executor),
          drained_(drained),
          recorder_(recorder),
          book_(book) {}

    /// Queues a record. Any thread, any lock of the control plane may be held: nothing is called back from here.
    void post(const spec::EventRecord &record);
    /// Forgets everything; nothing of before is counted or signalled any more.
    void reset();
    /// Whether a record is on its way to host memory.
    bool busy() const;

    struct Registers {
        std::uint64_t base = 0;
        std::uint32_t log2 = 0;
        std::uint32_t head = 0;
        std::uint32_t tail = 0;
        std::uint32_t lost = 0;
    };
    Registers registers() const;
    void set_base(std::uint64_t value);
    void set_log2(std::uint32_t value);
    void set_head(std::uint32_t value);

    void serialize(Archive &archive);

    Step step() override;
    void failed() noexcept override {}

private:
    /// More than the queues that can fault at once; a flood beyond it is counted as lost.
    static constexpr std::size_t MAX_PENDING = 4 * spec::MAX_QUEUES;

    std::optional<std::uint64_t> next_address_locked() const;
    void log(const spec::EventRecord &record) const noexcept;
    /// Whose memory the address of a fault is, if that is known.
    std::string blame(const spec::EventRecord &record) const;

    const Host &host_;
    InterruptGate &interrupts_;
    Executor &executor_;
    Unit &drained_;
    Recorder &recorder_;
    const Book &book_;

    mutable std::mutex mutex_;                           ///< guards all below; innermost but for the executor's
    std::array<spec::EventRecord, MAX_PENDING> pending_; ///< fixed: a fault must not need memory
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    bool writing_ = false;
    std::uint64_t resets_ = 0;
    Registers regs_;
};

} // namespace neuron::chip
