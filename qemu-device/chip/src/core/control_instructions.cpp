// SPDX-License-Identifier: MIT
// The instructions of spec/isa/control.toml.
#include "../clock.hpp"
#include "../memory/transfer.hpp"
#include "compute/operand_offset.hpp"
#include "compute/tile_view.hpp"
#include "core.hpp"
#include "memory_block.hpp"
#include "sequencer.hpp"

#include <cstring>
#include <endian.h>

namespace neuron::chip {

using spec::Opcode;

namespace {

constexpr std::size_t WORD = sizeof(std::uint32_t);

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

std::uint32_t calculate(spec::AluOp op, std::uint32_t a, std::uint32_t b) {
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

spec::Dtype type_of(const spec::Mem &mem) { return static_cast<spec::Dtype>(mem.dtype); }

tl::unexpected<FaultInfo> illegal_operand(std::uint32_t offset) {
    return tl::unexpected(FaultInfo{.code = spec::Fault::ILLEGAL_OPERAND, .info = offset});
}

/// An element as a register holds it: signed integers are sign-extended, the bits of all others zero-extended.
std::uint32_t to_register(spec::Dtype dtype, std::span<const std::byte> element) {
    std::uint32_t raw = 0;
    std::memcpy(&raw, element.data(), element.size());
    raw = le32toh(raw);
    switch (dtype) {
    case spec::Dtype::I8: return static_cast<std::uint32_t>(static_cast<std::int8_t>(raw));
    case spec::Dtype::I16: return static_cast<std::uint32_t>(static_cast<std::int16_t>(raw));
    default: return raw;
    }
}

/// The low bytes of a register.
void from_register(std::uint32_t value, std::span<std::byte> element) {
    const std::uint32_t raw = htole32(value);
    std::memcpy(element.data(), &raw, element.size());
}

/// Where the single element of a tile operand is.
tl::expected<std::span<std::byte>, FaultInfo> single_element(const spec::Tile &tile, std::uint32_t offset,
                                                             std::span<const std::uint32_t, spec::SEQ_REGISTERS> regs,
                                                             CoreMemory &memory) {
    const auto view = resolve(tile, regs, offset, memory);
    if (!view)
        return tl::unexpected(FaultInfo{.code = view.error().code, .info = view.error().info});
    return memory.partition(view->space(), view->first_partition()).subspan(view->first_byte(), view->element_bytes());
}

/// Where the single element of a memory operand is.
tl::expected<std::uint64_t, FaultInfo> single_address(const Launch &launch, const spec::Mem &mem,
                                                      std::uint32_t reg_value, bool write) {
    const std::uint32_t bytes = spec::bytes(type_of(mem));
    const auto va = MemoryBlock(mem, launch.args, reg_value, bytes).address(0, bytes, write);
    if (!va)
        return tl::unexpected(FaultInfo::of_memory(va.error()));
    return *va;
}

} // namespace

Sequencer::Executed Sequencer::control(Launch &launch, Raw raw, Opcode opcode) {
    switch (opcode) {
    case Opcode::NOP: return Flow::NEXT;
    case Opcode::END: return Flow::END;
    case Opcode::MOVE: {
        const auto insn = spec::unpack<spec::InsnMove>(raw);
        set_register(insn.rd, static_cast<std::uint32_t>(insn.imm));
        return Flow::NEXT;
    }
    case Opcode::ALU: alu(spec::unpack<spec::InsnAlu>(raw)); return Flow::NEXT;
    case Opcode::LOAD_ARG: {
        const auto insn = spec::unpack<spec::InsnLoadArg>(raw);
        set_register(insn.rd, static_cast<std::uint32_t>(launch.args[insn.arg] >> (insn.high != 0 ? 32 : 0)));
        return Flow::NEXT;
    }
    case Opcode::BRANCH: branch(spec::unpack<spec::InsnBranch>(raw)); return Flow::NEXT;
    case Opcode::CORE_ID: set_register(spec::unpack<spec::InsnCoreId>(raw).rd, core_.index()); return Flow::NEXT;
    case Opcode::CORE_RANK:
        set_register(spec::unpack<spec::InsnCoreRank>(raw).rd, launch.rank_of(core_.index()));
        return Flow::NEXT;
    case Opcode::CORE_COUNT:
        set_register(spec::unpack<spec::InsnCoreCount>(raw).rd, launch.core_count());
        return Flow::NEXT;
    case Opcode::TENSOR_LOAD: return tensor_load(spec::unpack<spec::InsnTensorLoad>(raw));
    case Opcode::TENSOR_STORE: return tensor_store(spec::unpack<spec::InsnTensorStore>(raw));
    case Opcode::MEM_LOAD: return mem_load(launch, spec::unpack<spec::InsnMemLoad>(raw));
    case Opcode::MEM_STORE: return mem_store(launch, spec::unpack<spec::InsnMemStore>(raw));
    case Opcode::SEM_CLEAR: {
        const auto insn = spec::unpack<spec::InsnSemClear>(raw);
        watch_.clearing(insn.first, insn.count);
        const std::uint32_t wake = core_.sync().clear(insn.first, insn.count);
        log_.changed(launch, pc(), spec::RecordChange::CLEAR, insn.count,
                     {core_.index(), static_cast<std::uint8_t>(insn.first), 0});
        core_.wake(wake);
        return Flow::NEXT;
    }
    case Opcode::SEM_REMOTE: return sem_remote(launch, spec::unpack<spec::InsnSemRemote>(raw));
    case Opcode::DRAIN: return drain();
    case Opcode::CORE_BARRIER: return core_barrier(launch, spec::unpack<spec::InsnCoreBarrier>(raw));
    case Opcode::NOTIFY: return notify(launch, spec::unpack<spec::InsnNotify>(raw));
    case Opcode::SET_ROUNDING: state_.rounding = spec::unpack<spec::InsnSetRounding>(raw).mode; return Flow::NEXT;
    default: return tl::unexpected(FaultInfo{.code = spec::Fault::ILLEGAL_INSTRUCTION, .info = spec::raw(opcode)});
    }
}

void Sequencer::set_register(std::uint8_t reg, std::uint32_t value) {
    if (reg != 0)
        regs_[reg] = value;
}

void Sequencer::alu(const spec::InsnAlu &insn) {
    const std::uint32_t b = regs_[insn.rb] + static_cast<std::uint32_t>(insn.imm);
    set_register(insn.rd, calculate(insn.op, regs_[insn.ra], b));
}

void Sequencer::branch(const spec::InsnBranch &insn) {
    const std::uint32_t b = regs_[insn.rb] + static_cast<std::uint32_t>(insn.imm);
    if (condition_holds(insn.cond, static_cast<std::int32_t>(regs_[insn.ra]), static_cast<std::int32_t>(b)))
        next_pc_ = insn.target;
}

Sequencer::Executed Sequencer::tensor_load(const spec::InsnTensorLoad &insn) {
    static const std::uint32_t offset = operand_offset(Opcode::TENSOR_LOAD, "src");
    const auto element = single_element(insn.src, offset, regs_, core_.memory());
    if (!element)
        return tl::unexpected(element.error());
    set_register(insn.rd, to_register(insn.src.dtype, *element));
    return Flow::NEXT;
}

Sequencer::Executed Sequencer::tensor_store(const spec::InsnTensorStore &insn) {
    static const std::uint32_t offset = operand_offset(Opcode::TENSOR_STORE, "dst");
    const auto element = single_element(insn.dst, offset, regs_, core_.memory());
    if (!element)
        return tl::unexpected(element.error());
    from_register(regs_[insn.ra], *element);
    return Flow::NEXT;
}

// What it accesses memory as.
Actor Sequencer::introduce(const Launch &launch, Opcode opcode) const {
    return {.sanitizer = services_.sanitizer,
            .ctx = static_cast<std::uint8_t>(launch.owner.ctx),
            .queue = static_cast<std::uint8_t>(launch.queue_index),
            .unit = static_cast<spec::Unit>(spec::raw(spec::Unit::PE) + spec::raw(engine_)),
            .core = core_.index(),
            .opcode = static_cast<std::uint8_t>(opcode),
            .pc = pc(),
            .packet = launch.packet};
}

Sequencer::Executed Sequencer::mem_load(Launch &launch, const spec::InsnMemLoad &insn) {
    const auto va = single_address(launch, insn.src, regs_[insn.src.reg], false);
    if (!va)
        return tl::unexpected(va.error());
    std::array<std::byte, WORD> buffer;
    const auto element = std::span(buffer).first(spec::bytes(type_of(insn.src)));
    const Actor actor = introduce(launch, insn.header.opcode);
    const Access access(*launch.space, launch.actor != nullptr ? &actor : nullptr);
    if (const auto done = read(access, services_.host, *va, element); !done)
        return tl::unexpected(FaultInfo::of_memory(done.error()));
    set_register(insn.rd, to_register(type_of(insn.src), element));
    return Flow::NEXT;
}

Sequencer::Executed Sequencer::mem_store(Launch &launch, const spec::InsnMemStore &insn) {
    const auto va = single_address(launch, insn.dst, regs_[insn.dst.reg], true);
    if (!va)
        return tl::unexpected(va.error());
    std::array<std::byte, WORD> buffer;
    const auto element = std::span(buffer).first(spec::bytes(type_of(insn.dst)));
    from_register(regs_[insn.ra], element);
    const Actor actor = introduce(launch, insn.header.opcode);
    const Access access(*launch.space, launch.actor != nullptr ? &actor : nullptr);
    if (const auto done = write(access, services_.host, *va, element); !done)
        return tl::unexpected(FaultInfo::of_memory(done.error()));
    return Flow::NEXT;
}

Sequencer::Executed Sequencer::sem_remote(Launch &launch, const spec::InsnSemRemote &insn) {
    static const std::uint32_t offset = operand_offset(Opcode::SEM_REMOTE, "rank");
    const std::uint32_t rank = regs_[insn.rank];
    if (rank >= launch.core_count())
        return illegal_operand(offset);
    Core &target = launch.core_of_rank(rank);
    watch_.updating(target.index(), insn.op, insn.sem, insn.value);
    const auto value = target.signal(insn.op, insn.sem, insn.value);
    if (!value)
        return tl::unexpected(FaultInfo{.code = spec::Fault::SEMAPHORE, .info = insn.sem});
    log_.updated(launch, pc(), insn.op, insn.value, {target.index(), insn.sem, *value});
    return Flow::NEXT;
}

Sequencer::Executed Sequencer::core_barrier(Launch &launch, const spec::InsnCoreBarrier &insn) {
    const std::uint32_t others = launch.core_count() - 1;
    if (others == 0)
        return Flow::NEXT;
    for (Core *core : launch.cores()) {
        if (barrier_told_ || core == &core_)
            continue;
        watch_.updating(core->index(), spec::UpdateOp::ADD, insn.sem, 1);
        const auto value = core->signal(spec::UpdateOp::ADD, insn.sem, 1);
        if (!value)
            return tl::unexpected(FaultInfo{.code = spec::Fault::SEMAPHORE, .info = insn.sem});
        log_.updated(launch, pc(), spec::UpdateOp::ADD, 1, {core->index(), insn.sem, *value});
    }
    const spec::InstructionHeader take{.wait_op = spec::WaitOp::TAKE, .wait_sem = insn.sem, .wait_value = others};
    watch_.waiting(take);
    const bool met = this->take(take);
    barrier_told_ = !met;
    if (met)
        watch_.waited(take);
    return met ? Flow::NEXT : Flow::PARK;
}

Sequencer::Executed Sequencer::drain() {
    if (!settle(core_.sync().drain(engine_, pc())))
        return Flow::PARK;
    watch_.drained();
    return Flow::NEXT;
}

Sequencer::Executed Sequencer::notify(Launch &launch, const spec::InsnNotify &insn) {
    if (!launch.notifier.on())
        return Flow::NEXT;
    spec::Notification note = record(spec::NotificationKind::NOTIFY, Opcode::NOTIFY);
    note.start_ns = note.end_ns = services_.clock.now_ns();
    note.value = regs_[insn.ra] + insn.value;
    if (const auto done = launch.notify(services_.host, note); !done)
        return tl::unexpected(FaultInfo::of_memory(done.error()));
    return Flow::NEXT;
}

} // namespace neuron::chip
