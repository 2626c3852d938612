// SPDX-License-Identifier: MIT
/**
 * @file
 * Registers, semaphores, and the sums that addresses are.
 */
#pragma once

#include <concepts>
#include <cstdint>

#include <neuron/spec.hpp>

namespace neuron::builder {

/** A register of a sequencer; r0 reads as zero. `reg<5>` is checked by the compiler, `Reg(n)` when it is used. */
struct Reg {
    std::int64_t number = 0;
    constexpr Reg() = default;
    constexpr explicit Reg(std::int64_t n) : number(n) {}
};

namespace detail {
template<std::int64_t N>
constexpr Reg checked_reg() {
    static_assert(N >= 0 && N < spec::SEQ_REGISTERS, "there is no such register");
    return Reg(N);
}
} // namespace detail

template<std::int64_t N>
inline constexpr Reg reg = detail::checked_reg<N>();

/** A register, a number, or the sum of both: address in a tile, operand of a branch or an addition. */
struct Sum {
    Reg reg{};
    std::int64_t offset = 0;
    constexpr Sum(Reg r) : reg(r) {} // NOLINT(google-explicit-constructor): written as operands
    constexpr Sum(std::integral auto n) : offset(static_cast<std::int64_t>(n)) {} // NOLINT(google-explicit-constructor)
    constexpr Sum(Reg r, std::int64_t n) : reg(r), offset(n) {}
};

/** A sum whose register counts shifted left: an address in memory. */
struct Shifted {
    Sum sum;
    std::int64_t shift = 0;
    constexpr Shifted(Sum s) : sum(s) {}                // NOLINT(google-explicit-constructor)
    constexpr Shifted(Reg r) : sum(r) {}                // NOLINT(google-explicit-constructor)
    constexpr Shifted(std::integral auto n) : sum(n) {} // NOLINT(google-explicit-constructor)
    constexpr Shifted(Sum s, std::int64_t by) : sum(s), shift(by) {}
};

constexpr Sum operator+(Sum a, std::integral auto n) { return {a.reg, a.offset + static_cast<std::int64_t>(n)}; }
constexpr Sum operator+(std::integral auto n, Sum a) { return a + n; }
constexpr Sum operator-(Sum a, std::integral auto n) { return {a.reg, a.offset - static_cast<std::int64_t>(n)}; }
constexpr Shifted operator<<(Reg r, std::integral auto by) { return {Sum(r), static_cast<std::int64_t>(by)}; }
constexpr Shifted operator+(std::same_as<Shifted> auto a, std::integral auto n) { return {a.sum + n, a.shift}; }
// Of a register alone, which could become either.
constexpr Sum operator+(Reg r, std::integral auto n) { return Sum(r) + n; }
constexpr Sum operator+(std::integral auto n, Reg r) { return Sum(r) + n; }
constexpr Sum operator-(Reg r, std::integral auto n) { return Sum(r) - n; }

/** What an instruction waits for. */
struct Wait {
    spec::WaitOp op = spec::WaitOp::NONE;
    std::int64_t sem = 0;
    std::int64_t value = 0;
};
/** `sem >= n`: may be waited for, and taken. */
struct AtLeast : Wait {};
/** `sem == n`: may be waited for. */
struct Exactly : Wait {};

/** What an instruction does to a semaphore once it has completed. */
struct Update {
    spec::UpdateOp op = spec::UpdateOp::NONE;
    std::int64_t sem = 0;
    std::int64_t value = 0;
};

/** A semaphore of a core. `sem<5>` is checked by the compiler, `Semaphore(n)` when it is used. */
struct Semaphore {
    std::int64_t number = 0;
    constexpr explicit Semaphore(std::int64_t n) : number(n) {}
    constexpr Semaphore(const Semaphore &) = default;
    ~Semaphore() = default;

    constexpr AtLeast operator>=(std::int64_t n) const { return {{spec::WaitOp::GE, number, n}}; }
    constexpr Exactly operator==(std::int64_t n) const { return {{spec::WaitOp::EQ, number, n}}; }
    constexpr Update operator+=(std::int64_t n) const { return {spec::UpdateOp::ADD, number, n}; }
    constexpr Update operator-=(std::int64_t n) const { return {spec::UpdateOp::SUB, number, n}; }
    // As it is written in assembly: an update to give to then(), not an assignment.
    constexpr Update operator=(std::int64_t n) const { // NOLINT(misc-unconventional-assign-operator)
        return {spec::UpdateOp::SET, number, n};
    }
    Semaphore &operator=(const Semaphore &) = delete;
};

namespace detail {
template<std::int64_t N>
constexpr Semaphore checked_sem() {
    static_assert(N >= 0 && N < spec::SEMAPHORES, "there is no such semaphore");
    return Semaphore(N);
}
} // namespace detail

template<std::int64_t N>
inline constexpr Semaphore sem = detail::checked_sem<N>();

} // namespace neuron::builder
