// SPDX-License-Identifier: MIT
/**
 * @file
 * A kernel makes the same file, byte for byte but for the lines, whether it is written in assembly or in C++.
 */
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "assembler.hpp"
#include "kernels/hello.hpp"
#include "kernels/matmul.hpp"
#include "kernels/ring.hpp"
#include "without_lines.hpp"

extern "C" {
#include <cmocka.h>
}

namespace {

using neuron::assembler::Definition;
using neuron::builder::Kernel;
using Bytes = std::vector<std::byte>;

Bytes assembled(const std::string &path, const std::vector<Definition> &definitions) {
    const char *top = std::getenv("NEURON_TOP");
    assert_non_null(top);
    std::ifstream file(std::string(top) + "/" + path);
    const std::string source(std::istreambuf_iterator<char>(file), {});
    assert_true(!source.empty());
    const auto image = neuron::assembler::assemble(source, definitions);
    if (!image)
        fail_msg("%s", neuron::assembler::render(image.error(), path, source).c_str());
    return builder_test::without_lines(neuron::assembler::write_elf(*image).value());
}

neuron::spec::Engine engine_with_code(const neuron::KernelFile &file) {
    for (const auto engine : neuron::spec::values<neuron::spec::Engine>())
        if (!file.stream(engine).empty())
            return engine;
    fail();
    return {};
}

/// Its lines are those of the calls.
Bytes built(const Kernel &kernel) {
    auto file = kernel.file();
    if (!file)
        fail_msg("%s", file.error().message.c_str());
    const auto read = neuron::KernelFile::parse(*file, "built").value();
    assert_non_null(std::strstr(std::string(read.line(engine_with_code(read), 0).value().file).c_str(), ".hpp"));
    return builder_test::without_lines(read);
}

void expect_same(const Kernel &kernel, const std::string &path, const std::vector<Definition> &definitions = {}) {
    const Bytes ours = built(kernel), theirs = assembled(path, definitions);
    assert_int_equal(ours.size(), theirs.size());
    assert_memory_equal(ours.data(), theirs.data(), ours.size());
}

void hello(void **) {
    Kernel kernel;
    builder_test::hello(kernel);
    expect_same(kernel, "kernels/hello/hello.s");
}

template<neuron::spec::Dtype In, neuron::spec::Dtype Out>
void expect_matmul(const builder_test::MatmulOptions &options) {
    Kernel kernel;
    builder_test::Matmul<In, Out>(kernel, options).build();
    expect_same(kernel, "kernels/matmul/matmul.s",
                {{"M", std::to_string(options.m)},
                 {"N", std::to_string(options.n)},
                 {"K", std::to_string(options.k)},
                 {"IN_F32", In == neuron::builder::f32 ? "1" : "0"},
                 {"OUT_F32", Out == neuron::builder::f32 ? "1" : "0"}});
}

void matmul(void **) {
    using neuron::builder::bf16, neuron::builder::f32;
    expect_matmul<bf16, bf16>({});
    expect_matmul<bf16, f32>({.m = 128, .n = 512, .k = 128});
    expect_matmul<f32, bf16>({.m = 300, .n = 700, .k = 200});
    expect_matmul<f32, f32>({.m = 1, .n = 1, .k = 1});
    expect_matmul<bf16, bf16>({.m = 1030, .n = 1030, .k = 1030});
}

template<neuron::spec::Dtype D>
void expect_ring(const builder_test::RingOptions &options, const std::vector<Definition> &type) {
    Kernel kernel;
    builder_test::Ring<D>(kernel, options).build();
    std::vector<Definition> definitions = {{"CORES", std::to_string(options.cores)},
                                           {"CHIPS", std::to_string(options.chips)},
                                           {"COLUMNS", std::to_string(options.columns)},
                                           {"REDUCE", options.reduce ? "1" : "0"},
                                           {"GATHER", options.gather ? "1" : "0"}};
    definitions.insert(definitions.end(), type.begin(), type.end());
    expect_same(kernel, "kernels/collectives/ring.s", definitions);
}

void collectives(void **) {
    expect_ring<neuron::builder::f32>({}, {});
    expect_ring<neuron::builder::f32>({.cores = 8}, {});
    expect_ring<neuron::builder::bf16>({.cores = 4, .columns = 64, .gather = false}, {{"BF16", "1"}});
    expect_ring<neuron::builder::f16>({.cores = 3, .columns = 7, .reduce = false}, {{"F16", "1"}});
    expect_ring<neuron::builder::f32>({.cores = 2, .chips = 3}, {});
    expect_ring<neuron::builder::f32>({.cores = 1, .chips = 2, .gather = false}, {});
}

} // namespace

int main() {
    const CMUnitTest tests[] = {cmocka_unit_test(hello), cmocka_unit_test(matmul), cmocka_unit_test(collectives)};
    return cmocka_run_group_tests_name("same_file", tests, nullptr, nullptr);
}
