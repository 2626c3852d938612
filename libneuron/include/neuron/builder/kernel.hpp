// SPDX-License-Identifier: MIT
/**
 * @file
 * A kernel that is written in C++.
 */
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <neuron/kernel_file.hpp>

#include <neuron/builder/instructions.hpp>

namespace neuron::builder {

/** What was found wrong, and where the call stands. */
struct BuildError {
    std::string file;
    std::uint32_t line = 0; ///< 0: of the kernel as a whole.
    std::string message;

    /** "matmul.cpp:12: dst has 513 elements per partition: at most 512". */
    NEURON_API std::string text() const;
};

struct KernelOptions {
    /** The chip that the kernel is for; nullptr: any. What it does not have is an error. */
    const spec::ProfileDesc *profile = nullptr;
};

/**
 * Collects parameters and instructions, and makes the file that the assembler would make of the same ones.
 *
 * Calls do not fail: what is wrong is collected, with the place of the call, and file() reports it.
 *
 * Threading: one thread at a time; kernels are independent of each other.
 */
class Kernel {
public:
    NEURON_API explicit Kernel(const KernelOptions &options = {});
    NEURON_API ~Kernel();
    NEURON_API Kernel(Kernel &&) noexcept;
    NEURON_API Kernel &operator=(Kernel &&) noexcept;

    // ---- parameters, in the order of the launch arguments

    template<spec::Dtype D>
    Tensor<D> in(std::string name, std::initializer_list<std::int64_t> dims, Where where = Where::here()) {
        return Tensor<D>(param(std::move(name), spec::ParamKind::IN, D, dims, where));
    }
    template<spec::Dtype D>
    Tensor<D> out(std::string name, std::initializer_list<std::int64_t> dims, Where where = Where::here()) {
        return Tensor<D>(param(std::move(name), spec::ParamKind::OUT, D, dims, where));
    }
    template<spec::Dtype D>
    Tensor<D> inout(std::string name, std::initializer_list<std::int64_t> dims, Where where = Where::here()) {
        return Tensor<D>(param(std::move(name), spec::ParamKind::INOUT, D, dims, where));
    }
    ScalarParam scalar(std::string name, Where where = Where::here()) {
        return ScalarParam(param(std::move(name), spec::ParamKind::SCALAR, spec::Dtype{}, {}, where));
    }

    // ---- what a launch must give

    /** So many cores, because they wait for each other. Without it, any number. */
    NEURON_API void cores(std::int64_t number, Where where = Where::here());
    /** SBUF bytes per partition. Without it the tiles tell, unless one moves with a register. */
    NEURON_API void sbuf_bytes(std::int64_t bytes, Where where = Where::here());

    // ---- instructions

    template<spec::Engine E>
    Engine<E> engine() noexcept {
        return Engine<E>(*state_);
    }
    Engine<spec::Engine::PE> pe() noexcept { return engine<spec::Engine::PE>(); }
    Engine<spec::Engine::ACT> act() noexcept { return engine<spec::Engine::ACT>(); }
    Engine<spec::Engine::DVE> dve() noexcept { return engine<spec::Engine::DVE>(); }
    Engine<spec::Engine::POOL> pool() noexcept { return engine<spec::Engine::POOL>(); }
    Engine<spec::Engine::SP> sp() noexcept { return engine<spec::Engine::SP>(); }

    /** Labels made while it lives are its own. */
    Scope scope() noexcept { return Scope(*state_); }

    // ---- the result

    /** What is wrong so far; no more than the first 20. */
    NEURON_API std::vector<BuildError> errors() const;
    /**
     * The kernel file, for KernelFile::parse() and for files by convention called `.nko`. The kernel stays as it is.
     * @return invalid_argument with the first error, and how many more there are.
     */
    NEURON_API Result<std::vector<std::byte>> file() const;

private:
    NEURON_API std::uint32_t param(std::string name, spec::ParamKind kind, spec::Dtype dtype,
                                   std::span<const std::int64_t> dims, Where where);
    std::uint32_t param(std::string name, spec::ParamKind kind, spec::Dtype dtype,
                        std::initializer_list<std::int64_t> dims, Where where) {
        return param(std::move(name), kind, dtype, std::span(dims.begin(), dims.size()), where);
    }
    std::unique_ptr<detail::KernelState> state_;
};

/**
 * Runs `body` `count` times, with `counter` from 0: a loop of the sequencer. `body` adds the instructions of one pass.
 */
template<spec::Engine E, class Body>
void repeat(const Engine<E> &engine, Reg counter, std::int64_t count, Body &&body, Where where = Where::here()) {
    const Scope scope = engine.scope();
    engine.move(counter, 0, where);
    const Label<E> loop = engine.here("loop", where);
    body();
    engine.add(counter, counter, 1, where);
    engine.blt(counter, count, loop, where);
}

} // namespace neuron::builder
