// SPDX-License-Identifier: MIT
// neuronctl asm
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "../asm/assembler.hpp"
#include "../asm/symbols.hpp"
#include "../support/files.hpp"
#include "commands.hpp"
#include "device_options.hpp"

namespace neuronctl {
namespace {

namespace assembler = neuron::assembler;

struct Options {
    std::string source;
    std::string output;
    std::vector<std::string> definitions;
    std::string profile;
    bool no_lines = false;
};

Outcome<std::vector<assembler::Definition>> definitions_of(const std::vector<std::string> &texts) {
    std::vector<assembler::Definition> out;
    for (const std::string &text : texts) {
        const std::size_t equals = text.find('=');
        if (equals == 0)
            return tl::unexpected(usage_error(fmt::format("-D {}: expected NAME=VALUE", text)));
        // As with a C compiler, a name alone is 1.
        out.push_back({text.substr(0, equals), equals == std::string::npos ? "1" : text.substr(equals + 1)});
    }
    return out;
}

// nullptr without a name.
Outcome<const neuron::spec::ProfileDesc *> profile_of(const std::string &name) {
    if (name.empty())
        return nullptr;
    if (const neuron::spec::ProfileDesc *profile = neuron::spec::find_profile(std::string_view(name)))
        return profile;
    return tl::unexpected(usage_error(
        fmt::format("--profile {}: there is no such chip; there are {}", name, assembler::profile_names())));
}

Failure source_errors(const assembler::Errors &errors, const std::string &file, std::string_view source) {
    const std::string text = assembler::render(errors, file, source);
    Failure failure{Exit::failed, "assembly", {}, {}, text};
    failure.message = text.substr(0, text.find('\n'));
    if (errors.size() > 1)
        failure.message += fmt::format(" (and {} more)", errors.size() - 1);
    Json list = Json::array();
    for (const assembler::Diagnostic &error : errors)
        list.push_back({{"line", error.where.line}, {"column", error.where.column}, {"message", error.message}});
    failure.details = {{"file", file}, {"diagnostics", list}};
    return failure;
}

Json summary(const Options &options, const assembler::KernelImage &image, std::size_t bytes) {
    Json streams = Json::object();
    for (const neuron::spec::Engine engine : neuron::spec::values<neuron::spec::Engine>())
        streams[assembler::lower(neuron::spec::name(engine))] = image.streams[static_cast<std::size_t>(engine)].size();
    return {{"output", options.output}, {"bytes", bytes}, {"params", image.params.size()}, {"instructions", streams}};
}

std::string summary_text(const Options &options, const assembler::KernelImage &image, std::size_t bytes) {
    std::string streams;
    for (const neuron::spec::Engine engine : neuron::spec::values<neuron::spec::Engine>())
        if (const auto &stream = image.streams[static_cast<std::size_t>(engine)]; !stream.empty())
            streams += fmt::format("{}{} {}", streams.empty() ? "" : ", ", assembler::lower(neuron::spec::name(engine)),
                                   stream.size());
    return fmt::format("{}: {} parameters, instructions: {}; {}\n", options.output, image.params.size(), streams,
                       bytes_text(bytes));
}

Outcome<void> assemble(const Global &global, Options options) {
    const auto definitions = definitions_of(options.definitions);
    if (!definitions)
        return tl::unexpected(definitions.error());
    const auto profile = profile_of(options.profile);
    if (!profile)
        return tl::unexpected(profile.error());
    const auto bytes = neuron::support::read_file(options.source);
    if (!bytes)
        return tl::unexpected(input_error(bytes.error()));
    const std::string_view source(reinterpret_cast<const char *>(bytes->data()), bytes->size());
    auto image = assembler::assemble(source, *definitions, *profile);
    if (!image)
        return tl::unexpected(source_errors(image.error(), options.source, source));
    image->sources = {options.source};
    if (options.no_lines)
        image->lines = {};
    const auto elf = assembler::write_elf(*image);
    if (!elf)
        return tl::unexpected(device_error(elf.error()));
    if (options.output.empty())
        options.output = std::filesystem::path(options.source).filename().replace_extension(".nko").string();
    if (const auto done = neuron::support::write_file(options.output, *elf); !done)
        return tl::unexpected(input_error(done.error()));
    print_result(global, "asm", summary(options, *image, elf->size()), summary_text(options, *image, elf->size()));
    return {};
}

} // namespace

void add_asm(const CommandLine &line) {
    const auto options = std::make_shared<Options>();
    CLI::App *command = line.app.add_subcommand("asm", "Assemble a kernel");
    command->add_option("SOURCE", options->source, "Assembly text (.s)")->type_name("FILE.s")->required();
    command->add_option("-o,--output", options->output, "Kernel file; default: the source's name with .nko, here")
        ->type_name("FILE.nko");
    command->add_option("-D,--define", options->definitions, "Set an .option of the source: NAME=VALUE")
        ->type_name("NAME=VALUE")
        ->expected(1)
        ->take_all();
    command
        ->add_option("--profile", options->profile,
                     "Chip that the kernel is for: what it does not have is an error; default: any")
        ->type_name(choice_type(assembler::profile_names()));
    command->add_flag("--no-lines", options->no_lines, "Do not keep from which lines instructions are");
    command->footer(R"(
Examples:
  neuronctl asm hello.s                          make hello.nko
  neuronctl asm hello.s --profile trn1           only what a trn1 has
  neuronctl asm matmul.s -D M=96 -D N=200 -D K=72 -o small.nko
  readelf -a small.nko                           kernels are ELF files

Errors are reported as file:line:column, several in one go; the exit code is 1 then.)");
    command->callback([options, line] { line.action = [options, line] { return assemble(line.global, *options); }; });
}

} // namespace neuronctl
