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
#include <string>

#include <neuron/context.hpp>
#include <neuron/fd.hpp>
#include <neuron/source_place.hpp>

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
    bool shareable = false;              ///< export_fd() may be called.
    std::string label{};                 ///< What faults call it; any text.
};

struct ImportOptions {
    bool read_only = false; ///< The device of this context may not write it.
    std::string label{};    ///< What faults call it; any text.
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
     * @param where What faults say of who made it.
     * @return out_of_memory naming what ran out; invalid_argument for a bad bank or size.
     */
    NEURON_API static Result<Buffer> create(const Context &context, std::uint64_t size,
                                            const BufferOptions &options = {},
                                            SourcePlace where = SourcePlace::current());

    /**
     * Maps memory that export_fd() has named, of whatever context, device or process: the same bytes, for both devices
     * and for the CPU. It lives until the last of its buffers and files is gone, also when the device that it was made
     * on goes first.
     *
     * With the accel backend a file is a dma-buf, and those of other drivers do as well if their memory is the
     * system's. With the sim backend it is a memfd that cannot shrink, open for reading and writing;
     * simulated devices of several processes may share.
     *
     * HBM stays in its device: with the accel backend contexts and processes of the same device share it, with sim the
     * contexts of one Device, and there a buffer must still exist.
     *
     * @param fd Stays the caller's, and may be closed afterwards.
     * @param where As for create().
     * @return invalid_argument if it is no open file, or not one of this backend; unsupported for memory that the
     *         device cannot reach, as HBM of another; not_found (sim) for HBM that is gone; out_of_memory; no_device.
     */
    NEURON_API static Result<Buffer> import_fd(const Context &context, int fd, const ImportOptions &options = {},
                                               SourcePlace where = SourcePlace::current());

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

    /**
     * A file that names the memory of the buffer, for import_fd(). Whoever has it may map the memory for writing, also
     * where this buffer is read_only. Imported buffers can be exported again: it is still the same memory.
     *
     * Devices see each other's writes in the order in which these arrive. docs/reference/libneuron.md says how a
     * program of one chip tells one of another that data is there.
     *
     * @return invalid_argument if the buffer was not made shareable; no_device.
     */
    NEURON_API Result<Fd> export_fd() const;

    /** For the library itself. */
    const std::shared_ptr<detail::BufferState> &state() const noexcept { return state_; }

private:
    explicit Buffer(std::shared_ptr<detail::BufferState> state);
    std::shared_ptr<detail::BufferState> state_;
};

} // namespace neuron
