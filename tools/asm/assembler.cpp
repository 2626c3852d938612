// SPDX-License-Identifier: MIT
#include "assembler.hpp"

#include "instruction.hpp"
#include "lexer.hpp"
#include "program.hpp"

namespace neuron::assembler {

tl::expected<KernelImage, Errors> assemble(std::string_view source, const std::vector<Definition> &definitions,
                                           const spec::ProfileDesc *profile) {
    Diagnostics diagnostics;
    const std::vector<Line> lines = lex(source, diagnostics);
    Program program(definitions, profile, diagnostics);
    program.run(lines);
    KernelImage image = program.finish();
    if (diagnostics.any())
        return tl::unexpected(diagnostics.list());
    return image;
}

tl::expected<InstructionBytes, Errors> assemble_one(std::string_view text, spec::Engine engine,
                                                    const std::vector<KernelParam> &params) {
    Diagnostics diagnostics;
    const std::vector<Line> lines = lex(text, diagnostics);
    Symbols symbols;
    symbols.engine = engine;
    symbols.params = params;
    if (lines.size() != 1)
        diagnostics.error({}, "not one instruction");
    if (diagnostics.any())
        return tl::unexpected(diagnostics.list());
    Cursor cursor(lines[0]);
    const auto read = read_instruction(cursor, symbols, diagnostics);
    if (read && read->label)
        diagnostics.error(read->label->where, "label in a single instruction");
    if (!read || diagnostics.any())
        return tl::unexpected(diagnostics.list());
    return read->encoded.bytes;
}

std::string profile_names() {
    std::string out;
    for (const spec::ProfileDesc &profile : spec::profiles())
        out += (out.empty() ? "" : ", ") + std::string(profile.name);
    return out;
}

std::string render(const Errors &errors, std::string_view file, std::string_view source) {
    std::string out;
    for (const Diagnostic &diagnostic : errors)
        out += render(diagnostic, file, source);
    return out;
}

} // namespace neuron::assembler
