// SPDX-License-Identifier: MIT
#include "kernel_reader.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <limits>
#include <optional>

#include "error.hpp"

namespace neuron {

using detail::fail;
using detail::version_text;

namespace {

std::optional<spec::Engine> engine_of_section(std::string_view section, std::string_view prefix) {
    section.remove_prefix(prefix.size());
    for (const spec::Engine engine : spec::values<spec::Engine>()) {
        const std::string_view name = spec::name(engine);
        const auto same = [](char upper, char lower) {
            return std::tolower(static_cast<unsigned char>(upper)) == lower;
        };
        if (std::ranges::equal(name, section, same))
            return engine;
    }
    return std::nullopt;
}

std::span<const std::byte> as_span(const void *data, std::size_t bytes) {
    return {static_cast<const std::byte *>(data), bytes};
}

template<class E>
bool known(E value) {
    return spec::enum_desc<E>().find(std::uint64_t{spec::raw(value)}) != nullptr;
}

} // namespace

KernelReader::KernelReader(std::span<const std::byte> image, std::string name)
    : image_(image.size()), stream_section_(KernelFile::engines, -1) {
    if (!image.empty())
        std::memcpy(image_.data(), image.data(), image.size());
    file_.name_ = std::move(name);
}

KernelReader::~KernelReader() {
    if (elf_ != nullptr)
        elf_end(elf_);
}

Result<KernelFile> KernelReader::read() {
    Result<void> done = identify().and_then([this] { return open_elf(); }).and_then([this] { return list_sections(); });
    for (auto at = sections_.begin(); done && at != sections_.end(); ++at)
        done = read_section(*at);
    // Symbols and lines refer to streams, so they come last whatever the order of the sections.
    for (auto at = sections_.begin(); done && at != sections_.end(); ++at)
        if (at->header.sh_type == SHT_SYMTAB)
            done = read_symbols(*at);
        else if (at->name.starts_with(spec::LINE_PREFIX))
            done = read_lines(*at);
    if (!done)
        return detail::forward_error(done);
    if (!isa_seen_)
        return fail(ErrorCode::invalid_argument, "{}: no ISA note in section {}: not a kernel file", file_.name_,
                    spec::NOTE_SECTION);
    if (std::ranges::all_of(file_.streams_, &std::vector<InstructionBytes>::empty))
        return fail(ErrorCode::invalid_argument, "{}: no engine has instructions", file_.name_);
    if (done = finish_params(); !done)
        return detail::forward_error(done);
    const auto bytes = std::as_bytes(std::span(image_));
    file_.bytes_.assign(bytes.begin(), bytes.end());
    return std::move(file_);
}

// The identity bytes are checked by hand: libelf accepts what it can read, and says little about the rest.
Result<void> KernelReader::identify() {
    const std::string &name = file_.name_;
    if (image_.size() < EI_NIDENT || std::memcmp(image_.data(), ELFMAG, SELFMAG) != 0)
        return fail(ErrorCode::invalid_argument, "{}: not an ELF file (wrong magic)", name);
    if (image_[EI_CLASS] != ELFCLASS64)
        return fail(ErrorCode::invalid_argument, "{}: ELF class {} instead of {} (64 bit)", name, int{image_[EI_CLASS]},
                    ELFCLASS64);
    if (image_[EI_DATA] != ELFDATA2LSB)
        return fail(ErrorCode::invalid_argument, "{}: ELF data encoding {} instead of {} (little-endian)", name,
                    int{image_[EI_DATA]}, ELFDATA2LSB);
    if (image_.size() < sizeof(Elf64_Ehdr))
        return fail(ErrorCode::invalid_argument, "{}: truncated: {} bytes do not hold an ELF header", name,
                    image_.size());
    return {};
}

Result<void> KernelReader::open_elf() {
    const std::string &name = file_.name_;
    elf_version(EV_CURRENT);
    elf_ = elf_memory(image_.data(), image_.size());
    GElf_Ehdr header;
    if (elf_ == nullptr || gelf_getehdr(elf_, &header) == nullptr)
        return fail(ErrorCode::invalid_argument, "{}: bad ELF header: {}", name, elf_errmsg(-1));
    if (header.e_machine != spec::ELF_MACHINE)
        return fail(ErrorCode::invalid_argument, "{}: made for machine {:#x}, not for this device ({:#x})", name,
                    header.e_machine, spec::ELF_MACHINE);
    if (header.e_type != ET_EXEC)
        return fail(ErrorCode::invalid_argument, "{}: ELF type {} instead of {} (executable)", name, header.e_type,
                    ET_EXEC);
    const std::uint64_t table_bytes = std::uint64_t{header.e_shnum} * header.e_shentsize;
    if (header.e_shoff > image_.size() || table_bytes > image_.size() - header.e_shoff)
        return fail(ErrorCode::invalid_argument, "{}: truncated: the section table ends at byte {}, the file at {}",
                    name, header.e_shoff + table_bytes, image_.size());
    return {};
}

Result<void> KernelReader::list_sections() {
    std::size_t names = 0;
    if (elf_getshdrstrndx(elf_, &names) != 0)
        return fail(ErrorCode::invalid_argument, "{}: no section names: {}", file_.name_, elf_errmsg(-1));
    for (Elf_Scn *scn = nullptr; (scn = elf_nextscn(elf_, scn)) != nullptr;) {
        GElf_Shdr header;
        const char *name = nullptr;
        if (gelf_getshdr(scn, &header) != nullptr)
            name = elf_strptr(elf_, names, header.sh_name);
        if (name == nullptr)
            return fail(ErrorCode::invalid_argument, "{}: section {} has no readable name or header: {}", file_.name_,
                        elf_ndxscn(scn), elf_errmsg(-1));
        if (header.sh_type != SHT_NOBITS &&
            (header.sh_offset > image_.size() || header.sh_size > image_.size() - header.sh_offset))
            return fail(ErrorCode::invalid_argument,
                        "{}: truncated: section {} reaches {} bytes from byte {}, the file has {}", file_.name_, name,
                        header.sh_size, header.sh_offset, image_.size());
        sections_.push_back({scn, header, name});
    }
    return {};
}

Result<void> KernelReader::read_section(const Section &section) {
    if (section.name.starts_with(spec::TEXT_PREFIX) && section.header.sh_type != SHT_REL &&
        section.header.sh_type != SHT_RELA)
        return read_stream(section);
    if (section.name == spec::NOTE_SECTION)
        return read_notes(section);
    if (section.name == spec::LINE_NAMES)
        return read_source_names(section);
    if (section.header.sh_type == SHT_REL || section.header.sh_type == SHT_RELA)
        return fail(ErrorCode::invalid_argument, "{}: section {}: a kernel file has no relocations", file_.name_,
                    section.name);
    return {};
}

Result<void> KernelReader::read_stream(const Section &section) {
    const std::optional<spec::Engine> engine = engine_of_section(section.name, spec::TEXT_PREFIX);
    if (!engine)
        return fail(ErrorCode::invalid_argument, "{}: section {} names no engine", file_.name_, section.name);
    if (section.header.sh_type != SHT_PROGBITS)
        return fail(ErrorCode::invalid_argument, "{}: section {} is not program data", file_.name_, section.name);
    std::vector<InstructionBytes> &stream = file_.streams_[spec::raw(*engine)];
    if (stream_section_[spec::raw(*engine)] >= 0)
        return fail(ErrorCode::invalid_argument, "{}: two sections {}", file_.name_, section.name);
    stream_section_[spec::raw(*engine)] = static_cast<int>(elf_ndxscn(section.handle));
    stream_header_[spec::raw(*engine)] = section.header;
    const std::uint64_t bytes = section.header.sh_size;
    if (bytes % spec::INSTRUCTION_BYTES != 0)
        return fail(ErrorCode::invalid_argument,
                    "{}: section {}: {} bytes are not a whole number of {}-byte instructions", file_.name_,
                    section.name, bytes, spec::INSTRUCTION_BYTES);
    if (bytes / spec::INSTRUCTION_BYTES > std::numeric_limits<std::uint32_t>::max())
        return fail(ErrorCode::invalid_argument, "{}: section {}: too many instructions", file_.name_, section.name);
    stream.resize(bytes / spec::INSTRUCTION_BYTES);
    if (bytes != 0)
        std::memcpy(stream.data(), image_.data() + section.header.sh_offset, bytes);
    return {};
}

Result<void> KernelReader::read_notes(const Section &section) {
    if (section.header.sh_type != SHT_NOTE)
        return fail(ErrorCode::invalid_argument, "{}: section {} is not a note section", file_.name_, section.name);
    Elf_Data *data = elf_getdata(section.handle, nullptr);
    if (data == nullptr || (data->d_buf == nullptr && data->d_size != 0))
        return fail(ErrorCode::invalid_argument, "{}: section {}: {}", file_.name_, section.name, elf_errmsg(-1));
    std::size_t at = 0;
    GElf_Nhdr note;
    std::size_t name_at = 0;
    std::size_t desc_at = 0;
    while (at < data->d_size) {
        const std::size_t next = gelf_getnote(data, at, &note, &name_at, &desc_at);
        if (next == 0)
            return fail(ErrorCode::invalid_argument, "{}: section {}: malformed note at byte {}", file_.name_,
                        section.name, at);
        const char *bytes = static_cast<const char *>(data->d_buf);
        // n_namesz counts the terminator.
        const std::string_view owner(bytes + name_at, note.n_namesz != 0 ? note.n_namesz - 1 : 0);
        const auto desc = as_span(bytes + desc_at, note.n_descsz);
        if (owner != spec::NOTE_OWNER)
            return fail(ErrorCode::invalid_argument, "{}: section {}: note at byte {} belongs to '{}', not to '{}'",
                        file_.name_, section.name, at, owner, spec::NOTE_OWNER);
        Result<void> done;
        switch (static_cast<spec::Note>(note.n_type)) {
        case spec::Note::ISA: done = read_isa(desc); break;
        case spec::Note::PARAM: done = read_param(desc); break;
        default:
            done = fail(ErrorCode::invalid_argument, "{}: section {}: note at byte {} has the unknown type {}",
                        file_.name_, section.name, at, note.n_type);
        }
        if (!done)
            return done;
        at = next;
    }
    return {};
}

Result<void> KernelReader::read_isa(std::span<const std::byte> desc) {
    if (isa_seen_)
        return fail(ErrorCode::invalid_argument, "{}: two ISA notes", file_.name_);
    if (desc.size() != spec::NoteIsa::BYTES)
        return fail(ErrorCode::invalid_argument, "{}: ISA note of {} bytes instead of {}", file_.name_, desc.size(),
                    spec::NoteIsa::BYTES);
    const auto raw = desc.first<spec::NoteIsa::BYTES>();
    const auto note = spec::unpack<spec::NoteIsa>(raw);
    constexpr auto major = spec::field::GLOBAL_VERSION_MAJOR;
    // A newer minor only adds, but it may have added just what this kernel uses.
    if (major.get(note.version) != spec::VERSION_MAJOR || note.version > spec::VERSION)
        return fail(ErrorCode::version_mismatch, "{}: made for ISA version {}, this library speaks {}", file_.name_,
                    version_text(note.version), version_text(spec::VERSION));
    if (const auto clear = spec::reserved_clear<spec::NoteIsa>(raw); !clear)
        return fail(ErrorCode::invalid_argument, "{}: ISA note: reserved byte {} is not zero", file_.name_,
                    clear.offset);
    if (note.cores > spec::MAX_CORES)
        return fail(ErrorCode::invalid_argument, "{}: ISA note: wants {} cores, no chip has more than {}", file_.name_,
                    note.cores, spec::MAX_CORES);
    isa_seen_ = true;
    file_.isa_version_ = note.version;
    file_.cores_ = note.cores;
    file_.sbuf_bytes_ = note.sbuf_bytes;
    return {};
}

Result<void> KernelReader::read_param(std::span<const std::byte> desc) {
    const std::size_t position = file_.params_.size();
    const auto bad = [&](const std::string &what) {
        return fail(ErrorCode::invalid_argument, "{}: parameter note {}: {}", file_.name_, position, what);
    };
    if (desc.size() != spec::NoteParam::BYTES)
        return bad(fmt::format("{} bytes instead of {}", desc.size(), spec::NoteParam::BYTES));
    const auto raw = desc.first<spec::NoteParam::BYTES>();
    const auto note = spec::unpack<spec::NoteParam>(raw);
    const auto end = std::ranges::find(note.name, '\0');
    if (end == note.name.begin() || end == note.name.end())
        return bad(end == note.name.end() ? "its name is not terminated" : "its name is empty");
    if (const auto clear = spec::reserved_clear<spec::NoteParam>(raw); !clear)
        return bad(fmt::format("reserved byte {} is not zero", clear.offset));
    KernelParam param{.name = std::string(note.name.begin(), end),
                      .index = note.index,
                      .kind = note.kind,
                      .dtype = note.dtype,
                      .dims = {}};
    if (!known(note.kind))
        return bad(fmt::format("'{}' has the unknown kind {}", param.name, spec::raw(note.kind)));
    if (param.is_tensor()) {
        if (auto done = check_tensor(note, param); !done)
            return done;
    } else if (spec::raw(note.dtype) != 0 || note.rank != 0 ||
               std::ranges::any_of(note.dims, [](auto dim) { return dim != 0; })) {
        return bad(fmt::format("'{}' is a scalar with a type or dimensions", param.name));
    }
    file_.params_.push_back(std::move(param));
    return {};
}

Result<void> KernelReader::check_tensor(const spec::NoteParam &note, KernelParam &param) {
    const auto bad = [&](const std::string &what) {
        return fail(ErrorCode::invalid_argument, "{}: parameter '{}': {}", file_.name_, param.name, what);
    };
    if (!known(note.dtype))
        return bad(fmt::format("unknown element type {}", spec::raw(note.dtype)));
    if (note.rank < 1 || note.rank > spec::NOTE_MAX_RANK)
        return bad(fmt::format("{} dimensions, not 1..{}", note.rank, spec::NOTE_MAX_RANK));
    std::uint64_t bytes = spec::bytes(note.dtype);
    for (std::size_t i = 0; i < note.dims.size(); ++i) {
        if ((i < note.rank) != (note.dims[i] != 0))
            return bad(fmt::format("dimension {} is {} in a tensor of {} dimensions", i, note.dims[i], note.rank));
        if (i < note.rank && __builtin_mul_overflow(bytes, note.dims[i], &bytes))
            return bad("more than 2^64 bytes");
    }
    param.dims.assign(note.dims.begin(), note.dims.begin() + note.rank);
    return {};
}

// Launch arguments are given by position, so the indices must be 0..n-1.
Result<void> KernelReader::finish_params() {
    std::vector<KernelParam> &params = file_.params_;
    std::ranges::stable_sort(params, {}, &KernelParam::index);
    if (params.size() > spec::LAUNCH_ARGS)
        return fail(ErrorCode::invalid_argument, "{}: {} parameters; a launch has {}", file_.name_, params.size(),
                    spec::LAUNCH_ARGS);
    for (std::size_t i = 0; i < params.size(); ++i) {
        if (params[i].index != i)
            return fail(ErrorCode::invalid_argument, "{}: parameter '{}' has index {} where {} is due", file_.name_,
                        params[i].name, params[i].index, i);
        if (file_.find_param(params[i].name) != &params[i])
            return fail(ErrorCode::invalid_argument, "{}: two parameters '{}'", file_.name_, params[i].name);
    }
    return {};
}

Result<void> KernelReader::read_symbols(const Section &section) {
    Elf_Data *data = elf_getdata(section.handle, nullptr);
    if (data == nullptr || section.header.sh_entsize == 0)
        return fail(ErrorCode::invalid_argument, "{}: section {}: malformed symbol table", file_.name_, section.name);
    const std::size_t count = section.header.sh_size / section.header.sh_entsize;
    const std::size_t most = 16 * image_.size();
    std::size_t names = 0;
    for (std::size_t i = 1; i < count; ++i) {
        GElf_Sym symbol;
        const char *name = nullptr;
        if (gelf_getsym(data, static_cast<int>(i), &symbol) != nullptr)
            name = elf_strptr(elf_, section.header.sh_link, symbol.st_name);
        if (name == nullptr)
            return fail(ErrorCode::invalid_argument, "{}: section {}: symbol {} is malformed", file_.name_,
                        section.name, i);
        const auto owner = std::ranges::find(stream_section_, static_cast<int>(symbol.st_shndx));
        // Symbols of tensors live in no section, those of sections and files name nothing in a stream.
        const auto type = GELF_ST_TYPE(symbol.st_info);
        if (owner == stream_section_.end() || type == STT_SECTION || type == STT_FILE)
            continue;
        const auto engine = static_cast<spec::Engine>(owner - stream_section_.begin());
        const GElf_Shdr &text = stream_header_[spec::raw(engine)];
        // Names may share their ends, but whoever has many long ones of a few bytes means harm.
        names += std::strlen(name);
        if (names > most)
            return fail(ErrorCode::invalid_argument, "{}: section {}: the names are longer than the file", file_.name_,
                        section.name);
        const std::uint64_t offset = symbol.st_value - text.sh_addr;
        if (offset > text.sh_size || offset % spec::INSTRUCTION_BYTES != 0)
            return fail(ErrorCode::invalid_argument, "{}: symbol '{}' is at no instruction of {}", file_.name_, name,
                        spec::name(engine));
        file_.symbols_.push_back({name, engine, static_cast<std::uint32_t>(offset / spec::INSTRUCTION_BYTES)});
    }
    std::ranges::stable_sort(file_.symbols_, {},
                             [](const KernelSymbol &s) { return std::pair(s.engine, s.instruction); });
    return {};
}

Result<void> KernelReader::read_source_names(const Section &section) {
    if (section.header.sh_type != SHT_STRTAB)
        return fail(ErrorCode::invalid_argument, "{}: section {} is not a string table", file_.name_, section.name);
    if (!file_.source_names_.empty())
        return fail(ErrorCode::invalid_argument, "{}: two sections {}", file_.name_, section.name);
    file_.source_names_.assign(image_.data() + section.header.sh_offset, section.header.sh_size);
    if (!file_.source_names_.ends_with('\0'))
        return fail(ErrorCode::invalid_argument, "{}: section {}: the last name has no end", file_.name_, section.name);
    return {};
}

Result<void> KernelReader::read_lines(const Section &section) {
    const auto bad = [&](const std::string &what) {
        return fail(ErrorCode::invalid_argument, "{}: section {}{}", file_.name_, section.name, what);
    };
    const auto engine = engine_of_section(section.name, spec::LINE_PREFIX);
    if (!engine)
        return bad(" names no engine");
    if (section.header.sh_type != SHT_PROGBITS || section.header.sh_size % spec::LineEntry::BYTES != 0)
        return bad(" is no array of lines");
    auto &lines = file_.lines_[spec::raw(*engine)];
    if (!lines.empty())
        return bad(" is there twice");
    const auto bytes = std::as_bytes(std::span(image_)).subspan(section.header.sh_offset, section.header.sh_size);
    for (std::size_t at = 0; at < bytes.size(); at += spec::LineEntry::BYTES) {
        const auto entry = spec::unpack<spec::LineEntry>(bytes.subspan(at).first<spec::LineEntry::BYTES>());
        const std::size_t index = lines.size();
        if (entry.instruction >= file_.stream(*engine).size())
            return bad(fmt::format(": entry {} is about instruction {} of {}", index, entry.instruction,
                                   file_.stream(*engine).size()));
        if (!lines.empty() && entry.instruction <= lines.back().instruction)
            return bad(fmt::format(": entry {} does not ascend", index));
        // Only where one begins: so names are no more than the section holds, whatever there is of them.
        const std::string &names = file_.source_names_;
        if (entry.file >= names.size() || (entry.file != 0 && names[entry.file - 1] != '\0'))
            return bad(
                fmt::format(": entry {}: no name begins at {} of section {}", index, entry.file, spec::LINE_NAMES));
        lines.push_back({.instruction = entry.instruction, .line = entry.line, .file = entry.file});
    }
    return {};
}

} // namespace neuron
