// SPDX-License-Identifier: MIT
/**
 * @file
 * The instruction streams of a kernel while it is made: labels, branches to them, and what the kernel needs of a core.
 */
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "diagnostics.hpp"
#include "encoder.hpp"
#include "image.hpp"

namespace neuron::encoding {

// Parameters. False: an error was reported.

/** The name's length, and that there is an argument left for it. */
bool check_param_name(std::string_view name, std::size_t params, Position at, Diagnostics &diagnostics);
/** Appends a dimension. */
bool add_dimension(KernelParam &param, std::int64_t dim, Position at, Diagnostics &diagnostics);
/** After the last one. */
bool check_rank(const KernelParam &param, Position at, Diagnostics &diagnostics);

class Streams {
public:
    struct Label {
        std::uint32_t index = 0; ///< Of the instruction that it stands at.
        std::size_t order = 0;
        Position where;
    };

    explicit Streams(Diagnostics &diagnostics) : diagnostics_(diagnostics) {}

    /** The label stands before the next instruction. The one of that name if there is one already, else nullptr. */
    const Label *place(spec::Engine engine, const std::string &name, Position where);
    /** Appends an instruction. */
    void append(spec::Engine engine, const Encoded &encoded, Position at);
    /** The next instruction of the engine will hold the index of this label, wherever that will be. */
    void refer(spec::Engine engine, const spec::OperandDesc &operand, std::string label, Position where);
    std::vector<InstructionBytes> &stream(spec::Engine engine) {
        return image_.streams[static_cast<std::size_t>(engine)];
    }
    bool empty() const;
    /** Reports it if no engine has instructions, unless there are other errors. */
    void expect_some(Diagnostics &diagnostics) const;

    bool declare_cores(std::int64_t number, Position at);
    /** For kernels whose tiles move with a register; 0: unknown. */
    bool declare_sbuf(std::int64_t bytes, Position at);

    /** The kernel as it is. The image counts only if no error was reported. */
    KernelImage finish(std::vector<KernelParam> params, Diagnostics &diagnostics) const;

private:
    struct Pending {
        spec::Engine engine{};
        std::size_t index = 0;
        const spec::OperandDesc *operand = nullptr;
        std::string label;
        Position where;
        std::vector<Frame> frames;
    };

    void resolve(KernelImage &image, Diagnostics &diagnostics) const;
    std::vector<KernelSymbol> symbols() const;

    Diagnostics &diagnostics_;
    KernelImage image_;
    std::array<std::map<std::string, Label, std::less<>>, KernelFile::engines> labels_;
    std::size_t label_count_ = 0;
    std::vector<Pending> pending_;
    std::optional<std::int64_t> sbuf_declared_;
    std::uint32_t sbuf_seen_ = 0;
    bool sbuf_by_register_ = false;
};

} // namespace neuron::encoding
