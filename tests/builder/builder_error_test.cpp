// SPDX-License-Identifier: MIT
/**
 * @file
 * What the compiler cannot know is found when the kernel is built, and said in the assembler's words, with the place of the
 * call.
 */
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstring>
#include <functional>
#include <string>

#include "assembler.hpp"
#include <neuron/builder.hpp>

extern "C" {
#include <cmocka.h>
}

namespace {

using namespace neuron::builder;
using neuron::spec::DmaOp;
using Build = std::function<void(Kernel &)>;

std::string error_of(const Build &build, const KernelOptions &options = {}) {
    Kernel kernel(options);
    build(kernel);
    const auto file = kernel.file();
    if (file)
        fail_msg("the kernel was built without an error");
    assert_int_equal(file.error().code, neuron::ErrorCode::invalid_argument);
    return file.error().message;
}

/** The message behind "file:line: ". */
std::string words_of(const std::string &error) {
    const std::string here = "builder_error_test.cpp:";
    const auto at = error.find(here);
    if (at == std::string::npos)
        fail_msg("no place in: %s", error.c_str());
    return error.substr(error.find(": ", at) + 2);
}

/** Both ways of writing it give the same words. */
void expect_same(const Build &build, std::string_view source, const neuron::spec::ProfileDesc *profile = nullptr) {
    const auto image = neuron::assembler::assemble(source, {}, profile);
    if (image)
        fail_msg("assembled: %s", std::string(source).c_str());
    assert_string_equal(words_of(error_of(build, {profile})).c_str(), image.error().front().message.c_str());
}

const char *const params = ".param A, in, f32, 128, 512\n.engine sp\n";

// One instruction of SP with a parameter A.
void expect_sp(const std::function<void(const Engine<neuron::spec::Engine::SP> &, const Tensor<f32> &)> &call,
               const std::string &line, const neuron::spec::ProfileDesc *profile = nullptr) {
    expect_same(
        [&](Kernel &kernel) {
            const auto a = kernel.in<f32>("A", {128, 512});
            call(kernel.sp(), a);
        },
        params + line, profile);
}

std::int64_t number(std::int64_t n) { return n; } // that the compiler does not see

void tiles(void **) {
    const auto load = [](std::int64_t first, std::int64_t end, const Sum &at, std::int64_t columns) {
        return [=](const auto &sp, const Tensor<f32> &a) {
            sp.dma_load(sbuf<f32>(partitions(first, end), at, dims(columns)), a.block(0, end - first, columns));
        };
    };
    expect_sp(load(0, 129, 0, 4), "dma_load sbuf.f32[0:129, 0, 4], A[0, 129, 4]");
    expect_sp(load(-1, 3, 0, 4), "dma_load sbuf.f32[-1:3, 0, 4], A[0, 4, 4]");
    expect_sp(load(4, 4, 0, 4), "dma_load sbuf.f32[4:4, 0, 4], A[0, 1, 4]");
    expect_sp(load(16, 32, 0, 4), "dma_load sbuf.f32[16:32, 0, 4], A[0, 16, 4]");
    expect_sp(load(32, 96, 0, 4), "dma_load sbuf.f32[32:96, 0, 4], A[0, 64, 4]");
    expect_sp(load(0, 4, 2, 4), "dma_load sbuf.f32[0:4, 2, 4], A[0, 4, 4]");
    expect_sp(load(0, 4, 1 << 30, 4), "dma_load sbuf.f32[0:4, 0x40000000, 4], A[0, 4, 4]");
    expect_sp(load(0, 4, -4, 4), "dma_load sbuf.f32[0:4, -4, 4], A[0, 4, 4]");
    expect_sp(load(0, 4, 0, 0), "dma_load sbuf.f32[0:4, 0, 0], A[0, 4, 4]");
    expect_sp(load(0, 4, 0, 65536), "dma_load sbuf.f32[0:4, 0, 65536], A[0, 4, 65536]");
    expect_sp(load(0, 4, Reg(64), 4), "dma_load sbuf.f32[0:4, r64, 4], A[0, 4, 4]");
    expect_sp(
        [](const auto &sp, const Tensor<f32> &a) {
            sp.dma_load(sbuf<f32>(partitions(4), 0, dims(Dim(2, 100'000), 4)), a.block(0, 4, 2, 4));
        },
        "dma_load sbuf.f32[0:4, 0, 2@100000, 4], A[0, 4, 2, 4]");
}

void blocks(void **) {
    const auto tile = sbuf<f32>(partitions<4>(), at<0>(), dims<8>());
    expect_sp([&](const auto &sp, const Tensor<f32> &a) { sp.dma_load(tile, a.block(0, 5, 8)); },
              "dma_load sbuf.f32[0:4, 0, 8], A[0, 5, 8]");
    expect_sp([&](const auto &sp, const Tensor<f32> &a) { sp.dma_load(tile, a.block(0, 4, 3, 3)); },
              "dma_load sbuf.f32[0:4, 0, 8], A[0, 4, 3, 3]");
    expect_sp([&](const auto &sp, const Tensor<f32> &a) { sp.dma_load(tile, a.block(reg<1> << 32, 4, 8)); },
              "dma_load sbuf.f32[0:4, 0, 8], A[r1<<32, 4, 8]");
    expect_sp([&](const auto &sp, const Tensor<f32> &a) { sp.dma_load(tile, a.block(0, Dim(4, 1LL << 31), 8)); },
              "dma_load sbuf.f32[0:4, 0, 8], A[0, 4@(1 << 31), 8]");
    expect_sp(
        [&](const auto &sp, const Tensor<f32> &a) { sp.dma_copy(a.block(0, number(4), 8), a.block(0, number(4), 9)); },
        "dma_copy A.f32[0, 4, 8], A.f32[0, 4, 9]");
}

void numbers(void **) {
    const auto tile = sbuf<f32>(partitions<4>(), at<0>(), dims<8>());
    expect_sp([&](const auto &sp, const Tensor<f32> &a) { sp.dma_load(tile, a.block<4, 8>(), {.ring = 16}); },
              "dma_load sbuf.f32[0:4, 0, 8], A[0, 4, 8], ring=16");
    expect_sp([](const auto &sp, const auto &) { sp.move(reg<1>, 0x80000000); }, "move r1, 0x80000000");
    expect_sp([](const auto &sp, const auto &) { sp.move(Reg(70), 1); }, "move r[70], 1");
    expect_sp([](const auto &sp, const auto &) { sp.nop().then(Semaphore(256) += 1); }, "nop then s256+=1");
    expect_sp([](const auto &sp, const auto &) { sp.nop().wait(sem<0> >= -1); }, "nop wait s0>=-1");
    expect_sp([](const auto &sp, const auto &) { sp.nop().take(sem<0> >= 1LL << 32); }, "nop take s0>=0x100000000");
    expect_sp([](const auto &sp, const auto &) { sp.sem_clear(sem<0>, 257); }, "sem_clear s0, 257");
    const std::string op = words_of(error_of([&](Kernel &kernel) {
        const auto a = kernel.in<f32>("A", {4, 8});
        kernel.sp().dma_load(tile, a.block<4, 8>(), {.op = static_cast<DmaOp>(9)});
    }));
    assert_string_equal(op.c_str(), "op: expected one of write, add, max, min, found 9");
}

void limits_of_instructions(void **) {
    expect_same(
        [](Kernel &kernel) {
            kernel.pe().matmul(psum<f32>(partitions<4>(), 0, dims(number(513))),
                               sbuf<bf16>(partitions<4>(), 0, dims(number(513))));
        },
        ".engine pe\nmatmul psum.f32[0:4, 0, 513], sbuf.bf16[0:4, 0, 513]");
    expect_same(
        [](Kernel &kernel) {
            kernel.pe().matmul(psum<f32>(partitions<4>(), number(1024), dims(512)),
                               sbuf<bf16>(partitions<4>(), 0, dims(512)));
        },
        ".engine pe\nmatmul psum.f32[0:4, 1024, 512], sbuf.bf16[0:4, 0, 512]");
    expect_same(
        [](Kernel &kernel) {
            kernel.dve().tensor_scalar(sbuf<f32>(partitions<4>(), 0, dims<8>()),
                                       sbuf<f32>(partitions<4>(), 64, dims<8>()), neuron::spec::TensorOp::ADD,
                                       sbuf<f32>(partitions(number(5)), 128));
        },
        ".engine dve\ntensor_scalar sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 64, 8], add, sbuf.f32[0:5, 128]");
}

void chips(void **) {
    const auto *trn1 = neuron::spec::find_profile("trn1");
    expect_sp(
        [](const auto &sp, const auto &) {
            const auto tile = sbuf<f32>(partitions<4>(), at<0>(), dims<8>());
            sp.dma_send(tile, tile, reg<1>, sem<0>, 1);
        },
        "dma_send sbuf.f32[0:4, 0, 8], sbuf.f32[0:4, 0, 8], r1, s0, value=1", trn1);
    expect_sp(
        [](const auto &sp, const Tensor<f32> &a) {
            sp.dma_load(sbuf<f8e4m3fn>(partitions<4>(), at<0>(), dims<8>()), a.as<f8e4m3fn>().block<4, 8>());
        },
        "dma_load sbuf.f8e4m3fn[0:4, 0, 8], A.f8e4m3fn[0, 4, 8]", trn1);
    expect_sp(
        [](const auto &sp, const Tensor<f32> &a) {
            sp.dma_load(sbuf<f32>(partitions<4>(), at<200'000>(), dims<8>()), a.block<4, 8>());
        },
        "dma_load sbuf.f32[0:4, 200000, 8], A[0, 4, 8]", trn1);
}

void declarations(void **) {
    expect_same([](Kernel &kernel) { kernel.cores(0); }, ".cores 0");
    expect_same([](Kernel &kernel) { kernel.sbuf_bytes(-1); }, ".sbuf -1");
    expect_same(
        [](Kernel &kernel) {
            kernel.sbuf_bytes(16);
            kernel.dve().memset(sbuf<f32>(partitions<4>(), at<0>(), dims<8>()), 0.0F);
        },
        ".sbuf 16\n.engine dve\nmemset sbuf.f32[0:4, 0, 8], 0.0");
    expect_same(
        [](Kernel &kernel) {
            kernel.dve().memset(sbuf<f32>(partitions<4>(), at<0>(), dims<8>()), 0.0F);
            kernel.sbuf_bytes(16);
        },
        ".engine dve\nmemset sbuf.f32[0:4, 0, 8], 0.0\n.sbuf 16");
    expect_same([](Kernel &kernel) { kernel.in<f32>("A", {4, 0}); }, ".param A, in, f32, 4, 0");
    expect_same([](Kernel &kernel) { kernel.in<f32>("A", {}); }, ".param A, in, f32");
    expect_same(
        [](Kernel &kernel) {
            kernel.in<f32>("A", {1, 1, 1, 1, 1, 1, 1});
        },
        ".param A, in, f32, 1, 1, 1, 1, 1, 1, 1");
    expect_same(
        [](Kernel &kernel) {
            kernel.in<f32>("A", {1LL << 40, 1LL << 40});
        },
        ".param A, in, f32, 1 << 40, 1 << 40");
    expect_same([](Kernel &kernel) { kernel.scalar(std::string(32, 'x')); },
                ".param " + std::string(32, 'x') + ", scalar");
    expect_same(
        [](Kernel &kernel) {
            kernel.scalar("A b");
            kernel.scalar("A b");
        },
        ".param \"A b\", scalar\n.param \"A b\", scalar");
    expect_same(
        [](Kernel &kernel) {
            for (int i = 0; i < 33; ++i)
                kernel.scalar("p" + std::to_string(i));
        },
        [] {
            std::string out;
            for (int i = 0; i < 33; ++i)
                out += ".param p" + std::to_string(i) + ", scalar\n";
            return out;
        }());
}

void labels(void **) {
    expect_same(
        [](Kernel &kernel) {
            const auto sp = kernel.sp();
            sp.jump(sp.label("nowhere"));
        },
        ".engine sp\njump nowhere");
    const std::string twice = words_of(error_of([](Kernel &kernel) {
        const auto sp = kernel.sp();
        sp.here("loop");
        sp.nop();
        sp.here("loop");
    }));
    assert_string_equal(twice.c_str(), "label 'loop' is there already");
}

void nothing_to_run(void **) {
    assert_string_equal(error_of([](Kernel &) {}).c_str(), "no engine has instructions");
}

void errors_have_their_lines(void **) {
    Kernel kernel;
    const auto sp = kernel.sp();
    const auto line = static_cast<std::uint32_t>(__LINE__) + 1;
    sp.move(Reg(64), 0);
    sp.move(reg<1>, 0).wait(Semaphore(-1) >= 0);
    const auto errors = kernel.errors();
    assert_int_equal(errors.size(), 2);
    assert_int_equal(errors[0].line, line);
    assert_int_equal(errors[1].line, line + 1);
    assert_non_null(strstr(errors[0].file.c_str(), "builder_error_test.cpp"));
    const auto file = kernel.file();
    assert_non_null(strstr(file.error().message.c_str(), "there is no register r64; they are r0..r63 (and 1 more)"));
}

void no_more_than_the_first_twenty(void **) {
    Kernel kernel;
    for (int i = 0; i < 100; ++i)
        kernel.sp().move(Reg(64), 0);
    assert_int_equal(kernel.errors().size(), neuron::assembler::Diagnostics::limit);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(tiles),
        cmocka_unit_test(blocks),
        cmocka_unit_test(numbers),
        cmocka_unit_test(limits_of_instructions),
        cmocka_unit_test(chips),
        cmocka_unit_test(declarations),
        cmocka_unit_test(labels),
        cmocka_unit_test(nothing_to_run),
        cmocka_unit_test(errors_have_their_lines),
        cmocka_unit_test(no_more_than_the_first_twenty),
    };
    return cmocka_run_group_tests_name("builder_error", tests, nullptr, nullptr);
}
