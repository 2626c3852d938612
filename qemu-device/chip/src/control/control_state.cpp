// SPDX-License-Identifier: MIT
// What the control plane writes into a stream.
#include "control.hpp"

namespace neuron::chip {

void Control::clear() {
    for (QueueControl &queue : queues_)
        queue.clear();
    for (Context &context : contexts_) {
        context.enabled = false;
        context.root = 0;
        context.space.restore(0, false, 0);
        context.slots.fill(NO_QUEUE);
    }
    ready_ = true;
    resets_ = 0;
    core_time_ = {};
    power_ = PowerModel(profile_);
    hbm_error_counts_ = {};
    test_faults_ = 0;
}

void Control::serialize(Archive &archive, std::uint32_t cores) {
    if (archive.loading())
        clear();
    archive.section("control", [&] {
        archive.flag("READY", ready_);
        archive.number("resets", resets_);
        core_time_.serialize(archive, cores);
        power_.serialize(archive);
        archive.number("HBM_CORRECTED", hbm_error_counts_.corrected);
        archive.number("HBM_UNCORRECTED", hbm_error_counts_.uncorrected);
        archive.number("test faults", test_faults_, 0, NEURON_CHIP_TEST_STUCK_RESET | NEURON_CHIP_TEST_HANG_STOP);
    });
    archive.sections(
        "context", spec::MAX_CONTEXTS,
        [&](std::uint32_t i) { return contexts_[i].root != 0 || contexts_[i].space.generation() != 0; },
        [&](std::uint32_t i) { serialize_context(archive, i); });
    archive.sections(
        "queue", spec::MAX_QUEUES, [&](std::uint32_t i) { return !queues_[i].unused(); },
        [&](std::uint32_t i) {
            queues_[i].serialize(archive, cores);
            if (archive.loading())
                take_slot(archive, i);
        });
    std::uint32_t rate = 0;
    for (const QueueControl &queue : queues_)
        rate += queue.core_time.rate();
    archive.require(rate == core_time_.rate(), "rate", "is not that of all queues together");
}

void Control::serialize_context(Archive &archive, std::uint32_t index) {
    Context &context = contexts_[index];
    std::uint64_t generation = context.space.generation();
    archive.flag("ENABLE", context.enabled);
    archive.number("PT_ROOT", context.root);
    archive.number("generation", generation);
    archive.require(generation != 0 || !context.enabled, "generation", "is 0, but the context is enabled");
    if (archive.loading())
        context.space.restore(context.root, context.enabled, generation);
}

// A slot belongs to its queue as long as that is enabled, whatever has become of it, but for one that was never fit to run.
void Control::take_slot(Archive &archive, std::uint32_t index) {
    const QueueControl &queue = queues_[index];
    archive.require(!queue.runnable() || contexts_[queue.active.ctx()].enabled, "CFG",
                    "names a context that is not enabled");
    if (!queue.enable || queue.fault == spec::Fault::QUEUE_CONFIG || queue.active.doorbell_register())
        return;
    archive.require(!queue.active.error(), "CFG", "is that of no queue");
    std::int16_t &slot = contexts_[queue.active.ctx()].slots[queue.active.slot()];
    archive.require(slot == NO_QUEUE, "CFG", "has the doorbell of another queue");
    slot = static_cast<std::int16_t>(index);
}

} // namespace neuron::chip
