// SPDX-License-Identifier: MIT
#include "sequencer.hpp"

#include "../clock.hpp"
#include "../control/control.hpp"
#include "compute/execute.hpp"
#include "compute/instruction_check.hpp"
#include "compute/numeric.hpp"
#include "core.hpp"
#include "dma_issue.hpp"

#include <algorithm>
#include <utility>

namespace neuron::chip {

using spec::Opcode;

namespace {

FaultInfo info_of(const ExecFault &fault) { return {.code = fault.code, .info = fault.info}; }

} // namespace

Sequencer::Sequencer(Services &services, Core &core, spec::Engine engine)
    : services_(services),
      core_(core),
      engine_(engine),
      watch_(services.hazards, core.index(), engine),
      log_(services.recorder, unit_of(engine), core.index()) {}

void Sequencer::start(const Launch &launch) {
    bind(launch);
    regs_.fill(0);
    state_ = {};
    leave_out();
    waited_ = false;
    asked_ = false;
    barrier_told_ = false;
    active_.store(true, std::memory_order_release);
}

void Sequencer::leave_out() {
    go_to(0);
    retired_.store(0, std::memory_order_relaxed);
    halted_.store(false, std::memory_order_relaxed);
}

Sequencer::View Sequencer::view() const {
    return {.at_work = at_work(),
            .halted = halted_.load(std::memory_order_relaxed),
            .pc = pc(),
            .retired = retired_.load(std::memory_order_relaxed)};
}

void Sequencer::bind(const Launch &launch) {
    const spec::StreamRef &stream = launch.program.streams[spec::raw(engine_)];
    cache_.reset(stream);
    count_ = stream.count;
    tracing_ = launch.notifier.traces(engine_);
    looks_for_nan_ = launch.notifier.traces_numeric();
}

void Sequencer::serialize_view(Archive &archive) {
    bool halted = halted_.load(std::memory_order_relaxed);
    archive.number("pc", pc_);
    archive.number("retired", retired_);
    archive.flag("halted", halted);
    halted_.store(halted, std::memory_order_relaxed);
}

// What was fetched is fetched again.
void Sequencer::serialize(Archive &archive, const Launch &launch) {
    bool active = at_work();
    archive.flag("at work", active);
    if (archive.loading())
        bind(launch);
    if (active) {
        archive.require(count_ != 0, "at work", "is set, but there is no stream");
        archive.require(pc() < count_, "pc", "is outside the stream");
        archive.flag("waited", waited_);
        archive.flag("barrier told", barrier_told_);
        archive.number("start", start_ns_);
        archive.array(regs_);
        archive.require(regs_[0] == 0, "register 0", "is not 0");
        archive.array(state_.acc);
        archive.number("seed", state_.seed);
        archive.number("words", state_.words);
        archive.choice("rounding", state_.rounding);
    }
    active_.store(active, std::memory_order_release);
}

Step Sequencer::step() {
    if (!active_.load(std::memory_order_acquire))
        return Step::BLOCKED;
    Launch &launch = core_.launch();
    if (launch.aborted())
        return finish(true);
    return plan::step_as(services_, {.queue = launch.queue_index, .core = core_.index(), .unit = unit_of(engine_)},
                         [&] { return run(launch); });
}

Step Sequencer::run(Launch &launch) {
    const auto entry = cache_.fetch(*launch.space, launch.actor, services_.host, pc());
    if (!entry)
        return fault(FaultInfo::of_memory(entry.error()));
    if (!entry->checked) {
        if (const auto good = check_instruction(engine_, core_.version(), entry->bytes); !good)
            return fault(info_of(good.error()));
        cache_.set_checked(pc());
    }
    return execute(launch, entry->bytes);
}

Step Sequencer::execute(Launch &launch, Raw raw) {
    const auto header = spec::unpack<spec::InstructionHeader>(raw.first<spec::InstructionHeader::BYTES>());
    if (!waited_ && wait(header) == Step::BLOCKED)
        return Step::BLOCKED;
    next_pc_ = pc() + 1;
    if (services_.faults.active()) [[unlikely]] {
        if (!std::exchange(asked_, true))
            spoilt_ = plan::spoil(services_, spec::PlanEvent::INSTRUCTION, pc());
        if (spoilt_.is_held_back(services_, *this))
            return Step::BLOCKED;
        if (spoilt_.dropped)
            return advance(launch, header, Flow::NEXT);
    }
    const Executed executed = dispatch(launch, raw, header.opcode);
    if (!executed)
        return fault(executed.error());
    if (*executed == Flow::PARK)
        return Step::BLOCKED;
    return advance(launch, header, *executed);
}

bool Sequencer::settle(const SyncBlock::WaitOutcome &outcome) {
    if (outcome.deadlock)
        core_.report_deadlock();
    core_.wake(outcome.wake);
    return outcome.ready;
}

bool Sequencer::take(const spec::InstructionHeader &header) {
    const auto outcome = core_.sync().wait(engine_, header, pc());
    if (outcome.ready && header.wait_op == spec::WaitOp::TAKE)
        log_.changed(core_.launch(), pc(), spec::RecordChange::TAKE, header.wait_value,
                     {core_.index(), header.wait_sem, outcome.left});
    return settle(outcome);
}

Step Sequencer::wait(const spec::InstructionHeader &header) {
    watch_.waiting(header);
    waited_ = take(header);
    if (waited_)
        watch_.waited(header);
    if ((tracing_ || looks_for_nan_) && waited_)
        start_ns_ = services_.clock.now_ns();
    return waited_ ? Step::MORE : Step::BLOCKED;
}

// Trace, update, then on to the next instruction: who sees the update finds the record.
Step Sequencer::advance(Launch &launch, const spec::InstructionHeader &header, Flow flow) {
    waited_ = false;
    asked_ = false;
    retired_.store(retired_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    launch.queue->made_progress();
    if (tracing_)
        if (const auto traced = trace(launch, header.opcode); !traced)
            return fault(traced.error());
    if (!is_dma(header.opcode)) { // the ring updates when the data has arrived
        SyncBlock::Changed changed;
        watch_.updating(core_.index(), header.update_op, header.update_sem, header.update_value);
        if (!core_.sync().update(header.update_op, header.update_sem, header.update_value, changed))
            return fault({.code = spec::Fault::SEMAPHORE, .info = header.update_sem});
        log_.updated(launch, pc(), header.update_op, header.update_value,
                     {core_.index(), header.update_sem, changed.value});
        core_.wake(changed.wake);
    }
    if (flow == Flow::END)
        return finish(false);
    if (next_pc_ >= count_)
        return fault({.code = spec::Fault::PC_RANGE, .info = next_pc_});
    go_to(next_pc_);
    return Step::MORE;
}

spec::Notification Sequencer::record(spec::NotificationKind kind, Opcode opcode) const {
    return {.kind = kind, .core = core_.index(), .engine = engine_, .opcode = opcode, .pc = pc()};
}

Sequencer::Executed Sequencer::trace(Launch &launch, Opcode opcode) {
    return append(launch, record(spec::NotificationKind::TRACE, opcode));
}

Sequencer::Executed Sequencer::look_for_nan(Launch &launch, ExecContext &context, Raw raw, Opcode opcode) {
    spec::Notification found = record(spec::NotificationKind::NUMERIC, opcode);
    found.value = numeric_flags(context, opcode, raw);
    return found.value != 0 ? append(launch, found) : Executed(Flow::NEXT);
}

Sequencer::Executed Sequencer::append(Launch &launch, spec::Notification note) {
    note.start_ns = start_ns_;
    note.end_ns = services_.clock.now_ns();
    if (const auto done = launch.notify(services_.host, note); !done)
        return tl::unexpected(FaultInfo::of_memory(done.error()));
    return Flow::NEXT;
}

Sequencer::Executed Sequencer::dispatch(Launch &launch, Raw raw, Opcode opcode) {
    if (is_dma(opcode)) // its tiles are the ring's business
        return issue_dma(launch, raw, opcode);
    if (const auto hazard = watch_.access(context(), pc(), opcode, raw))
        return tl::unexpected(*hazard);
    if (opcode < Opcode::DMA_LOAD || (opcode > Opcode::DMA_REDUCE && opcode < Opcode::LDWEIGHTS))
        return control(launch, raw, opcode);
    return compute(launch, raw, opcode);
}

ExecContext Sequencer::context() {
    return {.engine = engine_,
            .core_version = core_.version(),
            .regs = regs_,
            .memory = core_.memory(),
            .state = state_,
            .tensor_engine = core_.tensor_engine()};
}

Sequencer::Executed Sequencer::compute(Launch &launch, Raw raw, Opcode opcode) {
    ExecContext context = this->context();
    if (const auto done = execute_compute(context, opcode, raw); !done)
        return tl::unexpected(info_of(done.error()));
    return looks_for_nan_ ? look_for_nan(launch, context, raw, opcode) : Executed(Flow::NEXT);
}

Sequencer::Executed Sequencer::issue_dma(Launch &, Raw raw, Opcode opcode) {
    const auto issued = make_transfer({.engine = engine_, .pc = pc(), .regs = regs_, .core = core_}, opcode, raw);
    if (!issued)
        return tl::unexpected(info_of(issued.error()));
    // In flight before the ring has it: no look at the core may find it idle in between.
    core_.sync().dma_begin(engine_);
    DmaSource source{.raw = {}, .regs = regs_, .engine = engine_, .pc = pc()};
    std::ranges::copy(raw, source.raw.begin());
    if (core_.ring(issued->ring).push(issued->job, source))
        return Flow::NEXT;
    core_.sync().dma_cancel(engine_);
    return Flow::PARK;
}

Step Sequencer::finish(bool aborted) {
    halted_.store(aborted, std::memory_order_relaxed);
    active_.store(false, std::memory_order_relaxed);
    // Last, for the launch may be over with it and this sequencer start another stream.
    core_.sequencer_done(engine_, aborted);
    return Step::BLOCKED;
}

Step Sequencer::fault(FaultInfo info) {
    info.unit = unit_of(engine_);
    info.core = core_.index();
    info.pc = pc();
    services_.control.fault(core_.launch().queue_index, info);
    return Step::MORE;
}

void Sequencer::failed() noexcept {
    if (active_.load(std::memory_order_acquire))
        fault({.code = spec::Fault::HOST_BUS});
}

} // namespace neuron::chip
