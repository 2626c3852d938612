// SPDX-License-Identifier: MIT
// The generated C++ of the hardware contract: packers, reserved bytes, names, tables.

#include "neuron/spec.hpp"

#include <algorithm>
#include <string>
#include <vector>

extern "C" {
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
}

using namespace neuron::spec;

namespace {

template<std::size_t N>
void expect_bytes(const std::array<std::byte, N> &got, std::vector<unsigned> want) {
    want.resize(N); // what is not listed is zero
    for (std::size_t i = 0; i < N; ++i)
        if (std::to_integer<unsigned>(got[i]) != want[i])
            fail_msg("byte %zu: got %#x, want %#x", i, std::to_integer<unsigned>(got[i]), want[i]);
}

void expect_name(std::string_view got, const char *want) { assert_string_equal(std::string(got).c_str(), want); }

// ---- packers ----

void copy_packet_has_the_documented_bytes(void **) {
    const PacketCopy packet{
        .flags = PacketFlag::SEQNO | PacketFlag::IRQ, .src = 0x0102030405060708, .dst = 0x1112131415161718, .bytes = 3};
    expect_bytes(packed(packet), {2,    3,    0,    0,    0,    0,    0,    0,    0x08, 0x07, 0x06, 0x05, 0x04,
                                  0x03, 0x02, 0x01, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 3});
}

void move_instruction_has_the_documented_bytes(void **) {
    const InsnMove insn{.header = {.wait_op = WaitOp::TAKE,
                                   .wait_sem = 200,
                                   .update_op = UpdateOp::SET,
                                   .update_sem = 7,
                                   .wait_value = 0x01020304,
                                   .update_value = 5},
                        .rd = 9,
                        .imm = -2};
    expect_bytes(packed(insn), {3, 3, 200, 3, 7, 0, 0, 0, 4, 3, 2, 1, 5, 0, 0, 0, 9, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff});
}

// Every value of a byte at every place: whatever a type decodes, it encodes again.
template<class T>
void round_trip() {
    std::array<std::byte, T::BYTES> raw;
    for (unsigned seed = 0; seed < 256; ++seed) {
        for (std::size_t i = 0; i < raw.size(); ++i)
            raw[i] = static_cast<std::byte>(seed + 37 * i);
        const T value = unpack<T>(raw);
        const T again = unpack<T>(packed(value));
        if constexpr (requires { value.header.opcode; }) {
            T expected = value; // pack() names the instruction by itself
            expected.header.opcode = T::OPCODE;
            assert_true(again == expected);
        } else {
            assert_true(again == value);
        }
    }
}

template<class... T>
void round_trips() {
    (round_trip<T>(), ...);
}

void every_packet_survives_a_round_trip(void **) {
    round_trips<PacketHeader, PacketNop, PacketCopy, PacketCopyStrided, PacketFill, PacketLaunch, PacketFence>();
}

void every_struct_survives_a_round_trip(void **) {
    round_trips<StreamRef, ProgramHeader, InstructionHeader, Tile, Mem, EventRecord, NoteIsa, NoteParam>();
}

void every_instruction_survives_a_round_trip(void **) {
    round_trips<InsnNop, InsnEnd, InsnMove, InsnAlu, InsnLoadArg, InsnBranch, InsnCoreId, InsnDmaLoad, InsnDmaStore,
                InsnLdweights, InsnMatmul, InsnCopy>();
}

void pack_clears_what_was_in_the_buffer(void **) {
    std::array<std::byte, PACKET_BYTES> raw;
    raw.fill(std::byte{0xff});
    pack(PacketNop{}, raw);
    expect_bytes(raw, {1});
}

void pack_writes_its_own_opcode(void **) {
    InsnMove insn;
    insn.header.opcode = Opcode::END;
    assert_int_equal(raw(unpack<InsnMove>(packed(insn)).header.opcode), raw(Opcode::MOVE));
    assert_int_equal(raw(InsnCopy{}.header.opcode), raw(Opcode::COPY));
}

void negative_numbers_keep_their_sign(void **) {
    InsnDmaLoad insn;
    insn.src.offset = -1234567890123;
    insn.src.stride = {-1, -65536, 2147483647};
    insn.dst.step = {-32768, -1, 0, 32767};
    assert_true(unpack<InsnDmaLoad>(packed(insn)) == insn);
}

void an_unknown_enum_value_is_kept(void **) {
    std::array<std::byte, Tile::BYTES> raw_tile{};
    raw_tile[8] = std::byte{0xee};
    const Tile tile = unpack<Tile>(raw_tile);
    assert_int_equal(raw(tile.dtype), 0xee);
    expect_name(name(tile.dtype), "?");
    assert_int_equal(std::to_integer<int>(packed(tile)[8]), 0xee);
}

void streams_of_a_program_stay_in_order(void **) {
    ProgramHeader header{.magic = PROGRAM_MAGIC, .isa_version = VERSION};
    for (std::uint32_t i = 0; i < 5; ++i)
        header.streams[i] = {.addr = 0x1000 * (i + 1), .count = i};
    const auto raw_header = packed(header);
    for (std::size_t i = 0; i < 5; ++i)
        assert_int_equal(std::to_integer<int>(raw_header[8 + 16 * i + 1]), 0x10 * (i + 1));
    assert_true(unpack<ProgramHeader>(raw_header) == header);
}

// ---- reserved bytes ----

// The bytes that the check takes for reserved, against those that the tables say no field has.
void mark(std::vector<bool> &used, const FieldDesc &field, std::uint32_t base) {
    if (field.is_reserved)
        return;
    for (std::uint32_t i = 0; i < field.count; ++i) {
        const std::uint32_t at = base + field.offset + i * field.size;
        if (field.struct_desc != nullptr) {
            for (const FieldDesc &inner : field.struct_desc->fields)
                mark(used, inner, at);
        } else {
            std::fill_n(used.begin() + at, field.size, true);
        }
    }
}

template<std::size_t N, class Op>
void expect_reserved(Op op, const std::vector<bool> &used) {
    std::array<std::byte, N> raw;
    for (std::uint32_t i = 0; i < N; ++i) {
        raw.fill(std::byte{0});
        raw[i] = std::byte{0x80};
        const ReservedCheck check = reserved_clear(op, raw);
        if (check.clear != used[i] || (!check.clear && check.offset != i))
            fail_msg("%s: byte %u: clear %d, offset %u", std::string(name(op)).c_str(), i, check.clear, check.offset);
    }
    raw.fill(std::byte{0});
    assert_true(reserved_clear(op, raw).clear);
}

void every_reserved_byte_of_a_packet_is_found(void **) {
    for (const PacketDesc &packet : packets()) {
        std::vector<bool> used(PACKET_BYTES);
        for (const FieldDesc &field : struct_desc<PacketHeader>().fields)
            mark(used, field, 0);
        for (const FieldDesc &field : packet.fields)
            mark(used, field, 0);
        expect_reserved<PACKET_BYTES>(packet.op, used);
    }
}

void every_reserved_byte_of_an_instruction_is_found(void **) {
    for (const InsnDesc &insn : instructions()) {
        std::vector<bool> used(INSTRUCTION_BYTES);
        for (const FieldDesc &field : struct_desc<InstructionHeader>().fields)
            mark(used, field, 0);
        for (const OperandDesc &operand : insn.operands) {
            if (operand.struct_desc == nullptr)
                std::fill_n(used.begin() + operand.offset, operand.size, true);
            else
                for (const FieldDesc &field : operand.struct_desc->fields)
                    mark(used, field, operand.offset);
        }
        expect_reserved<INSTRUCTION_BYTES>(insn.opcode, used);
    }
}

void the_first_of_several_reserved_bytes_is_told(void **) {
    auto raw = packed(InsnMove{});
    raw[127] = raw[40] = raw[6] = std::byte{1};
    assert_int_equal(reserved_clear(Opcode::MOVE, raw).offset, 6);
    raw[6] = std::byte{0};
    assert_int_equal(reserved_clear(Opcode::MOVE, raw).offset, 40);
}

void a_field_that_is_set_is_not_reserved(void **) {
    InsnMatmul insn;
    insn.dst.num = {0xffff, 0xffff, 0xffff, 0xffff};
    insn.flags = MatmulFlag::START | MatmulFlag::STOP;
    assert_true(reserved_clear(Opcode::MATMUL, packed(insn)).clear);
}

void an_unknown_opcode_is_never_clear(void **) {
    assert_false(reserved_clear(static_cast<PacketOp>(0xee), packed(PacketNop{})).clear);
    assert_false(reserved_clear(static_cast<Opcode>(0xee), packed(InsnNop{})).clear);
    assert_int_equal(reserved_clear(static_cast<Opcode>(0), packed(InsnNop{})).offset, 0);
}

void reserved_bytes_of_structs_are_found(void **) {
    auto header = packed(ProgramHeader{.magic = PROGRAM_MAGIC});
    assert_true(reserved_clear<ProgramHeader>(header).clear);
    header[8 + 16 + 12] = std::byte{1}; // within the second stream
    assert_int_equal(reserved_clear<ProgramHeader>(header).offset, 36);
    std::array<std::byte, Tile::BYTES> tile{}; // not a multiple of 8 bytes
    tile[27] = std::byte{1};
    assert_true(reserved_clear<Tile>(tile).clear);
    tile[11] = std::byte{1};
    assert_int_equal(reserved_clear<Tile>(tile).offset, 11);
}

// ---- names ----

void names_and_values_go_both_ways(void **) {
    for (const EnumDesc *desc : enums())
        for (const EnumValueDesc &value : desc->values) {
            assert_ptr_equal(desc->find(value.name), &value);
            assert_ptr_equal(desc->find(value.value), &value);
            assert_false(value.doc.empty());
        }
    for (Fault fault : values<Fault>())
        assert_true(parse<Fault>(name(fault)) == fault);
    expect_name(name(Fault::HOST_BUS), "HOST_BUS");
    assert_false(describe(Fault::HOST_BUS).empty());
}

void an_unknown_name_or_value_is_told_apart(void **) {
    assert_false(parse<Dtype>("BF17").has_value());
    assert_false(parse<Dtype>("bf16").has_value());
    assert_false(parse<Dtype>("").has_value());
    expect_name(name(static_cast<Fault>(999)), "?");
    assert_true(describe(static_cast<Fault>(999)).empty());
    assert_null(enum_desc<Dtype>().find(std::uint64_t{0}));
}

void element_sizes_are_known(void **) {
    assert_int_equal(bytes(Dtype::BF16), 2);
    assert_int_equal(bytes(Dtype::F32), 4);
    assert_int_equal(bytes(Dtype::U8), 1);
    assert_int_equal(bytes(static_cast<Dtype>(0)), 0);
    for (Dtype type : values<Dtype>())
        assert_int_not_equal(bytes(type), 0);
}

void flags_combine_and_test(void **) {
    const std::uint8_t both = PacketFlag::SEQNO | PacketFlag::IRQ;
    assert_int_equal(both, 3);
    assert_true(both & PacketFlag::IRQ);
    assert_false(std::uint8_t{1} & PacketFlag::IRQ);
    assert_int_equal(std::uint8_t{1} | PacketFlag::IRQ, 3);
}

// ---- registers ----

void fields_get_set_and_put(void **) {
    constexpr auto slot = field::QUEUE_CFG_SLOT;
    static_assert(slot.get(slot.set(0x123)) == 0x123);
    assert_int_equal(slot.set(0xfffff) & ~slot.mask,
                     0); // what does not fit stays out of other fields
    assert_int_equal(slot.put(0xffffffff, 0), ~slot.mask);
    assert_true(slot.fits(0xfff));
    assert_false(slot.fits(0x1000));
    assert_true(field::PTE_ADDR.get(0x00ffffff'fffff000) == 0xfff'ffff'ffff);
    assert_true(field::PTE_ADDR.mask == 0x00ffffff'fffff000);
}

void every_register_is_found_at_its_offset(void **) {
    for (const RegisterDesc &desc : registers())
        for (std::uint32_t n : {std::uint32_t{0}, desc.count - 1})
            for (std::uint32_t byte = 0; byte < desc.bits / 8; byte += 4) {
                const RegisterRef ref = find_register(desc.offset + n * desc.stride + byte);
                assert_ptr_equal(ref.desc, &desc);
                assert_int_equal(ref.index, n);
                assert_int_equal(ref.byte, byte);
            }
    assert_ptr_equal(find_register(reg::QUEUE_HEAD(5)).desc, find_register(reg::QUEUE_HEAD(0)).desc);
}

void nothing_is_found_outside_the_map(void **) {
    assert_null(find_register(reg::GLOBAL_QUEUES + 4).desc); // a hole
    assert_null(find_register(reg::QUEUE_RING_BASE(MAX_QUEUES)).desc);
    assert_null(find_register(reg::CTX_PT_ROOT(MAX_CONTEXTS)).desc);
    assert_null(find_register(MSIX_TABLE_OFFSET).desc);
    assert_null(find_register(0xffffffff).desc);
}

void doorbells_fill_their_pages(void **) {
    assert_int_equal(doorbell(0, 0), 0);
    assert_int_equal(doorbell(1, 0), PAGE_SIZE);
    assert_int_equal(doorbell(0, DOORBELL_SLOTS - 1) + DOORBELL_STRIDE, PAGE_SIZE);
    assert_true(doorbell(MAX_CONTEXTS - 1, DOORBELL_SLOTS - 1) < BAR_DOORBELLS_SIZE);
}

// ---- tables ----

void instructions_are_found_by_name_and_opcode(void **) {
    for (const InsnDesc &insn : instructions()) {
        assert_ptr_equal(find_instruction(insn.name), &insn);
        assert_ptr_equal(find_instruction(insn.opcode), &insn);
        assert_int_not_equal(insn.engines, 0);
    }
    assert_null(find_instruction("DMA_LOUD"));
    assert_null(find_instruction(static_cast<Opcode>(0)));
}

void engines_run_what_the_contract_says(void **) {
    assert_true(find_instruction(Opcode::MATMUL)->runs_on(Engine::PE));
    assert_false(find_instruction(Opcode::MATMUL)->runs_on(Engine::DVE));
    assert_false(find_instruction(Opcode::COPY)->runs_on(Engine::SP));
    for (Engine engine : values<Engine>())
        assert_true(find_instruction(Opcode::END)->runs_on(engine));
}

void operands_say_how_they_are_written(void **) {
    const InsnDesc &branch = *find_instruction("BRANCH");
    assert_int_equal(branch.operands.size(), 5);
    assert_true(branch.operands[0].kind == OperandKind::ENUM);
    assert_true(branch.operands[0].enum_id == EnumId::COND);
    assert_ptr_equal(branch.operands[0].enum_desc, &enum_desc<Cond>());
    assert_true(branch.operands[3].is_signed);
    assert_true(branch.operands[4].kind == OperandKind::LABEL);
    const InsnDesc &load = *find_instruction("DMA_LOAD");
    assert_ptr_equal(load.operands[0].struct_desc, &struct_desc<Tile>());
    assert_int_equal(load.operands[1].size, Mem::BYTES);
}

void an_engine_runs_an_instruction_from_some_version_on_and_reaches_some_memory(void **) {
    for (const InsnDesc &insn : instructions())
        for (Engine engine : values<Engine>()) {
            assert_int_equal(insn.since[raw(engine)] != 0, insn.runs_on(engine));
            assert_int_equal(insn.spaces_of(engine) != 0, insn.runs_on(engine));
            assert_int_equal(supports(insn, engine, 4), insn.runs_on(engine));
            assert_false(supports(insn, engine, 1));
        }
    const InsnDesc &matmul = *find_instruction(Opcode::MATMUL);
    assert_true(supports(matmul, Engine::PE, 2));
    assert_false(supports(matmul, Engine::ACT, 4));
    assert_int_equal(matmul.spaces_of(static_cast<Engine>(200)), 0);
    assert_false(supports(matmul, static_cast<Engine>(31), 4));
}

void types_come_with_a_core_version(void **) {
    assert_true(supports(Dtype::BF16, 2));
    assert_false(supports(Dtype::BF16, 1));
    assert_false(supports(static_cast<Dtype>(0), 4));
    for (Dtype type : values<Dtype>())
        assert_true(supports(type, 4));
}

void operands_say_what_they_may_be(void **) {
    std::uint32_t spaces = 0;
    std::uint32_t types = 0;
    for (Space space : values<Space>())
        spaces |= 1u << raw(space);
    for (Dtype type : values<Dtype>())
        types |= 1u << raw(type);
    for (const InsnDesc &insn : instructions())
        for (const OperandDesc &operand : insn.operands) {
            assert_int_equal(operand.spaces & ~spaces, 0);
            assert_int_equal(operand.dtypes & ~types, 0);
            assert_int_equal(operand.size % operand.count, 0);
            assert_true(operand.count == 1 || operand.kind == OperandKind::ARRAY);
            if (operand.kind == OperandKind::REG || operand.kind == OperandKind::LABEL)
                assert_true(operand.access == OperandAccess::NONE);
        }
}

void packets_are_found_by_name_and_opcode(void **) {
    for (const PacketDesc &packet : packets()) {
        assert_ptr_equal(find_packet(packet.name), &packet);
        assert_ptr_equal(find_packet(packet.op), &packet);
    }
    assert_null(find_packet("COPPY"));
    assert_null(find_packet(static_cast<PacketOp>(0)));
}

void struct_tables_cover_their_struct(void **) {
    for (const StructDesc *desc : structs()) {
        const FieldDesc &last = desc->fields.back();
        assert_true(last.offset + last.size * last.count <= desc->size); // what follows is reserved
    }
    assert_int_equal(struct_desc<Tile>().size, Tile::BYTES);
}

void profiles_are_found_by_name_and_id(void **) {
    const ProfileDesc *trn2 = find_profile("trn2");
    assert_non_null(trn2);
    assert_ptr_equal(find_profile(Profile::TRN2), trn2);
    assert_int_equal(trn2->core_version, 3);
    assert_int_equal(trn2->cores, 8);
    assert_true(trn2->hbm_bytes == 96ull << 30);
    assert_int_equal(trn2->sbuf_bytes, 224 << 10);
    assert_int_equal(PSUM_BYTES, 16 << 10);
    assert_null(find_profile("trn9"));
    assert_null(find_profile(static_cast<Profile>(0)));
    assert_int_equal(profiles().size(), values<Profile>().size());
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(copy_packet_has_the_documented_bytes),
        cmocka_unit_test(move_instruction_has_the_documented_bytes),
        cmocka_unit_test(every_packet_survives_a_round_trip),
        cmocka_unit_test(every_struct_survives_a_round_trip),
        cmocka_unit_test(every_instruction_survives_a_round_trip),
        cmocka_unit_test(pack_clears_what_was_in_the_buffer),
        cmocka_unit_test(pack_writes_its_own_opcode),
        cmocka_unit_test(negative_numbers_keep_their_sign),
        cmocka_unit_test(an_unknown_enum_value_is_kept),
        cmocka_unit_test(streams_of_a_program_stay_in_order),
        cmocka_unit_test(every_reserved_byte_of_a_packet_is_found),
        cmocka_unit_test(every_reserved_byte_of_an_instruction_is_found),
        cmocka_unit_test(the_first_of_several_reserved_bytes_is_told),
        cmocka_unit_test(a_field_that_is_set_is_not_reserved),
        cmocka_unit_test(an_unknown_opcode_is_never_clear),
        cmocka_unit_test(reserved_bytes_of_structs_are_found),
        cmocka_unit_test(names_and_values_go_both_ways),
        cmocka_unit_test(an_unknown_name_or_value_is_told_apart),
        cmocka_unit_test(element_sizes_are_known),
        cmocka_unit_test(flags_combine_and_test),
        cmocka_unit_test(fields_get_set_and_put),
        cmocka_unit_test(every_register_is_found_at_its_offset),
        cmocka_unit_test(nothing_is_found_outside_the_map),
        cmocka_unit_test(doorbells_fill_their_pages),
        cmocka_unit_test(instructions_are_found_by_name_and_opcode),
        cmocka_unit_test(engines_run_what_the_contract_says),
        cmocka_unit_test(operands_say_how_they_are_written),
        cmocka_unit_test(an_engine_runs_an_instruction_from_some_version_on_and_reaches_some_memory),
        cmocka_unit_test(types_come_with_a_core_version),
        cmocka_unit_test(operands_say_what_they_may_be),
        cmocka_unit_test(packets_are_found_by_name_and_opcode),
        cmocka_unit_test(struct_tables_cover_their_struct),
        cmocka_unit_test(profiles_are_found_by_name_and_id),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("spec", tests, nullptr, nullptr);
}
