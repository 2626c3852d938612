// SPDX-License-Identifier: MIT
/**
 * @file
 * The instruction stream of an engine, without its instructions.
 */
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include <neuron/export.hpp>

#include <neuron/builder/check.hpp>
#include <neuron/builder/where.hpp>

namespace neuron::builder {

namespace detail {
struct KernelState;

NEURON_API std::size_t emit(KernelState &state, spec::Engine engine, std::string_view word,
                            std::initializer_list<Operand> operands, Where where);
NEURON_API void set_wait(KernelState &state, spec::Engine engine, std::size_t index, const Wait &wait, Where where);
NEURON_API void set_update(KernelState &state, spec::Engine engine, std::size_t index, const Update &update,
                           Where where);
NEURON_API std::string label_name(const KernelState &state, std::string_view name);
NEURON_API void place_label(KernelState &state, spec::Engine engine, const std::string &name, Where where);
NEURON_API std::size_t open_scope(KernelState &state);
NEURON_API void close_scope(KernelState &state);
} // namespace detail

/** A place in the stream of one engine: engines do not jump into each other's. */
template<spec::Engine E>
class Label {
public:
    const std::string &name() const noexcept { return name_; }

private:
    template<spec::Engine>
    friend class Stream;
    explicit Label(std::string name) : name_(std::move(name)) {}
    std::string name_;
};

/** An instruction that has its wait. */
template<spec::Engine E>
class Waiting {
public:
    Waiting(detail::KernelState &state, std::size_t index) : state_(&state), index_(index) {}
    /** `.then(sem += 1)`: once it has completed. Nothing comes after it. */
    void then(const Update &update, Where where = Where::here()) const {
        detail::set_update(*state_, E, index_, update, where);
    }

protected:
    detail::KernelState *state_;
    std::size_t index_;
};

/** An instruction as it was just added: at most one wait or take, then at most one update. */
template<spec::Engine E>
class Emitted : public Waiting<E> {
public:
    using Waiting<E>::Waiting;
    /** `.wait(sem >= 1)` or `.wait(sem == 1)`: before it executes. */
    Waiting<E> wait(const AtLeast &condition, Where where = Where::here()) const { return set(condition, where); }
    Waiting<E> wait(const Exactly &condition, Where where = Where::here()) const { return set(condition, where); }
    /** `.take(sem >= 1)`: waits and subtracts in one step. */
    Waiting<E> take(AtLeast condition, Where where = Where::here()) const {
        condition.op = spec::WaitOp::TAKE;
        return set(condition, where);
    }

private:
    Waiting<E> set(const Wait &wait, Where where) const {
        detail::set_wait(*this->state_, E, this->index_, wait, where);
        return *this;
    }
};

/**
 * Labels made while a scope lives are its own: the kernel file calls `loop` then `loop$3`. So a function may be called
 * twice. As a macro's call and a `.rept` do in assembly.
 */
class Scope {
public:
    explicit Scope(detail::KernelState &state) : state_(state) { detail::open_scope(state_); }
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;
    ~Scope() { detail::close_scope(state_); }

private:
    detail::KernelState &state_;
};

template<spec::Engine E>
class Stream {
public:
    explicit Stream(detail::KernelState &state) : state_(&state) {}

    /** A label to place later. */
    Label<E> label(std::string_view name) const { return Label<E>(detail::label_name(*state_, name)); }
    /** The label stands before the next instruction. */
    void place(const Label<E> &label, Where where = Where::here()) const {
        detail::place_label(*state_, E, label.name_, where);
    }
    /** A label that stands before the next instruction. */
    Label<E> here(std::string_view name, Where where = Where::here()) const {
        Label<E> out = label(name);
        place(out, where);
        return out;
    }
    Scope scope() const { return Scope(*state_); }

protected:
    Emitted<E> emit(std::string_view word, std::initializer_list<Operand> operands, Where where) const {
        return {*state_, detail::emit(*state_, E, word, operands, where)};
    }
    static Operand target(const Label<E> &label) { return LabelName{label.name_}; }

private:
    detail::KernelState *state_;
};

// ---- operands that instructions take as they are

template<class E>
struct Flags {
    std::int64_t bits = 0;
    constexpr Flags() = default;
    constexpr Flags(E flag) : bits(spec::raw(flag)) {}            // NOLINT(google-explicit-constructor)
    constexpr Flags(std::underlying_type_t<E> set) : bits(set) {} // NOLINT(google-explicit-constructor)
};

namespace detail {

/** A scalar that may be left out. Rules are the generated ones of the operand. */
template<class Rules>
class OptionalScalar {
public:
    constexpr OptionalScalar() = default;
    template<class S>
    constexpr OptionalScalar(const S &value) // NOLINT(google-explicit-constructor): `.bias = 1.5F`
        : value_(scalar_value(as_scalar(value))) {
        Rules::template check<S>();
    }
    Operand operand() const { return value_; }

private:
    ScalarValue value_;
};

template<class S>
Operand scalar_operand(const S &value) {
    return scalar_value(as_scalar(value));
}
template<class T>
Operand tile_operand(const T &tile) {
    return tile.value();
}
template<class E>
Operand enum_operand(E value) {
    return static_cast<std::int64_t>(spec::raw(value));
}
inline Operand fp32_operand(float value) { return std::int64_t{std::bit_cast<std::uint32_t>(value)}; }

} // namespace detail

} // namespace neuron::builder
