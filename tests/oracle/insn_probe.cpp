// SPDX-License-Identifier: MIT
// A core's compute part for a test in another language: memory in, instructions, memory out.
//
// Reads requests from standard input until its end and answers each on standard output, raw little-endian:
//   targets                              -> one line: the instruction sets that can be forced, best first
//   target NAME                          -> (nothing) use it from now on
//   core VERSION                         -> (nothing) a new core of that version: all zero
//   write SPACE FIRST ROWS BYTE COUNT <> -> (nothing) ROWS * COUNT bytes, from byte BYTE of partitions FIRST and following
//   read SPACE FIRST ROWS BYTE COUNT     -> ROWS * COUNT bytes
//   reg NUMBER VALUE                     -> (nothing)
//   rounding ENGINE MODE                 -> (nothing) what SET_ROUNDING does
//   exec ENGINE <128 bytes>              -> one line: "ok NUMERIC", its numeric_flag bits, or "fault CODE INFO"
// Exit status 0 at the end of the input, 1 for a request that makes no sense (told on standard error).
#include "compute/simd_targets.hpp" // before Highway

#include "compute/execute.hpp"
#include "compute/instruction_check.hpp"
#include "compute/numeric.hpp"

#include <hwy/highway.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace neuron;

[[noreturn]] void fail(const std::string &what) {
    std::cerr << "insn_probe: " << what << '\n';
    std::exit(1);
}

struct Core {
    unsigned version;
    chip::CoreMemory memory;
    chip::TensorEngine tensor_engine{};
    std::array<chip::EngineState, spec::ENGINE_COUNT> states{};
    std::array<std::uint32_t, spec::SEQ_REGISTERS> regs{};

    explicit Core(unsigned core_version) : version(core_version), memory(sbuf_bytes(core_version)) {
        tensor_engine.reset();
    }

    // Of the first chip that has such cores.
    static std::uint32_t sbuf_bytes(unsigned core_version) {
        for (const spec::ProfileDesc &profile : spec::profiles()) {
            if (profile.core_version == core_version) {
                return profile.sbuf_bytes;
            }
        }
        fail("no chip has such cores");
    }
};

template<class T>
T take() {
    T value{};
    if (!(std::cin >> value)) {
        fail("input ends inside a request");
    }
    return value;
}

template<class E>
E take_enum() {
    const auto name = take<std::string>();
    const auto value = spec::parse<E>(name);
    if (!value) {
        fail("unknown name " + name);
    }
    return *value;
}

void take_bytes(std::span<std::byte> out) {
    if (!std::cin.read(reinterpret_cast<char *>(out.data()), static_cast<std::streamsize>(out.size()))) {
        fail("input ends inside a request");
    }
}

void move(Core &core, bool write) {
    const auto space = take_enum<spec::Space>();
    const auto first = take<unsigned>(), rows = take<unsigned>();
    const auto byte = take<std::size_t>(), count = take<std::size_t>();
    std::cin.get();
    if (first + rows > spec::PARTITIONS || byte + count > core.memory.bytes(space)) {
        fail("outside memory");
    }
    for (unsigned row = 0; row < rows; ++row) {
        const auto place = core.memory.partition(space, first + row).subspan(byte, count);
        if (write) {
            take_bytes(place);
        } else {
            std::cout.write(reinterpret_cast<const char *>(place.data()), static_cast<std::streamsize>(count));
        }
    }
}

void execute(Core &core) {
    const auto engine = take_enum<spec::Engine>();
    std::cin.get();
    std::array<std::byte, spec::INSTRUCTION_BYTES> raw;
    take_bytes(raw);
    chip::ExecContext context{
        engine, core.version, core.regs, core.memory, core.states[spec::raw(engine)], core.tensor_engine};
    auto result = chip::check_instruction(engine, core.version, raw);
    if (result) {
        result = chip::execute_compute(context, static_cast<spec::Opcode>(raw[0]), raw);
    }
    if (result) {
        std::cout << "ok " << unsigned{chip::numeric_flags(context, static_cast<spec::Opcode>(raw[0]), raw)} << '\n';
    } else {
        std::cout << "fault " << spec::name(result.error().code) << ' ' << result.error().info << '\n';
    }
}

void use_target(const std::string &name) {
    hwy::SetSupportedTargetsForTest(0);
    for (const auto target : hwy::SupportedAndGeneratedTargets()) {
        if (hwy::TargetName(target) == name) {
            hwy::SetSupportedTargetsForTest(target);
            hwy::GetChosenTarget().Update(hwy::SupportedTargets());
            return;
        }
    }
    fail("unknown target " + name);
}

void tell_targets() {
    hwy::SetSupportedTargetsForTest(0);
    for (const auto target : hwy::SupportedAndGeneratedTargets()) {
        std::cout << hwy::TargetName(target) << ' ';
    }
    std::cout << '\n';
}

} // namespace

int main() {
    std::ios::sync_with_stdio(false);
    auto core = std::make_unique<Core>(4);
    std::string request;
    while (std::cin >> request) {
        if (request == "targets") {
            tell_targets();
        } else if (request == "target") {
            use_target(take<std::string>());
        } else if (request == "core") {
            core = std::make_unique<Core>(take<unsigned>());
        } else if (request == "write" || request == "read") {
            move(*core, request == "write");
        } else if (request == "reg") {
            const auto number = take<std::size_t>();
            core->regs.at(number) = take<std::uint32_t>();
        } else if (request == "rounding") {
            const auto engine = take_enum<spec::Engine>();
            core->states[spec::raw(engine)].rounding = take_enum<spec::Rounding>();
        } else if (request == "exec") {
            execute(*core);
        } else {
            fail("unknown request " + request);
        }
        if (std::cin.rdbuf()->in_avail() == 0) {
            std::cout.flush();
        }
    }
    return 0;
}
