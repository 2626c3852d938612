// SPDX-License-Identifier: MIT
// What the other tenant does on core 1 while somebody hostile is on the chip.
#ifndef NEURON_TESTS_FUZZ_VICTIM_HPP
#define NEURON_TESTS_FUZZ_VICTIM_HPP

#include "arena.hpp"

namespace fuzz {

class Victim {
public:
    static constexpr std::uint32_t CORE_MASK = 2;

    /// Leaves `secret` all over a part of the core's SBUF and PSUM.
    Victim(Arena &arena, std::uint64_t secret);
    /// Starts a program of three engines and two rings.
    void start_work();
    /// Requires that the program has done what it should. If nobody else was on the core, what was left in it must still be
    /// there; otherwise it is there or all gone.
    void check(bool core_was_shared);

private:
    void launch(std::uint64_t program);
    void write_plant();
    void write_work();
    void write_read_back();

    Arena &arena_;
    std::uint64_t secret_;
};

} // namespace fuzz

#endif // NEURON_TESTS_FUZZ_VICTIM_HPP
