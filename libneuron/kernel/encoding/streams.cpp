// SPDX-License-Identifier: MIT
#include "streams.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

#include <fmt/format.h>

namespace neuron::encoding {

bool check_param_name(std::string_view name, std::size_t params, Position at, Diagnostics &diagnostics) {
    constexpr std::size_t room = spec::NoteParam{}.name.size() - 1;
    if (name.empty() || name.size() > room)
        diagnostics.error(at, fmt::format("the name of a parameter has 1 to {} characters", room));
    else if (params >= spec::LAUNCH_ARGS)
        diagnostics.error(at, fmt::format("more than {} parameters", spec::LAUNCH_ARGS));
    else
        return true;
    return false;
}

bool add_dimension(KernelParam &param, std::int64_t dim, Position at, Diagnostics &diagnostics) {
    std::int64_t bytes = spec::bytes(param.dtype);
    for (const std::uint64_t other : param.dims)
        bytes *= static_cast<std::int64_t>(other); // fits: it was checked here
    if (dim < 1 || __builtin_mul_overflow(bytes, dim, &bytes)) {
        diagnostics.error(at, dim < 1 ? fmt::format("dimension {} is not at least 1", dim)
                                      : "the tensor does not fit 63 bits");
        return false;
    }
    param.dims.push_back(static_cast<std::uint64_t>(dim));
    return true;
}

bool check_rank(const KernelParam &param, Position at, Diagnostics &diagnostics) {
    if (!param.dims.empty() && param.dims.size() <= spec::NOTE_MAX_RANK)
        return true;
    diagnostics.error(
        at, fmt::format("a tensor has 1 to {} dimensions, this one {}", spec::NOTE_MAX_RANK, param.dims.size()));
    return false;
}

const Streams::Label *Streams::place(spec::Engine engine, const std::string &name, Position where) {
    const auto index = static_cast<std::uint32_t>(stream(engine).size());
    const auto [at, added] =
        labels_[static_cast<std::size_t>(engine)].try_emplace(name, Label{index, label_count_, where});
    if (!added)
        return &at->second;
    ++label_count_;
    return nullptr;
}

void Streams::append(spec::Engine engine, const Encoded &encoded, Position at) {
    stream(engine).push_back(encoded.bytes);
    image_.lines[static_cast<std::size_t>(engine)].push_back({.line = at.line});
    sbuf_by_register_ |= encoded.sbuf_by_register;
    sbuf_seen_ = std::max(sbuf_seen_, encoded.sbuf_end);
    if (sbuf_declared_.value_or(0) != 0 && encoded.sbuf_end > *sbuf_declared_)
        diagnostics_.error(
            at, fmt::format("tile ends at byte {}, but .sbuf declares {}", encoded.sbuf_end, *sbuf_declared_));
}

void Streams::refer(spec::Engine engine, const spec::OperandDesc &operand, std::string label, Position where) {
    pending_.push_back({engine, stream(engine).size(), &operand, std::move(label), where, diagnostics_.frames()});
}

bool Streams::empty() const { return std::ranges::all_of(image_.streams, &std::vector<InstructionBytes>::empty); }

void Streams::expect_some(Diagnostics &diagnostics) const {
    if (empty() && !diagnostics.any())
        diagnostics.error({}, "no engine has instructions");
}

bool Streams::declare_cores(std::int64_t number, Position at) {
    if (number < 1 || number > spec::MAX_CORES) {
        diagnostics_.error(at, fmt::format(".cores {} is not in 1..{}", number, spec::MAX_CORES));
        return false;
    }
    image_.cores = static_cast<std::uint32_t>(number);
    return true;
}

bool Streams::declare_sbuf(std::int64_t bytes, Position at) {
    constexpr std::uint32_t most = std::numeric_limits<std::uint32_t>::max();
    if (bytes < 0 || bytes > most) {
        diagnostics_.error(at, fmt::format(".sbuf {} is not in 0..{}", bytes, most));
        return false;
    }
    sbuf_declared_ = bytes;
    if (bytes == 0 || sbuf_seen_ <= bytes)
        return true;
    diagnostics_.error(at, fmt::format(".sbuf declares {}, but a tile before it ends at byte {}", bytes, sbuf_seen_));
    return false;
}

void Streams::resolve(KernelImage &image, Diagnostics &diagnostics) const {
    for (const Pending &pending : pending_) {
        const auto engine = static_cast<std::size_t>(pending.engine);
        if (const auto target = labels_[engine].find(pending.label); target != labels_[engine].end())
            store_operand(image.streams[engine][pending.index], *pending.operand, target->second.index);
        else
            diagnostics.error_in(
                pending.frames, pending.where,
                fmt::format("undefined label '{}' in the stream of {}", pending.label, spec::name(pending.engine)));
    }
}

std::vector<KernelSymbol> Streams::symbols() const {
    std::vector<std::pair<std::size_t, KernelSymbol>> list;
    for (std::size_t engine = 0; engine < labels_.size(); ++engine)
        for (const auto &[name, label] : labels_[engine])
            list.push_back({label.order, {name, static_cast<spec::Engine>(engine), label.index}});
    std::ranges::sort(list, {}, [](const auto &entry) {
        return std::tuple(entry.second.engine, entry.second.instruction, entry.first);
    });
    std::vector<KernelSymbol> out;
    for (auto &[order, symbol] : list)
        out.push_back(std::move(symbol));
    return out;
}

KernelImage Streams::finish(std::vector<KernelParam> params, Diagnostics &diagnostics) const {
    KernelImage image = image_;
    resolve(image, diagnostics);
    image.symbols = symbols();
    image.params = std::move(params);
    image.sbuf_bytes = sbuf_declared_      ? static_cast<std::uint32_t>(*sbuf_declared_)
                       : sbuf_by_register_ ? 0
                                           : sbuf_seen_;
    return image;
}

} // namespace neuron::encoding
