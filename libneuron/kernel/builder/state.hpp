// SPDX-License-Identifier: MIT
/**
 * @file
 * A kernel while it is built.
 */
#pragma once

#include <vector>

#include <encoding/streams.hpp>
#include <neuron/builder/kernel.hpp>

namespace neuron::builder::detail {

struct KernelState {
    explicit KernelState(const spec::ProfileDesc *chip) : profile(chip) {}

    const spec::ProfileDesc *profile;
    encoding::Diagnostics diagnostics;
    encoding::Streams streams{diagnostics};
    std::vector<KernelParam> params;
    std::size_t scopes = 0;              ///< Given out so far.
    std::vector<std::size_t> scope = {}; ///< Open ones, innermost last.

    /** A place in C++ as one of the assembler: the line is an index into `places`, from 1. */
    encoding::Position position(Where where) {
        places.push_back(where);
        return {.line = static_cast<std::uint32_t>(places.size()), .column = 1};
    }
    std::vector<BuildError> errors_of(const encoding::Diagnostics &list) const;
    /** Turns the lines of an image, which are those of position(), into those of the source. */
    void set_lines(encoding::KernelImage &image) const;

private:
    std::vector<Where> places;
};

} // namespace neuron::builder::detail
