// SPDX-License-Identifier: MIT
#include "semaphore_log.hpp"

#include "../recorder/recorder.hpp"

namespace neuron::chip {

using spec::RecordChange;
using spec::UpdateOp;

void SemaphoreLog::changed(const Launch &launch, std::uint32_t pc, RecordChange change, std::uint32_t operand,
                           const Semaphore &semaphore) const {
    if (!recorder_.on())
        return;
    recorder_.add(spec::RecordSemaphore{.head = {.ctx = static_cast<std::uint8_t>(launch.owner.ctx),
                                                 .queue = static_cast<std::uint8_t>(launch.queue_index),
                                                 .unit = unit_,
                                                 .core = core_,
                                                 .ring = ring_,
                                                 .code = static_cast<std::uint8_t>(change),
                                                 .packet = launch.packet},
                                        .pc = pc,
                                        .operand = operand,
                                        .value = semaphore.value,
                                        .semaphore = semaphore.index,
                                        .of_core = semaphore.core},
                  spec::RecordKind::SEMAPHORE);
}

void SemaphoreLog::updated(const Launch &launch, std::uint32_t pc, UpdateOp op, std::uint32_t operand,
                           const Semaphore &semaphore) const {
    switch (op) {
    case UpdateOp::NONE: return;
    case UpdateOp::ADD: return changed(launch, pc, RecordChange::ADD, operand, semaphore);
    case UpdateOp::SUB: return changed(launch, pc, RecordChange::SUB, operand, semaphore);
    case UpdateOp::SET: return changed(launch, pc, RecordChange::SET, operand, semaphore);
    }
}

} // namespace neuron::chip
