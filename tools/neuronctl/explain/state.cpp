// SPDX-License-Identifier: MIT
#include "state.hpp"

#include <algorithm>

namespace neuronctl::explain {
namespace {

void observe_engine(Engine &engine, const Core &later) {
    const auto found = std::ranges::find(later.engines, engine.engine, &Engine::engine);
    if (found == later.engines.end())
        return;
    engine.pcs.insert({engine.pc, found->pc});
    // Another launch may have begun meanwhile.
    engine.moved = found->retired >= engine.retired ? found->retired - engine.retired : found->retired;
    engine.state = found->state;
    engine.wait = found->wait;
    engine.transfers = found->transfers;
}

void observe_queue(Queue &queue, const Queue &later) {
    if (!queue.registers || !later.registers)
        return;
    queue.progressed = later.registers->progress - queue.registers->progress;
    queue.retired = later.registers->head - queue.registers->head;
}

} // namespace

void observe(State &state, const State &later) {
    for (Core &core : state.cores)
        if (const auto found = std::ranges::find(later.cores, core.index, &Core::index); found != later.cores.end())
            for (Engine &engine : core.engines)
                observe_engine(engine, *found);
    for (Queue &queue : state.queues)
        if (const auto found = std::ranges::find(later.queues, queue.hw, &Queue::hw); found != later.queues.end())
            observe_queue(queue, *found);
    state.used |= later.used;
    if (state.power)
        state.power->active &= later.power && later.power->active;
}

} // namespace neuronctl::explain
