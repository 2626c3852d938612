// SPDX-License-Identifier: MIT
// Disassembly assembles to the same bytes: every instruction of the contract, random operands, and what has no text.
#include <algorithm>
#include <cstring>
#include <random>

#include <elf.h>

#include "asm_support.hpp"
#include "encoding.hpp"
#include "symbols.hpp"

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

// A value of E out of a set of bits; 0: any.
template<class E>
E any_of(std::uint32_t set) {
    for (;;)
        if (const E value = any_value<E>(); set == 0 || (set >> spec::raw(value) & 1) != 0)
            return value;
}

std::uint32_t both(std::uint32_t a, std::uint32_t b) { return a == 0 ? b : b == 0 ? a : a & b; }

// A number that the range holds, one of its ends at times.
std::int64_t random_number(const spec::RangeDesc &range) {
    if (!often() && range.holds(range.max))
        return range.max;
    if (!often() && range.holds(range.also))
        return range.also;
    const auto span = static_cast<std::uint64_t>(range.max) - static_cast<std::uint64_t>(range.min);
    for (;;) {
        const std::uint64_t step = span == UINT64_MAX ? rng() : below(span + 1);
        if (const auto number = static_cast<std::int64_t>(static_cast<std::uint64_t>(range.min) + step);
            range.holds(number))
            return number;
    }
}

// The same within 1..most.
std::int64_t random_count(const spec::RangeDesc &range, std::int64_t most) {
    spec::RangeDesc count = range;
    count.min = std::max<std::int64_t>(range.min, 1);
    count.max = std::max(count.min, std::min(range.max, most));
    count.also = count.min;
    return random_number(count);
}

// A first partition that so many may have.
std::uint8_t random_start(std::uint32_t partitions) {
    const std::uint32_t quarter = spec::PARTITIONS / 4;
    const std::uint32_t unit = partitions <= quarter ? quarter : partitions <= 2 * quarter ? 2 * quarter : 0;
    return static_cast<std::uint8_t>(unit == 0 ? 0 : below(spec::PARTITIONS / unit) * unit);
}

// What the operand may be on the engine.
spec::Tile random_tile(const OperandDesc &operand, std::uint32_t reach) {
    spec::Tile tile;
    tile.space = any_of<spec::Space>(both(operand.spaces, reach));
    tile.dtype = any_of<spec::Dtype>(operand.dtypes);
    const std::uint32_t size = spec::bytes(tile.dtype);
    tile.partitions =
        static_cast<std::uint8_t>(random_count(operand.partitions, often() ? spec::PARTITIONS / 4 : spec::PARTITIONS));
    tile.partition = random_start(tile.partitions);
    std::int64_t rest = random_count(operand.elements, often() ? 256 : 4096);
    tile.num.fill(1);
    for (std::size_t i = 0; i < tile.num.size(); ++i) {
        std::int64_t part = i + 1 == tile.num.size() ? rest : 1 + static_cast<std::int64_t>(below(5));
        part = rest % part == 0 ? part : 1;
        tile.num[i] = static_cast<std::uint16_t>(part);
        rest /= part;
        if (often())
            tile.step[i] = static_cast<std::int16_t>(below(tile.num[i] > 32 ? 2 : 16));
    }
    tile.offset = static_cast<std::uint32_t>(below(64)) * size;
    std::int64_t reach_bytes = tile.offset + size;
    for (std::size_t i = 0; i < tile.num.size(); ++i)
        reach_bytes += (tile.num[i] - 1) * tile.step[i] * static_cast<std::int64_t>(size);
    if (reach_bytes > (operand.one_bank ? spec::PSUM_BANK_BYTES : spec::PSUM_BYTES))
        tile.step.fill(0); // one element over and over
    if (often()) {
        // With a register little is known of the address: steps may take any value.
        tile.reg = static_cast<std::uint8_t>(1 + below(spec::SEQ_REGISTERS - 1));
        tile.offset = static_cast<std::uint32_t>(below(spec::PSUM_BYTES));
        tile.step[below(4)] = static_cast<std::int16_t>(rng());
    }
    return tile;
}

// As many elements per row as a tile with these dimensions has per partition.
spec::Mem random_mem(const std::array<std::uint16_t, 4> &num, bool has_tile) {
    spec::Mem mem;
    mem.offset = static_cast<std::int64_t>(rng());
    mem.arg = static_cast<std::uint8_t>(below(spec::LAUNCH_ARGS));
    mem.reg = often() ? static_cast<std::uint8_t>(below(spec::SEQ_REGISTERS)) : 0;
    mem.shift = often() ? static_cast<std::uint8_t>(below(32)) : 0;
    mem.dtype = has_tile && !often() ? 0 : spec::raw(any_value<spec::Dtype>());
    mem.partition_stride = often() ? static_cast<std::int32_t>(rng()) : 0;
    mem.num = {num[0], std::uint32_t{num[1]} * num[2], num[3]};
    for (auto &stride : mem.stride)
        stride = often() ? static_cast<std::int32_t>(rng()) : 0;
    return mem;
}

spec::Scalar random_scalar(const OperandDesc &operand, std::uint32_t reach, std::uint32_t partitions) {
    const std::uint32_t words =
        1u << spec::raw(spec::Dtype::F32) | 1u << spec::raw(spec::Dtype::I32) | 1u << spec::raw(spec::Dtype::U32);
    spec::Scalar out;
    out.kind = any_of<spec::ScalarKind>(operand.kinds);
    if (out.kind == spec::ScalarKind::VECTOR) {
        out.dtype = any_of<spec::Dtype>(operand.dtypes);
        out.space = any_of<spec::Space>(both(operand.spaces, reach));
        out.partition = random_start(partitions);
        out.reg = static_cast<std::uint8_t>(below(spec::SEQ_REGISTERS));
        out.value = out.reg != 0 ? static_cast<std::uint32_t>(below(spec::PSUM_BYTES))
                                 : static_cast<std::uint32_t>(below(1024)) * spec::bytes(out.dtype);
        return out;
    }
    out.dtype = any_of<spec::Dtype>(both(operand.dtypes, words));
    if (out.kind == spec::ScalarKind::REG)
        out.reg = static_cast<std::uint8_t>(below(spec::SEQ_REGISTERS));
    else if (often())
        out.value = static_cast<std::uint32_t>(rng());
    return out;
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
    return random_number(operand.range);
}

spec::InstructionHeader random_header(spec::Opcode opcode) {
    spec::InstructionHeader header;
    header.opcode = opcode;
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
    return header;
}

// Anything that the tables allow.
InstructionBytes random_instruction(const spec::InsnDesc &instruction, spec::Engine engine) {
    InstructionBytes bytes{};
    put(bytes, 0, random_header(instruction.opcode));
    const std::uint32_t reach = instruction.spaces_of(engine);
    const OperandDesc *main = assembler::main_tile(instruction);
    // Of the main tile if there is one; blocks of memory that are alone have some shape, or one element.
    spec::Tile tile = random_tile(main != nullptr ? *main : OperandDesc{}, reach);
    if (assembler::moves_one_element(instruction))
        tile.num.fill(1);
    for (const OperandDesc &operand : instruction.operands) {
        if (operand.kind == OperandKind::TILE)
            put(bytes, operand.offset, &operand == main ? tile : random_tile(operand, reach));
        else if (operand.kind == OperandKind::MEM)
            put(bytes, operand.offset, random_mem(tile.num, main != nullptr));
        else if (operand.kind == OperandKind::SCALAR)
            put(bytes, operand.offset, random_scalar(operand, reach, tile.partitions));
        else if (operand.kind == OperandKind::ARRAY)
            for (std::uint32_t i = 0; i < operand.count; ++i)
                assembler::store_operand(bytes, assembler::element(operand, i), random_number(operand.range));
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

KernelImage without_lines(KernelImage image) {
    image.lines = {};
    return image;
}

// Through the file and the text, and back.
std::string expect_round_trip(const KernelImage &image) {
    const auto first = elf(without_lines(image));
    const KernelImage read = assembler::to_image(parse(first));
    const std::string text = assembler::disassemble(read, {.addresses = true, .bytes = true});
    const KernelImage again = without_lines(good(text));
    if (first != elf(again))
        fail_msg("different bytes from: %s", text.c_str());
    assert_string_equal(assembler::disassemble(again, {.addresses = true, .bytes = true}).c_str(), text.c_str());
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
                code.push_back(random_instruction(instruction, engine));
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
        bytes[0] = static_cast<std::byte>(below(128));
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
    image.cores = 5;
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

// The instruction of a line on an engine, as the disassembler writes it.
std::string shortest(const std::string &engine, const std::string &line) {
    const std::string text = assembler::disassemble(good(".engine " + engine + "\n" + line + "\n"));
    const std::size_t from = text.find("\n    ") + 5;
    return text.substr(from, text.size() - from - 1);
}

void expect_text(const std::string &engine, const std::string &line, const std::string &want) {
    assert_string_equal(shortest(engine, line).c_str(), want.c_str());
    assert_string_equal(shortest(engine, want).c_str(), want.c_str());
}

void what_is_zero_and_means_nothing_is_left_out(void **) {
    expect_text("pe", "ldweights sbuf.bf16[0:4, 0, 8], normal, whole, whole, 0", "ldweights sbuf.bf16[0:4, 0, 8]");
    expect_text("pe", "ldweights sbuf.bf16[0:4, 0, 8], normal, half", "ldweights sbuf.bf16[0:4, 0, 8], rows=half");
    expect_text("pe", "matmul psum.f32[0:4, 0, 8], sbuf.bf16[0:4, 0, 8], 0, double_row",
                "matmul    psum.f32[0:4, 0, 8], sbuf.bf16[0:4, 0, 8], mode=double_row");
    expect_text("sp", "dma_load sbuf.f32[0:4, 0, 8], arg0[0, 4, 8], 0, write",
                "dma_load  sbuf.f32[0:4, 0, 8], arg0[0, 4, 8]");
    expect_text("act", "activate sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], exp, 1.0, 0, 0, reset_reduce",
                "activate  sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], exp, 1, acc=reset_reduce");
    expect_text("dve", "tensor_scalar sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], add, 2, bypass, 0, reverse0",
                "tensor_scalar sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], add, 2, flags=reverse0");
    // A number that means something is written, zero or not.
    expect_text("sp", "move r1, 0", "move      r1, 0");
    expect_text("dve", "tensor_tensor sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], bypass",
                "tensor_tensor sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], bypass");
}

void scalars_have_one_text(void **) {
    const auto memset = [](const std::string &value, const std::string &want) {
        expect_text("dve", "memset sbuf.f32[0:64, 0, 8], " + value, "memset    sbuf.f32[0:64, 0, 8], " + want);
    };
    memset("1.50", "1.5");
    memset("3", "3");
    memset("-0.25", "-0.25");
    memset("-0.0", "-0.0");
    memset("0x10 + 1", "17");
    memset("0.00001", "1e-05");
    memset("f32:0x3f800000", "1");
    memset("f32:0x7fc00001", "f32:0x7fc00001");
    memset("nan", "nan");
    memset("-inf", "-inf");
    memset("f32:0xffc00000", "f32:0xffc00000");
    memset("i32:-3", "i32:-3");
    memset("u32:0xffffffff", "u32:4294967295");
    memset("i32:r5", "i32:r5");
    memset("sbuf.bf16[64:128, r3 + 4]", "sbuf.bf16[64:128, 4 + r3]");
}

void a_scalar_with_bytes_that_it_does_not_use_is_raw(void **) {
    KernelImage image = good(".engine dve\nmemset sbuf.f32[0:64, 0, 8], f32:r5\n");
    expect_no_part(expect_round_trip(image), ".raw");
    const std::uint32_t at = spec::find_instruction(spec::Opcode::MEMSET)->operands[1].offset;
    InstructionBytes &bytes = image.streams[spec::raw(spec::Engine::DVE)][0];
    bytes[at] = std::byte{1}; // value, which a register does not use
    expect_part(expect_round_trip(image), ".raw");
    bytes[at] = std::byte{0};
    bytes[at + 8] = std::byte{0}; // no type
    expect_part(expect_round_trip(image), ".raw");
    bytes[at + 8] = static_cast<std::byte>(spec::Dtype::BF16); // a register of a type that registers have not
    expect_part(expect_round_trip(image), ".raw");
}

void a_column_outside_the_declared_sbuf_is_raw(void **) {
    KernelImage image = good(".engine dve\nmemset psum.f32[0:64, 0, 8], sbuf.f32[0:64, 60]\n");
    expect_no_part(expect_round_trip(image), ".raw");
    image.sbuf_bytes = 60;
    expect_part(expect_round_trip(image), ".raw");
}

void every_example_of_the_contract_assembles(void **) {
    for (const spec::InsnDesc &instruction : spec::instructions())
        for (const spec::Engine engine : spec::values<spec::Engine>())
            if (instruction.runs_on(engine)) {
                const auto image = good(".engine " + assembler::lower(spec::name(engine)) + "\n" +
                                        std::string(instruction.example) + "\n");
                assert_int_equal(std::to_integer<int>(stream(image, engine)[0][0]), spec::raw(instruction.opcode));
                break;
            }
}

void the_same_source_gives_the_same_file(void **) {
    const std::string_view source = ".param A, in, bf16, 8, 8\n.engine sp\nx: nop\njump x\n.engine pe\ny: nop\n";
    assert_true(elf(good(source)) == elf(good(source)));
}

void the_file_is_what_the_contract_says(void **) {
    const auto bytes =
        elf(good(".sbuf 512\n.cores 2\n.param A, in, bf16, 8, 9\n.param n, scalar\n.engine dve\nnop\nhere: end\n"));
    const KernelFile file = parse(bytes);
    assert_int_equal(file.isa_version(), spec::VERSION);
    assert_int_equal(file.sbuf_bytes(), 512);
    assert_int_equal(file.cores(), 2);
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

void the_file_has_the_lines_of_the_source(void **) {
    KernelImage image = good("\n.engine act\nnop\n.rept 2\n nop\n.endr\n.engine sp\n end\n");
    const auto line = [](const KernelFile &file, spec::Engine engine, std::uint32_t at) {
        const auto found = file.line(engine, at).value_or(neuron::KernelLine{"none", 0});
        return std::string(found.file) + ":" + std::to_string(found.line);
    };
    assert_string_equal(line(parse(elf(image)), spec::Engine::ACT, 0).c_str(), ":3"); // the assembler knows no name
    image.sources = {"dir/x.s"};
    const KernelFile file = parse(elf(image));
    assert_string_equal(line(file, spec::Engine::ACT, 0).c_str(), "dir/x.s:3");
    assert_string_equal(line(file, spec::Engine::ACT, 1).c_str(), "dir/x.s:5");
    assert_string_equal(line(file, spec::Engine::ACT, 2).c_str(), "dir/x.s:5");
    assert_string_equal(line(file, spec::Engine::SP, 0).c_str(), "dir/x.s:8");
    assert_true(elf(assembler::to_image(file)) == elf(image));
    image.lines[spec::raw(spec::Engine::ACT)][1] = {}; // a hole
    assert_true(elf(assembler::to_image(parse(elf(image)))) == elf(image));
    assert_string_equal(line(parse(elf(without_lines(image))), spec::Engine::ACT, 0).c_str(), "none:0");
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
        cmocka_unit_test(what_is_zero_and_means_nothing_is_left_out),
        cmocka_unit_test(scalars_have_one_text),
        cmocka_unit_test(a_scalar_with_bytes_that_it_does_not_use_is_raw),
        cmocka_unit_test(a_column_outside_the_declared_sbuf_is_raw),
        cmocka_unit_test(every_example_of_the_contract_assembles),
        cmocka_unit_test(the_same_source_gives_the_same_file),
        cmocka_unit_test(the_file_is_what_the_contract_says),
        cmocka_unit_test(the_file_has_the_lines_of_the_source),
        cmocka_unit_test(a_kernel_without_parameters_and_labels_is_a_file),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("asm_round_trip", tests, nullptr, nullptr);
}
