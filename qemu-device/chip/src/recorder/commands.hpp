// SPDX-License-Identifier: MIT
#pragma once

#include "../exec/executor.hpp"
#include "book.hpp"
#include "recorder.hpp"

#include <cstdint>
#include <mutex>
#include <vector>

namespace neuron::chip {

class Sanitizer;

/// Carries out register REC.CMD: writes what a driver asks the recorder for to host memory.
class RecorderCommands final : public Unit {
public:
    /// `drained` is woken when a write to host memory has ended; a reset waits for that.
    RecorderCommands(const Recorder &recorder, const Book &book, Sanitizer *sanitizer, const Host &host,
                     Executor &executor, Unit &drained)
        : Unit(Priority::CONTROL),
          recorder_(recorder),
          book_(book),
          sanitizer_(sanitizer),
          host_(host),
          executor_(executor),
          drained_(drained) {}

    struct Registers {
        std::uint64_t addr = 0;
        std::uint64_t first = 0;
        std::uint32_t count = 0;
        std::uint32_t op = 0;
        std::uint32_t done = 0;
        bool busy = false;
        bool error = false;
    };
    Registers registers() const;
    /// These return false, and do nothing, while a command is busy.
    bool set_addr(std::uint64_t value);
    bool set_first(std::uint64_t value);
    bool set_count(std::uint32_t value);
    bool start(std::uint32_t op);
    /// Clears the registers; a command ends at its next step.
    void reset();
    /// Whether something is on its way to host memory.
    bool busy() const;
    void serialize(Archive &archive);

    Step step() override;
    void failed() noexcept override;

private:
    /// Records that one step writes.
    static constexpr std::size_t CHUNK_RECORDS = 256;

    bool valid_locked() const;
    /// What an operation writes next, into buffer_; `at` moves on. Returns how many records, and of how many bytes.
    struct Piece {
        std::size_t records;
        std::size_t bytes;
        bool last;
    };
    Piece next_reports(std::uint64_t &at, std::uint64_t end);
    Piece history(const Registers &regs);
    Piece report_text(std::uint64_t index);
    Piece next(const Registers &regs, std::uint64_t &at, std::uint64_t end);
    void finish_locked(bool error);

    const Recorder &recorder_;
    const Book &book_;
    Sanitizer *const sanitizer_; ///< nullptr: there are no reports
    const Host &host_;
    Executor &executor_;
    Unit &drained_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(CHUNK_RECORDS * Recorder::BYTES); ///< of step()

    mutable std::mutex mutex_; ///< guards all below
    Registers regs_;
    std::uint64_t at_ = 0;      ///< next record of a dump
    std::uint64_t end_ = 0;     ///< and the one after its last
    std::uint64_t written_ = 0; ///< bytes of the command
    bool writing_ = false;      ///< step() is at it without the lock
    std::uint64_t resets_ = 0;
};

} // namespace neuron::chip
