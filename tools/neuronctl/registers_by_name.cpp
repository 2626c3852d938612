// SPDX-License-Identifier: MIT
#include "registers_by_name.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "system.hpp"

namespace neuronctl {
namespace {

namespace spec = neuron::spec;

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

Outcome<spec::RegisterRef> at_offset(const std::string &text, std::uint64_t offset) {
    const spec::RegisterRef where =
        offset < spec::BAR_REGS_SIZE ? spec::find_register(static_cast<std::uint32_t>(offset)) : spec::RegisterRef{};
    if (where.desc == nullptr)
        return tl::unexpected(usage_error(fmt::format("{}: no register at this offset of BAR REGS", text)));
    if (where.byte != 0)
        return tl::unexpected(usage_error(fmt::format("{}: byte {} of {}", text, where.byte, register_name(where))));
    return where;
}

/** "QUEUE[3].STATUS" taken apart. */
struct Name {
    std::string block;
    std::string index;
    std::string name;
};

Name take_apart(const std::string &text) {
    const std::size_t dot = text.find('.');
    if (dot == std::string::npos)
        return {{}, {}, text};
    std::string block = text.substr(0, dot);
    std::string index;
    if (const std::size_t open = block.find('['); open != std::string::npos && block.ends_with(']')) {
        index = block.substr(open + 1, block.size() - open - 2);
        block.resize(open);
    }
    return {block, index, text.substr(dot + 1)};
}

} // namespace

std::string register_name(const spec::RegisterRef &where) {
    if (where.desc->stride == 0)
        return fmt::format("{}.{}", where.desc->block, where.desc->name);
    return fmt::format("{}[{}].{}", where.desc->block, where.index, where.desc->name);
}

Outcome<spec::RegisterRef> register_by_name(const std::string &text) {
    if (const auto offset = sys::number(text))
        return at_offset(text, *offset);
    const Name name = take_apart(upper(text));
    std::vector<const spec::RegisterDesc *> found;
    std::vector<std::string> names;
    for (const spec::RegisterDesc &desc : spec::registers())
        if (desc.name == name.name && (name.block.empty() || desc.block == name.block)) {
            found.push_back(&desc);
            names.push_back(fmt::format("{}.{}", desc.block, desc.name));
        }
    if (found.empty())
        return tl::unexpected(usage_error(fmt::format("{}: no register of this name", text)));
    if (found.size() > 1)
        return tl::unexpected(usage_error(fmt::format("{}: may be {}", text, fmt::join(names, " or "))));
    const auto index = name.index.empty() ? std::optional<std::uint64_t>(0) : sys::number(name.index);
    if (!index || *index >= found.front()->count)
        return tl::unexpected(
            usage_error(fmt::format("{}: {} has {} blocks", text, names.front(), found.front()->count)));
    return spec::RegisterRef{found.front(), static_cast<std::uint32_t>(*index), 0};
}

} // namespace neuronctl
