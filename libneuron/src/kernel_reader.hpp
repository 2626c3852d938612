// SPDX-License-Identifier: MIT
// Takes a kernel file apart.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include <gelf.h>

#include <neuron/kernel_file.hpp>

namespace neuron {

/** Reads one image into a KernelFile; used once. Any error names the file and the thing in it. */
class KernelReader {
public:
    KernelReader(std::span<const std::byte> image, std::string name);
    ~KernelReader();
    KernelReader(const KernelReader &) = delete;
    KernelReader &operator=(const KernelReader &) = delete;

    Result<KernelFile> read();

private:
    struct Section {
        Elf_Scn *handle;
        GElf_Shdr header;
        std::string name;
    };

    Result<void> identify();
    Result<void> open_elf();
    Result<void> list_sections();
    Result<void> read_section(const Section &section);
    Result<void> read_stream(const Section &section);
    Result<void> read_notes(const Section &section);
    Result<void> read_isa(std::span<const std::byte> desc);
    Result<void> read_param(std::span<const std::byte> desc);
    Result<void> check_tensor(const spec::NoteParam &note, KernelParam &param);
    Result<void> finish_params();
    Result<void> read_symbols(const Section &section);
    Result<void> read_source_names(const Section &section);
    Result<void> read_lines(const Section &section);

    std::vector<char> image_; // a copy: libelf wants it writable
    KernelFile file_;
    Elf *elf_ = nullptr;
    std::vector<Section> sections_;
    std::vector<int> stream_section_; // section index of each engine's stream, -1 without one
    std::array<GElf_Shdr, KernelFile::engines> stream_header_{};
    bool isa_seen_ = false;
};

} // namespace neuron
