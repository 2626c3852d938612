// SPDX-License-Identifier: MIT
#include "launch_job.hpp"

#include "../core/core.hpp"
#include "program_check.hpp"

#include <bit>
#include <cstring>
#include <endian.h>

namespace neuron::chip {

tl::expected<void, FaultInfo> LaunchJob::read_header(PacketContext &context) {
    std::array<std::byte, spec::ProgramHeader::BYTES> raw;
    const Access access(context.space);
    if (const auto done = read(access, context.services.host, packet_.program, raw); !done)
        return packet_fault(done.error());
    if (const auto good = check_program_header(raw); !good)
        return good;
    launch_.program = spec::unpack<spec::ProgramHeader>(raw);
    return {};
}

MemoryResult<void> LaunchJob::read_args(PacketContext &context) {
    std::array<std::uint64_t, spec::LAUNCH_ARGS> raw{};
    const auto used = std::span(raw).first(packet_.arg_count);
    const Access access(context.space);
    if (const auto done = read(access, context.services.host, packet_.args, std::as_writable_bytes(used)); !done)
        return done;
    for (std::size_t i = 0; i < raw.size(); ++i)
        launch_.args[i] = le64toh(raw[i]);
    return {};
}

JobStep LaunchJob::prepare_one(PacketContext &context) {
    const int core = std::countr_zero(unprepared_);
    context.cores[static_cast<std::size_t>(core)].prepare(launch_);
    unprepared_ &= unprepared_ - 1;
    if (unprepared_ == 0)
        start(context);
    return JobStep::MORE;
}

void LaunchJob::start(PacketContext &context) {
    phase_ = Phase::RUN;
    launch_.cores_left.store(static_cast<std::uint32_t>(std::popcount(packet_.core_mask)));
    for (std::uint32_t left = packet_.core_mask; left != 0; left &= left - 1)
        context.cores[static_cast<std::size_t>(std::countr_zero(left))].start(launch_);
}

JobResult LaunchJob::step(PacketContext &context) {
    switch (phase_) {
    case Phase::HEADER:
        if (const auto good = read_header(context); !good)
            return tl::unexpected(good.error());
        phase_ = Phase::ARGS;
        return JobStep::MORE;
    case Phase::ARGS:
        if (const auto good = read_args(context); !good)
            return packet_fault(good.error());
        launch_.queue_index = context.queue_index;
        launch_.queue = &context.queue;
        launch_.space = &context.space;
        launch_.waiter = &context.self;
        launch_.owner = {context.queue.active.ctx(), context.generation};
        phase_ = Phase::ACQUIRE;
        return JobStep::MORE;
    case Phase::ACQUIRE:
        if (!context.pool.acquire(context.self, packet_.core_mask))
            return JobStep::BLOCKED;
        unprepared_ = packet_.core_mask;
        phase_ = Phase::PREPARE;
        return JobStep::MORE;
    case Phase::PREPARE: return prepare_one(context);
    case Phase::RUN:
        if (launch_.cores_left.load(std::memory_order_acquire) != 0)
            return JobStep::BLOCKED;
        context.pool.release(context.self);
        return JobStep::DONE;
    }
    return JobStep::DONE;
}

bool LaunchJob::abandon(PacketContext &context) {
    if (phase_ == Phase::RUN && launch_.cores_left.load(std::memory_order_acquire) != 0) {
        if (!told_cores_) {
            told_cores_ = true;
            for (std::uint32_t left = packet_.core_mask; left != 0; left &= left - 1)
                context.cores[static_cast<std::size_t>(std::countr_zero(left))].wake_all();
        }
        return false;
    }
    context.pool.release(context.self);
    return true;
}

} // namespace neuron::chip
