// SPDX-License-Identifier: MIT
/**
 * @file
 * A kernel in device memory, ready to run.
 */
#pragma once

#include <memory>
#include <span>

#include <neuron/kernel_file.hpp>
#include <neuron/queue.hpp>

namespace neuron {

namespace detail {
struct LoadedKernel;
}

/** One launch argument: a buffer's bytes, or a 64-bit value. Holds no reference: the buffer must outlive the job. */
class Argument {
public:
    /** A tensor that starts at @p offset of the buffer. */
    static Argument tensor(const Buffer &buffer, std::uint64_t offset = 0) noexcept {
        return {buffer.va() + offset, offset > buffer.size() ? 0 : buffer.size() - offset, true};
    }
    static Argument scalar(std::uint64_t value) noexcept { return {value, 0, false}; }

    std::uint64_t value() const noexcept { return value_; } ///< What the kernel reads.
    std::uint64_t room() const noexcept { return room_; }   ///< Bytes behind a tensor argument.
    bool is_tensor() const noexcept { return tensor_; }

private:
    Argument(std::uint64_t value, std::uint64_t room, bool tensor) noexcept
        : value_(value), room_(room), tensor_(tensor) {}
    std::uint64_t value_;
    std::uint64_t room_;
    bool tensor_;
};

struct ProgramOptions {
    /** Where the instructions lie. */
    Placement placement = Placement::hbm;
    /** HBM stack; empty for any. */
    std::optional<std::uint32_t> bank{};
};

/**
 * A kernel file in the memory of a context. Must outlive the jobs that run it.
 * Threading: const members may be called from several threads, each with its own Queue.
 */
class Program {
public:
    /**
     * Uploads the streams and the program header, on @p queue, and waits.
     * @return version_mismatch if the device's contract is older than the kernel's; unsupported if the kernel needs more
     *         cores or SBUF than the device has; what Buffer::create() and Queue::write() return.
     */
    NEURON_API static Result<Program> load(const Context &context, Queue &queue, KernelFile file,
                                           const ProgramOptions &options = {});

    NEURON_API const KernelFile &file() const noexcept;
    /** Bytes in device memory: header and streams. */
    std::uint64_t bytes() const noexcept { return image_.size(); }
    /** Address of the program_header, for CommandList::launch(). */
    std::uint64_t va() const noexcept { return image_.va(); }

    /**
     * Checks arguments against the parameters: their number, kind, and that a tensor's buffer is large enough.
     * @return invalid_argument naming the parameter.
     */
    NEURON_API Result<void> check(std::span<const Argument> args) const;

    /**
     * Submits a job that runs the program. The arguments are copied.
     * @param core_mask Cores, bit i = core i; as many as the kernel says if it does.
     * @return invalid_argument for a wrong number of cores; what check() and Queue::submit() return.
     */
    NEURON_API Result<Job> launch(Queue &queue, std::span<const Argument> args, std::uint32_t core_mask = 1,
                                  SourcePlace where = SourcePlace::current()) const;

    /** The same for a job that waits for and signals points of timelines. @return also what Queue::submit() returns for those. */
    NEURON_API Result<Job> launch(Queue &queue, std::span<const Argument> args, std::uint32_t core_mask,
                                  const SubmitOptions &options, SourcePlace where = SourcePlace::current()) const;

private:
    Program(std::shared_ptr<const detail::LoadedKernel> kernel, Buffer image)
        : kernel_(std::move(kernel)), image_(std::move(image)) {}
    std::shared_ptr<const detail::LoadedKernel> kernel_; // errors look it up while it is there
    Buffer image_;
};

} // namespace neuron
