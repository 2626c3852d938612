// SPDX-License-Identifier: MIT
// One core and full tiles in its SBUF, to run an instruction by turns with a plain loop that works on the same memory.
#ifndef NEURON_TESTS_CORE_BENCH_HPP
#define NEURON_TESTS_CORE_BENCH_HPP

#include "bench.hpp"

#include "compute/execute.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace bench {

namespace spec = neuron::spec;

constexpr unsigned ROWS = spec::PARTITIONS;
constexpr unsigned COLUMNS = 2048;
constexpr std::uint32_t TILE_BYTES = COLUMNS * sizeof(float);
constexpr int ROUNDS = 41;
constexpr int REPEATS = 10; // per turn: about a millisecond

// Byte offsets in a partition: two operands, the result, and a few scalars.
constexpr std::uint32_t A = 0, B = TILE_BYTES, OUT = 2 * TILE_BYTES, SCALARS = 3 * TILE_BYTES;

constexpr const char *PLAIN = "plain loop, -O3 -march=native";

/// The chip's side. An instruction that faults ends the program.
class Core {
public:
    template<class Insn>
    void run(spec::Engine engine, const Insn &insn) {
        neuron::chip::ExecContext context{engine, VERSION, regs_, memory_, state_, *tensor_engine_};
        if (!neuron::chip::execute_compute(context, Insn::OPCODE, spec::packed(insn))) {
            std::fprintf(stderr, "an instruction faults: %s\n", std::string(spec::name(Insn::OPCODE)).c_str());
            std::exit(1);
        }
    }

    /// An element of SBUF: partition and byte offset in it.
    template<class T>
    T *at(unsigned row, std::uint32_t offset) {
        return reinterpret_cast<T *>(memory_.partition(spec::Space::SBUF, row).data() + offset);
    }

private:
    static constexpr unsigned VERSION = 4;

    neuron::chip::CoreMemory memory_{SCALARS + 64};
    std::unique_ptr<neuron::chip::TensorEngine> tensor_engine_ = std::make_unique<neuron::chip::TensorEngine>();
    neuron::chip::EngineState state_;
    std::array<std::uint32_t, spec::SEQ_REGISTERS> regs_{};
};

/// `columns` elements in all partitions.
inline spec::Tile tile(spec::Dtype dtype, std::uint32_t offset, unsigned columns = COLUMNS) {
    return {.offset = offset,
            .partitions = ROWS,
            .space = spec::Space::SBUF,
            .dtype = dtype,
            .step = {1, 0, 0, 0},
            .num = {static_cast<std::uint16_t>(columns), 1, 1, 1}};
}

struct Comparison {
    std::string name;
    double goal = 1.0;
    const char *against = PLAIN;
    unsigned columns = COLUMNS; ///< elements per partition that count
};

/// Reports how many elements per second the instruction does, beside a loop: `loop(row)` does the same for one row.
template<class Insn, class Loop>
void compare(Core &core, const Comparison &what, spec::Engine engine, const Insn &insn, Loop loop) {
    const auto chip = [&] {
        for (int i = 0; i < REPEATS; ++i)
            core.run(engine, insn);
    };
    const auto plain = [&] {
        for (int i = 0; i < REPEATS; ++i) {
            for (unsigned r = 0; r < ROWS; ++r)
                loop(r);
        }
    };
    const auto medians = by_turns(ROUNDS, {{chip}, {plain}});
    const double work = 1e-9 * ROWS * what.columns * REPEATS;
    report({.name = what.name,
            .value = work / medians[0],
            .unit = "Gelements/s",
            .baseline = work / medians[1],
            .goal = what.goal,
            .against = what.against});
}

} // namespace bench

#endif // NEURON_TESTS_CORE_BENCH_HPP
