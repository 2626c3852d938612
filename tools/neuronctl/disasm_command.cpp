// SPDX-License-Identifier: MIT
// neuronctl disasm
#include <memory>

#include <fmt/format.h>

#include "../asm/disassembler.hpp"
#include "../asm/symbols.hpp"
#include "commands.hpp"

namespace neuronctl {
namespace {

namespace assembler = neuron::assembler;

struct Options {
    std::string file;
    assembler::DisassembleOptions listing;
};

Json to_json(const Options &options, const neuron::KernelFile &file, const assembler::KernelImage &image,
             const std::string &text) {
    Json streams = Json::object();
    for (const neuron::spec::Engine engine : neuron::spec::values<neuron::spec::Engine>()) {
        Json list = Json::array();
        for (const neuron::InstructionBytes &bytes : file.stream(engine))
            list.push_back(assembler::instruction_text(bytes, image, engine));
        streams[assembler::lower(neuron::spec::name(engine))] = std::move(list);
    }
    return {{"file", options.file},
            {"isa_version", version_text(file.isa_version())},
            {"sbuf_bytes", file.sbuf_bytes()},
            {"cores", file.cores()},
            {"streams", streams},
            {"source", text}};
}

Outcome<void> disassemble(const Global &global, const Options &options) {
    const auto file = neuron::KernelFile::load(options.file);
    if (!file)
        return tl::unexpected(input_error(file.error()));
    const assembler::KernelImage image = assembler::to_image(*file);
    const std::string text = assembler::disassemble(image, options.listing);
    print_result(global, "disasm", global.json ? to_json(options, *file, image, text) : Json{}, text);
    return {};
}

} // namespace

void add_disasm(const CommandLine &line) {
    const auto options = std::make_shared<Options>();
    CLI::App *command = line.app.add_subcommand("disasm", "Print a kernel as assembly text");
    command->add_option("KERNEL", options->file, "Kernel file (.nko)")->type_name("FILE.nko")->required();
    command->add_flag("-a,--addresses", options->listing.addresses, "Add index and byte offset of each instruction");
    command->add_flag("-b,--bytes", options->listing.bytes, "Add the bytes of each instruction");
    command->footer(R"(
Examples:
  neuronctl disasm matmul.nko
  neuronctl disasm -a -b matmul.nko              index, offset and bytes as comments
  neuronctl disasm a.nko > b.s && neuronctl asm b.s    b.nko has the same bytes as a.nko)");
    command->callback(
        [options, line] { line.action = [options, line] { return disassemble(line.global, *options); }; });
}

} // namespace neuronctl
