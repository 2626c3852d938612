// SPDX-License-Identifier: MIT
/**
 * @file
 * One error type for the whole library. No function of the public interface throws, with the exception of running out of
 * memory for small objects, which ends the process as it does anywhere else.
 */
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include <neuron/export.hpp>
#include <neuron/spec.hpp>

namespace neuron {

/** Kind of an error, for programs. People read Error::message. */
enum class ErrorCode : std::uint8_t {
    invalid_argument,  ///< The caller broke a rule of the function, or a file is malformed.
    not_found,         ///< No such file, device, parameter.
    permission_denied, ///< The device node may not be opened by this user.
    no_device,         ///< No device is there, or it is gone (unplugged, wedged).
    version_mismatch,  ///< Library, driver, device or kernel file speak different majors of the hardware contract.
    out_of_memory,     ///< Host memory, device memory, queues or address space ran out.
    device_fault,      ///< A job faulted; Error::fault tells where.
    timeout,           ///< A wait ran out (the job goes on), or the driver stopped a job that made no progress.
    canceled,          ///< The job was stopped because its queue or context was: destroyed, or faulted by another job.
    io,                ///< The operating system refused something unexpectedly.
    unsupported,       ///< This device, driver or build cannot do it.
};

/** Name of a code as in the source, e.g. "device_fault". */
NEURON_API std::string_view name(ErrorCode code) noexcept;

/** A buffer, as a fault's address meets it. */
struct BufferPlace {
    std::string label;      ///< BufferOptions::label; empty if it had none.
    std::uint64_t va = 0;   ///< Its first address.
    std::uint64_t size = 0; ///< Bytes.
    std::string made{};     ///< "foo.cc:88": who made it, if it was C++.
};

/** Where an address lies among the buffers of a context. */
struct FaultPlace {
    std::optional<BufferPlace> buffer{}; ///< The buffer that it lies in.
    bool destroyed = false;              ///< That buffer was gone by the time of the report.
    std::chrono::nanoseconds gone_for{}; ///< If destroyed: for how long; if only the device knew, before the fault.
    /// If destroyed: where that was done, as "foo.cc:88 (program+0x1234)". The line needs libdw and debug information;
    /// addr2line makes one of the rest. "" if unknown.
    std::string gone_by{};
    std::optional<BufferPlace> below{}; ///< The nearest one before that, or before the address,
    std::optional<BufferPlace> above{}; ///< and without a buffer, the nearest one behind it.
};

/** Where and why a job faulted. The fields mean what the event record of the hardware contract says. */
struct FaultInfo {
    spec::Fault code = spec::Fault::NONE;   ///< What went wrong.
    spec::Unit unit = spec::Unit::QUEUE;    ///< Where it arose.
    std::uint64_t job = 0;                  ///< Number of the job (Job::number).
    std::uint64_t packet = 0;               ///< Index of the packet in that job.
    std::optional<spec::PacketOp> opcode{}; ///< What that packet is, if the library still knows.
    std::uint32_t core = 0;                 ///< Core, for units other than QUEUE.
    std::uint32_t ring = 0;                 ///< DMA ring, for unit DMA.
    std::uint32_t pc = 0;                   ///< Index of the instruction in its stream, for units other than QUEUE.
    bool write = false;                     ///< The failed access was a write.
    std::uint64_t va = 0;                   ///< First context address that failed, or 0.
    std::uint64_t info = 0;                 ///< More, by code.
    /** "matmul.s:12": where that instruction was written, if its kernel file says and the program is still there. */
    std::string line{};
    std::string other_line{};          ///< The same of the other instruction, if code is a hazard.
    std::optional<FaultPlace> place{}; ///< Where va lies, if it is an address.
    std::string submitted{}; ///< "foo.cc:88": who submitted the job, if it was C++ and the library still knows.
};

/** One line for people: "job 3, packet 1 (LAUNCH): core 0 PE instruction 17: PSUM_GROUP: …, bank 2". */
NEURON_API std::string describe(const FaultInfo &fault);

/** What went wrong. The message is one line that names the thing, without a newline. */
struct Error {
    ErrorCode code = ErrorCode::io;
    std::string message;
    std::optional<FaultInfo> fault{}; ///< Set when code is device_fault and the device told where.
};

/** A value, or an Error. */
template<class T>
using Result = tl::expected<T, Error>;

} // namespace neuron
