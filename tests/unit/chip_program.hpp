// SPDX-License-Identifier: MIT
// Short names for hand-made programs, and a context with a queue to run them on.
#ifndef NEURON_TESTS_CHIP_PROGRAM_HPP
#define NEURON_TESTS_CHIP_PROGRAM_HPP

#include "chip_support.hpp"

namespace chip_test {

using spec::Engine;
using Header = spec::InstructionHeader;

/// The header of an instruction: what it waits for, and what it updates.
inline Header sync(spec::WaitOp wait, std::uint8_t wait_sem, std::uint32_t wait_value,
                   spec::UpdateOp update = spec::UpdateOp::NONE, std::uint8_t update_sem = 0,
                   std::uint32_t update_value = 0) {
    Header header{};
    header.wait_op = wait;
    header.wait_sem = wait_sem;
    header.wait_value = wait_value;
    header.update_op = update;
    header.update_sem = update_sem;
    header.update_value = update_value;
    return header;
}
inline Header wait_ge(std::uint8_t sem, std::uint32_t value) { return sync(spec::WaitOp::GE, sem, value); }
inline Header take(std::uint8_t sem, std::uint32_t value) { return sync(spec::WaitOp::TAKE, sem, value); }
inline Header add(std::uint8_t sem, std::uint32_t value) {
    return sync(spec::WaitOp::NONE, 0, 0, spec::UpdateOp::ADD, sem, value);
}

inline spec::InsnNop nop(const Header &header = {}) { return {.header = header}; }
inline spec::InsnEnd end(const Header &header = {}) { return {.header = header}; }
inline spec::InsnMove move(std::uint8_t rd, std::int32_t imm) { return {.rd = rd, .imm = imm}; }
inline spec::InsnAlu alu(spec::AluOp op, std::uint8_t rd, std::uint8_t ra, std::uint8_t rb, std::int32_t imm) {
    return {.op = op, .rd = rd, .ra = ra, .rb = rb, .imm = imm};
}
inline spec::InsnBranch branch(spec::Cond cond, std::uint8_t ra, std::int32_t imm, std::uint32_t target) {
    return {.cond = cond, .ra = ra, .rb = 0, .imm = imm, .target = target};
}
inline spec::InsnBranch jump(std::uint32_t target) { return branch(spec::Cond::ALWAYS, 0, 0, target); }

/// `partitions` rows of `elements` consecutive elements at byte `offset` of SBUF.
inline spec::Tile tile(std::uint8_t partitions, std::uint16_t elements, std::uint32_t offset = 0,
                       spec::Dtype dtype = spec::Dtype::U32) {
    spec::Tile t;
    t.offset = offset;
    t.partitions = partitions;
    t.space = spec::Space::SBUF;
    t.dtype = dtype;
    t.step = {1, 0, 0, 0};
    t.num = {elements, 1, 1, 1};
    return t;
}
/// Dense rows, one after another, from launch argument `arg` on.
inline spec::Mem mem(std::uint8_t arg, std::uint32_t elements, std::uint32_t element_bytes = 4,
                     std::int64_t offset = 0) {
    spec::Mem m;
    m.offset = offset;
    m.arg = arg;
    m.partition_stride = static_cast<std::int32_t>(elements * element_bytes);
    m.stride = {static_cast<std::int32_t>(element_bytes), 0, 0};
    m.num = {elements, 1, 1};
    return m;
}
inline spec::InsnDmaLoad load(const spec::Tile &dst, const spec::Mem &src, std::uint8_t ring,
                              const Header &header = {}) {
    return {.header = header, .dst = dst, .src = src, .ring = ring};
}
inline spec::InsnDmaStore store(const spec::Mem &dst, const spec::Tile &src, std::uint8_t ring,
                                const Header &header = {}) {
    return {.header = header, .dst = dst, .src = src, .ring = ring};
}

/// A context with a queue, room for code and 8 MiB of HBM as data.
class Runner {
public:
    static constexpr std::uint64_t CODE = 0x1000'0000;
    static constexpr std::uint64_t ARGS = 0x2000'0000;
    static constexpr std::uint64_t DATA = 0x3000'0000;
    static constexpr std::uint64_t CODE_BYTES = MiB;
    static constexpr std::uint64_t DATA_BYTES = 4 * MiB;

    Runner(Machine &machine, std::uint32_t ctx_index = 1, std::uint32_t queue_index = 0, std::uint64_t hbm = 0,
           const QueueOptions &options = {})
        : m(machine), ctx(machine, ctx_index), queue(machine, queue_index, ctx_index, options), hbm_(hbm) {
        code_ = ctx.map_host(CODE, CODE_BYTES);
        args_ = ctx.map_host(ARGS, PAGE);
        ctx.map(DATA, hbm, DATA_BYTES, Context::HBM | Context::WRITE);
    }

    std::byte *data(std::uint64_t offset) { return m.hbm(hbm_ + offset); }
    std::uint32_t word(std::uint64_t offset) {
        std::uint32_t value = 0;
        std::memcpy(&value, data(offset), 4);
        return value;
    }
    void set_word(std::uint64_t offset, std::uint32_t value) { std::memcpy(data(offset), &value, 4); }

    /// The packet that launches `program`, which is written to the code area.
    spec::PacketLaunch prepare(const Program &program, std::vector<std::uint64_t> args = {DATA},
                               std::uint32_t cores = 1) {
        program.write(m.host.at(code_, program.bytes()), CODE);
        const auto raw = std::as_bytes(std::span(args));
        std::copy(raw.begin(), raw.end(), m.host.at(args_, raw.size()));
        return {
            .core_mask = cores, .program = CODE, .args = ARGS, .arg_count = static_cast<std::uint32_t>(args.size())};
    }
    spec::Fault run(const Program &program, std::vector<std::uint64_t> args = {DATA}, std::uint32_t cores = 1) {
        return queue.run(prepare(program, std::move(args), cores));
    }
    void restart() {
        queue.disable();
        queue.enable();
    }
    std::byte *code(std::uint64_t offset) { return m.host.at(code_ + offset); }
    std::uint64_t code_bus() const { return code_; }

    Machine &m;
    Context ctx;
    TestQueue queue;

private:
    std::uint64_t hbm_;
    std::uint64_t code_ = 0;
    std::uint64_t args_ = 0;
};

} // namespace chip_test

#endif // NEURON_TESTS_CHIP_PROGRAM_HPP
