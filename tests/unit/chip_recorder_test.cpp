// SPDX-License-Identifier: MIT
// The flight recorder: what it says, that nothing of it is torn, and how a driver reads it.
#include "chip_program.hpp"
#include "chip_state.hpp"
#include "plan/injector.hpp"

#include "exec/executor.hpp"
#include "recorder/recorder.hpp"

#include <optional>
#include <thread>

namespace {

using namespace chip_test;
using spec::Fault;
using spec::RecordFlag;
using spec::RecordKind;

using Raw = std::array<std::byte, 64>;

constexpr std::uint64_t VA = 0x4000'0000;

spec::RecordHead head_of(const Raw &raw) {
    return spec::unpack<spec::RecordHead>(std::span(raw).first<spec::RecordHead::BYTES>());
}

std::vector<Raw> records(neuron_chip *chip, std::uint64_t first = 0) {
    std::vector<Raw> all;
    std::array<Raw, 100> some;
    while (const std::size_t count = neuron_chip_read_records(chip, &first, some.data(), sizeof some))
        all.insert(all.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
    return all;
}

template<class Record>
std::vector<Record> of_kind(neuron_chip *chip, RecordKind kind) {
    std::vector<Record> found;
    for (const Raw &raw : records(chip))
        if (head_of(raw).kind == kind)
            found.push_back(spec::unpack<Record>(raw));
    return found;
}

/// A context with a queue and some memory of both kinds.
struct Bench {
    explicit Bench(const Mode &mode) : m(mode), ctx(m, 3), queue(m, 5, 3, {.vector = 7}) {
        ctx.map_host(VA, 4 * PAGE);
        ctx.map(VA + MiB, 0, 2 * MiB, Context::HBM | Context::WRITE);
    }
    Machine m;
    Context ctx;
    TestQueue queue;
};

// ---- what is recorded ----------------------------------------------------------------------------------------------

void doorbells_and_packets_have_records(void **state) {
    Bench b(mode_of(state));
    b.queue.push(spec::PacketNop{});
    b.queue.push_unflagged(spec::PacketCopy{.src = VA, .dst = VA + MiB, .bytes = 300});
    b.queue.ring();
    b.m.settle();

    const auto doorbells = of_kind<spec::RecordDoorbell>(b.m.chip, RecordKind::DOORBELL);
    assert_int_equal(doorbells.size(), 1);
    assert_int_equal(doorbells[0].head.ctx, 3);
    assert_int_equal(doorbells[0].head.queue, 5);
    assert_int_equal(doorbells[0].old_tail, 0);
    assert_int_equal(doorbells[0].tail, 2);

    const auto packets = of_kind<spec::RecordPacket>(b.m.chip, RecordKind::PACKET);
    assert_int_equal(packets.size(), 2);
    assert_int_equal(packets[0].head.code, spec::raw(spec::PacketOp::NOP));
    assert_int_equal(packets[0].head.flags, spec::raw(RecordFlag::IRQ));
    assert_int_equal(packets[1].head.code, spec::raw(spec::PacketOp::COPY));
    assert_int_equal(packets[1].head.flags, spec::raw(RecordFlag::DST_HBM));
    assert_int_equal(packets[1].head.packet, 1);
    assert_int_equal(packets[1].head.queue, 5);
    assert_int_equal(packets[1].src, VA);
    assert_int_equal(packets[1].dst, VA + MiB);
    assert_int_equal(packets[1].bytes, 300);
    assert_true(packets[1].start_ns <= packets[1].head.time_ns);
    assert_true(packets[1].head.time_ns <= b.m.r64(reg::GLOBAL_CLOCK_NS));
    assert_int_equal(of_kind<spec::RecordPacketStart>(b.m.chip, RecordKind::PACKET_START).size(), 0);
}

void a_long_packet_has_a_record_of_its_start(void **state) {
    Bench b(mode_of(state));
    assert_int_equal(b.queue.run(spec::PacketFill{.dst = VA + MiB, .bytes = MiB, .pattern = 1}), Fault::NONE);
    const auto starts = of_kind<spec::RecordPacketStart>(b.m.chip, RecordKind::PACKET_START);
    assert_int_equal(starts.size(), 1);
    assert_int_equal(starts[0].dst, VA + MiB);
    assert_int_equal(starts[0].bytes, MiB);
    assert_int_equal(starts[0].head.code, spec::raw(spec::PacketOp::FILL));
    const auto ends = of_kind<spec::RecordPacket>(b.m.chip, RecordKind::PACKET);
    assert_int_equal(ends.size(), 1);
    assert_int_equal(ends[0].bytes, MiB);
    assert_int_equal(ends[0].start_ns, starts[0].head.time_ns);
}

void a_fault_and_its_packet_have_records(void **state) {
    Bench b(mode_of(state));
    // The second chunk leaves what is mapped.
    assert_int_equal(b.queue.run(spec::PacketFill{.dst = VA, .bytes = 5 * PAGE, .pattern = 1}), Fault::PAGE_NOT_MAPPED);
    const auto faults = of_kind<spec::RecordFault>(b.m.chip, RecordKind::FAULT);
    assert_int_equal(faults.size(), 1);
    assert_int_equal(faults[0].head.code, spec::raw(Fault::PAGE_NOT_MAPPED));
    assert_int_equal(faults[0].head.flags, spec::raw(RecordFlag::WRITE));
    assert_int_equal(faults[0].head.ctx, 3);
    assert_int_equal(faults[0].head.queue, 5);
    assert_int_equal(faults[0].va, VA + 4 * PAGE);
    const auto packets = of_kind<spec::RecordPacket>(b.m.chip, RecordKind::PACKET);
    assert_int_equal(packets.size(), 1);
    assert_int_equal(packets[0].head.flags, spec::raw(RecordFlag::FAILED));
    assert_int_equal(packets[0].bytes, 4 * PAGE);
    // The event has an interrupt of its own.
    const auto interrupts = of_kind<spec::RecordInterrupt>(b.m.chip, RecordKind::INTERRUPT);
    assert_int_equal(interrupts.size(), 1);
    assert_int_equal(interrupts[0].head.code, 0);
    assert_int_equal(interrupts[0].held, 0);
}

void held_interrupts_have_records(void **state) {
    Bench b(mode_of(state));
    b.m.w32(reg::QUEUE_COALESCE(5), field::QUEUE_COALESCE_COUNT.set(4) | field::QUEUE_COALESCE_USECS.set(60000));
    for (int i = 0; i < 3; ++i)
        b.queue.push(spec::PacketNop{});
    b.queue.ring();
    b.m.settle();
    const auto interrupts = of_kind<spec::RecordInterrupt>(b.m.chip, RecordKind::INTERRUPT);
    std::uint32_t told = 0;
    for (const auto &record : interrupts) {
        assert_int_equal(record.head.code, 7);
        assert_int_equal(record.head.queue, 5);
        told += record.held;
    }
    assert_int_equal(told, 3);
    for (const auto &record : of_kind<spec::RecordPacket>(b.m.chip, RecordKind::PACKET))
        assert_int_equal(record.head.flags, spec::raw(RecordFlag::HELD));
}

void launches_transfers_and_semaphores_have_records(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program program;
    program.add(Engine::SP, load(tile(2, 8), mem(0, 8), 4, add(3, 5)));
    program.add(Engine::SP, end());
    program.add(Engine::ACT, nop(take(3, 2)));
    program.add(Engine::ACT, spec::InsnSemClear{.first = 2, .count = 4});
    program.add(Engine::ACT, end());
    assert_int_equal(r.run(program), Fault::NONE);

    const auto launches = of_kind<spec::RecordLaunch>(m.chip, RecordKind::LAUNCH);
    assert_int_equal(launches.size(), 1);
    assert_int_equal(launches[0].program, Runner::CODE);
    assert_int_equal(launches[0].core_mask, 1);
    const auto transfers = of_kind<spec::RecordTransfer>(m.chip, RecordKind::TRANSFER);
    assert_int_equal(transfers.size(), 1);
    assert_int_equal(transfers[0].head.unit, spec::raw(spec::Unit::DMA));
    assert_int_equal(transfers[0].head.ring, 4);
    assert_int_equal(transfers[0].head.code, spec::raw(spec::Opcode::DMA_LOAD));
    assert_int_equal(transfers[0].head.flags, spec::raw(RecordFlag::SRC_HBM));
    assert_int_equal(transfers[0].src, Runner::DATA);
    assert_int_equal(transfers[0].dst, 0);
    assert_int_equal(transfers[0].bytes, 2 * 8 * 4);
    assert_int_equal(transfers[0].engine, spec::raw(Engine::SP));

    const auto changes = of_kind<spec::RecordSemaphore>(m.chip, RecordKind::SEMAPHORE);
    assert_int_equal(changes.size(), 3);
    for (const auto &record : changes) {
        assert_int_equal(record.head.ctx, 1);
        assert_int_equal(record.head.packet, 0);
        if (static_cast<spec::RecordChange>(record.head.code) == spec::RecordChange::ADD) {
            assert_int_equal(record.head.unit, spec::raw(spec::Unit::DMA));
            assert_int_equal(record.operand, 5);
            assert_int_equal(record.value, 5);
            assert_int_equal(record.semaphore, 3);
        } else if (static_cast<spec::RecordChange>(record.head.code) == spec::RecordChange::TAKE) {
            assert_int_equal(record.head.unit, spec::raw(spec::Unit::ACT));
            assert_int_equal(record.operand, 2);
            assert_int_equal(record.value, 3);
        } else {
            assert_int_equal(record.head.code, spec::raw(spec::RecordChange::CLEAR));
            assert_int_equal(record.semaphore, 2);
            assert_int_equal(record.operand, 4);
            assert_int_equal(record.pc, 1);
        }
    }
}

void a_transfer_that_fails_says_how_far_it_came(void **state) {
    Machine m(mode_of(state));
    Runner r(m);
    Program program;
    program.add(Engine::SP, load(tile(2, 8), mem(0, 8), 0));
    program.add(Engine::SP, end());
    // The second row is behind the end of the data.
    assert_int_equal(r.run(program, {Runner::DATA + Runner::DATA_BYTES - 32}), Fault::PAGE_NOT_MAPPED);
    const auto transfers = of_kind<spec::RecordTransfer>(m.chip, RecordKind::TRANSFER);
    assert_int_equal(transfers.size(), 1);
    assert_int_equal(transfers[0].head.flags, RecordFlag::FAILED | RecordFlag::SRC_HBM);
    assert_int_equal(transfers[0].bytes, 32);
}

void switches_resets_and_errors_have_records(void **state) {
    Bench b(mode_of(state));
    const auto contexts = of_kind<spec::RecordContext>(b.m.chip, RecordKind::CONTEXT);
    assert_int_equal(contexts.size(), 1);
    assert_int_equal(contexts[0].head.flags, spec::raw(RecordFlag::ON));
    assert_int_equal(contexts[0].root, b.ctx.root() & ~field::PTE_VALID.mask);
    const auto queues = of_kind<spec::RecordQueue>(b.m.chip, RecordKind::QUEUE);
    assert_int_equal(queues.size(), 1);
    assert_int_equal(queues[0].head.flags, spec::raw(RecordFlag::ON));
    assert_int_equal(queues[0].seqno_addr, b.queue.seqno_bus());
    b.queue.disable();
    b.ctx.flush();
    b.ctx.disable();
    assert_int_equal(neuron_chip_inject_ecc(b.m.chip, 128, true), 0);
    assert_int_equal(of_kind<spec::RecordQueue>(b.m.chip, RecordKind::QUEUE).back().head.flags, 0);
    const auto later = of_kind<spec::RecordContext>(b.m.chip, RecordKind::CONTEXT);
    assert_int_equal(later.size(), 3);
    assert_int_equal(later[1].head.flags, spec::raw(RecordFlag::FLUSH));
    assert_int_equal(later[2].head.flags, 0);
    assert_int_equal(later[2].head.ctx, 3);
    const auto errors = of_kind<spec::RecordEcc>(b.m.chip, RecordKind::ECC);
    assert_int_equal(errors.size(), 1);
    assert_int_equal(errors[0].head.code, spec::raw(Fault::HBM_ECC));
    assert_int_equal(errors[0].hbm, 128);
    const std::uint64_t before = b.m.r64(reg::REC_WRITTEN);
    neuron_chip_reset(b.m.chip);
    b.m.settle();
    // What was before is still there.
    assert_true(b.m.r64(reg::REC_WRITTEN) > before);
    const auto resets = of_kind<spec::RecordReset>(b.m.chip, RecordKind::RESET);
    assert_int_equal(resets.size(), 1);
    assert_int_equal(resets[0].resets, 1);
    assert_int_equal(of_kind<spec::RecordEcc>(b.m.chip, RecordKind::ECC).size(), 1);
}

// ---- the ring ------------------------------------------------------------------------------------------------------

Mode small_recorder(void **state) {
    Mode mode = mode_of(state);
    mode.recorder_records = 64;
    return mode;
}

/// More than a small recorder holds.
void write_many_records(Bench &b) {
    for (int i = 0; i < 10; ++i) {
        for (int j = 0; j < 16; ++j)
            b.queue.push(spec::PacketNop{});
        b.queue.ring();
        b.m.settle();
    }
}

void the_newest_records_stay(void **state) {
    Bench b(small_recorder(state));
    write_many_records(b);
    const std::uint64_t written = b.m.r64(reg::REC_WRITTEN);
    const auto all = records(b.m.chip);
    assert_int_equal(b.m.r32(reg::REC_CAPACITY), 64);
    assert_true(written > 160);
    assert_int_equal(all.size(), 64);
    assert_int_equal(b.m.r64(reg::REC_LOST), 0);
    for (std::size_t i = 0; i < all.size(); ++i)
        assert_int_equal(head_of(all[i]).index, written - 64 + i);
    assert_int_equal(head_of(all.back()).packet, 159);
    // From a number on; there is nothing behind the end.
    assert_int_equal(records(b.m.chip, written - 3).size(), 3);
    assert_int_equal(records(b.m.chip, written).size(), 0);
    assert_int_equal(records(b.m.chip, written + 100).size(), 0);
}

// Every word of a record says who wrote it and which one it is.
void no_record_is_torn(void **) {
    constexpr unsigned WRITERS = 3;
    constexpr std::uint64_t EACH = 200'000;
    const neuron_chip_host_ops ops = FakeHost::ops();
    neuron::chip::plan::Injector faults(nullptr, nullptr, nullptr);
    const neuron::chip::Host host(ops, nullptr, faults);
    const neuron::chip::ThreadedExecutor executor(1);
    const neuron::chip::DeviceClock clock(executor);
    neuron::chip::Recorder recorder(clock, neuron::chip::Recorder::MIN_RECORDS);
    std::atomic<unsigned> left{WRITERS};
    std::vector<std::thread> writers;
    for (unsigned w = 0; w < WRITERS; ++w)
        writers.emplace_back([&, w] {
            for (std::uint64_t i = 0; i < EACH; ++i) {
                const std::uint64_t mark = std::uint64_t{w} << 32 | i;
                recorder.add(spec::RecordFault{.head = {.time_ns = mark + 1, .packet = mark}, .va = mark, .info = mark},
                             RecordKind::FAULT);
            }
            --left;
        });
    std::uint64_t seen = 0;
    Bytes some(16 * Raw{}.size());
    // Always the oldest ones, which are the next to be overwritten.
    for (bool last = false; !last;) {
        last = left == 0; // once more when all is written
        std::uint64_t at = 0;
        const std::size_t count = recorder.read(at, ~0ULL, some);
        for (std::size_t i = 0; i < count; ++i) {
            const auto record = spec::unpack<spec::RecordFault>(std::span(some).subspan(i * 64).first<64>());
            assert_int_equal(record.va, record.head.packet);
            assert_int_equal(record.info, record.head.packet);
            assert_int_equal(record.head.time_ns, record.head.packet + 1);
            assert_int_equal(record.head.kind, spec::raw(RecordKind::FAULT));
        }
        seen += count;
    }
    for (std::thread &writer : writers)
        writer.join();
    // Nothing is left out: numbers may be, when a writer had the slot of one for a whole turn of the ring.
    assert_true(recorder.written() >= WRITERS * EACH);
    assert_true(recorder.written() - recorder.lost() <= WRITERS * EACH);
    assert_true(seen > 0);
}

void it_can_be_stopped(void **state) {
    Bench b(mode_of(state));
    b.m.w32(reg::REC_CTRL, 0);
    const std::uint64_t written = b.m.r64(reg::REC_WRITTEN);
    assert_int_equal(b.queue.run(spec::PacketNop{}), Fault::NONE);
    assert_int_equal(b.m.r32(reg::REC_CTRL), 0);
    assert_int_equal(b.m.r64(reg::REC_WRITTEN), written);
    b.m.w32(reg::REC_CTRL, field::REC_CTRL_RECORD.mask);
    assert_int_equal(b.queue.run(spec::PacketNop{}), Fault::NONE);
    assert_int_equal(b.m.r64(reg::REC_WRITTEN), written + 2);
}

void a_chip_may_have_none(void **state) {
    Mode mode = mode_of(state);
    mode.recorder_records = NEURON_CHIP_RECORDER_OFF;
    Bench b(mode);
    assert_int_equal(b.queue.run(spec::PacketNop{}), Fault::NONE);
    assert_int_equal(b.m.r32(reg::REC_CAPACITY), 0);
    assert_int_equal(b.m.r64(reg::REC_WRITTEN), 0);
    assert_int_equal(records(b.m.chip).size(), 0);
    assert_int_equal(b.m.bad(), 0);
    b.m.w32(reg::REC_CTRL, field::REC_CTRL_RECORD.mask);
    b.m.w32(reg::REC_CMD, spec::raw(spec::RecOp::DUMP));
    assert_int_equal(b.m.bad(), 2);
    assert_int_equal(b.m.r32(reg::REC_CTRL), 0);
}

void impossible_sizes_are_refused(void **) {
    for (const std::uint32_t records : {1U, 32U, 63U, 100U, 1U << 21}) {
        Mode mode = THREADED;
        mode.recorder_records = records;
        Machine m;
        try {
            neuron_chip_destroy(m.make_chip(mode));
            fail_msg("%u records were taken", records);
        } catch (const std::runtime_error &error) {
            assert_non_null(std::strstr(error.what(), "recorder_records: "));
        }
    }
}

// ---- dumps ---------------------------------------------------------------------------------------------------------

struct Dump {
    bool error;
    std::uint32_t done;
};

Dump dump(Machine &m, std::uint64_t bus, std::uint64_t first, std::uint32_t count,
          std::uint32_t op = spec::raw(spec::RecOp::DUMP)) {
    m.w64(reg::REC_CMD_ADDR, bus);
    m.w64(reg::REC_CMD_FIRST, first);
    m.w32(reg::REC_CMD_COUNT, count);
    m.w32(reg::REC_CMD, op);
    m.settle();
    const std::uint32_t command = m.r32(reg::REC_CMD);
    assert_int_equal(command & field::REC_CMD_BUSY.mask, 0);
    assert_int_equal(field::REC_CMD_OP.get(command), op & 0xff);
    return {(command & field::REC_CMD_ERROR.mask) != 0, m.r32(reg::REC_CMD_DONE)};
}

void a_dump_writes_records_to_memory(void **state) {
    Bench b(mode_of(state));
    // More than a step of a dump writes.
    for (int i = 0; i < 40; ++i) {
        for (int j = 0; j < 16; ++j)
            b.queue.push(spec::PacketNop{});
        b.queue.ring();
        b.m.settle();
    }
    const auto all = records(b.m.chip);
    const auto count = static_cast<std::uint32_t>(all.size());
    const std::uint64_t bus = b.m.host.alloc(std::uint64_t{count} * 64);
    const Dump whole = dump(b.m, bus, 0, count);
    assert_false(whole.error);
    assert_int_equal(whole.done, count);
    assert_true(same(b.m.host.at(bus, count * 64), std::as_bytes(std::span(all))));
    // A part; more than there is; nothing.
    const Dump part = dump(b.m, bus, 5, 3);
    assert_int_equal(part.done, 3);
    assert_true(same(b.m.host.at(bus, 192), std::as_bytes(std::span(all).subspan(5, 3))));
    assert_int_equal(dump(b.m, bus, count - 2, 1000).done, 2);
    assert_int_equal(dump(b.m, bus, count, 10).done, 0);
    assert_int_equal(dump(b.m, bus, ~0ULL, ~0U).done, 0);
    assert_int_equal(dump(b.m, bus, 0, 0).done, 0);
}

void a_dump_tells_what_was_overwritten(void **state) {
    Bench b(small_recorder(state));
    write_many_records(b);
    const std::uint64_t written = b.m.r64(reg::REC_WRITTEN);
    const std::uint64_t bus = b.m.host.alloc(200 * 64);
    const Dump all = dump(b.m, bus, written - 70, 70);
    assert_int_equal(all.done, 64);
    Raw raw;
    std::memcpy(raw.data(), b.m.host.at(bus, 64), 64);
    assert_int_equal(head_of(raw).index, written - 64);
}

void bad_commands_are_errors(void **state) {
    Bench b(mode_of(state));
    const std::uint64_t bus = b.m.host.alloc(PAGE);
    assert_true(dump(b.m, bus + 8, 0, 1).error);
    assert_true(dump(b.m, bus, 0, 1, 0).error);
    assert_true(dump(b.m, bus, 0, 1, 99).error);
    // The bus refuses: what it took before counts.
    const Dump refused = dump(b.m, 0, 0, 1);
    assert_true(refused.error);
    assert_int_equal(refused.done, 0);
    const Dump good = dump(b.m, bus, 0, 1);
    assert_false(good.error);
    assert_int_equal(good.done, 1);
    assert_int_equal(b.m.bad(), 0);
}

void registers_of_a_busy_command_stand_still(void **) {
    Bench b(STEPPED);
    const std::uint64_t bus = b.m.host.alloc(PAGE);
    b.m.w64(reg::REC_CMD_ADDR, bus);
    b.m.w32(reg::REC_CMD_COUNT, 2);
    b.m.w32(reg::REC_CMD, spec::raw(spec::RecOp::DUMP));
    assert_true((b.m.r32(reg::REC_CMD) & field::REC_CMD_BUSY.mask) != 0);
    b.m.w64(reg::REC_CMD_ADDR, 64);
    b.m.w64(reg::REC_CMD_FIRST, 64);
    b.m.w32(reg::REC_CMD_COUNT, 64);
    b.m.w32(reg::REC_CMD, spec::raw(spec::RecOp::DUMP));
    assert_int_equal(b.m.bad(), 4);
    b.m.settle();
    assert_int_equal(b.m.r32(reg::REC_CMD_DONE), 2);
    assert_int_equal(b.m.r64(reg::REC_CMD_ADDR), bus);
}

void a_reset_ends_a_command(void **) {
    Bench b(STEPPED);
    const std::uint64_t bus = b.m.host.alloc(PAGE);
    b.m.w64(reg::REC_CMD_ADDR, bus);
    b.m.w32(reg::REC_CMD_COUNT, 2);
    b.m.w32(reg::REC_CMD, spec::raw(spec::RecOp::DUMP));
    neuron_chip_reset(b.m.chip);
    b.m.settle();
    assert_true(b.m.ready());
    assert_int_equal(b.m.r32(reg::REC_CMD), 0);
    assert_int_equal(b.m.r64(reg::REC_CMD_ADDR), 0);
    assert_int_equal(b.m.host.u64(bus), 0);
}

// ---- save and load -------------------------------------------------------------------------------------------------

void a_saved_recorder_goes_on(void **state) {
    Bench b(unwatched(mode_of(state)));
    assert_int_equal(b.queue.run(spec::PacketNop{}), Fault::NONE);
    const auto before = records(b.m.chip);
    hop(b.m, unwatched(mode_of(state)));
    assert_true(records(b.m.chip) == before);
    assert_int_equal(b.queue.run(spec::PacketNop{}), Fault::NONE);
    const auto after = records(b.m.chip);
    assert_int_equal(after.size(), before.size() + 2);
    assert_int_equal(head_of(after.back()).index, before.size() + 1);
    assert_int_equal(head_of(after.back()).packet, 1);
}

void a_smaller_one_keeps_the_newest(void **) {
    Bench b(unwatched(STEPPED));
    for (int i = 0; i < 80; ++i)
        assert_int_equal(b.queue.run(spec::PacketNop{}), Fault::NONE);
    const auto before = records(b.m.chip);
    Mode small = STEPPED;
    small.recorder_records = 64;
    hop(b.m, small);
    const auto after = records(b.m.chip);
    assert_int_equal(after.size(), 64);
    assert_true(std::equal(after.begin(), after.end(), before.end() - 64));
    Mode none = STEPPED;
    none.recorder_records = NEURON_CHIP_RECORDER_OFF;
    hop(b.m, none);
    assert_int_equal(b.m.r64(reg::REC_WRITTEN), 0);
    assert_int_equal(b.queue.run(spec::PacketNop{}), Fault::NONE);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        IN_BOTH_MODES(doorbells_and_packets_have_records),
        IN_BOTH_MODES(a_long_packet_has_a_record_of_its_start),
        IN_BOTH_MODES(a_fault_and_its_packet_have_records),
        IN_BOTH_MODES(held_interrupts_have_records),
        IN_BOTH_MODES(launches_transfers_and_semaphores_have_records),
        IN_BOTH_MODES(a_transfer_that_fails_says_how_far_it_came),
        IN_BOTH_MODES(switches_resets_and_errors_have_records),
        IN_BOTH_MODES(the_newest_records_stay),
        cmocka_unit_test(no_record_is_torn),
        IN_BOTH_MODES(it_can_be_stopped),
        IN_BOTH_MODES(a_chip_may_have_none),
        cmocka_unit_test(impossible_sizes_are_refused),
        IN_BOTH_MODES(a_dump_writes_records_to_memory),
        IN_BOTH_MODES(a_dump_tells_what_was_overwritten),
        IN_BOTH_MODES(bad_commands_are_errors),
        cmocka_unit_test(registers_of_a_busy_command_stand_still),
        cmocka_unit_test(a_reset_ends_a_command),
        IN_BOTH_MODES(a_saved_recorder_goes_on),
        cmocka_unit_test(a_smaller_one_keeps_the_newest),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("chip_recorder", tests, nullptr, nullptr);
}
