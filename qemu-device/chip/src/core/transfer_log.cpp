// SPDX-License-Identifier: MIT
#include "transfer_log.hpp"

namespace neuron::chip {

using spec::RecordFlag;

namespace {

/// Where the end of a transfer is.
struct Place {
    std::uint64_t va = 0; ///< 0: on chip
    bool hbm = false;
};

Place place_of(const DmaEnd &end, const AddressSpace::Access &access, bool write) {
    const auto *const block = std::get_if<DmaBlock>(&end);
    if (block == nullptr)
        return {};
    const auto address = context_address(block->block.at(0, 0).address, 1, write);
    if (!address)
        return {};
    const auto run = access.space().translate(access, *address, 1, write);
    return {*address, run && run->hbm != nullptr};
}

} // namespace

void record_transfer(Recorder &recorder, const Launch &launch, const DmaJob &job, const TransferEnd &end) {
    const AddressSpace::Access access(*launch.space);
    const Place dst = place_of(job.dst, access, true);
    const Place src = place_of(job.src, access, false);
    std::uint8_t flags = 0;
    if (end.failed)
        flags |= spec::raw(RecordFlag::FAILED);
    if (dst.hbm)
        flags |= spec::raw(RecordFlag::DST_HBM);
    if (src.hbm)
        flags |= spec::raw(RecordFlag::SRC_HBM);
    recorder.add(spec::RecordTransfer{.head = {.flags = flags,
                                               .ctx = static_cast<std::uint8_t>(launch.owner.ctx),
                                               .queue = static_cast<std::uint8_t>(launch.queue_index),
                                               .unit = spec::Unit::DMA,
                                               .core = end.core,
                                               .ring = end.ring,
                                               .code = static_cast<std::uint8_t>(job.header.opcode),
                                               .packet = launch.packet},
                                      .dst = dst.va,
                                      .src = src.va,
                                      .bytes = end.bytes,
                                      .pc = job.pc,
                                      .engine = job.engine},
                 spec::RecordKind::TRANSFER);
}

} // namespace neuron::chip
