// SPDX-License-Identifier: MIT
// What a core writes into a stream.
#include "../exec/executor.hpp"
#include "core.hpp"

namespace neuron::chip {

void Core::clear() {
    launch_ = nullptr;
    for (DmaRing &ring : rings_)
        ring.clear();
    scrub();
}

void Core::wake_aborted() {
    for (Sequencer &sequencer : sequencers_)
        if (sequencer.at_work())
            services_.executor.wake(sequencer);
    for (DmaRing &ring : rings_)
        if (!ring.empty())
            services_.executor.wake(ring);
}

// What registers show of the present launch, or of the last one.
void Core::serialize_last(Archive &archive) {
    std::uint32_t engines = engines_;
    archive.number("queue", queue_);
    archive.require(queue_ == NO_QUEUE || queue_ < spec::MAX_QUEUES, "queue", "does not exist");
    archive.number("engines", engines, 0, (1U << ENGINES) - 1);
    engines_ = engines;
    for (Sequencer &sequencer : sequencers_)
        sequencer.serialize_view(archive);
}

void Core::serialize(Archive &archive, Launch *launch) {
    archive.number("owner", owner_.ctx, 0, spec::MAX_CONTEXTS - 1);
    archive.number("owner's generation", owner_.generation);
    bool running = launch != nullptr;
    archive.flag("at work", running);
    archive.require(running == (launch != nullptr), "at work", "is not what the queues say");
    serialize_last(archive);
    if (launch == nullptr) {
        sync_.serialize(archive, 0, {}, nullptr);
        return;
    }
    if (archive.loading())
        launch_ = launch;
    archive.require(queue_ == launch->queue_index && engines_ == engines_of(launch->program), "engines",
                    "are not those of the launch");
    std::uint32_t at_work = 0;
    for (std::size_t i = 0; i < ENGINES; ++i) {
        sequencers_[i].serialize(archive, *launch);
        at_work |= sequencers_[i].at_work() ? 1U << i : 0U;
    }
    SyncBlock::Transfers in_flight{};
    for (DmaRing &ring : rings_) {
        ring.serialize(archive);
        const auto more = ring.in_line();
        for (std::size_t i = 0; i < ENGINES; ++i)
            in_flight[i] += more[i];
    }
    sync_.serialize(archive, at_work, in_flight, &launch->census);
    tensor_engine_.serialize(archive);
}

} // namespace neuron::chip
