// SPDX-License-Identifier: MIT
// Who called this library.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace neuron::detail {

/** The calls that have led to a place in the library, for who has no SourcePlace to give: destructors. */
class CallSite {
public:
    /** Nobody's. */
    CallSite() = default;
    /** Of the caller's caller. Takes microseconds. */
    [[gnu::noinline]] static CallSite of_caller();

    /** "program+0x1234", as addr2line takes it: the innermost call from outside of this library; "" if nobody knows. */
    std::string module_place() const;
    /** "foo.cc:88", or else "program+0x1234". May take milliseconds: see source_line(). */
    std::string line() const;
    /** "foo.cc:88 (program+0x1234)"; what is not known of it is left out. The two are different calls if the innermost one is
     *  in a header of the system. As slow. */
    std::string text() const;

private:
    /** Containers of containers of buffers are as deep. */
    static constexpr std::size_t depth = 12;
    using Calls = std::array<std::uintptr_t, depth>;

    std::string known_line() const;

    Calls calls_{}; // return addresses, innermost first; 0 behind the last
};

} // namespace neuron::detail
