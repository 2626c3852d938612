// SPDX-License-Identifier: MIT
#include "launch_job.hpp"

#include "../core/core.hpp"
#include "../hazard/monitor.hpp"
#include "../recorder/recorder.hpp"
#include "program_check.hpp"

#include <bit>
#include <cstring>
#include <endian.h>

namespace neuron::chip {

tl::expected<void, FaultInfo> LaunchJob::read_header(PacketContext &context) {
    std::array<std::byte, spec::ProgramHeader::BYTES> raw;
    const Access access(context.space, context.actor);
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
    const Access access(context.space, context.actor);
    if (const auto done = read(access, context.services.host, packet_.args, std::as_writable_bytes(used)); !done)
        return done;
    for (std::size_t i = 0; i < raw.size(); ++i)
        launch_.args[i] = le64toh(raw[i]);
    return {};
}

void LaunchJob::bind(PacketContext &context) {
    launch_.queue_index = context.queue_index;
    launch_.queue = &context.queue;
    launch_.space = &context.space;
    launch_.waiter = &context.self;
    launch_.actor = context.actor;
    launch_.owner = {context.queue.active.ctx(), context.generation};
    launch_.core_mask = packet_.core_mask;
    rank_cores(context);
}

void LaunchJob::rank_cores(PacketContext &context) {
    auto next = launch_.by_rank.begin();
    for (std::uint32_t left = packet_.core_mask; left != 0; left &= left - 1)
        *next++ = &context.cores[static_cast<std::size_t>(std::countr_zero(left))];
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
    launch_.census.start(launch_.core_count());
    launch_.notifier.start(packet_);
    if (Recorder &recorder = context.services.recorder; recorder.on())
        recorder.add(spec::RecordLaunch{.head = {.ctx = static_cast<std::uint8_t>(context.queue.active.ctx()),
                                                 .queue = static_cast<std::uint8_t>(context.queue_index),
                                                 .packet = context.packet},
                                        .program = packet_.program,
                                        .core_mask = packet_.core_mask},
                     spec::RecordKind::LAUNCH);
    launch_.packet = context.packet;
    for (Core *core : launch_.cores())
        core->arm(launch_);
    // From here on the launch may be over at any time, but not before its last core has been told to run.
    for (std::uint32_t left = packet_.core_mask; left != 0; left &= left - 1)
        context.cores[static_cast<std::size_t>(std::countr_zero(left))].run();
}

std::optional<FaultInfo> LaunchJob::hazard_at_end(const PacketContext &context) {
    if (context.services.hazards == nullptr)
        return std::nullopt;
    for (const Core *core : launch_.cores())
        if (auto found = context.services.hazards->ended(core->index()))
            return found;
    return std::nullopt;
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
        bind(context);
        phase_ = Phase::ACQUIRE;
        return JobStep::MORE;
    case Phase::ACQUIRE:
        if (!context.pool.acquire(context.self, packet_.core_mask, *context.queue.active.priority())) {
            context.services.control.wait_for_cores(context.queue_index);
            return JobStep::BLOCKED;
        }
        context.services.control.take_cores(context.queue_index, launch_.core_count());
        unprepared_ = packet_.core_mask;
        phase_ = Phase::PREPARE;
        return JobStep::MORE;
    case Phase::PREPARE: return prepare_one(context);
    case Phase::RUN:
        if (!launch_.census.over())
            return JobStep::BLOCKED;
        if (const auto hazard = hazard_at_end(context))
            return tl::unexpected(*hazard);
        give_cores(context);
        return JobStep::DONE;
    }
    return JobStep::DONE;
}

void LaunchJob::give_cores(PacketContext &context) {
    context.services.control.give_cores(context.queue_index);
    context.pool.release(context.self);
}

bool LaunchJob::abandon(PacketContext &context) {
    if (phase_ == Phase::RUN && !launch_.census.over()) {
        if (!told_cores_) {
            told_cores_ = true;
            for (Core *core : launch_.cores()) {
                core->set_priority(Priority::CONTROL);
                core->wake_all();
            }
        }
        return false;
    }
    give_cores(context);
    return true;
}

bool LaunchJob::claim_fits(std::uint32_t waits, std::uint32_t has) const {
    const std::uint32_t mask = packet_.core_mask;
    switch (phase_) {
    case Phase::HEADER:
    case Phase::ARGS: return waits == 0 && has == 0;
    case Phase::ACQUIRE: return (waits == 0 && has == 0) || (waits == mask && has == 0) || (waits == 0 && has == mask);
    case Phase::PREPARE:
    case Phase::RUN: return waits == 0 && has == mask;
    }
    return false;
}

void LaunchJob::serialize(Archive &archive, PacketContext &context) {
    auto phase = static_cast<std::uint8_t>(phase_);
    archive.number("phase", phase, 0, static_cast<std::uint8_t>(Phase::RUN));
    phase_ = static_cast<Phase>(phase);
    archive.number("cores not ready", unprepared_);
    archive.flag("cores told", told_cores_);
    archive.require(!told_cores_ || phase_ == Phase::RUN, "cores told", "is set, but none is at work");
    archive.require((unprepared_ & ~packet_.core_mask) == 0 && (unprepared_ != 0) == (phase_ == Phase::PREPARE),
                    "cores not ready", "are not those of the launch");
    if (phase_ == Phase::HEADER)
        return;
    auto header = spec::packed(launch_.program);
    archive.bytes(header);
    if (archive.loading()) {
        archive.require(check_program_header(header).has_value(), "program header", "is none");
        launch_.program = spec::unpack<spec::ProgramHeader>(header);
    }
    if (phase_ == Phase::ARGS)
        return;
    archive.array(launch_.args);
    if (archive.loading())
        bind(context);
    if (phase_ != Phase::RUN)
        return;
    if (archive.loading())
        launch_.notifier.start(packet_);
    launch_.notifier.serialize(archive);
}

} // namespace neuron::chip
