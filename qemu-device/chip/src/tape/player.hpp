// SPDX-License-Identifier: MIT
// Replays a tape: it is the host of a chip, and of its memory.
#pragma once

#include "../watcher.hpp"
#include "neuron_chip.h"
#include "reader.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace neuron::chip {
class Chip;
}

namespace neuron::chip::tape {

class Player final : public Watcher {
public:
    /// How it ended.
    enum class End {
        RUNNING,
        COMPLETE,
        CUT_OFF,  ///< all that is there is the same; the end is missing
        STOPPED,  ///< where `options` said
        DIVERGED, ///< the chip did something else than the tape says
        DAMAGED,
    };

    Player(Reader reader, const neuron_chip_replay_options &options);

    neuron_chip_host_ops ops() const;
    /// The chip that plays, made with ops() and this.
    void attach(neuron_chip &chip);
    /// Plays until the end.
    void play();
    /// Only tells of the events, without a chip.
    void list();

    End end() const { return end_; }
    int error() const { return error_; }
    /// Why, if it did not end well.
    const std::string &message() const { return message_; }
    neuron_chip_replay_result result() const;

    void before_read(std::uint64_t offset, std::uint64_t bytes) override;
    void after_write(std::uint64_t, std::uint64_t) override {}
    void zeroed(std::uint64_t, std::uint64_t) override {}
    bool host_touched(std::uint64_t offset, bool found) override;
    const std::byte *host_memory() const override { return nullptr; }
    void taken_up(std::uint32_t queue, std::uint64_t packet,
                  std::span<const std::byte, spec::PACKET_BYTES> raw) override;
    void retired(std::uint32_t queue, std::uint64_t packet) override;

private:
    // What the chip does, against what the tape has.
    int dma_read(std::uint64_t addr, std::span<std::byte> out);
    int dma_write(std::uint64_t addr, std::span<const std::byte> in);
    void irq(std::uint32_t vector);
    void function(std::uint32_t action, std::uint64_t argument);
    void log(neuron_chip_log_level level, const char *message) const;

    /// The chip does `mine`. The event of the tape if it is the same as far as its head says; otherwise the replay is over.
    std::optional<Event> expect(const Event &mine);
    /// The chip becomes what the tape begins with.
    void load_state();
    /// What came in while the chip waited.
    void play_inside();
    void play_host(const Event &event);
    std::uint64_t run_step();
    /// Runs the chip up to the step of the next event, and does that if it is the host's.
    void play_next();
    void play_access(const Event &event);
    void play_read(const Event &event);
    /// The read that has brought about the next event, which the chip did.
    std::optional<Event> read_behind() const;
    void play_other(const Event &event);
    void take_step();
    /// Whether somebody wants it to end, now and then.
    void glance();

    /// Reads on, past what only informs.
    void advance();
    /// Whether there is an event to play: not behind the end, nor where the replay was to stop. Tells of it.
    bool ready();
    /// The tape was cut off: the chip goes on with what it has, for what cut the tape off may be what it does next.
    void run_out();
    void tell(const Event &event) const;
    bool over() const { return end_ != End::RUNNING; }
    void finish(End end, int error, std::string message);
    void diverge(const std::string &what);
    bool bytes_differ(const Event &tape, std::span<const std::byte> mine);

    Reader reader_;
    const neuron_chip_replay_options options_;
    const bool sanitized_; ///< when it was recorded
    neuron_chip *handle_ = nullptr;
    Chip *chip_ = nullptr;
    std::byte *hbm_ = nullptr;
    std::uint64_t hbm_bytes_ = 0;

    std::optional<Event> next_;    ///< nothing: the tape is over
    std::optional<Damage> damage_; ///< or damaged here
    std::uint64_t index_ = 0;      ///< of next_
    bool told_ = false;            ///< of next_
    bool in_step_ = false;
    std::uint64_t steps_ = 0;
    std::uint64_t reads_ = 0; ///< of HBM
    neuron_chip_replay_result counts_{};

    End end_ = End::RUNNING;
    int error_ = 0;
    std::string message_;
};

} // namespace neuron::chip::tape
