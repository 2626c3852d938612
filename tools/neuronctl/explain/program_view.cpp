// SPDX-License-Identifier: MIT
#include "program_view.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include <kernel_place.hpp>
#include <source_line.hpp>

#include "../../asm/assembler.hpp"
#include "../../asm/disassembler.hpp"
#include "../../asm/symbols.hpp"
#include "../../support/files.hpp"

namespace neuronctl {
namespace {

namespace spec = neuron::spec;
namespace assembler = neuron::assembler;

const neuron::InstructionBytes &bytes_of(const neuron::encoding::KernelImage &image, spec::Engine engine,
                                         std::uint32_t pc) {
    return image.streams[spec::raw(engine)][pc];
}

template<class T>
T unpacked(const neuron::InstructionBytes &bytes) {
    return spec::unpack<T>(std::span(bytes).template first<T::BYTES>());
}

// The disassembler aligns columns.
std::string one_blank(std::string text) {
    const auto both_blank = [](char a, char b) { return a == ' ' && b == ' '; };
    text.erase(std::unique(text.begin(), text.end(), both_blank), text.end());
    return text;
}

// Names come from files of others, and go to a terminal.
void make_plain(std::string &name) {
    std::ranges::replace_if(
        name, [](char c) { return c < ' ' || c > '~'; }, '?');
}

Outcome<ProgramView> assembled(const std::string &path, const std::vector<std::string> &definitions) {
    const auto bytes = neuron::support::read_file(path);
    if (!bytes)
        return tl::unexpected(input_error(bytes.error()));
    const std::string source(reinterpret_cast<const char *>(bytes->data()), bytes->size());
    std::vector<assembler::Definition> list;
    for (const std::string &text : definitions) {
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0)
            return tl::unexpected(usage_error(fmt::format("--define {}: expected NAME=VALUE", text)));
        list.push_back({text.substr(0, equals), text.substr(equals + 1)});
    }
    auto image = assembler::assemble(source, list);
    if (!image)
        return tl::unexpected(usage_error(
            fmt::format("{}:{}: {}", path, image.error().front().where.line, image.error().front().message)));
    image->sources = {path};
    return ProgramView(path, std::move(*image));
}

} // namespace

Outcome<ProgramView> ProgramView::load(const std::string &path, const std::vector<std::string> &definitions) {
    if (path.ends_with(".s"))
        return assembled(path, definitions);
    if (!definitions.empty())
        return tl::unexpected(usage_error("--define goes with a source (.s)"));
    const auto file = neuron::KernelFile::load(path);
    if (!file)
        return tl::unexpected(input_error(file.error()));
    return ProgramView(path, assembler::to_image(*file));
}

ProgramView::ProgramView(const std::string &name, neuron::encoding::KernelImage image)
    : name_(std::filesystem::path(name).stem().string()), image_(std::move(image)) {
    make_plain(name_);
    std::ranges::for_each(image_.sources, make_plain);
    for (neuron::KernelSymbol &symbol : image_.symbols)
        make_plain(symbol.name);
    for (neuron::KernelParam &param : image_.params)
        make_plain(param.name);
}

bool ProgramView::has(spec::Engine engine, std::uint32_t pc) const {
    return spec::raw(engine) < image_.streams.size() && pc < image_.streams[spec::raw(engine)].size();
}

std::string ProgramView::label(spec::Engine engine, std::uint32_t pc) const {
    const auto place = [](const neuron::KernelSymbol &symbol) { return std::pair(symbol.engine, symbol.instruction); };
    const auto behind = std::ranges::upper_bound(image_.symbols, std::pair(engine, pc), {}, place);
    const neuron::KernelSymbol *const best =
        behind == image_.symbols.begin() || std::prev(behind)->engine != engine ? nullptr : &*std::prev(behind);
    if (best == nullptr)
        return {};
    return best->instruction == pc ? best->name : fmt::format("{}+{}", best->name, pc - best->instruction);
}

std::uint32_t ProgramView::line(spec::Engine engine, std::uint32_t pc) const {
    const auto &lines = image_.lines[spec::raw(engine)];
    return pc < lines.size() ? lines[pc].line : 0;
}

std::string ProgramView::line_text(spec::Engine engine, std::uint32_t pc) const {
    const std::uint32_t number = line(engine, pc);
    if (number == 0)
        return name_;
    const std::uint32_t file = image_.lines[spec::raw(engine)][pc].file;
    const std::string source = file < image_.sources.size() ? image_.sources[file] : "";
    if (source.empty() || std::filesystem::path(source).stem() == name_)
        return fmt::format("line {} of {}", number, name_);
    return fmt::format("line {} of {}, {}", number, neuron::detail::below_build_folder(source), name_);
}

std::optional<spec::Engine> ProgramView::engine_of(const neuron::FaultInfo &fault) const {
    neuron::detail::Streams streams;
    std::ranges::copy(image_.streams, streams.begin());
    return neuron::detail::engine_of(fault, streams);
}

std::string ProgramView::place(spec::Engine engine, std::uint32_t pc) const {
    if (!has(engine, pc))
        return fmt::format("instruction {}", pc);
    std::string out = fmt::format("instruction {} (", pc);
    if (const std::string text = label(engine, pc); !text.empty())
        out += text + ", ";
    const std::string text = one_blank(assembler::instruction_text(bytes_of(image_, engine, pc), image_, engine));
    return out + fmt::format("{}: {})", line_text(engine, pc), text.empty() ? "no instruction" : text);
}

std::vector<ProgramView::Producer> ProgramView::producers(std::uint32_t semaphore) const {
    std::vector<Producer> out;
    for (const spec::Engine engine : spec::values<spec::Engine>()) {
        const auto &stream = image_.streams[spec::raw(engine)];
        for (std::uint32_t pc = 0; pc < stream.size(); ++pc) {
            const auto header = unpacked<spec::InstructionHeader>(stream[pc]);
            const auto grows = [](spec::UpdateOp op) { return op == spec::UpdateOp::ADD || op == spec::UpdateOp::SET; };
            if (grows(header.update_op) && header.update_sem == semaphore)
                out.push_back({engine, pc, false});
            if (header.opcode == spec::Opcode::SEM_REMOTE) {
                const auto remote = unpacked<spec::InsnSemRemote>(stream[pc]);
                if (grows(remote.op) && remote.sem == semaphore)
                    out.push_back({engine, pc, true});
            }
            if (header.opcode == spec::Opcode::CORE_BARRIER &&
                unpacked<spec::InsnCoreBarrier>(stream[pc]).sem == semaphore)
                out.push_back({engine, pc, true});
        }
    }
    return out;
}

bool ProgramView::closed(spec::Engine engine, std::uint32_t first, std::uint32_t last) const {
    if (!has(engine, last))
        return false;
    for (std::uint32_t pc = first; pc <= last; ++pc) {
        const auto &bytes = bytes_of(image_, engine, pc);
        const auto opcode = unpacked<spec::InstructionHeader>(bytes).opcode;
        if (opcode == spec::Opcode::END)
            return false;
        if (opcode != spec::Opcode::BRANCH) {
            if (pc == last)
                return false;
            continue;
        }
        const auto branch = unpacked<spec::InsnBranch>(bytes);
        if (branch.target < first || branch.target > last)
            return false;
        if (pc == last && branch.cond != spec::Cond::ALWAYS)
            return false;
    }
    return true;
}

} // namespace neuronctl
