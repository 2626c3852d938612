// SPDX-License-Identifier: MIT
/**
 * @file
 * Parameters of a kernel, and blocks of their memory.
 */
#pragma once

#include <neuron/builder/operand.hpp>
#include <neuron/builder/shape.hpp>

namespace neuron::builder {

/** A launch argument, for load_arg(). */
struct Argument {
    std::uint32_t index = 0;
};

/**
 * A block of memory: rows of elements. `Named`: it says its type itself, so the transfer converts where the tile has another.
 * Otherwise the tile must have elements of the same type.
 */
template<spec::Dtype D, bool Named, std::int64_t Rows, std::int64_t Elements>
struct Mem {
    static constexpr spec::Dtype dtype = D;
    static constexpr bool named = Named;
    static constexpr std::int64_t rows = Rows;
    static constexpr std::int64_t elements = Elements;
    MemValue value;
};

/** Memory behind a parameter, with elements of a type. */
template<spec::Dtype D, bool Named>
class View {
public:
    constexpr explicit View(std::uint32_t arg) : arg_(arg) {}

    /** `x.block<128, 512>(0)`: rows, then dimensions outermost first, dense unless a Dim has a step in bytes. */
    template<Dim Rows, Dim... Dims>
    constexpr auto block(Shifted address = 0) const {
        static_assert(sizeof...(Dims) > 0, "a block has rows and dimensions");
        return Mem<D, Named, Rows.num, FixedDims<Dims...>::elements>{value(address, Rows, FixedDims<Dims...>{})};
    }
    /** The same with numbers that the compiler does not know. */
    template<std::convertible_to<Dim>... Dims>
    requires(sizeof...(Dims) > 0) constexpr auto block(Shifted address, Dim rows, Dims... list) const {
        return Mem<D, Named, unknown, unknown>{value(address, rows, dims(list...))};
    }
    /** One element. */
    constexpr auto element(Shifted address = 0) const { return block<1, 1>(address); }

    constexpr operator Argument() const { return {arg_}; } // NOLINT(google-explicit-constructor)

protected:
    template<class W>
    constexpr MemValue value(Shifted address, Dim rows, const W &walk) const {
        return {arg_, D, address, rows, detail::padded<MemValue::most_dims>(walk), W::rank};
    }
    std::uint32_t arg_;
};

/** A tensor parameter. */
template<spec::Dtype D>
class Tensor : public View<D, false> {
public:
    using View<D, false>::View;
    /** Its memory with elements of another type, or of its own by name: transfers convert to and from it. */
    template<spec::Dtype Other>
    constexpr View<Other, true> as() const {
        return View<Other, true>(this->arg_);
    }
};

/** A 64-bit parameter: load_arg() reads it. Where it is an address, as() gives the memory there. */
class ScalarParam {
public:
    constexpr explicit ScalarParam(std::uint32_t arg) : arg_(arg) {}
    template<spec::Dtype D>
    constexpr View<D, true> as() const {
        return View<D, true>(arg_);
    }
    constexpr operator Argument() const { return {arg_}; } // NOLINT(google-explicit-constructor)

private:
    std::uint32_t arg_;
};

} // namespace neuron::builder
