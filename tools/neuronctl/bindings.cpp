// SPDX-License-Identifier: MIT
#include "bindings.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "../asm/symbols.hpp"
#include "../support/files.hpp"

namespace neuronctl {
namespace {

using neuron::assembler::lower;
using neuron::spec::ParamKind;

/** "NAME=VALUE". */
struct Pair {
    std::string name;
    std::string value;
};

std::optional<Pair> split(const std::string &text) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
        return std::nullopt;
    return Pair{text.substr(0, equals), text.substr(equals + 1)};
}

std::string kind_text(const neuron::KernelParam &param) {
    switch (param.kind) {
    case ParamKind::IN: return "an input";
    case ParamKind::OUT: return "an output";
    case ParamKind::INOUT: return "an input and output";
    case ParamKind::SCALAR: break;
    }
    return "a scalar";
}

bool takes_input(const neuron::KernelParam &param) {
    return param.kind == ParamKind::IN || param.kind == ParamKind::INOUT;
}
bool gives_output(const neuron::KernelParam &param) {
    return param.kind == ParamKind::OUT || param.kind == ParamKind::INOUT;
}

// Decimal or 0x, signed or unsigned 64 bit.
std::optional<std::uint64_t> parse_scalar(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative)
        text.remove_prefix(1);
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    if (hex)
        text.remove_prefix(2);
    std::uint64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
    if (status != std::errc() || end != text.data() + text.size() || (negative && value > std::uint64_t{1} << 63))
        return std::nullopt;
    return negative ? 0 - value : value;
}

class Binder {
public:
    Binder(const neuron::KernelFile &file, const std::string &kernel, const BindingTexts &texts)
        : kernel_(kernel), texts_(texts) {
        for (const neuron::KernelParam &param : file.params())
            bindings_.push_back({.param = &param,
                                 .in_path = {},
                                 .out_path = {},
                                 .input = {},
                                 .check_path = {},
                                 .expected = {},
                                 .scalar = 0,
                                 .shared = false});
        has_scalar_.resize(bindings_.size());
    }

    Outcome<std::vector<Binding>> run() {
        // The names first: a typo is found before gigabytes are read.
        auto done = share().and_then([this] { return give(); });
        if (!done)
            return tl::unexpected(done.error());
        return std::move(bindings_);
    }

private:
    using Give = Outcome<void> (Binder::*)(std::size_t index, const Pair &pair);

    Outcome<void> give() {
        return names("--in", texts_.inputs, &Binder::give_input)
            .and_then([this] { return names("--out", texts_.outputs, &Binder::give_output); })
            .and_then([this] { return names("--check", texts_.checks, &Binder::give_check); })
            .and_then([this] { return names("--scalar", texts_.scalars, &Binder::give_scalar); })
            .and_then([this] { return complete(); })
            .and_then([this] { return distinct_outputs(); })
            .and_then([this] { return read_inputs(); });
    }

    Outcome<void> share() {
        for (const std::string &name : texts_.shared) {
            const auto found = find(name);
            if (found == bindings_.end())
                return fail(unknown("--share", name, name));
            if (!found->param->is_tensor())
                return fail(fmt::format("--share {}: '{}' is a scalar of kernel {}", name, name, kernel_));
            if (found->shared)
                return fail(fmt::format("--share {} is given twice", name));
            found->shared = true;
        }
        return {};
    }

    std::vector<Binding>::iterator find(const std::string &name) {
        return std::ranges::find(bindings_, name, [](const Binding &b) { return b.param->name; });
    }

    std::string unknown(std::string_view option, const std::string &text, const std::string &name) const {
        return fmt::format("{} {}: kernel {} has no parameter '{}'; it has {}", option, text, kernel_, name,
                           parameter_list());
    }

    static tl::unexpected<Failure> fail(std::string message) { return tl::unexpected(usage_error(std::move(message))); }

    Outcome<void> names(std::string_view option, const std::vector<std::string> &texts, Give give) {
        for (const std::string &text : texts) {
            const auto pair = split(text);
            if (!pair)
                return fail(
                    fmt::format("{} {}: expected NAME={}", option, text, option == "--scalar" ? "NUMBER" : "FILE.npy"));
            const auto found = find(pair->name);
            if (found == bindings_.end())
                return fail(unknown(option, text, pair->name));
            if (found->shared)
                return fail(
                    fmt::format("{} {}: '{}' is shared (--share), which has no file", option, text, pair->name));
            if (auto done = (this->*give)(static_cast<std::size_t>(found - bindings_.begin()), *pair); !done)
                return done;
        }
        return {};
    }

    std::string parameter_list() const {
        std::string out;
        for (const Binding &binding : bindings_)
            out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", binding.param->name,
                               lower(neuron::spec::name(binding.param->kind)));
        return out.empty() ? "none" : out;
    }

    Outcome<void> give_input(std::size_t index, const Pair &pair) {
        Binding &binding = bindings_[index];
        if (!takes_input(*binding.param))
            return fail(fmt::format("--in {}: '{}' is {} of kernel {}", pair.name, pair.name, kind_text(*binding.param),
                                    kernel_));
        if (!binding.in_path.empty())
            return fail(fmt::format("--in {} is given twice", pair.name));
        binding.in_path = pair.value;
        return {};
    }

    Outcome<void> give_output(std::size_t index, const Pair &pair) {
        Binding &binding = bindings_[index];
        if (!gives_output(*binding.param))
            return fail(fmt::format("--out {}: '{}' is {} of kernel {}", pair.name, pair.name,
                                    kind_text(*binding.param), kernel_));
        if (!binding.out_path.empty())
            return fail(fmt::format("--out {} is given twice", pair.name));
        binding.out_path = pair.value;
        return {};
    }

    Outcome<void> give_check(std::size_t index, const Pair &pair) {
        Binding &binding = bindings_[index];
        if (!gives_output(*binding.param))
            return fail(fmt::format("--check {}: '{}' is {} of kernel {}", pair.name, pair.name,
                                    kind_text(*binding.param), kernel_));
        if (!binding.check_path.empty())
            return fail(fmt::format("--check {} is given twice", pair.name));
        binding.check_path = pair.value;
        return {};
    }

    Outcome<void> give_scalar(std::size_t index, const Pair &pair) {
        Binding &binding = bindings_[index];
        if (binding.param->is_tensor())
            return fail(fmt::format("--scalar {}: '{}' is {} of kernel {}", pair.name, pair.name,
                                    kind_text(*binding.param), kernel_));
        if (has_scalar_[index])
            return fail(fmt::format("--scalar {} is given twice", pair.name));
        const auto value = parse_scalar(pair.value);
        if (!value)
            return fail(fmt::format("--scalar {}: '{}' is not a 64-bit integer", pair.name, pair.value));
        binding.scalar = *value;
        has_scalar_[index] = true;
        return {};
    }

    Outcome<void> complete() const {
        for (std::size_t i = 0; i < bindings_.size(); ++i) {
            const Binding &binding = bindings_[i];
            const neuron::KernelParam &param = *binding.param;
            std::string missing;
            if (binding.shared)
                continue;
            if (!param.is_tensor() && !has_scalar_[i])
                missing = fmt::format("--scalar {}=NUMBER", param.name);
            else if (takes_input(param) && binding.in_path.empty())
                missing = fmt::format("--in {}=FILE.npy, {}", param.name, tensor_text(param.dtype, param.dims));
            else if (gives_output(param) && binding.out_path.empty() && binding.check_path.empty())
                missing = fmt::format("--out {}=FILE.npy", param.name);
            if (!missing.empty())
                return fail(fmt::format("kernel {} needs {}", kernel_, missing));
        }
        return {};
    }

    Outcome<void> distinct_outputs() const {
        for (std::size_t i = 0; i < bindings_.size(); ++i) {
            const std::string &path = bindings_[i].out_path;
            if (path.empty())
                continue;
            for (std::size_t j = 0; j < i; ++j)
                if (std::filesystem::path(path).lexically_normal() ==
                    std::filesystem::path(bindings_[j].out_path).lexically_normal())
                    return fail(fmt::format("'{}' and '{}' would both be written to {}", bindings_[j].param->name,
                                            bindings_[i].param->name, path));
            if (const auto writable = neuron::support::check_writable(path); !writable)
                return tl::unexpected(input_error(writable.error()));
        }
        return {};
    }

    Outcome<void> read_inputs() {
        for (Binding &binding : bindings_) {
            auto done = read(binding, binding.in_path, binding.input).and_then([&] {
                return read(binding, binding.check_path, binding.expected);
            });
            if (!done)
                return done;
        }
        return {};
    }

    Outcome<void> read(const Binding &binding, const std::string &path, std::optional<neuron::npy::Array> &out) const {
        if (path.empty())
            return {};
        auto array = neuron::npy::read(path);
        if (!array) {
            Failure failure = input_error(array.error());
            failure.message = fmt::format("{}: {}", binding.param->name, failure.message);
            return tl::unexpected(std::move(failure));
        }
        if (array->dtype != binding.param->dtype || array->shape != binding.param->dims)
            return fail(fmt::format("{}: {} is {}, kernel {} wants {}", binding.param->name, path,
                                    tensor_text(array->dtype, array->shape), kernel_,
                                    tensor_text(binding.param->dtype, binding.param->dims)));
        out = std::move(*array);
        return {};
    }

    const std::string &kernel_;
    const BindingTexts &texts_;
    std::vector<Binding> bindings_;
    std::vector<bool> has_scalar_;
};

std::vector<std::string> for_chip(std::vector<std::string> texts, std::size_t chip) {
    constexpr std::string_view mark = "{chip}";
    const std::string number = std::to_string(chip);
    for (std::string &text : texts)
        for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += number.size())
            text.replace(at, mark.size(), number);
    return texts;
}

// The files of one chip are known to differ.
Outcome<void> distinct_from(const std::vector<Binding> &mine, const std::vector<std::vector<Binding>> &others) {
    const auto path = [](const Binding &binding) { return std::filesystem::path(binding.out_path).lexically_normal(); };
    for (const Binding &binding : mine)
        for (std::size_t chip = 0; chip < others.size(); ++chip)
            for (const Binding &other : others[chip])
                if (!binding.out_path.empty() && path(binding) == path(other))
                    return tl::unexpected(usage_error(
                        fmt::format("'{}' of chip {} and '{}' of chip {} would both be written to {}: '{{chip}}' in a "
                                    "name stands for the chip",
                                    other.param->name, chip, binding.param->name, others.size(), binding.out_path)));
    return {};
}

} // namespace

Outcome<std::vector<std::vector<Binding>>> bind(const neuron::KernelFile &file, const std::string &kernel,
                                                const BindingTexts &texts, std::size_t chips) {
    std::vector<std::vector<Binding>> out;
    for (std::size_t chip = 0; chip < chips; ++chip) {
        auto mine = bind(file, kernel,
                         {.inputs = for_chip(texts.inputs, chip),
                          .outputs = for_chip(texts.outputs, chip),
                          .checks = for_chip(texts.checks, chip),
                          .scalars = for_chip(texts.scalars, chip),
                          .shared = texts.shared});
        if (!mine)
            return tl::unexpected(mine.error());
        if (auto distinct = distinct_from(*mine, out); !distinct)
            return tl::unexpected(distinct.error());
        out.push_back(std::move(*mine));
    }
    return out;
}

Outcome<std::vector<Binding>> bind(const neuron::KernelFile &file, const std::string &kernel,
                                   const BindingTexts &texts) {
    return Binder(file, kernel, texts).run();
}

std::string tensor_text(neuron::spec::Dtype dtype, const std::vector<std::uint64_t> &shape) {
    return fmt::format("{} [{}]", lower(neuron::spec::name(dtype)), fmt::join(shape, ", "));
}

} // namespace neuronctl
