// SPDX-License-Identifier: MIT
#include "sequencer.hpp"

#include "../control/control.hpp"
#include "compute/execute.hpp"
#include "compute/operand_offset.hpp"
#include "core.hpp"
#include "instruction_check.hpp"

namespace neuron::chip {

using spec::Opcode;

namespace {

spec::Unit unit_of(spec::Engine engine) {
    static_assert(spec::raw(spec::Unit::SP) - spec::raw(spec::Unit::PE) == spec::raw(spec::Engine::SP));
    return static_cast<spec::Unit>(spec::raw(spec::Unit::PE) + spec::raw(engine));
}

template<class T>
T decode(std::span<const std::byte, spec::INSTRUCTION_BYTES> raw) {
    return spec::unpack<T>(raw);
}

bool condition_holds(spec::Cond cond, std::int32_t a, std::int32_t b) {
    switch (cond) {
    case spec::Cond::ALWAYS: return true;
    case spec::Cond::EQ: return a == b;
    case spec::Cond::NE: return a != b;
    case spec::Cond::LT: return a < b;
    case spec::Cond::LE: return a <= b;
    case spec::Cond::GT: return a > b;
    case spec::Cond::GE: return a >= b;
    }
    return false;
}

std::uint32_t compute(spec::AluOp op, std::uint32_t a, std::uint32_t b) {
    constexpr std::uint32_t SHIFT_MASK = 31;
    switch (op) {
    case spec::AluOp::ADD: return a + b;
    case spec::AluOp::SUB: return a - b;
    case spec::AluOp::MUL: return a * b;
    case spec::AluOp::AND: return a & b;
    case spec::AluOp::OR: return a | b;
    case spec::AluOp::XOR: return a ^ b;
    case spec::AluOp::SHL: return a << (b & SHIFT_MASK);
    case spec::AluOp::SHR: return a >> (b & SHIFT_MASK);
    }
    return 0;
}

} // namespace

Sequencer::Sequencer(Services &services, Core &core, spec::Engine engine)
    : services_(services), core_(core), engine_(engine) {}

void Sequencer::start(const spec::StreamRef &stream) {
    cache_.reset(stream);
    regs_.fill(0);
    pc_ = 0;
    count_ = stream.count;
    waited_ = false;
    active_.store(true, std::memory_order_release);
}

Step Sequencer::step() {
    if (!active_.load(std::memory_order_acquire))
        return Step::BLOCKED;
    Launch &launch = core_.launch();
    if (launch.aborted())
        return finish(true);
    const auto entry = cache_.fetch(*launch.space, services_.host, pc_);
    if (!entry)
        return fault(FaultInfo::of_memory(entry.error()));
    if (!entry->checked) {
        if (const auto good = check_instruction(engine_, entry->bytes); !good)
            return fault(good.error());
        cache_.set_checked(pc_);
    }
    return execute(launch, entry->bytes);
}

Step Sequencer::execute(Launch &launch, Raw raw) {
    const auto header = spec::unpack<spec::InstructionHeader>(raw.first<spec::InstructionHeader::BYTES>());
    if (!waited_ && wait(header) == Step::BLOCKED)
        return Step::BLOCKED;
    next_pc_ = pc_ + 1;
    const Executed executed = dispatch(launch, raw, header.opcode);
    if (!executed)
        return fault(executed.error());
    if (*executed == Flow::RETRY)
        return Step::BLOCKED;
    return advance(launch, header, *executed);
}

Step Sequencer::wait(const spec::InstructionHeader &header) {
    const auto outcome = core_.sync().wait(engine_, header, pc_);
    if (outcome.deadlock)
        core_.report_deadlock(*outcome.deadlock);
    core_.wake(outcome.wake);
    waited_ = outcome.ready;
    return outcome.ready ? Step::MORE : Step::BLOCKED;
}

// Update, then on to the next instruction.
Step Sequencer::advance(Launch &launch, const spec::InstructionHeader &header, Flow flow) {
    waited_ = false;
    launch.queue->made_progress();
    const bool dma = header.opcode == Opcode::DMA_LOAD || header.opcode == Opcode::DMA_STORE;
    if (!dma) { // the ring updates when the data has arrived
        std::uint32_t wake = 0;
        if (!core_.sync().update(header, wake))
            return fault(ExecFault{spec::Fault::SEMAPHORE, header.update_sem});
        core_.wake(wake);
    }
    if (flow == Flow::END)
        return finish(false);
    if (next_pc_ >= count_)
        return fault(ExecFault{spec::Fault::PC_RANGE, next_pc_});
    pc_ = next_pc_;
    return Step::MORE;
}

Sequencer::Executed Sequencer::dispatch(Launch &launch, Raw raw, Opcode opcode) {
    switch (opcode) {
    case Opcode::NOP: return Flow::NEXT;
    case Opcode::END: return Flow::END;
    case Opcode::MOVE: {
        const auto insn = decode<spec::InsnMove>(raw);
        set_register(insn.rd, static_cast<std::uint32_t>(insn.imm));
        return Flow::NEXT;
    }
    case Opcode::ALU: alu(decode<spec::InsnAlu>(raw)); return Flow::NEXT;
    case Opcode::LOAD_ARG: {
        const auto insn = decode<spec::InsnLoadArg>(raw);
        set_register(insn.rd, static_cast<std::uint32_t>(launch.args[insn.arg] >> (insn.high != 0 ? 32 : 0)));
        return Flow::NEXT;
    }
    case Opcode::BRANCH: return branch(decode<spec::InsnBranch>(raw));
    case Opcode::CORE_ID: set_register(decode<spec::InsnCoreId>(raw).rd, core_.index()); return Flow::NEXT;
    case Opcode::DMA_LOAD:
    case Opcode::DMA_STORE: return issue_dma(launch, raw, opcode);
    case Opcode::LDWEIGHTS:
    case Opcode::MATMUL:
    case Opcode::COPY: break;
    }
    return execute_compute(engine_, opcode, raw, regs_, core_.memory(), core_.tensor_engine()).map([] {
        return Flow::NEXT;
    });
}

void Sequencer::set_register(std::uint8_t reg, std::uint32_t value) {
    if (reg != 0)
        regs_[reg] = value;
}

void Sequencer::alu(const spec::InsnAlu &insn) {
    const std::uint32_t b = regs_[insn.rb] + static_cast<std::uint32_t>(insn.imm);
    set_register(insn.rd, compute(insn.op, regs_[insn.ra], b));
}

Sequencer::Executed Sequencer::branch(const spec::InsnBranch &insn) {
    const std::uint32_t b = regs_[insn.rb] + static_cast<std::uint32_t>(insn.imm);
    if (condition_holds(insn.cond, static_cast<std::int32_t>(regs_[insn.ra]), static_cast<std::int32_t>(b)))
        next_pc_ = insn.target;
    return Flow::NEXT;
}

Sequencer::Executed Sequencer::issue_dma(Launch &launch, Raw raw, Opcode opcode) {
    // Loads and stores differ in the names of their operands, and in nothing else.
    static const std::uint32_t ring_offset = operand_offset(Opcode::DMA_LOAD, "ring");
    static const std::uint32_t load_tile = operand_offset(Opcode::DMA_LOAD, "dst");
    static const std::uint32_t load_mem = operand_offset(Opcode::DMA_LOAD, "src");
    static const std::uint32_t store_tile = operand_offset(Opcode::DMA_STORE, "src");
    static const std::uint32_t store_mem = operand_offset(Opcode::DMA_STORE, "dst");
    const bool load = opcode == Opcode::DMA_LOAD;
    const std::uint32_t tile_offset = load ? load_tile : store_tile;
    const std::uint32_t mem_offset = load ? load_mem : store_mem;
    const auto bytes = std::span<const std::byte>(raw);
    const auto tile = spec::unpack<spec::Tile>(bytes.subspan(tile_offset).first<spec::Tile::BYTES>());
    const auto mem = spec::unpack<spec::Mem>(bytes.subspan(mem_offset).first<spec::Mem::BYTES>());
    const auto ring = static_cast<std::uint8_t>(bytes[ring_offset]); // check_instruction() has seen that it exists
    const auto view =
        resolve(tile, std::span<const std::uint32_t, spec::SEQ_REGISTERS>(regs_), tile_offset, core_.memory());
    if (!view)
        return tl::unexpected(view.error());
    if (MemoryBlock::elements(mem) != view->elements())
        return chip::fault(spec::Fault::ILLEGAL_OPERAND, mem_offset);
    const DmaJob job{.load = load,
                     .tile = *view,
                     .memory = MemoryBlock(mem, launch.args, regs_[mem.reg], view->element_bytes()),
                     .header = spec::unpack<spec::InstructionHeader>(raw.first<spec::InstructionHeader::BYTES>()),
                     .pc = pc_};
    // In flight before the ring has it: no look at the core may find it idle in between.
    core_.sync().dma_begin();
    if (core_.ring(ring).push(job, engine_))
        return Flow::NEXT;
    core_.sync().dma_cancel();
    return Flow::RETRY;
}

Step Sequencer::finish(bool aborted) {
    active_.store(false, std::memory_order_relaxed);
    // Last, for the launch may be over with it and this sequencer start another stream.
    core_.sequencer_done(engine_, aborted);
    return Step::BLOCKED;
}

Step Sequencer::fault(FaultInfo info) {
    info.unit = unit_of(engine_);
    info.core = core_.index();
    info.pc = pc_;
    services_.control.fault(core_.launch().queue_index, info);
    return Step::MORE;
}

void Sequencer::failed() noexcept {
    if (active_.load(std::memory_order_acquire))
        fault(FaultInfo{.code = spec::Fault::HOST_BUS});
}

} // namespace neuron::chip
