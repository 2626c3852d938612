// SPDX-License-Identifier: MIT
// Work of all kinds for a chip that is saved in the middle of it.
#ifndef NEURON_TESTS_CHIP_STATE_WORK_HPP
#define NEURON_TESTS_CHIP_STATE_WORK_HPP

#include "chip_state.hpp"

namespace chip_test {

/// A machine at work. start() has given it all its work; what it leaves is compared.
struct Work {
    explicit Work(const Mode &mode) : m(mode), r(m) {}
    virtual ~Work() = default;
    virtual void start() = 0;
    /// Called after each turn of a stepped run with the steps taken so far: what a driver does meanwhile.
    virtual void meanwhile(std::uint64_t) {}

    Machine m;
    DmaRunner r;
};

/// Matrices, accumulators, random numbers, counting semaphores, registers and loops on one core, traced.
struct Compute final : Work {
    using Work::Work;
    static constexpr std::uint64_t NOTES = Runner::DATA + 3 * MiB;

    void start() override {
        for (std::uint64_t at = 0; at < 256 * 1024; at += 2) { // bf16 of moderate size
            const std::uint16_t value = static_cast<std::uint16_t>(0x3f00 + (at * 2654435761U >> 7) % 256);
            std::memcpy(r.data(at), &value, 2);
        }
        using spec::Dtype;
        Program p;
        const auto operand = [](std::uint32_t offset, std::uint16_t columns) {
            return tile(128, columns, offset, Dtype::BF16);
        };
        const auto psum = in_psum(tile(64, 128, 0, Dtype::F32));
        p.add(Engine::SP, load(operand(0, 64), typed(mem(0, 64, 2), Dtype::BF16), 0, add(0, 1)))
            .add(Engine::SP, move(1, 0))
            .add(Engine::SP, load(operand(4096, 128), typed(mem(0, 128, 2, 32768), Dtype::BF16), 1,
                                  sync(spec::WaitOp::TAKE, 2, 1, spec::UpdateOp::ADD, 1, 1)))
            .add(Engine::SP, alu(spec::AluOp::ADD, 1, 1, 0, 1))
            .add(Engine::SP, branch(spec::Cond::LT, 1, 4, 2))
            .add(Engine::SP, store(mem(0, 128, 4, MiB), tile(64, 128, 8192, Dtype::F32), 2,
                                   sync(spec::WaitOp::GE, 4, 1, spec::UpdateOp::ADD, 5, 1)))
            .add(Engine::SP, end(wait_ge(5, 1)));
        p.add(Engine::PE, spec::InsnLdweights{.header = sync(spec::WaitOp::GE, 0, 1, spec::UpdateOp::ADD, 2, 1),
                                              .src = operand(0, 64)});
        for (int i = 0; i < 4; ++i)
            p.add(Engine::PE,
                  spec::InsnMatmul{.header = sync(spec::WaitOp::TAKE, 1, 1, spec::UpdateOp::ADD,
                                                  static_cast<std::uint8_t>(i < 3 ? 2 : 3), 1),
                                   .dst = psum,
                                   .moving = operand(4096, 128),
                                   .flags = static_cast<std::uint8_t>((i == 0 ? 1 : 0) | (i == 3 ? 2 : 0))});
        p.add(Engine::PE, end());
        p.add(Engine::ACT, spec::InsnCopy{.header = sync(spec::WaitOp::GE, 3, 1, spec::UpdateOp::ADD, 4, 1),
                                          .dst = tile(64, 128, 8192, Dtype::F32),
                                          .src = psum})
            .add(Engine::ACT, end());
        p.add(Engine::POOL, spec::InsnMemset{.dst = tile(1, 1, 20480), .value = {.value = 3, .dtype = Dtype::U32}})
            .add(Engine::POOL, spec::InsnRng{.dst = tile(32, 16, 24576, Dtype::U32)})
            .add(Engine::POOL, move(7, 3))
            .add(Engine::POOL, spec::InsnRng{.dst = tile(32, 16, 24640, Dtype::U32)})
            .add(Engine::POOL, alu(spec::AluOp::SUB, 7, 7, 0, 1))
            .add(Engine::POOL, branch(spec::Cond::GT, 7, 0, 3))
            .add(Engine::POOL, store(mem(0, 32, 4, 2 * MiB), tile(32, 32, 24576, Dtype::U32), 3))
            .add(Engine::POOL, spec::InsnDrain{})
            .add(Engine::POOL, spec::InsnNotify{.value = 5})
            .add(Engine::POOL, end());
        auto packet = r.prepare(p);
        packet.notify = NOTES;
        packet.notify_log2 = 4;
        packet.trace = 0x3f;
        r.queue.push(packet);
        r.queue.submit(packet);
    }
};

/// Every kind of transfer, in pieces that take several steps, with memory whose pages are out of order.
struct Transfers final : Work {
    using Work::Work;
    void start() override {
        const Bytes data = random_bytes(MiB, 3);
        r.put(DmaRunner::HBM_AREA, data);
        r.put(DmaRunner::HOST_AREA, data);
        for (std::uint32_t i = 0; i < 128; ++i) {
            r.set_word(i * 4, (i * 37) % 200); // an index, some rows of it out of bounds
        }
        Program p;
        const auto strided = [](std::uint8_t arg, std::int32_t stride) {
            spec::Mem m = mem(arg, 600);
            m.stride[0] = stride;
            m.num = {600, 1, 1};
            m.partition_stride = 2404;
            return m;
        };
        const auto sparse = [](spec::Tile t) {
            t.step[0] = 2;
            return t;
        };
        // Loads: in place, element by element, by columns, converted, combined.
        p.add(Engine::SP, load(tile(64, 1024), mem(1, 1024), 0, add(0, 1)));
        p.add(Engine::SP, load(sparse(tile(16, 600, 8192)), strided(2, 12), 1, add(0, 1)));
        p.add(Engine::SP, load(tile(64, 1024, 16384, Dtype::F32), typed(mem(2, 1024, 2), Dtype::BF16), 2, add(0, 1)));
        spec::InsnDmaLoad combined =
            load(tile(64, 512, 16384, Dtype::F32), typed(mem(1, 512, 2), Dtype::F16), 2, add(0, 1));
        combined.op = DmaOp::ADD;
        p.add(Engine::SP, combined);
        spec::Mem columns = mem(2, 64);
        columns.partition_stride = 4;
        columns.stride[0] = 1024;
        p.add(Engine::SP, load(tile(128, 64, 24576), columns, 3, add(0, 1)));
        p.add(Engine::SP, spec::InsnDmaReduce{.header = add(0, 1),
                                              .dst = tile(8, 3000, 32768, Dtype::F32),
                                              .src = typed(mem(1, 3000, 2), Dtype::BF16),
                                              .source_stride = 1004,
                                              .sources = 5,
                                              .ring = 4});
        p.add(Engine::ACT, load(tile(128, 1, 49152), mem(0, 1), 5, add(1, 1)));
        p.add(Engine::ACT, spec::InsnDmaGather{.header = sync(spec::WaitOp::GE, 1, 1, spec::UpdateOp::ADD, 0, 1),
                                               .dst = tile(128, 700, 65536),
                                               .src = mem(1, 700),
                                               .index = tile(128, 1, 49152),
                                               .ring = 6,
                                               .oob = spec::OobMode::SKIP,
                                               .bound = 150});
        p.add(Engine::ACT, end());
        // Tile to tile, overlapping, converted; transposed; memory to memory.
        p.add(Engine::SP, spec::InsnDmaTile{.header = sync(spec::WaitOp::GE, 0, 7, spec::UpdateOp::ADD, 2, 1),
                                            .dst = tile(64, 12000, 65536 + 48, Dtype::BF16),
                                            .src = sparse(tile(64, 12000, 65536, Dtype::F16)),
                                            .ring = 7});
        p.add(Engine::SP,
              spec::InsnDmaTranspose{.header = add(2, 1), .dst = tile(64, 64, 131072), .src = tile(64, 64), .ring = 8});
        p.add(Engine::SP, spec::InsnDmaCopy{.header = add(2, 1),
                                            .dst = typed(mem(3, 100000, 1), Dtype::U8),
                                            .src = typed(mem(1, 100000, 1), Dtype::U8),
                                            .rows = 2,
                                            .ring = 9});
        spec::InsnDmaCopy through = {.header = add(2, 1),
                                     .dst = typed(mem(3, 9000, 4, 524288), Dtype::F32),
                                     .src = typed(mem(2, 9000, 2), Dtype::BF16),
                                     .rows = 2,
                                     .ring = 10};
        p.add(Engine::SP, through);
        // What is on the chip goes back to memory, more transfers than a ring holds.
        for (std::uint32_t i = 0; i < 40; ++i)
            p.add(Engine::SP, store(mem(4, 512, 4, i * 4096LL), tile(2, 512, i * 4096), 11,
                                    sync(i == 0 ? spec::WaitOp::GE : spec::WaitOp::NONE, 2, 4)));
        p.add(Engine::SP, spec::InsnDrain{}).add(Engine::SP, end());
        r.queue.submit(r.prepare(p, {Runner::DATA, DmaRunner::HBM_AREA, DmaRunner::HOST_AREA,
                                     DmaRunner::HOST_AREA + MiB, DmaRunner::HBM_AREA + MiB}));
    }
};

/// Two cores that meet at barriers, signal each other and swap tiles; a second launch waits for one of them, a third for it.
struct Cores final : Work {
    explicit Cores(const Mode &mode)
        : Work(mode),
          second(m, 2, 1, 16 * MiB, {.priority = spec::QueuePriority::HIGH, .stamp_addr = m.host.alloc(4096)}) {}
    Runner second;

    void start() override {
        for (std::uint64_t at = 0; at < 65536; at += 4)
            r.set_word(at, static_cast<std::uint32_t>(at * 77));
        Program p;
        p.add(Engine::SP, spec::InsnCoreRank{.rd = 1})
            .add(Engine::SP, move(2, 1))
            .add(Engine::SP, alu(spec::AluOp::SUB, 2, 2, 1, 0));
        p.add(Engine::SP, load(tile(32, 256), mem(0, 256), 0, add(0, 1)));
        p.add(Engine::SP, spec::InsnCoreBarrier{.header = wait_ge(0, 1), .sem = 9});
        p.add(Engine::SP,
              spec::InsnDmaSend{
                  .dst = tile(32, 256, 8192), .src = tile(32, 256), .rank = 2, .sem = 3, .ring = 1, .value = 2});
        p.add(Engine::SP,
              spec::InsnSemRemote{.header = take(3, 2), .rank = 2, .sem = 4, .op = spec::UpdateOp::ADD, .value = 1});
        p.add(Engine::SP, spec::InsnCoreBarrier{.header = take(4, 1), .sem = 9});
        p.add(Engine::SP, move(5, 0))
            .add(Engine::SP, alu(spec::AluOp::ADD, 5, 5, 0, 1))
            .add(Engine::SP, branch(spec::Cond::LT, 5, 30, 9));
        p.add(Engine::SP, store(mem(0, 256, 4, MiB), tile(32, 256, 8192), 2))
            .add(Engine::SP, spec::InsnDrain{})
            .add(Engine::SP, end());
        p.add(Engine::POOL, nop(wait_ge(9, 0))).add(Engine::POOL, end());
        r.queue.push(r.prepare(p, {Runner::DATA}, 3));
        r.queue.ring();
        Program q;
        q.add(Engine::POOL, spec::InsnMemset{.dst = tile(4, 64), .value = {.value = 9, .dtype = Dtype::U32}})
            .add(Engine::POOL, store(mem(0, 64), tile(4, 64), 0))
            .add(Engine::POOL, end());
        second.queue.push(second.prepare(q, {Runner::DATA}, 2));
        second.queue.push(spec::PacketNop{});
        second.queue.ring();
    }
};

/// Packets that move data, with stamps, interrupts that are held back, two contexts and a fault.
struct Packets final : Work {
    explicit Packets(const Mode &mode)
        : Work(mode),
          second(m, 2, 1, 16 * MiB, {.vector = 3, .doorbell_register = true, .stamp_addr = m.host.alloc(4096)}),
          sibling(m, 7, 1, {.vector = 4}) {}
    Runner second;
    TestQueue sibling;

    void start() override {
        r.put(DmaRunner::HBM_AREA, random_bytes(MiB, 9));
        m.w32(reg::QUEUE_COALESCE(1), field::QUEUE_COALESCE_COUNT.set(3) | field::QUEUE_COALESCE_USECS.set(40));
        r.queue.push(spec::PacketCopy{.src = DmaRunner::HBM_AREA, .dst = DmaRunner::HOST_AREA + 7, .bytes = 700001});
        r.queue.push(spec::PacketCopyStrided{.row_bytes = 300,
                                             .src = DmaRunner::HBM_AREA + 20000,
                                             .dst = DmaRunner::HOST_AREA + MiB,
                                             .count = {100, 7, 2},
                                             .src_stride = {301, -2000, 40000},
                                             .dst_stride = {300, 30000, 210000}});
        r.queue.push(spec::PacketFill{.dst = Runner::DATA + 3, .bytes = 400000, .pattern = 0x1122334455667788});
        r.queue.push(spec::PacketFence{.addr = Runner::DATA, .value = 99});
        r.queue.push(spec::PacketCopy{.src = 0x7000'0000, .dst = Runner::DATA, .bytes = 64}); // not mapped
        r.queue.push(spec::PacketNop{});
        r.queue.ring();
        sibling.push(spec::PacketFill{.dst = Runner::DATA + 2 * MiB, .bytes = 2 * MiB, .pattern = 3});
        sibling.ring();
        for (int i = 0; i < 8; ++i)
            second.queue.push(spec::PacketFill{.dst = Runner::DATA, .bytes = 70000, .pattern = 5});
        second.queue.ring();
    }
    void meanwhile(std::uint64_t steps) override {
        if (steps == 20)
            neuron_chip_inject_ecc(m.chip, 5 * MiB, true);
        if (steps == 30) {
            m.w64(reg::GLOBAL_SCRUB_ADDR, 12 * MiB);
            m.w64(reg::GLOBAL_SCRUB_BYTES, 4 * MiB);
            m.w32(reg::GLOBAL_SCRUB_CTRL, field::GLOBAL_SCRUB_CTRL_START.mask);
        }
    }
};

/// A launch for ever, stopped with others in line for its cores; a deadlock; a reset in the middle.
struct Endings final : Work {
    explicit Endings(const Mode &mode) : Work(mode), waiter(m, 2, 1, 16 * MiB), third(m, 3, 2, 20 * MiB) {}
    Runner waiter;
    Runner third;

    void start() override {
        Program endless;
        endless.add(Engine::PE, jump(0));
        endless.add(Engine::SP, load(tile(128, 512), mem(0, 512), 0)).add(Engine::SP, jump(0));
        endless.add(Engine::ACT, end(wait_ge(1, 1)));
        Program deadlock;
        deadlock.add(Engine::SP, load(tile(16, 512), mem(0, 512), 0)).add(Engine::SP, end(wait_ge(1, 1)));
        r.queue.submit(r.prepare(endless, {Runner::DATA}, 1));
        waiter.queue.submit(waiter.prepare(deadlock, {Runner::DATA}, 3));
        third.queue.submit(third.prepare(endless, {Runner::DATA}, 2));
    }
    void meanwhile(std::uint64_t steps) override {
        if (steps == 150)
            r.queue.disable();
        if (steps == 350)
            third.ctx.disable();
        if (steps == 400)
            third.queue.disable();
        if (steps == 500)
            r.queue.enable(), r.queue.submit(r.prepare(Program().add(Engine::SP, jump(0)), {Runner::DATA}, 2));
        if (steps == 540)
            m.w32(reg::GLOBAL_CTRL, field::GLOBAL_CTRL_RESET.mask);
    }
};

} // namespace chip_test

#endif // NEURON_TESTS_CHIP_STATE_WORK_HPP
