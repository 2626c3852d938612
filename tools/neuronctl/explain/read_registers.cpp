// SPDX-License-Identifier: MIT
#include "readers.hpp"

namespace neuronctl::explain {
namespace {

namespace reg = spec::reg;
namespace field = spec::field;

using Read = std::function<std::uint64_t(std::uint64_t, unsigned)>;

std::uint32_t word(const Read &read, std::uint64_t offset) { return static_cast<std::uint32_t>(read(offset, 4)); }

std::string state_name(spec::QueueState state) {
    switch (state) {
    case spec::QueueState::FAULTED: return "faulted";
    case spec::QueueState::STOPPED: return "canceled";
    default: return "ok";
    }
}

Queue read_queue(const Read &read, std::uint32_t hw) {
    Queue queue;
    queue.hw = hw;
    queue.ctx = field::QUEUE_CFG_CTX.get(word(read, reg::QUEUE_CFG(hw)));
    queue.ring = 1ULL << (word(read, reg::QUEUE_RING_LOG2(hw)) & 63);
    queue.registers = QueueRegisters{.status = word(read, reg::QUEUE_STATUS(hw)),
                                     .head = read(reg::QUEUE_HEAD(hw), 8),
                                     .tail = read(reg::QUEUE_TAIL(hw), 8),
                                     .progress = read(reg::QUEUE_PROGRESS(hw), 8)};
    const std::uint32_t status = queue.registers->status;
    queue.state = state_name(static_cast<spec::QueueState>(field::QUEUE_STATUS_STATE.get(status)));
    if (queue.state == "faulted")
        queue.fault = Fault{.code = static_cast<spec::Fault>(field::QUEUE_STATUS_FAULT.get(status)),
                            .packet = queue.registers->head};
    queue.submitted = queue.registers->tail;
    queue.completed = queue.registers->head;
    const std::uint32_t coalesce = word(read, reg::QUEUE_COALESCE(hw));
    queue.coalesce_count = field::QUEUE_COALESCE_COUNT.get(coalesce);
    queue.coalesce_usecs = field::QUEUE_COALESCE_USECS.get(coalesce);
    return queue;
}

Engine read_engine(const Read &read, std::uint32_t core, spec::Engine which) {
    const std::uint32_t n = core * spec::ENGINE_COUNT + spec::raw(which);
    const std::uint32_t status = word(read, reg::ENGINE_STATUS(n));
    Engine engine{.engine = which,
                  .state = static_cast<spec::EngineState>(field::ENGINE_STATUS_STATE.get(status)),
                  .pc = word(read, reg::ENGINE_PC(n)),
                  .retired = read(reg::ENGINE_RETIRED(n), 8),
                  .transfers = field::ENGINE_STATUS_TRANSFERS.get(status)};
    const auto op = static_cast<spec::WaitOp>(field::ENGINE_STATUS_WAIT_OP.get(status));
    const std::uint32_t semaphore = field::ENGINE_STATUS_SEMAPHORE.get(status);
    if (op != spec::WaitOp::NONE)
        engine.wait = Wait{.op = op,
                           .semaphore = semaphore,
                           .value = word(read, reg::ENGINE_WAIT_VALUE(n)),
                           .is = word(read, reg::SEMAPHORE_VALUE(core * spec::SEMAPHORES + semaphore))};
    return engine;
}

Core read_core(const Read &read, std::uint32_t index, std::uint32_t status) {
    Core core{.index = index,
              .queue = field::CORE_STATUS_QUEUE.get(status),
              .busy = field::CORE_STATUS_BUSY.get(status) != 0};
    for (const spec::Engine which : spec::values<spec::Engine>())
        if (Engine engine = read_engine(read, index, which); engine.state != spec::EngineState::UNUSED)
            core.engines.push_back(std::move(engine));
    for (std::uint32_t i = 0; i < spec::SEMAPHORES; ++i)
        if (const std::uint32_t value = word(read, reg::SEMAPHORE_VALUE(index * spec::SEMAPHORES + i)); value != 0)
            core.semaphores[i] = value;
    return core;
}

} // namespace

State read_registers(const Read &read) {
    State state;
    state.source = "registers";
    if (word(read, reg::GLOBAL_MAGIC) != spec::GLOBAL_MAGIC_RESET) {
        state.device_state = "gone";
        return state;
    }
    if (field::GLOBAL_STATUS_READY.get(word(read, reg::GLOBAL_STATUS)) == 0)
        state.device_state = "resetting";
    state.events_lost = word(read, reg::GLOBAL_EVENTS_LOST);
    for (std::uint32_t hw = 0; hw < spec::MAX_QUEUES; ++hw)
        if (word(read, reg::QUEUE_CTRL(hw)) != 0)
            state.queues.push_back(read_queue(read, hw));
    for (std::uint32_t i = 0; i < spec::MAX_CORES; ++i)
        if (const std::uint32_t status = word(read, reg::CORE_STATUS(i)); status != 0)
            state.cores.push_back(read_core(read, i, status));
    return state;
}

} // namespace neuronctl::explain
