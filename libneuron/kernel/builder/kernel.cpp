// SPDX-License-Identifier: MIT
#include <algorithm>

#include <fmt/format.h>

#include <neuron/builder/kernel.hpp>

#include "state.hpp"

namespace neuron::builder {

std::string BuildError::text() const { return line == 0 ? message : fmt::format("{}:{}: {}", file, line, message); }

Kernel::Kernel(const KernelOptions &options) : state_(std::make_unique<detail::KernelState>(options.profile)) {}
Kernel::~Kernel() = default;
Kernel::Kernel(Kernel &&) noexcept = default;
Kernel &Kernel::operator=(Kernel &&) noexcept = default;

std::uint32_t Kernel::param(std::string name, spec::ParamKind kind, spec::Dtype dtype,
                            std::span<const std::int64_t> dims, Where where) {
    encoding::Diagnostics &diagnostics = state_->diagnostics;
    const encoding::Position at = state_->position(where);
    const auto index = static_cast<std::uint32_t>(state_->params.size());
    KernelParam param{.name = std::move(name), .index = static_cast<std::uint16_t>(index), .kind = kind, .dims = {}};
    if (!encoding::check_param_name(param.name, index, at, diagnostics))
        return 0;
    if (std::ranges::find(state_->params, param.name, &KernelParam::name) != state_->params.end()) {
        diagnostics.error(at, fmt::format("'{}' is already a parameter", param.name));
        return 0;
    }
    if (param.is_tensor()) {
        param.dtype = dtype;
        for (const std::int64_t dim : dims)
            if (!encoding::add_dimension(param, dim, at, diagnostics))
                return 0;
        if (!encoding::check_rank(param, at, diagnostics))
            return 0;
    }
    state_->params.push_back(std::move(param));
    return index;
}

void Kernel::cores(std::int64_t number, Where where) { state_->streams.declare_cores(number, state_->position(where)); }

void Kernel::sbuf_bytes(std::int64_t bytes, Where where) {
    state_->streams.declare_sbuf(bytes, state_->position(where));
}

std::vector<BuildError> Kernel::errors() const { return state_->errors_of(state_->diagnostics); }

Result<std::vector<std::byte>> Kernel::file() const {
    encoding::Diagnostics all = state_->diagnostics;
    state_->streams.expect_some(all);
    encoding::KernelImage image = state_->streams.finish(state_->params, all);
    if (!all.any()) {
        state_->set_lines(image);
        return encoding::write_elf(image);
    }
    const std::vector<BuildError> errors = state_->errors_of(all);
    std::string message = errors.front().text();
    if (errors.size() > 1)
        message += fmt::format(" (and {} more)", errors.size() - 1);
    return tl::unexpected(Error{ErrorCode::invalid_argument, std::move(message)});
}

} // namespace neuron::builder
