// SPDX-License-Identifier: MIT
// Disassembly assembles to the same bytes: every instruction of the contract, random operands, and what has no text.
#include <cstring>
#include <random>

#include <elf.h>

#include "asm_support.hpp"
#include "mnemonics.hpp"

namespace {

using namespace asm_test;
using spec::OperandDesc;
using spec::OperandKind;

std::mt19937_64 rng(20); // NOLINT: the same numbers on every run

std::uint64_t below(std::uint64_t count) { return rng() % count; }
bool often() { return below(4) != 0; }

template<class E>
E any_value() {
    const auto values = spec::values<E>();
    return values[below(values.size())];
}

spec::Tile random_tile() {
    spec::Tile tile;
    tile.space = any_value<spec::Space>();
    tile.dtype = any_value<spec::Dtype>();
    const std::uint32_t size = spec::bytes(tile.dtype);
    const std::uint64_t quarter = spec::PARTITIONS / 4;
    tile.partitions = static_cast<std::uint8_t>(1 + below(often() ? quarter : spec::PARTITIONS));
    const std::uint64_t unit = tile.partitions <= quarter ? quarter : tile.partitions <= 2 * quarter ? 2 * quarter : 0;
    tile.partition = static_cast<std::uint8_t>(unit == 0 ? 0 : below(spec::PARTITIONS / unit) * unit);
    tile.num.fill(1);
    for (std::size_t i = 0; i < tile.num.size(); ++i) {
        if (often())
            tile.num[i] = static_cast<std::uint16_t>(1 + below(4));
        if (often())
            tile.step[i] = static_cast<std::int16_t>(below(200));
    }
    tile.offset = static_cast<std::uint32_t>(below(1024)) * size;
    if (often()) {
        // With a register nothing is known of the address: everything else may take any value.
        tile.reg = static_cast<std::uint8_t>(1 + below(spec::SEQ_REGISTERS - 1));
        tile.offset = static_cast<std::uint32_t>(rng());
        tile.num[below(4)] = static_cast<std::uint16_t>(1 + below(65535));
        tile.step[below(4)] = static_cast<std::int16_t>(rng());
    }
    return tile;
}

spec::Mem random_mem(const spec::Tile &tile) {
    spec::Mem mem;
    mem.offset = static_cast<std::int64_t>(rng());
    mem.arg = static_cast<std::uint8_t>(below(spec::LAUNCH_ARGS));
    mem.reg = often() ? static_cast<std::uint8_t>(below(spec::SEQ_REGISTERS)) : 0;
    mem.shift = often() ? static_cast<std::uint8_t>(below(32)) : 0;
    mem.partition_stride = often() ? static_cast<std::int32_t>(rng()) : 0;
    mem.num = {tile.num[0], std::uint32_t{tile.num[1]} * tile.num[2], tile.num[3]};
    for (auto &stride : mem.stride)
        stride = often() ? static_cast<std::int32_t>(rng()) : 0;
    return mem;
}

template<class T>
void put(InstructionBytes &bytes, std::uint32_t offset, const T &value) {
    spec::pack(value, std::span<std::byte, T::BYTES>(bytes.data() + offset, T::BYTES));
}

std::int64_t random_integer(const OperandDesc &operand) {
    if (operand.kind == OperandKind::ENUM)
        return static_cast<std::int64_t>(operand.enum_desc->values[below(operand.enum_desc->values.size())].value);
    if (operand.kind == OperandKind::FLAGS) {
        std::uint64_t bits = 0;
        for (const spec::EnumValueDesc &flag : operand.enum_desc->values)
            bits |= flag.value * below(2);
        return static_cast<std::int64_t>(bits);
    }
    if (const std::uint64_t count = assembler::value_count(operand); count != 0)
        return static_cast<std::int64_t>(below(count));
    return often() ? static_cast<std::int64_t>(rng()) : 0;
}

InstructionBytes random_instruction(const spec::InsnDesc &instruction) {
    InstructionBytes bytes{};
    spec::InstructionHeader header;
    header.opcode = instruction.opcode;
    header.wait_op = any_value<spec::WaitOp>();
    header.update_op = any_value<spec::UpdateOp>();
    if (header.wait_op != spec::WaitOp::NONE) {
        header.wait_sem = static_cast<std::uint8_t>(rng());
        header.wait_value = static_cast<std::uint32_t>(rng());
    }
    if (header.update_op != spec::UpdateOp::NONE) {
        header.update_sem = static_cast<std::uint8_t>(rng());
        header.update_value = static_cast<std::uint32_t>(rng());
    }
    put(bytes, 0, header);
    const spec::Tile tile = random_tile();
    for (const OperandDesc &operand : instruction.operands) {
        if (operand.kind == OperandKind::TILE)
            put(bytes, operand.offset, tile);
        else if (operand.kind == OperandKind::MEM)
            put(bytes, operand.offset, random_mem(tile));
        else
            assembler::store_operand(bytes, operand, random_integer(operand));
    }
    return bytes;
}

KernelImage with_params() {
    KernelImage image;
    image.params.push_back({"A", 0, spec::ParamKind::IN, spec::Dtype::BF16, {4, 5}});
    image.params.push_back({"n", 1, spec::ParamKind::SCALAR, {}, {}});
    image.params.push_back({"s4", 2, spec::ParamKind::OUT, spec::Dtype::F32, {7}}); // not a name in assembly
    return image;
}

// Through the file and the text, and back.
std::string expect_round_trip(const KernelImage &image) {
    const auto first = elf(image);
    const KernelImage read = assembler::to_image(parse(first));
    const std::string text = assembler::disassemble(read, {.addresses = true, .bytes = true});
    const auto second = elf(good(text));
    if (first != second)
        fail_msg("different bytes from: %s", text.c_str());
    return text;
}

void every_instruction_survives_with_random_operands(void **) {
    for (const spec::InsnDesc &instruction : spec::instructions())
        for (const spec::Engine engine : spec::values<spec::Engine>()) {
            if (!instruction.runs_on(engine))
                continue;
            KernelImage image = with_params();
            auto &code = image.streams[spec::raw(engine)];
            for (int i = 0; i < 300; ++i)
                code.push_back(random_instruction(instruction));
            image.symbols.push_back({"begin", engine, 0});
            image.symbols.push_back({"loop$7", engine, 12});
            image.symbols.push_back({"done", engine, 300});
            expect_no_part(expect_round_trip(image), ".raw");
        }
}

void bytes_without_a_text_survive_as_raw(void **) {
    KernelImage image = with_params();
    auto &code = image.streams[spec::raw(spec::Engine::SP)];
    for (int i = 0; i < 500; ++i) {
        InstructionBytes bytes{};
        for (std::byte &byte : bytes)
            byte = often() ? std::byte{0} : static_cast<std::byte>(rng());
        bytes[0] = static_cast<std::byte>(below(64));
        code.push_back(bytes);
    }
    expect_part(expect_round_trip(image), ".raw");
}

void one_wrong_byte_makes_an_instruction_raw(void **) {
    KernelImage image = with_params();
    image.streams[spec::raw(spec::Engine::SP)].push_back(
        good(".engine sp\nmove r1, 5\n").streams[spec::raw(spec::Engine::SP)][0]);
    expect_no_part(expect_round_trip(image), ".raw");
    image.streams[spec::raw(spec::Engine::SP)][0][100] = std::byte{1};
    expect_part(expect_round_trip(image), ".raw");
}

void an_instruction_on_a_foreign_engine_is_raw(void **) {
    KernelImage image = with_params();
    image.streams[spec::raw(spec::Engine::SP)] =
        good(".engine pe\nldweights sbuf.bf16[0:1, 0, 1]\n").streams[spec::raw(spec::Engine::PE)];
    expect_part(expect_round_trip(image), ".raw");
}

void a_tile_outside_the_declared_sbuf_is_raw(void **) {
    KernelImage image = good(".engine pe\nldweights sbuf.bf16[0:1, 0, 64]\n");
    expect_no_part(expect_round_trip(image), ".raw");
    image.sbuf_bytes = 64;
    expect_part(expect_round_trip(image), ".raw");
}

void text_uses_names_and_short_forms(void **) {
    const std::string source =
        ".param A, in, bf16, 8, 8\n.engine sp\nloop: dma_load sbuf.bf16[0:8, r3, 8], "
        "A[r2<<1, 8, 8], ring=2 take s1>=1\nadd r2, r2, 64\nblt r2, r5 - 1, loop\njump loop\nend\n";
    const std::string text = assembler::disassemble(good(source));
    expect_part(text, "dma_load  sbuf.bf16[0:8, r3, 8], A[r2<<1, 8, 8], ring=2 take s1>=1\n");
    expect_part(text, "add       r2, r2, 64\n");
    expect_part(text, "blt       r2, r5 - 1, loop\n");
    expect_part(text, "jump      loop\n");
    expect_part(text, "\nloop:\n");
}

void the_same_source_gives_the_same_file(void **) {
    const std::string_view source = ".param A, in, bf16, 8, 8\n.engine sp\nx: nop\njump x\n.engine pe\ny: nop\n";
    assert_true(elf(good(source)) == elf(good(source)));
}

void the_file_is_what_the_contract_says(void **) {
    const auto bytes =
        elf(good(".sbuf 512\n.param A, in, bf16, 8, 9\n.param n, scalar\n.engine dve\nnop\nhere: end\n"));
    const KernelFile file = parse(bytes);
    assert_int_equal(file.isa_version(), spec::VERSION);
    assert_int_equal(file.sbuf_bytes(), 512);
    assert_int_equal(file.params().size(), 2);
    assert_string_equal(file.params()[0].name.c_str(), "A");
    assert_int_equal(file.params()[0].bytes(), 144);
    assert_int_equal(file.stream(spec::Engine::DVE).size(), 2);
    assert_int_equal(file.stream(spec::Engine::PE).size(), 0);
    assert_int_equal(file.symbols().size(), 1);
    assert_string_equal(file.symbols()[0].name.c_str(), "here");
    assert_int_equal(file.symbols()[0].instruction, 1);
    Elf64_Ehdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    assert_int_equal(header.e_type, ET_EXEC);
    assert_int_equal(header.e_machine, spec::ELF_MACHINE);
}

void a_kernel_without_parameters_and_labels_is_a_file(void **) {
    assert_int_equal(parse(elf(good(".engine pool\nend\n"))).stream(spec::Engine::POOL).size(), 1);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_instruction_survives_with_random_operands),
        cmocka_unit_test(bytes_without_a_text_survive_as_raw),
        cmocka_unit_test(one_wrong_byte_makes_an_instruction_raw),
        cmocka_unit_test(an_instruction_on_a_foreign_engine_is_raw),
        cmocka_unit_test(a_tile_outside_the_declared_sbuf_is_raw),
        cmocka_unit_test(text_uses_names_and_short_forms),
        cmocka_unit_test(the_same_source_gives_the_same_file),
        cmocka_unit_test(the_file_is_what_the_contract_says),
        cmocka_unit_test(a_kernel_without_parameters_and_labels_is_a_file),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("asm_round_trip", tests, nullptr, nullptr);
}
