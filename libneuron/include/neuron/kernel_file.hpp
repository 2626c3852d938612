// SPDX-License-Identifier: MIT
/**
 * @file
 * A kernel file in memory: ELF64 as described in spec/object.toml, checked and taken apart. Needs no device.
 */
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <neuron/error.hpp>

namespace neuron {

/** One launch argument that the kernel expects. */
struct KernelParam {
    std::string name;
    std::uint16_t index = 0; ///< Launch argument.
    spec::ParamKind kind = spec::ParamKind::SCALAR;
    spec::Dtype dtype{};             ///< Element type; meaningless for scalars.
    std::vector<std::uint64_t> dims; ///< Sizes, outermost first; empty for scalars.

    bool is_tensor() const noexcept { return kind != spec::ParamKind::SCALAR; }
    /** Bytes of the dense tensor, 0 for a scalar. KernelFile has checked that it fits 64 bits. */
    NEURON_API std::uint64_t bytes() const noexcept;
};

/** A label of a stream. */
struct KernelSymbol {
    std::string name;
    spec::Engine engine{};
    std::uint32_t instruction = 0; ///< Index in the engine's stream; the number of instructions for a label at its end.
};

/** Where an instruction was written. */
struct KernelLine {
    std::string_view file;  ///< As the assembler or the compiler was given it; lives as long as the KernelFile.
    std::uint32_t line = 0; ///< From 1.
};

/** An instruction as it lies in memory. */
using InstructionBytes = std::array<std::byte, spec::INSTRUCTION_BYTES>;

/**
 * A checked kernel file. What is checked is the container: ELF identity and machine, ISA version, notes, and that every
 * stream is a whole number of instructions. The instructions themselves are the device's business.
 *
 * A value: copies are deep. Const access from several threads is fine.
 */
class KernelFile {
public:
    /** Sequencers of a core, in the order of spec::Engine. */
    static constexpr std::size_t engines = decltype(spec::ProgramHeader::streams){}.size();

    /**
     * Reads a file.
     * @return not_found, permission_denied or io if it cannot be read; version_mismatch if it was made for another major
     *         of the ISA or a newer minor than this library's; invalid_argument for everything else, with the path and
     *         the section, note or field that is wrong.
     */
    NEURON_API static Result<KernelFile> load(const std::filesystem::path &path);

    /** The same from memory. @p name stands for the path in messages. The bytes are copied. */
    NEURON_API static Result<KernelFile> parse(std::span<const std::byte> image, std::string name);

    /** Path, or the name given to parse(). */
    const std::string &name() const noexcept { return name_; }
    /** Spec version the kernel was made for: major << 16 | minor. */
    std::uint32_t isa_version() const noexcept { return isa_version_; }
    /** Cores that a launch must name, 0: any number of them. */
    std::uint32_t cores() const noexcept { return cores_; }
    /** SBUF bytes per partition that the kernel needs, 0 if unknown. */
    std::uint32_t sbuf_bytes() const noexcept { return sbuf_bytes_; }
    /** Parameters in the order of their launch arguments: params()[i].index == i. */
    std::span<const KernelParam> params() const noexcept { return params_; }
    /** The parameter of that name, or nullptr. Valid as long as this object. */
    NEURON_API const KernelParam *find_param(std::string_view name) const noexcept;
    /** Instructions of an engine's sequencer; empty if the kernel does not use it. */
    std::span<const InstructionBytes> stream(spec::Engine engine) const noexcept {
        return streams_[static_cast<std::size_t>(engine)];
    }
    /** Labels, by engine and then by instruction. */
    std::span<const KernelSymbol> symbols() const noexcept { return symbols_; }
    /** Where the instruction was written; nothing if the file does not say, or there is no such instruction. */
    NEURON_API std::optional<KernelLine> line(spec::Engine engine, std::uint32_t instruction) const noexcept;
    /** The file as it was read. */
    std::span<const std::byte> bytes() const noexcept { return bytes_; }

private:
    friend class KernelReader;
    struct LineEntry {
        std::uint32_t instruction = 0;
        std::uint32_t line = 0;
        std::uint32_t file = 0; // where its name begins in source_names_
    };
    std::string name_;
    std::uint32_t isa_version_ = 0;
    std::uint32_t cores_ = 0;
    std::uint32_t sbuf_bytes_ = 0;
    std::vector<KernelParam> params_;
    std::array<std::vector<InstructionBytes>, engines> streams_;
    std::vector<KernelSymbol> symbols_;
    std::array<std::vector<LineEntry>, engines> lines_;
    std::string source_names_; // each with a zero at its end
    std::vector<std::byte> bytes_;
};

} // namespace neuron
