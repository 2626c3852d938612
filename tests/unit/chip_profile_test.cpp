// SPDX-License-Identifier: MIT
// Each profile runs what its generation of cores has, and names what it lacks.
#include "chip_program.hpp"
#include "compute/instruction_check.hpp"

#include <bit>
#include <optional>

namespace {

using namespace chip_test;
using neuron::chip::check_instruction;
using spec::Dtype;
using spec::Fault;

using Raw = std::array<std::byte, spec::INSTRUCTION_BYTES>;

// ---- every instruction, engine and profile --------------------------------------------------------------------------

// What the tables say of an opcode, whatever its operands.
Fault verdict_on(const spec::InsnDesc &insn, Engine engine, unsigned version) {
    if ((insn.engines >> spec::raw(engine) & 1) == 0)
        return Fault::ILLEGAL_INSTRUCTION;
    return insn.since[spec::raw(engine)] > version ? Fault::UNSUPPORTED : Fault::NONE;
}

void check_all(const spec::ProfileDesc &profile) {
    const std::string name(profile.name);
    Machine m({.stepped = true, .profile = name.c_str()});
    Runner r(m);
    std::uint32_t events = 0;
    for (const spec::InsnDesc &insn : spec::instructions()) {
        for (const Engine engine : spec::values<Engine>()) {
            Raw raw{};
            raw[0] = std::byte(spec::raw(insn.opcode));
            for (const spec::OperandDesc &operand : insn.operands)
                if (operand.kind == spec::OperandKind::LABEL)
                    raw[operand.offset] = std::byte{1}; // or it would branch to itself for ever
            Program p;
            p.add_raw(engine, raw).add(engine, end());
            const Fault fault = r.run(p);
            const Fault expected = verdict_on(insn, engine, profile.core_version);
            // An accepted one may find fault with its operands, which are all zero.
            const bool refused = fault == Fault::ILLEGAL_INSTRUCTION || fault == Fault::UNSUPPORTED;
            if (refused ? fault != expected : expected != Fault::NONE)
                fail_msg("%s on %s of %s: %s", insn.name.data(), spec::name(engine).data(), profile.name.data(),
                         spec::name(fault).data());
            if (refused)
                assert_int_equal(m.event(events).info, spec::raw(insn.opcode));
            if (fault != Fault::NONE) {
                m.w32(reg::GLOBAL_EVENT_HEAD, ++events);
                r.restart();
            }
        }
    }
}

void every_instruction_runs_where_the_tables_say(void **) {
    for (const spec::ProfileDesc &profile : spec::profiles())
        check_all(profile);
}

void the_generations_differ(void **) {
    const auto supported = [](unsigned version) {
        unsigned count = 0;
        for (const spec::InsnDesc &insn : spec::instructions())
            for (const Engine engine : spec::values<Engine>())
                count += verdict_on(insn, engine, version) == Fault::NONE;
        return count;
    };
    assert_true(supported(2) < supported(3));
    assert_true(supported(3) <= supported(4));
}

// ---- operands -------------------------------------------------------------------------------------------------------

// An instruction whose operands are legal in the newest cores.
Raw legal(const spec::InsnDesc &insn, Engine engine) {
    Raw raw{};
    raw[0] = std::byte(spec::raw(insn.opcode));
    const auto lowest = [](std::uint32_t set, std::uint32_t otherwise) {
        return set == 0 ? otherwise : static_cast<std::uint32_t>(std::countr_zero(set));
    };
    for (const spec::OperandDesc &operand : insn.operands) {
        std::byte *at = raw.data() + operand.offset;
        const auto space =
            static_cast<spec::Space>(lowest(insn.spaces_of(engine) & (operand.spaces != 0 ? operand.spaces : ~0U), 0));
        const auto dtype = static_cast<Dtype>(lowest(operand.dtypes, spec::raw(Dtype::F32)));
        switch (operand.kind) {
        case spec::OperandKind::TILE: {
            spec::Tile t = tile(1, 1, 0, dtype);
            t.space = space;
            t.partitions = static_cast<std::uint8_t>(std::max<std::int64_t>(operand.partitions.min, 1));
            t.num[0] = static_cast<std::uint16_t>(std::max<std::int64_t>(operand.elements.min, 1));
            std::ranges::copy(spec::packed(t), at);
            break;
        }
        case spec::OperandKind::MEM: {
            spec::Mem block = mem(0, 1);
            block.dtype = spec::raw(Dtype::F32);
            std::ranges::copy(spec::packed(block), at);
            break;
        }
        case spec::OperandKind::SCALAR: {
            const spec::Scalar scalar{.kind = spec::ScalarKind::VECTOR, .space = space, .dtype = dtype};
            std::ranges::copy(spec::packed(scalar), at);
            break;
        }
        case spec::OperandKind::IMM:
            if (operand.range.min > 0)
                *at = static_cast<std::byte>(operand.range.min);
            break;
        default: break;
        }
    }
    return raw;
}

Fault check(Engine engine, unsigned version, const Raw &raw, std::uint64_t &info) {
    const auto result = check_instruction(engine, version, raw);
    info = result ? 0 : result.error().info;
    return result ? Fault::NONE : result.error().code;
}

template<class F>
void for_each_form(const F &f) {
    for (const spec::InsnDesc &insn : spec::instructions())
        for (const Engine engine : spec::values<Engine>())
            if (insn.runs_on(engine))
                f(insn, engine);
}

void expect(Engine engine, unsigned version, const spec::InsnDesc &insn, const spec::OperandDesc &operand,
            const Raw &raw, Fault expected) {
    std::uint64_t info = 0;
    const Fault got = check(engine, version, raw, info);
    if (got != expected || (got != Fault::NONE && info != operand.offset))
        fail_msg("%s on %s, v%u, %s: %s at %u", insn.name.data(), spec::name(engine).data(), version,
                 operand.name.data(), spec::name(got).data(), static_cast<unsigned>(info));
}

void legal_operands_pass(void **) {
    for_each_form([](const spec::InsnDesc &insn, Engine engine) {
        std::uint64_t info = 0;
        const Fault fault = check(engine, 4, legal(insn, engine), info);
        if (fault != Fault::NONE)
            fail_msg("%s on %s: %s at %u", insn.name.data(), spec::name(engine).data(), spec::name(fault).data(),
                     static_cast<unsigned>(info));
    });
}

// Where an operand keeps its element type, if it has one.
std::optional<std::size_t> dtype_at(const spec::OperandDesc &operand) {
    if (operand.struct_desc == nullptr)
        return std::nullopt;
    for (const spec::FieldDesc &field : operand.struct_desc->fields)
        if (field.name == "dtype")
            return operand.offset + field.offset;
    return std::nullopt;
}

void element_types_are_those_of_class_and_generation(void **) {
    unsigned newer = 0;
    for_each_form([&](const spec::InsnDesc &insn, Engine engine) {
        for (const spec::OperandDesc &operand : insn.operands) {
            const auto at = dtype_at(operand);
            for (unsigned value = 1; at && value < 256; ++value) {
                Raw raw = legal(insn, engine);
                raw[*at] = std::byte(value);
                const auto *known = spec::enum_desc<Dtype>().find(std::uint64_t{value});
                const bool in_class = operand.dtypes == 0 || (value < 32 && (operand.dtypes >> value & 1) != 0);
                for (const unsigned version : {2U, 3U, 4U}) {
                    if (!spec::supports(insn, engine, version))
                        continue;
                    const bool good = known != nullptr && in_class;
                    const bool later = good && known->since > version;
                    newer += later;
                    expect(engine, version, insn, operand, raw,
                           !good   ? Fault::ILLEGAL_OPERAND
                           : later ? Fault::UNSUPPORTED_OPERAND
                                   : Fault::NONE);
                }
            }
        }
    });
    assert_true(newer > 20); // fp8 as of OCP came with version 4
}

void memories_are_those_that_the_engine_reaches(void **) {
    unsigned confined = 0;
    for_each_form([&](const spec::InsnDesc &insn, Engine engine) {
        for (const spec::OperandDesc &operand : insn.operands) {
            if (operand.kind != spec::OperandKind::TILE && operand.kind != spec::OperandKind::SCALAR)
                continue;
            for (unsigned value = 0; value < 256; ++value) {
                Raw raw = legal(insn, engine);
                for (const spec::FieldDesc &field : operand.struct_desc->fields)
                    if (field.name == "space")
                        raw[operand.offset + field.offset] = std::byte(value);
                const bool known = value < spec::values<spec::Space>().size();
                const bool reached = known && (insn.spaces_of(engine) >> value & 1) != 0 &&
                                     (operand.spaces == 0 || (operand.spaces >> value & 1) != 0);
                confined += known && !reached;
                expect(engine, 4, insn, operand, raw, reached ? Fault::NONE : Fault::ILLEGAL_OPERAND);
            }
        }
    });
    assert_true(confined > 20); // POOL and PSUM, for one
}

void enumerators_are_those_of_the_generation(void **) {
    unsigned newer = 0;
    for_each_form([&](const spec::InsnDesc &insn, Engine engine) {
        for (const spec::OperandDesc &operand : insn.operands) {
            const bool flags = operand.kind == spec::OperandKind::FLAGS;
            if (operand.kind != spec::OperandKind::ENUM && !flags)
                continue;
            for (unsigned value = 0; value < 256; ++value) {
                Raw raw = legal(insn, engine);
                raw[operand.offset] = std::byte(value);
                std::uint64_t known_bits = 0;
                for (const spec::EnumValueDesc &v : operand.enum_desc->values)
                    known_bits |= v.value;
                const auto *known = operand.enum_desc->find(std::uint64_t{value});
                const bool good = flags ? (value & ~known_bits) == 0 : known != nullptr;
                for (const unsigned version : {2U, 3U, 4U}) {
                    if (!spec::supports(insn, engine, version))
                        continue;
                    const bool later = good && !flags && known->since > version;
                    newer += later;
                    expect(engine, version, insn, operand, raw,
                           !good   ? Fault::ILLEGAL_OPERAND
                           : later ? Fault::UNSUPPORTED_OPERAND
                                   : Fault::NONE);
                }
            }
        }
    });
    assert_true(newer > 10);
}

void numbers_are_in_range(void **) {
    struct Case {
        spec::Opcode opcode;
        std::string_view operand;
        std::vector<unsigned> good, bad; ///< low byte
    };
    using spec::Opcode;
    const Case cases[] = {
        {Opcode::DMA_TRANSPOSE, "ring", {0, 15}, {16, 255}},
        {Opcode::DMA_COPY, "ring", {0, 15}, {16, 255}},
        {Opcode::DMA_COPY, "rows", {1, 255}, {0}},
        {Opcode::DMA_REDUCE, "sources", {1, 16}, {0, 17}},
        {Opcode::TENSOR_REDUCE, "axes", {1, 4}, {0, 5}},
        {Opcode::LOCAL_GATHER, "run", {1, 2, 16, 32}, {0, 3, 31, 33, 64}},
        {Opcode::SEM_CLEAR, "count", {1, 255}, {0}},
        {Opcode::LOAD_ARG, "arg", {0, 31}, {32}},
        {Opcode::LOAD_ARG, "high", {0, 1}, {2}},
        {Opcode::MOVE, "rd", {0, 63}, {64}},
        {Opcode::SEM_REMOTE, "sem", {0, 255}, {}},
        {Opcode::LDWEIGHTS, "col", {0, 32, 64, 96}, {1, 16, 48, 97, 128}},
        {Opcode::STREAM_SHUFFLE, "mask", {0, 31, 255}, {32, 254}},
    };
    for (const Case &c : cases) {
        const spec::InsnDesc &insn = *spec::find_instruction(c.opcode);
        const auto &operand =
            *std::ranges::find(insn.operands, c.operand, [](const spec::OperandDesc &o) { return o.name; });
        const auto engine = static_cast<Engine>(std::countr_zero(insn.engines));
        for (const bool good : {true, false}) {
            for (const unsigned value : good ? c.good : c.bad) {
                Raw raw = legal(insn, engine);
                raw[operand.offset] = std::byte(value);
                expect(engine, 4, insn, operand, raw, good ? Fault::NONE : Fault::ILLEGAL_OPERAND);
            }
        }
    }
}

// Partitions and elements per partition of single tiles, elements per row of blocks.
void shapes_are_in_range(void **) {
    struct Case {
        spec::Opcode opcode;
        std::string_view operand;
        bool partitions;
        std::vector<unsigned> good, bad;
    };
    using spec::Opcode;
    const Case cases[] = {
        {Opcode::LDWEIGHTS, "src", false, {1, 256}, {257}},
        {Opcode::MATMUL, "dst", false, {1, 512}, {513}},
        {Opcode::MATMUL, "moving", false, {1, 1024}, {1025}},
        {Opcode::PE_TRANSPOSE, "src", false, {1, 128}, {129}},
        {Opcode::READ_ACC, "dst", false, {1}, {2}},
        {Opcode::BN_STATS, "dst", false, {6}, {5, 7}},
        {Opcode::BN_STATS, "src", false, {1, 512}, {513}},
        {Opcode::BN_AGGR, "src", false, {3, 6, 300}, {1, 2, 4, 8}},
        {Opcode::MAX8, "dst", false, {8}, {7, 9}},
        {Opcode::MAX8, "src", false, {8, 16384}, {7, 16385}},
        {Opcode::FIND_INDEX8, "values", false, {8}, {7, 9}},
        {Opcode::MATCH_REPLACE8_INDEX, "index", false, {8}, {7, 9}},
        {Opcode::STREAM_SHUFFLE, "dst", true, {32, 64, 96, 128}, {16, 33, 127}},
        {Opcode::LOCAL_GATHER, "index", true, {16, 48, 128}, {1, 15, 17}},
        {Opcode::PARTITION_REDUCE, "dst", true, {1}, {2}},
        {Opcode::SET_RNG_SEED, "src", true, {1}, {2}},
        {Opcode::SET_RNG_SEED, "src", false, {1}, {2}},
        {Opcode::TENSOR_LOAD, "src", true, {1}, {2, 128}},
        {Opcode::TENSOR_STORE, "dst", false, {1}, {2}},
        {Opcode::MEM_STORE, "dst", false, {1}, {2}},
        {Opcode::DMA_SCATTER, "index", false, {1}, {2}},
        {Opcode::COPY, "dst", true, {1, 128}, {0, 129, 255}},
        {Opcode::COPY, "src", false, {1, 65535}, {0}},
    };
    for (const Case &c : cases) {
        const spec::InsnDesc &insn = *spec::find_instruction(c.opcode);
        const auto &operand =
            *std::ranges::find(insn.operands, c.operand, [](const spec::OperandDesc &o) { return o.name; });
        const auto engine = static_cast<Engine>(std::countr_zero(insn.engines));
        const auto expect_count = [&](unsigned count, bool good) {
            Raw raw = legal(insn, engine);
            for (const spec::FieldDesc &field : operand.struct_desc->fields)
                if (field.name == (c.partitions ? "partitions" : "num"))
                    for (unsigned byte = 0; byte < field.size; ++byte)
                        raw[operand.offset + field.offset + byte] = std::byte(count >> 8 * byte);
            expect(engine, 4, insn, operand, raw, good ? Fault::NONE : Fault::ILLEGAL_OPERAND);
        };
        for (const unsigned count : c.good)
            expect_count(count, true);
        for (const unsigned count : c.bad)
            expect_count(count, false);
    }
}

void a_block_of_many_elements_is_refused(void **) {
    const spec::InsnDesc &insn = *spec::find_instruction(spec::Opcode::DMA_COPY);
    const spec::OperandDesc &dst = insn.operands.front();
    for (const auto &[num, fault] : {std::pair{std::array{4096U, 4096U, 1U}, Fault::NONE},
                                     {std::array{4096U, 4097U, 1U}, Fault::ILLEGAL_OPERAND},
                                     {std::array{~0U, ~0U, ~0U}, Fault::ILLEGAL_OPERAND}}) {
        spec::Mem block = mem(0, 1);
        block.dtype = spec::raw(Dtype::F32);
        block.num = num;
        Raw raw = legal(insn, Engine::SP);
        std::ranges::copy(spec::packed(block), raw.begin() + dst.offset);
        expect(Engine::SP, 4, insn, dst, raw, fault);
    }
}

// ---- the faults of the tables ---------------------------------------------------------------------------------------

constexpr std::uint32_t bit(Fault fault) { return 1U << spec::raw(fault); }

// Whatever a byte is changed to, the check ends with a fault that the tables name, and it does end with each that it can.
void the_check_raises_what_the_tables_name(void **) {
    constexpr std::uint32_t OF_THE_CHECK = bit(Fault::ILLEGAL_INSTRUCTION) | bit(Fault::UNSUPPORTED) |
                                           bit(Fault::ILLEGAL_OPERAND) | bit(Fault::UNSUPPORTED_OPERAND);
    for (const spec::InsnDesc &insn : spec::instructions()) {
        std::uint32_t raised = 0;
        const auto first = static_cast<Engine>(std::countr_zero(insn.engines));
        for (const Engine engine : spec::values<Engine>()) {
            for (const unsigned version : {2U, 3U, 4U}) {
                std::uint64_t info = 0;
                const Raw good = legal(insn, engine);
                raised |= bit(check(engine, version, good, info));
                for (std::size_t at = 1; engine == first && at < good.size(); ++at) {
                    for (unsigned value = 0; value < 256; value += value < 40 ? 1 : 43) {
                        Raw raw = good;
                        raw[at] = std::byte(value);
                        raised |= bit(check(engine, version, raw, info));
                    }
                }
            }
        }
        raised &= ~bit(Fault::NONE);
        if ((raised & ~insn.faults) != 0 || (insn.faults & OF_THE_CHECK) != raised)
            fail_msg("%s: raised %#x, the tables name %#x", insn.name.data(), raised, insn.faults);
    }
}

// A tile or a column beyond its memory: TILE_RANGE, as the tables name it, with the operand's offset.
void a_tile_outside_is_a_fault_of_every_instruction_that_has_one(void **) {
    Machine m({.stepped = true, .profile = "trn3"});
    Runner r(m);
    std::uint32_t events = 0;
    for_each_form([&](const spec::InsnDesc &insn, Engine engine) {
        bool has_place = false;
        for (const spec::OperandDesc &operand : insn.operands) {
            if (operand.kind != spec::OperandKind::TILE && operand.kind != spec::OperandKind::SCALAR)
                continue;
            has_place = true;
            Raw raw = legal(insn, engine);
            for (std::size_t byte = 0; byte < sizeof(std::uint32_t); ++byte) // the offset comes first in both
                raw[operand.offset + byte] = byte == 0 ? std::byte{0} : std::byte{0xff}; // spec-ok: large, and aligned
            for (const spec::OperandDesc &other : insn.operands)
                if (operand.name == "init" && other.enum_id == spec::EnumId::ACC_CMD)
                    raw[other.offset] = std::byte{spec::raw(spec::AccCmd::LOAD_REDUCE)}; // or init is a zero
            Program p;
            p.add_raw(engine, raw).add(engine, end());
            const Fault fault = r.run(p);
            if (fault != Fault::TILE_RANGE || m.event(events).info != operand.offset)
                fail_msg("%s on %s, %s: %s at %u", insn.name.data(), spec::name(engine).data(), operand.name.data(),
                         spec::name(fault).data(), static_cast<unsigned>(m.event(events).info));
            m.w32(reg::GLOBAL_EVENT_HEAD, ++events);
            r.restart();
        }
        assert_int_equal(has_place, (insn.faults & bit(Fault::TILE_RANGE)) != 0);
    });
}

void a_memory_block_without_a_tile_names_its_type(void **) {
    for_each_form([&](const spec::InsnDesc &insn, Engine engine) {
        const auto is = [](spec::OperandKind kind) {
            return [kind](const spec::OperandDesc &o) { return o.kind == kind; };
        };
        const bool has_tile = std::ranges::any_of(insn.operands, is(spec::OperandKind::TILE));
        for (const spec::OperandDesc &operand : insn.operands) {
            if (operand.kind != spec::OperandKind::MEM)
                continue;
            Raw raw = legal(insn, engine);
            raw[*dtype_at(operand)] = std::byte{0};
            expect(engine, 4, insn, operand, raw, has_tile ? Fault::NONE : Fault::ILLEGAL_OPERAND);
        }
    });
}

// ---- whole chips ----------------------------------------------------------------------------------------------------

void a_chip_names_the_operand_that_came_later(void **state) {
    Mode mode = mode_of(state);
    for (const auto &[profile, fault] : {std::pair{"inf2", Fault::UNSUPPORTED_OPERAND},
                                         {"trn1", Fault::UNSUPPORTED_OPERAND},
                                         {"trn2", Fault::UNSUPPORTED_OPERAND},
                                         {"trn3", Fault::NONE}}) {
        mode.profile = profile;
        Machine m(mode);
        Runner r(m);
        Program p;
        p.add(Engine::DVE, nop());
        p.add(Engine::DVE, spec::InsnCopy{.dst = tile(1, 4, 64, Dtype::F8E5M2), .src = tile(1, 4, 0, Dtype::F8E4M3FN)});
        p.add(Engine::DVE, end());
        assert_int_equal(r.run(p), fault);
        if (fault == Fault::NONE)
            continue;
        const auto record = m.event(0);
        assert_int_equal(record.info, 44); // src
        assert_int_equal(record.pc, 1);
        assert_int_equal(record.unit, spec::Unit::DVE);
    }
}

void a_chip_names_the_instruction_that_came_later(void **state) {
    Mode mode = mode_of(state);
    mode.profile = "trn1";
    Machine m(mode);
    Runner r(m);
    Program p;
    p.add(Engine::PE, spec::InsnPeTranspose{.dst = tile(1, 1), .src = tile(1, 1)}).add(Engine::PE, end());
    assert_int_equal(r.run(p), Fault::UNSUPPORTED);
    assert_int_equal(m.event(0).info, spec::raw(spec::Opcode::PE_TRANSPOSE));
    // DVE had it in version 2, ACT learned it later.
    r.restart();
    const spec::Scalar two{.value = 0x40000000, .dtype = spec::Dtype::F32};
    const spec::InsnTensorScalar twice{.dst = tile(1, 1, 64),
                                       .src = tile(1, 1),
                                       .op0 = spec::TensorOp::MULT,
                                       .operand0 = two,
                                       .op1 = spec::TensorOp::BYPASS,
                                       .operand1 = two};
    Program earlier;
    earlier.add(Engine::DVE, twice).add(Engine::DVE, end());
    assert_int_equal(r.run(earlier), Fault::NONE);
    Program later;
    later.add(Engine::ACT, twice).add(Engine::ACT, end());
    assert_int_equal(r.run(later), Fault::UNSUPPORTED);
    assert_int_equal(m.event(1).info, spec::raw(spec::Opcode::TENSOR_SCALAR));
}

// What joins two cores came with version 3; transfers from the streams are there in all.
void cores_meet_from_version_3_on(void **state) {
    Mode mode = mode_of(state);
    for (const auto &[profile, expected] : {std::pair{"trn1", Fault::UNSUPPORTED}, {"trn2", Fault::NONE}}) {
        mode.profile = profile;
        Machine m(mode);
        Runner r(m);
        Program barrier;
        barrier.add(Engine::SP, spec::InsnCoreBarrier{.sem = 1}).add(Engine::SP, end());
        assert_int_equal(r.run(barrier), expected);
        if (expected != Fault::NONE) {
            assert_int_equal(m.event(0).info, spec::raw(spec::Opcode::CORE_BARRIER));
            r.restart();
        }
        Program send;
        send.add(Engine::SP, spec::InsnDmaSend{.dst = tile(1, 1, 64), .src = tile(1, 1)}).add(Engine::SP, end());
        assert_int_equal(r.run(send), expected);
        if (expected != Fault::NONE) {
            assert_int_equal(m.event(1).info, spec::raw(spec::Opcode::DMA_SEND));
            r.restart();
        }
        for (const Engine engine : {Engine::ACT, Engine::POOL, Engine::SP}) {
            Program transfers;
            transfers.add(engine, load(tile(1, 1), mem(0, 1), 0, add(1, 1)));
            transfers.add(engine, spec::InsnDmaTile{.header = take(1, 1), .dst = tile(1, 1, 64), .src = tile(1, 1)});
            transfers.add(engine, end());
            assert_int_equal(r.run(transfers), Fault::NONE);
        }
    }
}

void a_profile_has_its_own_memory(void **) {
    for (const spec::ProfileDesc &profile : spec::profiles()) {
        const std::string name(profile.name);
        Machine m({.stepped = true, .cores = 0, .profile = name.c_str()});
        assert_int_equal(m.r32(reg::GLOBAL_CORES), profile.cores);
        Runner r(m);
        const auto last = [&](std::uint32_t beyond) {
            Program p;
            p.add(Engine::SP, spec::InsnTensorLoad{.rd = 1, .src = tile(1, 1, profile.sbuf_bytes - 4 + beyond)});
            p.add(Engine::SP, end());
            return r.run(p, {Runner::DATA}, 1U << (profile.cores - 1));
        };
        assert_int_equal(last(0), Fault::NONE);
        assert_int_equal(last(4), Fault::TILE_RANGE);
    }
}

} // namespace

int main() {
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_instruction_runs_where_the_tables_say),
        cmocka_unit_test(the_generations_differ),
        cmocka_unit_test(legal_operands_pass),
        cmocka_unit_test(element_types_are_those_of_class_and_generation),
        cmocka_unit_test(memories_are_those_that_the_engine_reaches),
        cmocka_unit_test(enumerators_are_those_of_the_generation),
        cmocka_unit_test(numbers_are_in_range),
        cmocka_unit_test(shapes_are_in_range),
        cmocka_unit_test(a_block_of_many_elements_is_refused),
        cmocka_unit_test(the_check_raises_what_the_tables_name),
        cmocka_unit_test(a_tile_outside_is_a_fault_of_every_instruction_that_has_one),
        cmocka_unit_test(a_memory_block_without_a_tile_names_its_type),
        IN_BOTH_MODES(a_chip_names_the_operand_that_came_later),
        IN_BOTH_MODES(a_chip_names_the_instruction_that_came_later),
        IN_BOTH_MODES(cores_meet_from_version_3_on),
        cmocka_unit_test(a_profile_has_its_own_memory),
    };
    return cmocka_run_group_tests_name("chip profiles", tests, nullptr, nullptr);
}
