// SPDX-License-Identifier: MIT
#include <set>

#include <encoding/words.hpp>
#include <fmt/format.h>

#include "call.hpp"
#include "rules.hpp"
#include "writer.hpp"

namespace neuron::generate {
namespace {

std::string options(const Call &call) {
    std::string out = fmt::format("/** What `{}` may leave out. */\nstruct {} {{\n", call.name(), call.options_name());
    for (const Slot &slot : call.slots())
        if (slot.optional)
            out += fmt::format("    {}; ///< {}\n", call.option(slot), slot.operand->doc);
    return out + "};\n\n";
}

std::string template_line(const Call &call) {
    std::string list;
    for (const Slot &slot : call.slots()) {
        if (slot.optional)
            continue;
        if (Call::is_generic(*slot.operand))
            list += (list.empty() ? "class " : ", class ") + camel(slot.name);
        else if (slot.operand->kind == OperandKind::ARRAY)
            list += (list.empty() ? "std::size_t " : ", std::size_t ") + camel(slot.name) + "Count";
    }
    return list.empty() ? std::string() : fmt::format("    template<{}>\n", list);
}

// The enumerator that a short form stands for, or nullptr.
const spec::EnumValueDesc *short_for(const Call &call) {
    if (call.mnemonic().implied.empty())
        return nullptr;
    const encoding::Implied &implied = call.mnemonic().implied.front();
    return implied.operand->enum_desc->find(static_cast<std::uint64_t>(implied.value));
}

// "alu add"
std::string long_form(const Call &call) {
    const spec::EnumValueDesc *value = short_for(call);
    const std::string word = encoding::lower(call.instruction().name);
    return value != nullptr ? word + " " + encoding::lower(value->name) : word;
}

std::string doc(const Call &call) {
    const spec::EnumValueDesc *value = short_for(call);
    return value != nullptr ? fmt::format("`{}`: {}", long_form(call), value->doc)
                            : std::string(call.instruction().doc);
}

std::string function(const Call &call) {
    std::string parameters, arguments;
    for (const Slot &slot : call.slots()) {
        if (!slot.optional)
            parameters += call.parameter(slot) + ", ";
        arguments += (arguments.empty() ? "" : ", ") + call.argument(slot);
    }
    if (call.has_options())
        parameters += fmt::format("const {} &options = {{}}, ", call.options_name());
    return fmt::format("    /** {} */\n{}    Emitted<E> {}({}Where where = Where::here()) const {{\n{}"
                       "        return this->emit(\"{}\", {{{}}}, where);\n    }}\n",
                       doc(call), template_line(call), call.name(), parameters, call_rules(call), call.mnemonic().word,
                       arguments);
}

} // namespace

std::string instructions() {
    std::string rules, structs, functions;
    std::set<std::string> seen;
    for (const Call &call : all_calls()) {
        for (const Slot &slot : call.slots())
            if (Call::is_generic(*slot.operand) && seen.insert(call.rules_name(*slot.operand)).second)
                rules += operand_rules(call, *slot.operand);
        if (call.has_options())
            structs += options(call);
        functions += (functions.empty() ? "" : "\n") + function(call);
    }
    return "// SPDX-License-Identifier: MIT\n"
           "// The instructions of each engine. Generated from spec/ - do not edit.\n"
           "#pragma once\n\n#include <neuron/builder/stream.hpp>\n\nnamespace neuron::builder {\n\n"
           "namespace detail::rules {\n\n" +
           rules + "\n} // namespace detail::rules\n\n" + structs +
           "/** The stream of an engine: calls append instructions. A cheap handle of its Kernel, which must outlive "
           "it. */\n"
           "template<spec::Engine E>\nclass Engine : public Stream<E> {\npublic:\n    using Stream<E>::Stream;\n\n" +
           functions + "};\n\n} // namespace neuron::builder\n";
}

std::string calls() {
    std::string out =
        "<!-- SPDX-License-Identifier: MIT -->\n\n# Instructions of the builder\n\n"
        "*Generated from `spec/`. Do not edit: `make builder-calls` writes it.*\n\n"
        "What stands in braces may be left out, and is named: `{.ring = 1}`. [builder.md](builder.md) says what the "
        "operands are.\n\n| Call | Engines | Instruction |\n|---|---|---|\n";
    for (const Call &call : all_calls()) {
        out +=
            fmt::format("| `{}` | {} | [`{}`](isa/{}.md) |\n", call.shown(), encoding::engine_names(call.instruction()),
                        long_form(call), encoding::lower(call.instruction().name));
    }
    return out;
}

} // namespace neuron::generate
