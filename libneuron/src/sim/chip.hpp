// SPDX-License-Identifier: MIT
// The chip model on the bus of this process: its host side of the C ABI, and registers by name.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include <neuron_chip.h>

#include "../backend.hpp"
#include "group.hpp"
#include "host_memory.hpp"
#include "tape_file.hpp"

namespace neuron::sim {

/** Threading: any thread, but for what the C ABI restricts, which is done here. */
class Chip {
public:
    static Result<std::unique_ptr<Chip>> create(const SimOptions &options, HostMemory &memory, const detail::Log &log);
    ~Chip();
    Chip(const Chip &) = delete;
    Chip &operator=(const Chip &) = delete;

    std::uint32_t read32(std::uint32_t offset) const;
    std::uint64_t read64(std::uint32_t offset) const;
    void write32(std::uint32_t offset, std::uint32_t value);
    void write64(std::uint32_t offset, std::uint64_t value);
    void ring_doorbell(std::uint32_t context, std::uint32_t slot, std::uint32_t tail);
    std::span<std::byte> aperture() const;
    bool recorded() const { return tape_.is_open(); }

    /** Of the sanitizer. */
    std::vector<SanitizerReport> reports() const;

    /** What has become of the fault plan; empty without. */
    std::string fault_report() const { return plans_ ? plan_report() : std::string(); }

    /** Number of interrupts so far: read it, look for news, then wait_news() with it. */
    std::uint64_t news() const;
    /** Waits for an interrupt after `seen`, in stepped mode by running the chip; returns early at times. */
    void wait_news(std::uint64_t seen, detail::Deadline deadline);

    /** Polls until a register condition holds. @return false if it did not in a time that no healthy chip needs */
    bool poll(const std::function<bool()> &done);

private:
    Chip(HostMemory &memory, const detail::Log &log) : memory_(memory), log_(log) {}
    static neuron_chip_host_ops host_ops();
    void tell_news();
    /** Gives the chip a plan: faults and what is explored, either of which may be empty. */
    Result<void> plan(const std::string &faults, const std::string &explore);
    std::string plan_report() const;
    static void tell(std::string_view text);
    void tell_explored() const;
    /** What is left to do for the chip's steps, however many. @return 0 if nothing was */
    std::uint64_t run() const { return explores_ ? group_->run_some() : group_->run(); }
    /** While exploring, the chip gets somewhat ahead before each access. */
    void get_ahead() const {
        if (explores_)
            group_->get_ahead();
    }

    HostMemory &memory_;
    const detail::Log &log_;
    TapeFile tape_; // outlives the chip
    neuron_chip *chip_ = nullptr;
    std::shared_ptr<SimGroup> group_; // of a stepped chip, if only of its own
    bool explores_ = false;
    bool plans_ = false; // has faults

    mutable std::mutex news_lock_; // protects news_; callbacks take it, so nothing else is taken under it
    std::condition_variable changed_;
    std::uint64_t news_ = 0;
};

} // namespace neuron::sim
