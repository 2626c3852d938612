// SPDX-License-Identifier: MIT
/**
 * @file
 * Memory that the device reaches.
 */
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include <neuron/context.hpp>

namespace neuron {

namespace detail {
struct BufferState;
}

/** Where a buffer lives. */
enum class Placement : std::uint8_t {
    host, ///< System memory; always mappable by the CPU.
    hbm,  ///< Device memory.
};

struct BufferOptions {
    Placement placement = Placement::host;
    std::optional<std::uint32_t> bank{}; ///< HBM stack; empty for any. Not for host buffers.
    bool mappable = false;               ///< HBM only: allocate it where the CPU can map it (scarce).
    bool read_only = false;              ///< The device may not write it.
};

/**
 * A buffer, mapped in its context for as long as it lives. It reads as zero at first.
 *
 * Destroying it takes it out of the device's reach at once: a job in flight that still uses it faults. So wait first.
 *
 * Threading: const members may be called from several threads; the bytes are the caller's to synchronise.
 */
class Buffer {
public:
    /**
     * @param size Bytes, not 0; rounded up to the device's page size.
     * @return out_of_memory naming what ran out; invalid_argument for a bad bank or size.
     */
    NEURON_API static Result<Buffer> create(const Context &context, std::uint64_t size,
                                            const BufferOptions &options = {});

    NEURON_API ~Buffer();
    NEURON_API Buffer(Buffer &&) noexcept;
    NEURON_API Buffer &operator=(Buffer &&) noexcept;

    /** Address in the context: what packets and kernel arguments hold. */
    NEURON_API std::uint64_t va() const noexcept;
    /** Bytes, a multiple of the page size. */
    NEURON_API std::uint64_t size() const noexcept;
    NEURON_API Placement placement() const noexcept;

    /**
     * The bytes, for the CPU. Mapped at the first call and until the buffer is destroyed. What a job writes is visible
     * after waiting for the job; what the CPU writes is visible to jobs submitted afterwards.
     * @return unsupported for an HBM buffer that was not made mappable: Queue::write() and read() reach it.
     */
    NEURON_API Result<std::span<std::byte>> map() const;

    /** For the library itself. */
    const std::shared_ptr<detail::BufferState> &state() const noexcept { return state_; }

private:
    explicit Buffer(std::shared_ptr<detail::BufferState> state);
    std::shared_ptr<detail::BufferState> state_;
};

} // namespace neuron
