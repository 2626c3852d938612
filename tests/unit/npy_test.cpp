// SPDX-License-Identifier: MIT
// The .npy reader and writer: what NumPy writes is read, everything else is refused with its reason.
#include "npy.hpp"

#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
}

namespace {

using namespace neuron;
using spec::Dtype;

// A file with this dictionary, `data` zero bytes, and any version.
std::vector<std::byte> file(const std::string &dictionary, std::size_t data, int major = 1, int minor = 0) {
    std::string text = "\x93NUMPY";
    text += {static_cast<char>(major), static_cast<char>(minor)};
    const std::string header = dictionary + "\n";
    text += static_cast<char>(header.size() & 0xff);
    text += static_cast<char>(header.size() >> 8);
    if (major == 2)
        text.append(2, '\0');
    text += header;
    text.append(data, '\0');
    std::vector<std::byte> out(text.size());
    std::memcpy(out.data(), text.data(), text.size());
    return out;
}

std::string dictionary(const std::string &descr, const std::string &shape, const std::string &fortran = "False") {
    return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
}

npy::Array good(std::vector<std::byte> bytes) {
    auto array = npy::parse(std::move(bytes), "t.npy");
    if (!array)
        fail_msg("%s", array.error().message.c_str());
    return std::move(*array);
}

void expect_error(std::vector<std::byte> bytes, const char *part) {
    const auto array = npy::parse(std::move(bytes), "t.npy");
    if (array)
        fail_msg("read without the error \"%s\"", part);
    const std::string &message = array.error().message;
    if (message.rfind("t.npy: ", 0) != 0 || message.find(part) == std::string::npos)
        fail_msg("\"%s\" is not in: %s", part, message.c_str());
    assert_int_equal(static_cast<int>(array.error().code), static_cast<int>(ErrorCode::invalid_argument));
}

void every_type_is_read_by_its_code(void **) {
    const std::pair<const char *, Dtype> types[] = {
        {"<V2", Dtype::BF16}, {"|V2", Dtype::BF16}, {"<f2", Dtype::F16}, {"<f4", Dtype::F32}, {"|i1", Dtype::I8},
        {"|u1", Dtype::U8},   {"<i2", Dtype::I16},  {"<u2", Dtype::U16}, {"<i4", Dtype::I32}, {"<u4", Dtype::U32}};
    for (const auto &[code, dtype] : types) {
        const npy::Array array = good(file(dictionary(code, "(2, 3)"), 6 * spec::bytes(dtype)));
        assert_int_equal(spec::raw(array.dtype), spec::raw(dtype));
        assert_int_equal(array.shape.size(), 2);
        assert_int_equal(array.data().size(), 6 * spec::bytes(dtype));
    }
}

void shapes_of_any_rank_are_read(void **) {
    assert_int_equal(good(file(dictionary("<f4", "()"), 4)).shape.size(), 0);
    assert_int_equal(good(file(dictionary("<f4", "(5,)"), 20)).shape[0], 5);
    assert_int_equal(good(file(dictionary("<f4", "(0, 4)"), 0)).data().size(), 0);
    assert_int_equal(good(file(dictionary("<f4", "(1, 2, 3, 4, 5, 6, 7)"), 4 * 5040)).shape.size(), 7);
}

void version_two_is_read(void **) { assert_int_equal(good(file(dictionary("<f4", "(3,)"), 12, 2)).data().size(), 12); }

void keys_come_in_any_order_and_quotes(void **) {
    (void)good(file("{\"shape\":(3,),\"descr\":\"<f4\",\"fortran_order\":False}", 12));
}

void what_is_written_is_read_again(void **) {
    const std::vector<std::byte> data(24, std::byte{0x5a});
    const std::uint64_t shape[] = {3, 4};
    const auto bytes = npy::format(Dtype::BF16, shape, data);
    const npy::Array array = good(bytes);
    assert_int_equal(spec::raw(array.dtype), spec::raw(Dtype::BF16));
    assert_int_equal(array.shape[1], 4);
    assert_memory_equal(array.data().data(), data.data(), data.size());
    assert_int_equal(array.data_offset % 64, 0);
    const std::string text(reinterpret_cast<const char *>(bytes.data()) + 10, array.data_offset - 10);
    assert_true(text.starts_with("{'descr': '<V2', 'fortran_order': False, 'shape': (3, 4), }"));
    assert_true(text.ends_with(" \n"));
    const std::uint64_t one[] = {24};
    assert_int_equal(good(npy::format(Dtype::U8, one, data)).shape.size(), 1);
}

void a_wrong_magic_is_refused(void **) {
    auto bytes = file(dictionary("<f4", "(1,)"), 4);
    bytes[1] = std::byte{'n'};
    expect_error(bytes, "not a NumPy array file (wrong magic)");
    expect_error({}, "not a NumPy array file");
}

void other_versions_are_refused(void **) {
    expect_error(file(dictionary("<f4", "(1,)"), 4, 3), "NumPy file version 3.0; 1.0 and 2.0 are supported");
    expect_error(file(dictionary("<f4", "(1,)"), 4, 1, 1), "version 1.1");
}

void fortran_order_is_refused(void **) {
    expect_error(file(dictionary("<f4", "(2, 2)", "True"), 16), "Fortran order; save it with numpy.ascontiguousarray");
}

void big_endian_is_refused(void **) {
    expect_error(file(dictionary(">f4", "(2,)"), 8), "big-endian elements ('>f4'); save it with array.astype('<f4')");
}

void other_element_types_are_refused(void **) {
    for (const char *code : {"<f8", "<i8", "|O", "|b1", "<c8", "|S2", "|V4", "|f4", "=f4", "", "f4", "<V22"})
        expect_error(file(dictionary(code, "(1,)"), 8), "is not supported; there are V2, f2, f4");
    expect_error(file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4), "structured elements");
}

void a_short_or_long_file_is_refused(void **) {
    expect_error(file(dictionary("<f4", "(2, 2)"), 15),
                 "truncated: shape [2, 2] needs 16 bytes of data, the file has 15");
    expect_error(file(dictionary("<f4", "(2, 2)"), 17),
                 "too long: shape [2, 2] needs 16 bytes of data, the file has 17");
    auto bytes = file(dictionary("<f4", "(2,)"), 8);
    bytes.resize(40);
    expect_error(bytes, "truncated in the header");
    bytes = file(dictionary("<f4", "(2,)"), 0, 2);
    bytes.resize(11);
    expect_error(bytes, "truncated in the header");
}

void a_shape_that_overflows_is_refused(void **) {
    expect_error(file(dictionary("<f4", "(4294967296, 4294967296)"), 8), "does not fit 64 bits");
    expect_error(file(dictionary("<f4", "(99999999999999999999,)"), 8), "'shape' must be one tuple of sizes");
    expect_error(file(dictionary("<f4", "(-1,)"), 8), "'shape' must be one tuple of sizes");
}

void a_malformed_header_is_refused(void **) {
    expect_error(file("", 4), "expected '{'");
    expect_error(file("{'descr': '<f4'}", 4), "lacks 'descr', 'fortran_order' or 'shape'");
    expect_error(file("{'descr': '<f4', 'descr': '<f4'}", 4), "'descr' must be one text");
    expect_error(file("{'color': 3}", 4), "unknown key 'color'");
    expect_error(file("{'fortran_order': 0}", 4), "must be True or False");
    expect_error(file("{'descr' '<f4'}", 4), "expected a key and ':'");
    expect_error(file("{'shape': (1,) 'descr': '<f4'}", 4), "expected ',' or '}'");
    expect_error(file("{'descr': '<f4", 4), "'descr' must be one text");
    expect_error(file(dictionary("<f4", "(1,)") + " x", 4), "text behind the dictionary");
}

void a_missing_file_is_named(void **) {
    const auto array = npy::read("/nonexistent/x.npy");
    assert_false(array.has_value());
    assert_string_equal(array.error().message.c_str(), "/nonexistent/x.npy: cannot open: No such file or directory");
    assert_int_equal(static_cast<int>(array.error().code), static_cast<int>(ErrorCode::not_found));
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read_by_its_code),
        cmocka_unit_test(shapes_of_any_rank_are_read),
        cmocka_unit_test(version_two_is_read),
        cmocka_unit_test(keys_come_in_any_order_and_quotes),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_wrong_magic_is_refused),
        cmocka_unit_test(other_versions_are_refused),
        cmocka_unit_test(fortran_order_is_refused),
        cmocka_unit_test(big_endian_is_refused),
        cmocka_unit_test(other_element_types_are_refused),
        cmocka_unit_test(a_short_or_long_file_is_refused),
        cmocka_unit_test(a_shape_that_overflows_is_refused),
        cmocka_unit_test(a_malformed_header_is_refused),
        cmocka_unit_test(a_missing_file_is_named),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("npy", tests, nullptr, nullptr);
}
