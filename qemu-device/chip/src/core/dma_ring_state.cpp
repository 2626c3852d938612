// SPDX-License-Identifier: MIT
// What a DMA ring writes into a stream.
#include "compute/instruction_check.hpp"
#include "core.hpp"
#include "dma_ring.hpp"

namespace neuron::chip {

std::array<std::uint32_t, spec::ENGINE_COUNT> DmaRing::in_line() const {
    std::array<std::uint32_t, spec::ENGINE_COUNT> transfers{};
    for (std::size_t i = 0; i < count_; ++i)
        ++transfers[spec::raw(jobs_[(first_ + i) % DEPTH]->engine)];
    return transfers;
}

void DmaRing::clear() {
    for (auto &job : jobs_)
        job.reset();
    first_ = count_ = 0;
    waiting_ = 0;
    begun_ = false;
    late_.reset();
    postponed_.forget();
}

void DmaRing::serialize(Archive &archive) {
    if (archive.loading())
        clear();
    auto count = static_cast<std::uint32_t>(count_);
    archive.number("transfers", count, 0, DEPTH);
    archive.number("engines that wait", waiting_, 0, (1U << spec::ENGINE_COUNT) - 1);
    for (std::uint32_t i = 0; i < count; ++i)
        serialize(archive, (first_ + i) % DEPTH);
    count_ = count;
    archive.flag("begun", begun_);
    archive.require(count != 0 || !begun_, "begun", "is set, but there is no transfer");
    if (!begun_)
        return;
    archive.number("start", start_ns_);
    transfer_.serialize(archive, *jobs_[first_]);
}

// A transfer is written as the instruction that it was made of, and made of it once more.
void DmaRing::serialize(Archive &archive, std::size_t place) {
    DmaSource &source = sources_[place];
    archive.bytes(source.raw);
    archive.array(source.regs);
    archive.choice("engine", source.engine);
    archive.number("pc", source.pc);
    if (!archive.loading())
        return;
    const auto good = check_instruction(source.engine, core_.version(), source.raw);
    archive.require(good.has_value(), "transfer", "is of no instruction");
    const auto opcode = spec::unpack<spec::InstructionHeader>(
                            std::span(std::as_const(source.raw)).first<spec::InstructionHeader::BYTES>())
                            .opcode;
    archive.require(is_dma(opcode), "transfer", "is of no instruction that transfers");
    const auto issued = make_transfer({.engine = source.engine, .pc = source.pc, .regs = source.regs, .core = core_},
                                      opcode, source.raw);
    archive.require(issued && issued->ring == index_, "transfer", "cannot be in this ring");
    jobs_[place].emplace(issued->job);
}

} // namespace neuron::chip
