// SPDX-License-Identifier: MIT
#include "image.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <span>

#include <fmt/format.h>
#include <libelf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "words.hpp"

namespace neuron::encoding {
namespace {

/** Names of a string table, each once; offset 0 is the empty name. */
class Strings {
public:
    std::uint32_t add(std::string_view text) {
        if (text.empty())
            return 0;
        const auto at = static_cast<std::uint32_t>(bytes_.size());
        bytes_.append(text);
        bytes_.push_back('\0');
        return at;
    }
    std::string &bytes() { return bytes_; }

private:
    std::string bytes_ = std::string(1, '\0');
};

struct Fd {
    int fd;
    ~Fd() {
        if (fd >= 0)
            close(fd);
    }
};

/** Builds one file. libelf keeps pointers to the section contents, so they live here until the end. */
class Writer {
public:
    explicit Writer(const KernelImage &image) : image_(image) {}
    Writer(const Writer &) = delete;
    Writer &operator=(const Writer &) = delete;
    ~Writer() {
        if (elf_ != nullptr)
            elf_end(elf_);
    }

    Result<std::vector<std::byte>> run() {
        // libelf writes to descriptors only.
        const Fd file{memfd_create("kernel", MFD_CLOEXEC)};
        if (file.fd < 0)
            return tl::unexpected(Error{ErrorCode::io, fmt::format("memfd_create: {}", strerrordesc_np(errno))});
        elf_version(EV_CURRENT);
        elf_ = elf_begin(file.fd, ELF_C_WRITE, nullptr);
        Elf64_Ehdr *header = elf_ != nullptr ? elf64_newehdr(elf_) : nullptr;
        if (header == nullptr || !fill(*header) || elf_update(elf_, ELF_C_WRITE) < 0)
            return tl::unexpected(Error{ErrorCode::io, fmt::format("libelf: {}", elf_errmsg(-1))});
        return contents(file.fd);
    }

private:
    bool fill(Elf64_Ehdr &header) {
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_type = ET_EXEC;
        header.e_machine = spec::ELF_MACHINE;
        header.e_version = EV_CURRENT;
        return notes() && streams() && lines() && symbols() && names(header);
    }

    // Appends a section; the caller fills in the rest of its header.
    Elf64_Shdr *section(std::string_view name, Elf64_Word type, Elf_Type data_type, std::span<const std::byte> bytes,
                        std::size_t align) {
        Elf_Scn *scn = elf_newscn(elf_);
        Elf_Data *data = scn != nullptr ? elf_newdata(scn) : nullptr;
        Elf64_Shdr *header = scn != nullptr ? elf64_getshdr(scn) : nullptr;
        if (data == nullptr || header == nullptr)
            return nullptr;
        // libelf does not write to it when the file is only written.
        data->d_buf = const_cast<std::byte *>(bytes.data());
        data->d_size = bytes.size();
        data->d_type = data_type;
        data->d_align = align;
        data->d_version = EV_CURRENT;
        header->sh_name = section_names_.add(name);
        header->sh_type = type;
        header->sh_addralign = align;
        last_section_ = elf_ndxscn(scn);
        return header;
    }

    template<class T>
    void note(spec::Note type, const T &value) {
        const auto put = [&](std::uint32_t word) {
            for (int i = 0; i < 4; ++i)
                notes_.push_back(static_cast<std::byte>(word >> (8 * i) & 0xff));
        };
        const std::string_view owner = spec::NOTE_OWNER;
        put(static_cast<std::uint32_t>(owner.size() + 1));
        put(T::BYTES);
        put(spec::raw(type));
        for (const char c : owner)
            notes_.push_back(static_cast<std::byte>(c));
        do
            notes_.push_back(std::byte{0});
        while (notes_.size() % 4 != 0);
        const auto bytes = spec::packed(value);
        notes_.insert(notes_.end(), bytes.begin(), bytes.end());
    }

    bool notes() {
        spec::NoteIsa isa;
        isa.version = spec::VERSION;
        isa.cores = image_.cores;
        isa.sbuf_bytes = image_.sbuf_bytes;
        note(spec::Note::ISA, isa);
        for (const KernelParam &param : image_.params) {
            spec::NoteParam value;
            std::ranges::copy(param.name, value.name.begin());
            value.index = param.index;
            value.kind = param.kind;
            if (param.is_tensor()) {
                value.dtype = param.dtype;
                value.rank = static_cast<std::uint8_t>(param.dims.size());
                std::ranges::copy(param.dims, value.dims.begin());
            }
            note(spec::Note::PARAM, value);
        }
        // The bytes are in their final form: ELF_T_NHDR would have libelf swap them on a big-endian host.
        return section(spec::NOTE_SECTION, SHT_NOTE, ELF_T_BYTE, notes_, 4) != nullptr;
    }

    bool streams() {
        for (std::size_t i = 0; i < image_.streams.size(); ++i) {
            const auto &stream = image_.streams[i];
            if (stream.empty())
                continue;
            const std::string name = std::string(spec::TEXT_PREFIX) + lower(spec::name(static_cast<spec::Engine>(i)));
            Elf64_Shdr *header =
                section(name, SHT_PROGBITS, ELF_T_BYTE, std::as_bytes(std::span(stream)), spec::INSTRUCTION_BYTES);
            if (header == nullptr)
                return false;
            header->sh_flags = SHF_ALLOC | SHF_EXECINSTR;
            text_section_[i] = last_section_;
        }
        return true;
    }

    // Sections without SHF_ALLOC: they are not loaded.
    bool lines() {
        bool any = false;
        for (std::size_t i = 0; i < image_.lines.size(); ++i) {
            std::vector<std::byte> &table = line_tables_[i];
            table = line_table(image_.lines[i]);
            if (table.empty() || text_section_[i] == 0)
                continue;
            any = true;
            const std::string name = std::string(spec::LINE_PREFIX) + lower(spec::name(static_cast<spec::Engine>(i)));
            if (section(name, SHT_PROGBITS, ELF_T_BYTE, table, 4) == nullptr)
                return false;
        }
        return !any || section(spec::LINE_NAMES, SHT_STRTAB, ELF_T_BYTE,
                               std::as_bytes(std::span(source_names_.bytes())), 1) != nullptr;
    }

    std::vector<std::byte> line_table(const std::vector<ImageLine> &lines) {
        std::vector<std::byte> out;
        for (std::size_t at = 0; at < lines.size(); ++at) {
            const ImageLine &line = lines[at];
            if (at == 0 ? line.line == 0 : line == lines[at - 1])
                continue;
            spec::LineEntry entry;
            entry.instruction = static_cast<std::uint32_t>(at);
            entry.line = line.line;
            entry.file = source_name(line.file);
            const auto bytes = spec::packed(entry);
            out.insert(out.end(), bytes.begin(), bytes.end());
        }
        return out;
    }

    std::uint32_t source_name(std::uint32_t file) {
        if (file >= image_.sources.size())
            return 0;
        const auto [entry, is_new] = source_at_.try_emplace(file);
        if (is_new)
            entry->second = source_names_.add(image_.sources[file]);
        return entry->second;
    }

    // Labels are local, tensors global: ELF wants the local ones first.
    bool symbols() {
        symbols_.resize(1);
        for (const KernelSymbol &label : image_.symbols) {
            const std::size_t text = text_section_[static_cast<std::size_t>(label.engine)];
            if (text == 0)
                continue; // a label in a stream without instructions
            symbols_.push_back({.st_name = symbol_names_.add(label.name),
                                .st_info = ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE),
                                .st_other = STV_DEFAULT,
                                .st_shndx = static_cast<Elf64_Section>(text),
                                .st_value = std::uint64_t{label.instruction} * spec::INSTRUCTION_BYTES,
                                .st_size = 0});
        }
        const std::size_t locals = symbols_.size();
        for (const KernelParam &param : image_.params)
            symbols_.push_back({.st_name = symbol_names_.add(param.name),
                                .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
                                .st_other = STV_DEFAULT,
                                .st_shndx = SHN_ABS,
                                .st_value = param.index,
                                .st_size = param.is_tensor() ? param.bytes() : sizeof(std::uint64_t)});
        Elf64_Shdr *table = section(".symtab", SHT_SYMTAB, ELF_T_SYM, std::as_bytes(std::span(symbols_)), 8);
        if (table == nullptr)
            return false;
        table->sh_entsize = sizeof(Elf64_Sym);
        table->sh_info = static_cast<Elf64_Word>(locals);
        table->sh_link = static_cast<Elf64_Word>(last_section_ + 1);
        return section(".strtab", SHT_STRTAB, ELF_T_BYTE, std::as_bytes(std::span(symbol_names_.bytes())), 1) !=
               nullptr;
    }

    bool names(Elf64_Ehdr &header) {
        // The table holds its own name, so the name goes in before the section is sized.
        const std::uint32_t name = section_names_.add(".shstrtab");
        Elf64_Shdr *table = section("", SHT_STRTAB, ELF_T_BYTE, std::as_bytes(std::span(section_names_.bytes())), 1);
        if (table == nullptr)
            return false;
        table->sh_name = name;
        header.e_shstrndx = static_cast<Elf64_Half>(last_section_);
        return true;
    }

    static Result<std::vector<std::byte>> contents(int fd) {
        std::vector<std::byte> out;
        const off_t size = lseek(fd, 0, SEEK_END);
        out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        for (std::size_t done = 0; done < out.size();) {
            const ssize_t got = pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(done));
            if (got <= 0)
                return tl::unexpected(
                    Error{ErrorCode::io, fmt::format("reading the new kernel: {}", strerrordesc_np(errno))});
            done += static_cast<std::size_t>(got);
        }
        return out;
    }

    const KernelImage &image_;
    Elf *elf_ = nullptr;
    Strings section_names_;
    Strings symbol_names_;
    Strings source_names_;
    std::map<std::uint32_t, std::uint32_t> source_at_; // in source_names_, by index in KernelImage::sources
    std::array<std::vector<std::byte>, KernelFile::engines> line_tables_;
    std::vector<std::byte> notes_;
    std::vector<Elf64_Sym> symbols_;
    std::array<std::size_t, KernelFile::engines> text_section_{};
    std::size_t last_section_ = 0;
};

void take_lines(const KernelFile &file, spec::Engine engine, KernelImage &image,
                std::map<std::string_view, std::uint32_t> &sources) {
    auto &lines = image.lines[spec::raw(engine)];
    for (std::uint32_t at = 0; at < file.stream(engine).size(); ++at) {
        const auto line = file.line(engine, at);
        if (!line) {
            lines.emplace_back();
            continue;
        }
        const auto [source, is_new] = sources.try_emplace(line->file, static_cast<std::uint32_t>(image.sources.size()));
        if (is_new)
            image.sources.emplace_back(line->file);
        lines.push_back({.line = line->line, .file = source->second});
    }
}

} // namespace

KernelImage to_image(const KernelFile &file) {
    KernelImage image;
    std::map<std::string_view, std::uint32_t> sources;
    image.sbuf_bytes = file.sbuf_bytes();
    image.cores = file.cores();
    image.params.assign(file.params().begin(), file.params().end());
    for (std::size_t i = 0; i < image.streams.size(); ++i) {
        const auto stream = file.stream(static_cast<spec::Engine>(i));
        image.streams[i].assign(stream.begin(), stream.end());
        take_lines(file, static_cast<spec::Engine>(i), image, sources);
    }
    image.symbols.assign(file.symbols().begin(), file.symbols().end());
    return image;
}

Result<std::vector<std::byte>> write_elf(const KernelImage &image) { return Writer(image).run(); }

} // namespace neuron::encoding
