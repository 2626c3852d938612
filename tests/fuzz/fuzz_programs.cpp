// SPDX-License-Identifier: MIT
// A hostile program on one core or both, next to a tenant at work: nothing of his changes or leaks, the launch ends or can
// be ended, and a fault says what was wrong.
#include "arena.hpp"
#include "check.hpp"
#include "programs.hpp"
#include "records.hpp"
#include "victim.hpp"

#include "compute/simd_choice.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

using namespace fuzz;

constexpr RecordLayout LAYOUT{ProgramOptions::BYTES, PROGRAM_RECORD};
constexpr std::uint64_t MAX_STEPS = 1500;
constexpr std::uint64_t ARGS_OFFSET = va::CODE_BYTES - PAGE / 4;

/// Eight good ones, then what a tenant must not have.
constexpr std::array<std::uint64_t, 16> ARGS = {
    va::LARGE_HBM, va::DATA,        va::LARGE_HBM + 0x40000, va::DATA + 0x1000, va::LARGE_HBM + 0x1001, va::SMALL_HBM,
    va::RING,      va::LARGE_GUEST, va::LARGE_READ_ONLY,     va::HOLE - 64,     va::READ_ONLY,          va::TOP,
    va::CODE,      va::OWN_TABLES,  va::CODE_WRITABLE,       va::OUTSIDE};

ProgramOptions read_options(const std::uint8_t *data) {
    return {.profile = data[0], .seed = data[1], .flags = data[2], .core_mask = data[3], .modes = data[4]};
}

Ending ending_of(std::uint8_t flags) {
    if ((flags & RESET_AT_END) != 0)
        return Ending::RESET;
    return (flags & DISABLE_CONTEXT) != 0 ? Ending::DISABLE_CONTEXT : Ending::DISABLE_QUEUE;
}

/// The streams in the order of the engines, after the header.
void write_program(Arena &arena, std::span<const std::byte> records, bool with_end) {
    spec::ProgramHeader header{.magic = spec::PROGRAM_MAGIC, .isa_version = spec::VERSION};
    std::uint64_t at = spec::ProgramHeader::BYTES;
    const auto append = [&](std::span<const std::byte> raw) {
        std::memcpy(arena.code(at), raw.data(), raw.size());
        at += raw.size();
    };
    const auto end = spec::packed(spec::InsnEnd{});
    for (std::size_t engine = 0; engine < PROGRAM_ENGINES; ++engine) {
        spec::StreamRef &stream = header.streams[engine];
        stream = {.addr = va::CODE + at, .count = 0};
        for (std::size_t i = 0; i + PROGRAM_RECORD <= records.size(); i += PROGRAM_RECORD) {
            if (static_cast<std::size_t>(records[i]) % PROGRAM_ENGINES != engine)
                continue;
            append(records.subspan(i + 1, spec::INSTRUCTION_BYTES));
            ++stream.count;
        }
        if (with_end && stream.count != 0) {
            append(end);
            ++stream.count;
        }
    }
    const auto raw = spec::packed(header);
    std::memcpy(arena.code(0), raw.data(), raw.size());
    std::memcpy(arena.code(ARGS_OFFSET), ARGS.data(), sizeof ARGS);
}

constexpr std::uint32_t bit(spec::Fault fault) { return 1U << spec::raw(fault); }

/// What fetching an instruction and telling of it may end with, whatever it is.
constexpr std::uint32_t MEMORY_FAULTS = bit(spec::Fault::PAGE_NOT_MAPPED) | bit(spec::Fault::PAGE_READ_ONLY) |
                                        bit(spec::Fault::BAD_ADDRESS) | bit(spec::Fault::PAGE_TABLE) |
                                        bit(spec::Fault::HOST_BUS) | bit(spec::Fault::HBM_RANGE) |
                                        bit(spec::Fault::HAZARD_ORDER) | bit(spec::Fault::HAZARD_UNWRITTEN);

/// The faults that the contract names for instruction `pc` of a stream; for a transfer any DMA instruction there will do.
std::uint32_t named_faults(std::span<const std::byte> code, std::size_t engine, std::uint32_t pc, bool transfer) {
    const auto header = spec::unpack<spec::ProgramHeader>(code.first<spec::ProgramHeader::BYTES>());
    const spec::StreamRef &stream = header.streams[engine];
    if (pc >= stream.count)
        return 0;
    const std::byte opcode = code[stream.addr - va::CODE + std::size_t{pc} * spec::INSTRUCTION_BYTES];
    const spec::InsnDesc *desc = spec::find_instruction(static_cast<spec::Opcode>(opcode));
    if (desc == nullptr)
        return transfer ? 0 : bit(spec::Fault::ILLEGAL_INSTRUCTION);
    return !transfer || desc->name.starts_with("DMA_") ? desc->faults : 0;
}

/// The record's fault is one that the page of the instruction names, if the program has not changed itself.
void check_fault_is_named(Arena &arena, std::span<const std::byte> code) {
    if (arena.machine.event_count() == 0 || std::memcmp(code.data(), arena.code(0), code.size()) != 0)
        return;
    const spec::EventRecord record = arena.machine.event(0);
    if (record.unit == spec::Unit::QUEUE)
        return;
    const bool transfer = record.unit == spec::Unit::DMA;
    std::uint32_t named = MEMORY_FAULTS;
    for (std::size_t engine = 0; engine < PROGRAM_ENGINES; ++engine)
        if (transfer || engine == std::size_t{spec::raw(record.unit)} - spec::raw(spec::Unit::PE))
            named |= named_faults(code, engine, record.pc, transfer);
    FUZZ_REQUIRE((named & bit(record.code)) != 0, "%s at pc %" PRIu32 " of %s: its page does not name that",
                 spec::name(record.code).data(), record.pc, spec::name(record.unit).data());
}

constexpr bool with(const ProgramOptions &options, unsigned modes) { return (options.modes & modes) == modes; }

spec::PacketLaunch launch_of(const ProgramOptions &options, std::uint32_t mask) {
    spec::PacketLaunch launch{
        .core_mask = mask, .program = va::CODE, .args = va::CODE + ARGS_OFFSET, .arg_count = ARGS.size()};
    if (!with(options, WITH_NOTES))
        return launch;
    constexpr std::uint64_t ALIGN = 64;
    constexpr std::uint8_t SIZES = 8;
    launch.notify = ARGS[options.modes >> PROGRAM_RING_SHIFT] / ALIGN * ALIGN;
    launch.notify_log2 = options.seed % SIZES; // of one record, too
    for (const spec::EnumValueDesc &flag : spec::enum_desc<spec::TraceFlag>().values)
        launch.trace |= static_cast<std::uint8_t>(flag.value);
    return launch;
}

/// A value that the input cannot know, for it depends on all of it.
std::uint64_t hash(std::span<const std::uint8_t> bytes) {
    std::uint64_t value = 0xcbf29ce484222325; // FNV-1a
    for (const std::uint8_t byte : bytes)
        value = (value ^ byte) * 0x100000001b3;
    return Random(value).next();
}

} // namespace

/// Says what the vector code is for: there is a program for each.
extern "C" int LLVMFuzzerInitialize(int * /*argc*/, char *** /*argv*/) {
    std::fprintf(stderr, "vectors: %s\n", neuron::chip::simd_in_effect().c_str());
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    if (size < LAYOUT.header + LAYOUT.record)
        return 0;
    const ProgramOptions options = read_options(data);
    const std::uint32_t mask = options.core_mask % 4 == 0 ? 1 : options.core_mask % 4;
    Arena arena({.profile = options.profile,
                 .seed = options.seed,
                 .hazards = with(options, WITH_HAZARDS),
                 .threads = with(options, WITH_THREADS | WITH_MANY),
                 .tables_in_hbm = (options.flags & TABLES_IN_HBM) != 0,
                 .ring_in_context = (options.flags & RING_IN_CONTEXT) != 0,
                 .spoilt = (options.flags & SPOILT) != 0});
    const std::uint64_t secret = hash({data, size});
    Victim victim(arena, secret);
    const auto bytes = std::as_bytes(std::span(data, size)).subspan(LAYOUT.header);
    write_program(arena, bytes.first(std::min(bytes.size(), MAX_INSTRUCTIONS * PROGRAM_RECORD)),
                  (options.flags & WITHOUT_END) == 0);
    const std::vector<std::byte> code(arena.code(0), arena.code(0) + va::CODE_BYTES);
    const spec::PacketLaunch launch = launch_of(options, mask);
    arena.hostile_queue.push(launch);
    if ((options.flags & TWICE) != 0)
        arena.hostile_queue.push(launch);
    arena.watch();
    victim.start_work();
    arena.run_hostile(MAX_STEPS, ending_of(options.flags));
    if ((options.flags & RESET_AT_END) == 0) {
        arena.check_hostile();
        check_fault_is_named(arena, code);
        victim.check((mask & Victim::CORE_MASK) != 0);
        arena.check_victim_works();
        arena.probe_core(Victim::CORE_MASK, secret);
        arena.check_memory();
    }
    arena.check_reset();
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    Random random(seed);
    std::uint32_t length = 4;
    const auto fresh = [&](std::span<std::byte> record) {
        write_program_record(random, random.pick(spec::instructions()), length, record);
    };
    const auto change = [&](std::span<std::byte> record, std::size_t records) {
        length = static_cast<std::uint32_t>(records);
        mutate_instruction(random, length, record.subspan(1).first<spec::INSTRUCTION_BYTES>());
    };
    return mutate_records(data, size, max_size, LAYOUT, random, fresh, change);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t *first, std::size_t first_size,
                                                 const std::uint8_t *second, std::size_t second_size, std::uint8_t *out,
                                                 std::size_t max_size, unsigned seed) {
    Random random(seed);
    return cross_records({first, first_size}, {second, second_size}, {out, max_size}, LAYOUT, random);
}
