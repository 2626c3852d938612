// SPDX-License-Identifier: MIT
#include <algorithm>

#include <fmt/format.h>

#include <encoding/words.hpp>
#include <neuron/spec.hpp>

#include "writer.hpp"

namespace neuron::generate {

using encoding::lower;

std::string tables() {
    std::string out = "// SPDX-License-Identifier: MIT\n"
                      "// Of the hardware contract, what the compiler must know. Generated from spec/ - do not edit.\n"
                      "#pragma once\n\n#include <cstdint>\n\n#include <neuron/spec.hpp>\n\n"
                      "namespace neuron::builder {\n\n// Element types, as in assembly.\n";
    for (const spec::Dtype type : spec::values<spec::Dtype>())
        out += fmt::format("inline constexpr spec::Dtype {} = spec::Dtype::{};\n", lower(spec::name(type)),
                           spec::name(type));
    const auto largest = std::ranges::max_element(spec::profiles(), {}, &spec::ProfileDesc::sbuf_bytes);
    out += fmt::format("\n/** SBUF of the largest chip, per partition. */\n"
                       "inline constexpr std::int64_t most_sbuf_bytes = {};\n\n",
                       largest->sbuf_bytes);
    out += "/** 0 for what is no element type. */\nconstexpr std::int64_t element_bytes(spec::Dtype type) {\n"
           "    switch (type) {\n";
    for (const spec::Dtype type : spec::values<spec::Dtype>())
        out += fmt::format("    case spec::Dtype::{}: return {};\n", spec::name(type), spec::bytes(type));
    return out + "    }\n    return 0;\n}\n\n} // namespace neuron::builder\n";
}

} // namespace neuron::generate
