// SPDX-License-Identifier: MIT
// Runs instructions on the compute part of the chip for a test in another language.
//
// Reads requests from standard input until its end and answers each on standard output, raw little-endian:
//   targets                              -> one line: the instruction sets that can be forced, best first
//   target NAME                          -> (nothing) use it from now on
//   copy SRC DST COUNT <src>             -> COUNT elements of dtype DST
//   matmul SD MD K M N ACC <...>         -> M*N fp32. SD, MD: dtypes of stationary and moving. Data: [M][N] fp32 if ACC
//                                           is 1, then stationary [K][M], then moving [K][N]. K tiles of up to
//                                           PARTITIONS accumulate in one group.
// Exit status 0 at the end of the input, 1 for a fault or a request that makes no sense (told on standard error).
#include "compute/simd_targets.hpp" // before Highway

#include "compute/dma_tile.hpp"
#include "compute/execute.hpp"

#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace neuron;

[[noreturn]] void fail(const std::string &what) {
    std::cerr << "compute_probe: " << what << '\n';
    std::exit(1);
}

constexpr unsigned CORE_VERSION = 4; // the newest has all

struct Core {
    chip::CoreMemory memory{spec::find_profile("trn2")->sbuf_bytes};
    chip::TensorEngine tensor_engine{};
    std::array<std::uint32_t, spec::SEQ_REGISTERS> regs{};

    template<class Insn>
    void run(spec::Engine engine, const Insn &insn) {
        const auto bytes = spec::packed(insn);
        chip::EngineState state;
        chip::ExecContext context{engine, CORE_VERSION, regs, memory, state, tensor_engine};
        const auto result = chip::execute_compute(context, Insn::OPCODE, bytes);
        if (!result) {
            fail("fault " + std::string(spec::name(result.error().code)) + ", info " +
                 std::to_string(result.error().info));
        }
    }
};

std::uint8_t count8(std::size_t value) { return static_cast<std::uint8_t>(value); }
std::uint16_t count16(std::size_t value) { return static_cast<std::uint16_t>(value); }

spec::Tile dense(spec::Space space, std::uint32_t offset, std::size_t partitions, spec::Dtype dtype,
                 std::size_t elements) {
    return {.offset = offset,
            .partitions = count8(partitions),
            .space = space,
            .dtype = dtype,
            .step = {1, 0, 0, 0},
            .num = {count16(elements), 1, 1, 1}};
}

std::vector<std::byte> read_bytes(std::size_t count) {
    std::vector<std::byte> bytes(count);
    if (!std::cin.read(reinterpret_cast<char *>(bytes.data()), static_cast<std::streamsize>(count))) {
        fail("input ends inside a request");
    }
    return bytes;
}

void write_bytes(std::span<const std::byte> bytes) {
    std::cout.write(reinterpret_cast<const char *>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

void fill(Core &core, const spec::Tile &tile, std::span<const std::byte> bytes) {
    const auto view = chip::resolve(tile, 0, 0, core.memory).value();
    for (unsigned row = 0; row < view.partitions(); ++row) {
        chip::scatter(core.memory, view, row, bytes.subspan(row * view.row_bytes(), view.row_bytes()));
    }
}

void drain(Core &core, const spec::Tile &tile) {
    const auto view = chip::resolve(tile, 0, 0, core.memory).value();
    std::vector<std::byte> row_bytes(view.row_bytes());
    for (unsigned row = 0; row < view.partitions(); ++row) {
        chip::gather(core.memory, view, row, row_bytes);
        write_bytes(row_bytes);
    }
}

spec::Dtype read_dtype() {
    std::string name;
    std::cin >> name;
    const auto dtype = spec::parse<spec::Dtype>(name);
    if (!dtype) {
        fail("unknown dtype " + name);
    }
    return *dtype;
}

void copy(Core &core) {
    const spec::Dtype from = read_dtype();
    const spec::Dtype to = read_dtype();
    std::size_t count = 0;
    std::cin >> count;
    std::cin.get();
    constexpr std::size_t MOST = 16384;
    if (count < 1 || count > MOST) {
        fail("copy takes 1.." + std::to_string(MOST) + " elements");
    }
    const spec::Tile src = dense(spec::Space::SBUF, 0, 1, from, count);
    const spec::Tile dst = dense(spec::Space::SBUF, MOST * 4, 1, to, count);
    fill(core, src, read_bytes(count * spec::bytes(from)));
    core.run(spec::Engine::ACT, spec::InsnCopy{.dst = dst, .src = src});
    drain(core, dst);
}

void matmul(Core &core) {
    const spec::Dtype stationary_type = read_dtype();
    const spec::Dtype moving_type = read_dtype();
    std::size_t k = 0, m = 0, n = 0;
    bool accumulate = false;
    std::cin >> k >> m >> n >> accumulate;
    std::cin.get();
    if (k < 1 || m < 1 || m > spec::MATMUL_MAX_ROWS || n < 1 || n > spec::MATMUL_MAX_COLS) {
        fail("matmul out of range");
    }
    const spec::Tile dst = dense(spec::Space::PSUM, spec::PSUM_BANK_BYTES, m, spec::Dtype::F32, n);
    const auto start_values = read_bytes(accumulate ? m * n * 4 : 0);
    const auto stationary = read_bytes(k * m * spec::bytes(stationary_type));
    const auto moving = read_bytes(k * n * spec::bytes(moving_type));

    core.tensor_engine.reset();
    std::uint8_t flags = spec::raw(spec::MatmulFlag::START);
    const std::size_t warm_up = accumulate ? 1 : 0; // opens the group, then PSUM is overwritten
    for (std::size_t step = 0, first = 0; first < k; ++step) {
        const std::size_t rows = std::min<std::size_t>(k - first, spec::PARTITIONS);
        const spec::Tile a = dense(spec::Space::SBUF, 0, rows, stationary_type, m);
        const spec::Tile b = dense(spec::Space::SBUF, 4096, rows, moving_type, n);
        const std::size_t a_row = m * spec::bytes(stationary_type);
        const std::size_t b_row = n * spec::bytes(moving_type);
        fill(core, a, std::span(stationary).subspan(first * a_row, rows * a_row));
        fill(core, b, std::span(moving).subspan(first * b_row, rows * b_row));
        core.run(spec::Engine::PE, spec::InsnLdweights{.src = a});
        core.run(spec::Engine::PE, spec::InsnMatmul{.dst = dst, .moving = b, .flags = flags});
        flags = 0;
        if (step < warm_up) {
            fill(core, dst, start_values);
        } else {
            first += rows;
        }
    }
    drain(core, dst);
}

void use_target(const std::string &name) {
    for (const auto target : hwy::SupportedAndGeneratedTargets()) {
        if (hwy::TargetName(target) == name) {
            hwy::SetSupportedTargetsForTest(target);
            hwy::GetChosenTarget().Update(hwy::SupportedTargets());
            return;
        }
    }
    fail("unknown target " + name);
}

} // namespace

int main() {
    const auto core = std::make_unique<Core>();
    core->tensor_engine.reset();
    std::string request;
    while (std::cin >> request) {
        if (request == "targets") {
            hwy::SetSupportedTargetsForTest(0);
            for (const auto target : hwy::SupportedAndGeneratedTargets()) {
                std::cout << hwy::TargetName(target) << ' ';
            }
            std::cout << '\n';
        } else if (request == "target") {
            std::string name;
            std::cin >> name;
            hwy::SetSupportedTargetsForTest(0);
            use_target(name);
        } else if (request == "copy") {
            copy(*core);
        } else if (request == "matmul") {
            matmul(*core);
        } else {
            fail("unknown request " + request);
        }
        std::cout.flush();
    }
    return 0;
}
