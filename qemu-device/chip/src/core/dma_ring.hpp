// SPDX-License-Identifier: MIT
#pragma once

#include "../exec/unit.hpp"
#include "../plan/spoil.hpp"
#include "../sanitizer/actor.hpp"
#include "../services.hpp"
#include "dma_issue.hpp"
#include "dma_job.hpp"
#include "dma_transfer.hpp"
#include "hazard_watch.hpp"
#include "semaphore_log.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

namespace neuron::chip {

class Core;
struct FaultInfo;
struct Launch;

/// One DMA ring of a core: transfers in order, one chunk per step.
class DmaRing final : public Unit {
public:
    DmaRing(Services &services, Core &core, std::uint8_t index, std::uint32_t max_row_bytes);

    /// Puts a job in line. False: the ring is full; sequencer `engine` is woken when there is room.
    bool push(const DmaJob &job, const DmaSource &source);

    /// Another launch begins, with nothing in line: what a fault plan has put off is in the memory of the one before.
    void forget_postponed() { postponed_.forget(); }

    /// Transfers in line, by the engine that issued them.
    std::array<std::uint32_t, spec::ENGINE_COUNT> in_line() const;
    /// Reading: of a core with its launch.
    void serialize(Archive &archive);
    bool empty() const { return count_ == 0; }
    /// Whether it does what a fault plan has put off. Only while paused.
    bool catches_up() const { return late_.has_value(); }
    /// Forgets what is in line.
    void clear();

    Step step() override;
    void failed() noexcept override;

private:
    static constexpr std::size_t DEPTH = 32;

    DmaJob *front();
    /// One step of the job in front, whose launch goes on.
    Step advance(const DmaJob &job, Launch &launch);
    /// Takes up the job in front. A fault if hazard detection says that it should not have begun.
    std::optional<FaultInfo> begin(const DmaJob &job, const Launch &launch);
    void end_flight();
    void introduce(const DmaJob &job, const Launch &launch);
    void announce(const DmaJob &job, const DmaEnd &end, std::uint32_t sources, bool write);
    /// Moves a chunk. True: the job is complete.
    MemoryResult<bool> move(const DmaJob &job, Launch &launch);
    /// Whether there is one more transfer to be done before the job in front has ended.
    bool take_postponed();
    /// Leaves a record of the transfer, if the launch traces them.
    MemoryResult<void> notify(const DmaJob &job, Launch &launch);
    void pop();
    /// Tells the recorder of a transfer that has ended.
    void record(const DmaJob &job, const Launch &launch, bool failed);
    void finish(const DmaJob &job, Launch &launch);
    /// What the cores hear of the end of a transfer.
    void signal(const DmaJob &job, const Launch &launch);
    void drop_all();
    void serialize(Archive &archive, std::size_t place);
    void fault(const DmaJob &job, const Launch &launch, FaultInfo info);
    void fault(const DmaJob &job, const Launch &launch, const MemoryFault &fault);

    Services &services_;
    Core &core_;
    const std::uint8_t index_;

    mutable std::mutex mutex_; ///< guards the line and waiting_; the job in front belongs to step()
    std::array<std::optional<DmaJob>, DEPTH> jobs_;
    std::array<DmaSource, DEPTH> sources_; ///< of those
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::uint32_t waiting_ = 0; ///< engines that found the ring full

    // Progress of the job in front; only step() touches it.
    plan::Spoilt spoilt_; ///< what the fault plan makes of it
    plan::Postponed<DmaJob> postponed_;
    std::optional<DmaJob> late_; ///< it is done now, behind the job in front
    DmaTransfer transfer_;
    RingWatch watch_;
    SemaphoreLog log_;
    bool begun_ = false;
    std::uint64_t start_ns_ = 0;
    std::uint64_t moved_ = 0; ///< bytes
    Actor actor_;             ///< the job, for the sanitizer
};

} // namespace neuron::chip
