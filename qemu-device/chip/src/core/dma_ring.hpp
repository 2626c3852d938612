// SPDX-License-Identifier: MIT
#pragma once

#include "../exec/unit.hpp"
#include "../services.hpp"
#include "compute/tile_view.hpp"
#include "memory_block.hpp"

#include <neuron/spec.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

namespace neuron::chip {

class Core;
struct Launch;

/// A DMA_LOAD or DMA_STORE on its way through a ring.
struct DmaJob {
    bool load; ///< memory to tile
    TileView tile;
    MemoryBlock memory;
    spec::InstructionHeader header; ///< its update fires at the end
    std::uint32_t pc;
};

/// One DMA ring of a core: transfers in order, one chunk per step.
class DmaRing final : public Unit {
public:
    DmaRing(Services &services, Core &core, std::uint8_t index, std::uint32_t max_row_bytes);

    /// Puts a job in line. False: the ring is full; sequencer `engine` is woken when there is room.
    bool push(const DmaJob &job, spec::Engine engine);

    Step step() override;
    void failed() noexcept override;

private:
    static constexpr std::size_t DEPTH = 32;
    /// Runs of one step: bounds a step over single elements.
    static constexpr unsigned MAX_RUNS = 256;

    DmaJob *front();
    void drop_all();
    /// Moves a chunk. True: the job is complete.
    MemoryResult<bool> move(DmaJob &job, Launch &launch);
    std::span<std::byte> begin_row(DmaJob &job);
    void end_row(DmaJob &job);
    void finish(DmaJob &job, Launch &launch);
    void fault(const DmaJob &job, const Launch &launch, const MemoryFault &fault);

    Services &services_;
    Core &core_;
    const std::uint8_t index_;

    std::mutex mutex_; ///< guards the line and waiting_; the job in front belongs to step()
    std::array<std::optional<DmaJob>, DEPTH> jobs_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::uint32_t waiting_ = 0; ///< engines that found the ring full

    // Progress of the job in front; only step() touches it.
    unsigned row_ = 0;
    std::uint32_t row_done_ = 0;          ///< bytes
    std::uint64_t run_done_ = 0;          ///< bytes
    std::unique_ptr<std::byte[]> buffer_; ///< one row; untouched until a tile with gaps needs it
};

} // namespace neuron::chip
