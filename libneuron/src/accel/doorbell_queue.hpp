// SPDX-License-Identifier: MIT
// Jobs without a system call: ring, seqno and doorbell are in the process.
#pragma once

#include <memory>
#include <mutex>

#include "../job_ledger.hpp"
#include "context.hpp"
#include "queue.hpp"

namespace neuron::accel {

/** Host memory of a context that lives as long as this: ring, seqno and stamps of a queue in user mode. */
class QueueMemory {
public:
    static Result<QueueMemory> create(Context &context, std::uint32_t ring_log2);
    QueueMemory(QueueMemory &&other) noexcept;
    QueueMemory &operator=(QueueMemory &&) = delete;
    ~QueueMemory();

    std::uint64_t ring_va() const noexcept { return va_; }
    std::uint64_t seqno_va() const noexcept { return va_ + seqno_offset_; }
    std::uint64_t stamps_va() const noexcept { return va_ + stamps_offset_; }
    std::byte *ring() const noexcept { return bytes_.data(); }
    /** Packets that the device says have retired. What it wrote for them is visible afterwards. */
    std::uint64_t seqno() const noexcept;
    std::span<const std::byte, spec::Stamp::BYTES> stamp(std::uint64_t index) const noexcept;

private:
    explicit QueueMemory(Context &context) : context_(&context) {}

    Context *context_;
    detail::BoInfo bo_{};
    std::uint64_t va_ = 0;
    std::span<std::byte> bytes_;
    std::uint64_t seqno_offset_ = 0;
    std::uint64_t stamps_offset_ = 0;
};

/** A mapping of the context's page of doorbells, for one of them. */
class Doorbell {
public:
    Doorbell() = default;
    /** @param handle Given back, also if that fails. */
    static Result<Doorbell> map(Context &context, std::uint32_t handle, std::uint32_t offset);
    Doorbell(Doorbell &&other) noexcept : page_(std::exchange(other.page_, {})), offset_(other.offset_) {}
    Doorbell &operator=(Doorbell &&) = delete;
    ~Doorbell();

    /** Packets written so far; all stores before it come first. */
    void ring(std::uint64_t tail) const noexcept;

private:
    std::span<std::byte> page_;
    std::uint32_t offset_ = 0;
};

/** A queue in user mode. The driver counts its packets; jobs are only known here. */
class DoorbellQueue final : public detail::QueuePort {
public:
    static Result<std::shared_ptr<detail::QueuePort>> create(Context &context, std::shared_ptr<const Fd> fd,
                                                             const std::string &name, const QueueOptions &options);
    ~DoorbellQueue() override { DoorbellQueue::close(); }

    void close() override;
    detail::Submitted submit(detail::JobSpan jobs) override;
    Result<std::optional<detail::JobStatus>> wait(std::uint64_t job, detail::Deadline deadline) override;
    Result<std::optional<detail::JobStatus>> wait_shared(std::uint64_t job, detail::Deadline deadline) override;
    Result<detail::QueueStatus> query() override;
    std::optional<FaultPlace> place_of_fault(std::uint64_t va) override { return accel::place_of_fault(*fd_, va); }
    Result<std::optional<JobTimes>> times(std::uint64_t job) override;
    bool thread_bound() const noexcept override { return false; }
    std::string_view path() const noexcept override { return "doorbell"; }

private:
    /** How the first job that did not end well ended. Those behind it were canceled. */
    struct Failure {
        std::uint64_t job;
        detail::JobStatus status;
    };

    DoorbellQueue(std::shared_ptr<const Fd> fd, QueueMemory memory, std::uint32_t id, Doorbell doorbell,
                  const QueueOptions &options);

    std::optional<Error> submit_one(std::span<const Packet> packets);
    Result<bool> make_room(std::size_t packets);
    void write_packets(std::span<const Packet> packets);
    void ring();
    bool look(std::uint64_t job);
    bool spin(std::uint64_t job, detail::Deadline deadline);
    std::optional<detail::JobStatus> known_status(std::uint64_t job);
    Result<std::optional<detail::JobStatus>> ask_driver(std::uint64_t job, detail::Deadline deadline);
    Result<std::optional<detail::JobStatus>> settle(std::uint64_t job, std::optional<detail::JobStatus> status);
    void translate(detail::QueueStatus &status) const;
    void note_failure(const detail::QueueStatus &status, std::uint64_t packets);

    const std::shared_ptr<const Fd> fd_;
    const std::uint32_t id_;
    const QueueOptions options_;
    std::optional<QueueMemory> memory_; // until closed
    std::optional<Doorbell> doorbell_;  // likewise
    std::uint64_t rung_ = 0;            // packets announced

    std::mutex lock_; // protects all below, and memory_ against other threads than the queue's
    detail::JobLedger jobs_;
    std::optional<Failure> failure_;
    std::optional<detail::QueueStatus> final_; // once closed
};

} // namespace neuron::accel
