// SPDX-License-Identifier: MIT
// KernelFile: what a good file gives, and that each kind of bad one is refused by name.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <neuron/kernel_file.hpp>

#include "hal_check.hpp"
#include "hal_kernel_image.hpp"

using namespace hal_test;
using neuron::ErrorCode;
using neuron::KernelFile;

namespace {

const Bytes end_stream = stream(spec::InsnEnd{});

Image good_image() {
    Image image;
    image.add(".text.pe", stream(spec::InsnNop{}, spec::InsnEnd{}));
    image.add_label("loop", spec::INSTRUCTION_BYTES);
    image.add(".text.sp", end_stream);
    spec::NoteParam scalar{};
    scalar.name = {'n'};
    scalar.index = 1;
    scalar.kind = spec::ParamKind::SCALAR;
    image.add_notes(isa_note() + param_note(scalar) + param_note(tensor("a", 0, {4, 8})));
    return image;
}

const std::string two_names("\0a.s\0dir/b.cpp\0", 15);

Bytes lines(const std::vector<std::array<std::uint32_t, 3>> &entries) {
    Bytes out;
    for (const auto &[instruction, line, file] : entries) {
        spec::LineEntry entry;
        entry.instruction = instruction;
        entry.line = line;
        entry.file = file;
        out = std::move(out) + bytes_of(entry);
    }
    return out;
}

Bytes bytes_of_text(std::string_view text) {
    Bytes out;
    append(out, text.data(), text.size());
    return out;
}

/// The good file, four instructions in PE, with these sections besides.
Image with_lines(const Bytes &table, const std::string &names = two_names, const char *section = ".line.pe") {
    Image image;
    image.add(section, table); // before what it is about
    image.add(".text.pe", stream(spec::InsnNop{}, spec::InsnNop{}, spec::InsnNop{}, spec::InsnEnd{}));
    image.add(std::string(spec::LINE_NAMES), bytes_of_text(names), SHT_STRTAB);
    image.add_notes(isa_note());
    return image;
}

neuron::Result<KernelFile> parse(const Bytes &bytes) { return KernelFile::parse(bytes, "test.nk"); }

std::string line_of(const KernelFile &file, std::uint32_t instruction, spec::Engine engine = spec::Engine::PE) {
    const auto line = file.line(engine, instruction);
    return line ? std::string(line->file) + ":" + std::to_string(line->line) : "none";
}

/// A file with one stream and these notes.
neuron::Result<KernelFile> parse_notes(const Bytes &notes) {
    Image image;
    image.add(".text.pe", end_stream);
    image.add_notes(notes);
    return parse(image.build());
}

neuron::Result<KernelFile> parse_param(const spec::NoteParam &param) {
    return parse_notes(isa_note() + param_note(param));
}

void good_file_gives_streams_params_and_labels(void **) {
    const KernelFile file = must(parse(good_image().build()));
    assert_int_equal(file.isa_version(), spec::VERSION);
    assert_int_equal(file.stream(spec::Engine::PE).size(), 2);
    assert_int_equal(file.stream(spec::Engine::SP).size(), 1);
    assert_int_equal(file.stream(spec::Engine::ACT).size(), 0);
    assert_int_equal(file.params().size(), 2);
    assert_string_equal(file.params()[0].name.c_str(), "a");
    assert_int_equal(file.params()[0].bytes(), 4 * 8 * 4);
    assert_false(file.params()[1].is_tensor());
    assert_non_null(file.find_param("n"));
    assert_null(file.find_param("missing"));
    assert_int_equal(file.symbols().size(), 1);
    assert_string_equal(file.symbols()[0].name.c_str(), "loop");
    assert_int_equal(file.symbols()[0].instruction, 1);
    assert_true(file.symbols()[0].engine == spec::Engine::PE);
}

void missing_file_is_not_found(void **) {
    must_fail(KernelFile::load("/nonexistent/x.nk"), ErrorCode::not_found, "/nonexistent/x.nk");
}

void directory_is_not_a_kernel(void **) {
    must_fail(KernelFile::load("/"), ErrorCode::invalid_argument, "not a regular file");
}

void file_and_memory_read_alike(void **) {
    const auto path = std::filesystem::temp_directory_path() / ("hal_kernel_file_test." + std::to_string(::getpid()));
    const Bytes bytes = good_image().build();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    const auto file = KernelFile::load(path);
    std::filesystem::remove(path);
    assert_int_equal(must(file).stream(spec::Engine::PE).size(), 2);
}

void empty_file_is_refused(void **) { must_fail(parse({}), ErrorCode::invalid_argument, "wrong magic"); }

void wrong_magic_is_refused(void **) {
    Bytes bytes = good_image().build();
    bytes[0] = std::byte{'X'};
    must_fail(parse(bytes), ErrorCode::invalid_argument, "wrong magic");
}

void wrong_class_is_refused(void **) {
    Bytes bytes = good_image().build();
    bytes[EI_CLASS] = std::byte{ELFCLASS32};
    must_fail(parse(bytes), ErrorCode::invalid_argument, "ELF class");
}

void wrong_endianness_is_refused(void **) {
    Bytes bytes = good_image().build();
    bytes[EI_DATA] = std::byte{ELFDATA2MSB};
    must_fail(parse(bytes), ErrorCode::invalid_argument, "data encoding");
}

void wrong_machine_is_refused(void **) {
    Image image = good_image();
    image.machine = EM_X86_64;
    must_fail(parse(image.build()), ErrorCode::invalid_argument, "made for machine");
}

void wrong_type_is_refused(void **) {
    Image image = good_image();
    image.type = ET_REL;
    must_fail(parse(image.build()), ErrorCode::invalid_argument, "ELF type");
}

Image good_image_with_lines() {
    Image image = good_image();
    image.add(".line.pe", lines({{0, 7, 1}, {1, 88, 5}}));
    image.add(std::string(spec::LINE_NAMES), bytes_of_text(two_names), SHT_STRTAB);
    return image;
}

// Wherever a file ends early, the error is a clean one.
void every_truncation_is_refused(void **) {
    const Bytes bytes = good_image_with_lines().build();
    must(parse(bytes));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto result = parse(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
        if (result)
            fail_msg("%zu of %zu bytes were accepted", size, bytes.size());
        assert_true(result.error().code == ErrorCode::invalid_argument);
    }
}

// Whatever one byte becomes, the parser neither crashes nor reads outside (run it under ASan).
void every_single_byte_error_is_survived(void **) {
    const Bytes good = good_image_with_lines().build();
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
            Bytes bytes = good;
            bytes[at] ^= static_cast<std::byte>(flip);
            const auto result = parse(bytes);
            assert_true(result || !result.error().message.empty());
            if (result && !result->stream(spec::Engine::PE).empty())
                (void)line_of(*result, 0);
        }
    }
}

void other_major_is_a_version_mismatch(void **) {
    constexpr std::uint32_t next_major = (spec::VERSION_MAJOR + 1) << 16;
    const auto theirs = "ISA version " + std::to_string(spec::VERSION_MAJOR + 1) + ".0";
    const auto ours =
        "this library speaks " + std::to_string(spec::VERSION_MAJOR) + "." + std::to_string(spec::VERSION_MINOR);
    const auto error = must_fail(parse_notes(isa_note(next_major)), ErrorCode::version_mismatch, theirs.c_str());
    assert_non_null(std::strstr(error.message.c_str(), ours.c_str()));
}

void newer_minor_is_a_version_mismatch(void **) {
    must_fail(parse_notes(isa_note(spec::VERSION + 1)), ErrorCode::version_mismatch, "ISA version");
}

void missing_isa_note_is_refused(void **) { must_fail(parse_notes({}), ErrorCode::invalid_argument, "no ISA note"); }

void two_isa_notes_are_refused(void **) {
    must_fail(parse_notes(isa_note() + isa_note()), ErrorCode::invalid_argument, "two ISA notes");
}

void cores_that_no_chip_has_are_refused(void **) {
    must_fail(parse_notes(isa_note(spec::VERSION, spec::MAX_CORES + 1)), ErrorCode::invalid_argument,
              "no chip has more than 32");
    assert_int_equal(parse_notes(isa_note(spec::VERSION, 2))->cores(), 2);
    assert_int_equal(parse_notes(isa_note(spec::VERSION, 0))->cores(), 0);
}

void cut_note_is_refused(void **) {
    const Bytes notes = isa_note();
    must_fail(parse_notes(Bytes(notes.begin(), notes.end() - 8)), ErrorCode::invalid_argument, "malformed note");
}

void note_of_wrong_size_is_refused(void **) {
    must_fail(parse_notes(note(spec::raw(spec::Note::ISA), Bytes(12))), ErrorCode::invalid_argument,
              "ISA note of 12 bytes");
    must_fail(parse_notes(isa_note() + note(spec::raw(spec::Note::PARAM), Bytes(80))), ErrorCode::invalid_argument,
              "80 bytes instead of 88");
}

void unknown_note_is_refused(void **) {
    must_fail(parse_notes(isa_note() + note(99, Bytes(4))), ErrorCode::invalid_argument, "unknown type 99");
}

void foreign_note_is_refused(void **) {
    must_fail(parse_notes(isa_note() + note(1, Bytes(4), "GNU")), ErrorCode::invalid_argument, "belongs to 'GNU'");
}

void reserved_bytes_of_notes_must_be_zero(void **) {
    Bytes raw = bytes_of(tensor("a", 0, {1}));
    raw[37] = std::byte{1};
    must_fail(parse_notes(isa_note() + note(spec::raw(spec::Note::PARAM), raw)), ErrorCode::invalid_argument,
              "reserved byte 37");
}

void bad_param_names_are_refused(void **) {
    must_fail(parse_param(tensor("", 0, {1})), ErrorCode::invalid_argument, "name is empty");
    must_fail(parse_param(tensor(std::string(32, 'x'), 0, {1})), ErrorCode::invalid_argument, "not terminated");
    must_fail(parse_notes(isa_note() + param_note(tensor("a", 0, {1})) + param_note(tensor("a", 1, {1}))),
              ErrorCode::invalid_argument, "two parameters 'a'");
}

void bad_param_indices_are_refused(void **) {
    must_fail(parse_param(tensor("a", 1, {1})), ErrorCode::invalid_argument, "'a' has index 1 where 0 is due");
    must_fail(parse_notes(isa_note() + param_note(tensor("a", 0, {1})) + param_note(tensor("b", 0, {1}))),
              ErrorCode::invalid_argument, "'b' has index 0 where 1 is due");
}

void bad_shapes_are_refused(void **) {
    must_fail(parse_param(tensor("a", 0, {})), ErrorCode::invalid_argument, "0 dimensions");
    must_fail(parse_param(tensor("a", 0, {2, 0})), ErrorCode::invalid_argument, "dimension 1 is 0");
    must_fail(parse_param(tensor("a", 0, {std::uint64_t{1} << 40, std::uint64_t{1} << 40})),
              ErrorCode::invalid_argument, "more than 2^64");
    auto param = tensor("a", 0, {2});
    param.dims[3] = 1;
    must_fail(parse_param(param), ErrorCode::invalid_argument, "dimension 3 is 1");
    param = tensor("a", 0, {2});
    param.rank = spec::NOTE_MAX_RANK + 1;
    must_fail(parse_param(param), ErrorCode::invalid_argument, "7 dimensions");
}

void unknown_kind_and_type_are_refused(void **) {
    must_fail(parse_param(tensor("a", 0, {1}, static_cast<spec::ParamKind>(77))), ErrorCode::invalid_argument,
              "unknown kind 77");
    must_fail(parse_param(tensor("a", 0, {1}, spec::ParamKind::IN, static_cast<spec::Dtype>(99))),
              ErrorCode::invalid_argument, "unknown element type 99");
}

void scalar_with_a_shape_is_refused(void **) {
    must_fail(parse_param(tensor("a", 0, {1}, spec::ParamKind::SCALAR)), ErrorCode::invalid_argument, "scalar");
}

void partial_instruction_is_refused(void **) {
    Image image;
    image.add(".text.pe", Bytes(spec::INSTRUCTION_BYTES + 1));
    image.add_notes(isa_note());
    must_fail(parse(image.build()), ErrorCode::invalid_argument, ".text.pe: 129 bytes");
}

void unknown_engine_is_refused(void **) {
    Image image;
    image.add(".text.gpu", end_stream);
    image.add_notes(isa_note());
    must_fail(parse(image.build()), ErrorCode::invalid_argument, ".text.gpu names no engine");
}

void second_stream_of_an_engine_is_refused(void **) {
    Image image = good_image();
    image.add(".text.sp", end_stream);
    must_fail(parse(image.build()), ErrorCode::invalid_argument, "two sections .text.sp");
}

void file_without_instructions_is_refused(void **) {
    Image image;
    image.add_notes(isa_note());
    must_fail(parse(image.build()), ErrorCode::invalid_argument, "no engine has instructions");
}

void relocations_are_refused(void **) {
    Image image = good_image();
    image.add(".rela.text.pe", Bytes(24), SHT_RELA);
    must_fail(parse(image.build()), ErrorCode::invalid_argument, "no relocations");
}

void label_between_instructions_is_refused(void **) {
    Image image;
    image.add(".text.pe", end_stream);
    image.add_label("half", 64);
    image.add_notes(isa_note());
    must_fail(parse(image.build()), ErrorCode::invalid_argument, "'half' is at no instruction");
}

// ---- lines

void instructions_have_the_lines_of_the_entries_before_them(void **) {
    const KernelFile file = must(parse(with_lines(lines({{1, 7, 1}, {3, 88, 5}})).build()));
    assert_string_equal(line_of(file, 0).c_str(), "none");
    assert_string_equal(line_of(file, 1).c_str(), "a.s:7");
    assert_string_equal(line_of(file, 2).c_str(), "a.s:7");
    assert_string_equal(line_of(file, 3).c_str(), "dir/b.cpp:88");
    assert_string_equal(line_of(file, 4).c_str(), "none"); // there is no such instruction
    assert_string_equal(line_of(file, 0, spec::Engine::SP).c_str(), "none");
    const KernelFile hole = must(parse(with_lines(lines({{0, 7, 1}, {1, 0, 0}, {2, 8, 0}})).build()));
    assert_string_equal(line_of(hole, 1).c_str(), "none");
    assert_string_equal(line_of(hole, 2).c_str(), ":8"); // of a file without a name
    assert_string_equal(line_of(must(parse(good_image().build())), 0).c_str(), "none");
}

void the_file_is_kept_as_it_was_read(void **) {
    const Bytes bytes = good_image().build();
    assert_true(std::ranges::equal(must(parse(bytes)).bytes(), bytes));
}

void bad_lines_are_refused(void **) {
    const auto refused = [](const Image &image, const char *why) {
        must_fail(parse(image.build()), ErrorCode::invalid_argument, why);
    };
    refused(with_lines(lines({{4, 1, 1}})), "test.nk: section .line.pe: entry 0 is about instruction 4 of 4");
    refused(with_lines(lines({{1, 1, 1}, {1, 2, 1}})), "section .line.pe: entry 1 does not ascend");
    refused(with_lines(lines({{2, 1, 1}, {1, 2, 1}})), "section .line.pe: entry 1 does not ascend");
    refused(with_lines(lines({{0, 1, 15}})), "entry 0: no name begins at 15 of section .linestr");
    refused(with_lines(lines({{0, 1, 2}})), "entry 0: no name begins at 2 of section .linestr");
    refused(with_lines(lines({{0, 1, 1}}), std::string(1, '\0')), "no name begins at 1 of section .linestr");
    refused(with_lines(lines({{0, 1, 0}}), ""), "section .linestr: the last name has no end");
    refused(with_lines(lines({{0, 1, 0}}), "a.s"), "section .linestr: the last name has no end");
    refused(with_lines(lines({{0, 1, 1}}), two_names, ".line.warp"), "section .line.warp names no engine");
    refused(with_lines(bytes_of_text("0123456789")), "section .line.pe is no array of lines");
    Image twice = with_lines(lines({{0, 1, 1}}));
    twice.add(".line.pe", lines({{0, 1, 1}}));
    refused(twice, "section .line.pe is there twice");
    Image names = with_lines(lines({{0, 1, 1}}));
    names.add(std::string(spec::LINE_NAMES), bytes_of_text(two_names), SHT_STRTAB);
    refused(names, "two sections .linestr");
    Image type = with_lines(lines({{0, 1, 1}}));
    type.sections[2].type = SHT_PROGBITS;
    refused(type, "section .linestr is not a string table");
    Image note = with_lines(lines({{0, 1, 1}}));
    note.sections[0].type = SHT_NOTE;
    refused(note, "section .line.pe is no array of lines");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(good_file_gives_streams_params_and_labels),
        cmocka_unit_test(instructions_have_the_lines_of_the_entries_before_them),
        cmocka_unit_test(the_file_is_kept_as_it_was_read),
        cmocka_unit_test(bad_lines_are_refused),
        cmocka_unit_test(missing_file_is_not_found),
        cmocka_unit_test(directory_is_not_a_kernel),
        cmocka_unit_test(file_and_memory_read_alike),
        cmocka_unit_test(empty_file_is_refused),
        cmocka_unit_test(wrong_magic_is_refused),
        cmocka_unit_test(wrong_class_is_refused),
        cmocka_unit_test(wrong_endianness_is_refused),
        cmocka_unit_test(wrong_machine_is_refused),
        cmocka_unit_test(wrong_type_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_single_byte_error_is_survived),
        cmocka_unit_test(other_major_is_a_version_mismatch),
        cmocka_unit_test(newer_minor_is_a_version_mismatch),
        cmocka_unit_test(missing_isa_note_is_refused),
        cmocka_unit_test(two_isa_notes_are_refused),
        cmocka_unit_test(cores_that_no_chip_has_are_refused),
        cmocka_unit_test(cut_note_is_refused),
        cmocka_unit_test(note_of_wrong_size_is_refused),
        cmocka_unit_test(unknown_note_is_refused),
        cmocka_unit_test(foreign_note_is_refused),
        cmocka_unit_test(reserved_bytes_of_notes_must_be_zero),
        cmocka_unit_test(bad_param_names_are_refused),
        cmocka_unit_test(bad_param_indices_are_refused),
        cmocka_unit_test(bad_shapes_are_refused),
        cmocka_unit_test(unknown_kind_and_type_are_refused),
        cmocka_unit_test(scalar_with_a_shape_is_refused),
        cmocka_unit_test(partial_instruction_is_refused),
        cmocka_unit_test(unknown_engine_is_refused),
        cmocka_unit_test(second_stream_of_an_engine_is_refused),
        cmocka_unit_test(file_without_instructions_is_refused),
        cmocka_unit_test(relocations_are_refused),
        cmocka_unit_test(label_between_instructions_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("hal_kernel_file", tests, nullptr, nullptr);
}
