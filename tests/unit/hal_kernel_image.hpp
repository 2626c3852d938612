// SPDX-License-Identifier: MIT
// Kernel files made by hand, right and wrong ones.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <elf.h>

#include <neuron/spec.hpp>

namespace hal_test {

namespace spec = neuron::spec;
using Bytes = std::vector<std::byte>;

inline void append(Bytes &to, const void *from, std::size_t size) {
    const auto *bytes = static_cast<const std::byte *>(from);
    to.insert(to.end(), bytes, bytes + size);
}

inline void pad(Bytes &bytes, std::size_t align) {
    while (bytes.size() % align != 0)
        bytes.push_back(std::byte{0});
}

/// One ELF note.
inline Bytes note(std::uint32_t type, const Bytes &desc, std::string_view owner = spec::NOTE_OWNER) {
    const Elf64_Nhdr header{static_cast<Elf64_Word>(owner.size() + 1), static_cast<Elf64_Word>(desc.size()), type};
    Bytes out;
    append(out, &header, sizeof(header));
    append(out, owner.data(), owner.size());
    out.push_back(std::byte{0});
    pad(out, 4);
    append(out, desc.data(), desc.size());
    pad(out, 4);
    return out;
}

template<class T>
Bytes bytes_of(const T &value) {
    const auto raw = spec::packed(value);
    return {raw.begin(), raw.end()};
}

inline Bytes isa_note(std::uint32_t version = spec::VERSION, std::uint32_t cores = 0) {
    spec::NoteIsa isa{};
    isa.version = version;
    isa.cores = cores;
    return note(spec::raw(spec::Note::ISA), bytes_of(isa));
}

inline spec::NoteParam tensor(std::string_view name, std::uint16_t index, std::vector<std::uint64_t> dims,
                              spec::ParamKind kind = spec::ParamKind::IN, spec::Dtype dtype = spec::Dtype::F32) {
    spec::NoteParam param{};
    std::ranges::copy(name, param.name.begin());
    param.index = index;
    param.kind = kind;
    param.dtype = dtype;
    param.rank = static_cast<std::uint8_t>(dims.size());
    std::ranges::copy(dims, param.dims.begin());
    return param;
}

inline Bytes param_note(const spec::NoteParam &param) { return note(spec::raw(spec::Note::PARAM), bytes_of(param)); }

inline Bytes operator+(Bytes a, const Bytes &b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

template<class... Insns>
Bytes stream(const Insns &...insns) {
    return (Bytes{} + ... + bytes_of(insns));
}

/// What goes into a file. build() makes the bytes; a test spoils either.
struct Image {
    struct Section {
        std::string name;
        std::uint32_t type = SHT_PROGBITS;
        Bytes data;
        std::uint32_t link = 0;
        std::uint64_t entsize = 0;
    };
    std::uint16_t machine = spec::ELF_MACHINE;
    std::uint16_t type = ET_EXEC;
    std::vector<Section> sections;

    void add(std::string name, Bytes data, std::uint32_t section_type = SHT_PROGBITS) {
        sections.push_back({std::move(name), section_type, std::move(data)});
    }
    void add_notes(Bytes notes) { add(std::string(spec::NOTE_SECTION), std::move(notes), SHT_NOTE); }

    /// A label of the section added last.
    void add_label(std::string_view name, std::uint64_t offset) {
        Bytes names{std::byte{0}};
        append(names, name.data(), name.size());
        names.push_back(std::byte{0});
        std::vector<Elf64_Sym> symbols(2);
        symbols[1].st_name = 1;
        symbols[1].st_info = ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE);
        symbols[1].st_shndx = static_cast<Elf64_Section>(sections.size());
        symbols[1].st_value = offset;
        add(".strtab", names, SHT_STRTAB);
        Bytes table;
        append(table, symbols.data(), symbols.size() * sizeof(Elf64_Sym));
        sections.push_back(
            {".symtab", SHT_SYMTAB, table, static_cast<std::uint32_t>(sections.size()), sizeof(Elf64_Sym)});
    }

    Bytes build() const {
        std::vector<Section> all = sections;
        all.push_back({".shstrtab", SHT_STRTAB, {}});
        Bytes names{std::byte{0}};
        std::vector<Elf64_Shdr> headers(1);
        for (const Section &section : all) {
            Elf64_Shdr header{};
            header.sh_name = static_cast<Elf64_Word>(names.size());
            header.sh_type = section.type;
            header.sh_addralign = 1;
            header.sh_link = section.link;
            header.sh_entsize = section.entsize;
            headers.push_back(header);
            append(names, section.name.c_str(), section.name.size() + 1);
        }
        all.back().data = names;
        Bytes out(sizeof(Elf64_Ehdr));
        for (std::size_t i = 0; i < all.size(); ++i) {
            pad(out, 8);
            headers[i + 1].sh_offset = out.size();
            headers[i + 1].sh_size = all[i].data.size();
            out = std::move(out) + all[i].data;
        }
        pad(out, 8);
        Elf64_Ehdr header{};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = type;
        header.e_machine = machine;
        header.e_version = EV_CURRENT;
        header.e_ehsize = sizeof(Elf64_Ehdr);
        header.e_shentsize = sizeof(Elf64_Shdr);
        header.e_shoff = out.size();
        header.e_shnum = static_cast<Elf64_Half>(headers.size());
        header.e_shstrndx = static_cast<Elf64_Half>(headers.size() - 1);
        std::memcpy(out.data(), &header, sizeof(header));
        append(out, headers.data(), headers.size() * sizeof(Elf64_Shdr));
        return out;
    }
};

} // namespace hal_test
