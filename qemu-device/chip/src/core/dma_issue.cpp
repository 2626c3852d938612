// SPDX-License-Identifier: MIT
#include "dma_issue.hpp"

#include "compute/operand_offset.hpp"
#include "core.hpp"

#include <optional>
#include <string_view>

namespace neuron::chip {

namespace {

using spec::DmaOp;
using spec::Dtype;
using spec::Opcode;

bool is_word_integer(Dtype dtype) { return dtype == Dtype::I32 || dtype == Dtype::U32; }

std::uint32_t elements_of(const DmaTile &tile) { return tile.view.elements(); }

/// Makes the parts of a job out of operands and remembers the first rule that is broken. Operands are named as in the
/// contract. What tile() gives is there as long as ok() is true.
class JobMaker {
public:
    JobMaker(const DmaIssue &issue, Opcode opcode, const spec::InstructionHeader &header)
        : issue_(issue), opcode_(opcode), header_(header) {}

    bool ok() const { return !fault_; }

    std::optional<DmaTile> tile(const spec::Tile &tile, std::string_view name) {
        return this->tile(tile, name, issue_.core.memory());
    }
    std::optional<DmaTile> tile(const spec::Tile &tile, std::string_view name, CoreMemory &memory) {
        auto view = resolve(tile, issue_.regs, operand_offset(opcode_, name), memory);
        if (view)
            return DmaTile{*view, &memory};
        if (ok())
            fault_ = view.error();
        return std::nullopt;
    }
    /// `tile_dtype` is what type 0 means.
    DmaBlock block(const spec::Mem &mem, Dtype tile_dtype) const {
        const auto named = static_cast<Dtype>(mem.dtype);
        const Dtype dtype = spec::raw(named) == 0 ? tile_dtype : named;
        return {MemoryBlock(mem, issue_.core.launch().args, issue_.regs[mem.reg], spec::bytes(dtype)), dtype};
    }

    /// ILLEGAL_OPERAND of operand `name` unless `rule` holds.
    void require(bool rule, std::string_view name) {
        if (!rule && ok())
            fault_ = ExecFault{spec::Fault::ILLEGAL_OPERAND, operand_offset(opcode_, name)};
    }
    /// fp32, in which elements are combined, does not hold all integers of 32 bits.
    void require_no_word_integers(Dtype dst, Dtype src) {
        require(!is_word_integer(dst), "dst");
        require(!is_word_integer(src), "src");
    }

    DmaJob job(const DmaEnd &dst, const DmaEnd &src, std::uint32_t rows, std::uint64_t elements) const {
        return {.dst = dst,
                .src = src,
                .rows = rows,
                .elements = elements,
                .index = std::nullopt,
                .peer = std::nullopt,
                .header = header_,
                .pc = issue_.pc,
                .engine = issue_.engine};
    }
    tl::unexpected<ExecFault> failure() const { return tl::unexpected(*fault_); }

private:
    const DmaIssue &issue_;
    Opcode opcode_;
    spec::InstructionHeader header_;
    std::optional<ExecFault> fault_;
};

using Made = tl::expected<DmaJob, ExecFault>;

// Between `tile`, operand `tile_name`, and memory, `mem_name`.
Made tile_and_memory(JobMaker &maker, const spec::Tile &tile, std::string_view tile_name, const spec::Mem &mem,
                     std::string_view mem_name, DmaOp op) {
    const auto end = maker.tile(tile, tile_name);
    if (!end)
        return maker.failure();
    const DmaBlock block = maker.block(mem, tile.dtype);
    maker.require(MemoryBlock::elements(mem) == elements_of(*end), mem_name);
    const bool load = tile_name == "dst";
    if (op != DmaOp::WRITE)
        maker.require_no_word_integers(load ? tile.dtype : block.dtype, load ? block.dtype : tile.dtype);
    if (!maker.ok())
        return maker.failure();
    const std::uint32_t rows = end->view.partitions();
    DmaJob job =
        load ? maker.job(*end, block, rows, elements_of(*end)) : maker.job(block, *end, rows, elements_of(*end));
    job.op = op;
    return job;
}

Made make(const DmaIssue &, JobMaker &maker, const spec::InsnDmaLoad &insn) {
    return tile_and_memory(maker, insn.dst, "dst", insn.src, "src", insn.op);
}

Made make(const DmaIssue &, JobMaker &maker, const spec::InsnDmaStore &insn) {
    return tile_and_memory(maker, insn.src, "src", insn.dst, "dst", insn.op);
}

Made make(const DmaIssue &, JobMaker &maker, const spec::InsnDmaCopy &insn) {
    const std::uint64_t elements = MemoryBlock::elements(insn.dst);
    maker.require(MemoryBlock::elements(insn.src) == elements, "src");
    DmaBlock dst = maker.block(insn.dst, {});
    DmaBlock src = maker.block(insn.src, {});
    if (insn.op != DmaOp::WRITE)
        maker.require_no_word_integers(dst.dtype, src.dtype);
    if (!maker.ok())
        return maker.failure();
    DmaJob job = maker.job(dst, src, insn.rows, elements);
    job.op = insn.op;
    if (job.plain() && dst.block.rows_follow(job.rows) && src.block.rows_follow(job.rows)) {
        std::get<DmaBlock>(job.dst).block.merge_rows(job.rows);
        std::get<DmaBlock>(job.src).block.merge_rows(job.rows);
        job.elements *= job.rows;
        job.rows = 1;
    }
    return job;
}

Made tile_to_tile(JobMaker &maker, const spec::Tile &dst_tile, CoreMemory &dst_memory, const spec::Tile &src_tile,
                  DmaOp op) {
    const auto dst = maker.tile(dst_tile, "dst", dst_memory);
    const auto src = maker.tile(src_tile, "src");
    if (!maker.ok())
        return maker.failure();
    maker.require(src->view.partitions() == dst->view.partitions() && elements_of(*src) == elements_of(*dst), "src");
    if (op != DmaOp::WRITE)
        maker.require_no_word_integers(dst_tile.dtype, src_tile.dtype);
    if (!maker.ok())
        return maker.failure();
    DmaJob job = maker.job(*dst, *src, dst->view.partitions(), elements_of(*dst));
    job.op = op;
    return job;
}

Made make(const DmaIssue &issue, JobMaker &maker, const spec::InsnDmaTile &insn) {
    return tile_to_tile(maker, insn.dst, issue.core.memory(), insn.src, insn.op);
}

Made make(const DmaIssue &issue, JobMaker &maker, const spec::InsnDmaSend &insn) {
    const Launch &launch = issue.core.launch();
    const std::uint32_t rank = issue.regs[insn.rank];
    maker.require(rank < launch.core_count(), "rank");
    if (!maker.ok())
        return maker.failure();
    Core &peer = launch.core_of_rank(rank);
    Made job = tile_to_tile(maker, insn.dst, peer.memory(), insn.src, DmaOp::WRITE);
    if (job)
        job->peer = DmaJob::Peer{&peer, insn.sem, insn.value};
    return job;
}

// Adds the index of a gather or scatter to `job`, whose data tile is operand `tile_name`.
Made indexed(JobMaker &maker, Made job, const spec::Tile &index_tile, std::uint32_t bound, spec::OobMode oob) {
    const auto index = maker.tile(index_tile, "index");
    if (!job || !maker.ok())
        return job ? maker.failure() : job;
    maker.require(index->view.partitions() == job->rows, "index");
    if (!maker.ok())
        return maker.failure();
    job->index = DmaIndex{index->view, bound, oob};
    return job;
}

Made make(const DmaIssue &, JobMaker &maker, const spec::InsnDmaGather &insn) {
    return indexed(maker, tile_and_memory(maker, insn.dst, "dst", insn.src, "src", insn.op), insn.index, insn.bound,
                   insn.oob);
}

Made make(const DmaIssue &, JobMaker &maker, const spec::InsnDmaScatter &insn) {
    return indexed(maker, tile_and_memory(maker, insn.src, "src", insn.dst, "dst", insn.op), insn.index, insn.bound,
                   insn.oob);
}

Made make(const DmaIssue &, JobMaker &maker, const spec::InsnDmaTranspose &insn) {
    const auto dst = maker.tile(insn.dst, "dst");
    const auto src = maker.tile(insn.src, "src");
    if (!maker.ok())
        return maker.failure();
    maker.require(elements_of(*src) == dst->view.partitions() && elements_of(*dst) == src->view.partitions(), "src");
    maker.require(src->view.element_bytes() == dst->view.element_bytes(), "src");
    if (!maker.ok())
        return maker.failure();
    DmaJob job = maker.job(*dst, *src, dst->view.partitions(), elements_of(*dst));
    job.kind = DmaJob::Kind::TRANSPOSE;
    return job;
}

Made make(const DmaIssue &, JobMaker &maker, const spec::InsnDmaReduce &insn) {
    Made job = tile_and_memory(maker, insn.dst, "dst", insn.src, "src", DmaOp::WRITE);
    if (!job)
        return job;
    maker.require_no_word_integers(dtype_of(job->dst), dtype_of(job->src));
    if (!maker.ok())
        return maker.failure();
    job->kind = DmaJob::Kind::REDUCE;
    job->sources = insn.sources;
    job->source_stride = insn.source_stride;
    return job;
}

template<class Insn>
tl::expected<DmaIssued, ExecFault> issue_as(const DmaIssue &issue, Opcode opcode,
                                            std::span<const std::byte, spec::INSTRUCTION_BYTES> raw) {
    const auto insn = spec::unpack<Insn>(raw);
    JobMaker maker(issue, opcode, insn.header);
    return make(issue, maker, insn).map([&](const DmaJob &job) { return DmaIssued{job, insn.ring}; });
}

} // namespace

bool is_dma(Opcode opcode) { return opcode >= Opcode::DMA_LOAD && opcode <= Opcode::DMA_REDUCE; }

tl::expected<DmaIssued, ExecFault> make_transfer(const DmaIssue &issue, Opcode opcode,
                                                 std::span<const std::byte, spec::INSTRUCTION_BYTES> raw) {
    switch (opcode) {
    case Opcode::DMA_LOAD: return issue_as<spec::InsnDmaLoad>(issue, opcode, raw);
    case Opcode::DMA_STORE: return issue_as<spec::InsnDmaStore>(issue, opcode, raw);
    case Opcode::DMA_COPY: return issue_as<spec::InsnDmaCopy>(issue, opcode, raw);
    case Opcode::DMA_TILE: return issue_as<spec::InsnDmaTile>(issue, opcode, raw);
    case Opcode::DMA_SEND: return issue_as<spec::InsnDmaSend>(issue, opcode, raw);
    case Opcode::DMA_GATHER: return issue_as<spec::InsnDmaGather>(issue, opcode, raw);
    case Opcode::DMA_SCATTER: return issue_as<spec::InsnDmaScatter>(issue, opcode, raw);
    case Opcode::DMA_TRANSPOSE: return issue_as<spec::InsnDmaTranspose>(issue, opcode, raw);
    case Opcode::DMA_REDUCE: return issue_as<spec::InsnDmaReduce>(issue, opcode, raw);
    default: return fault(spec::Fault::ILLEGAL_INSTRUCTION, spec::raw(opcode));
    }
}

} // namespace neuron::chip
