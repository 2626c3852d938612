// SPDX-License-Identifier: MIT
#include <neuron/buffer.hpp>

#include "error.hpp"
#include "state.hpp"

namespace neuron {

namespace detail {

BufferState::~BufferState() {
    const Stopwatch watch(context->counters.map_ns, "free buffer");
    if (va != 0) {
        context->addresses->remove(va, destroyer); // before another buffer may get the addresses
        context->backend->unbind(va, info.size, destroyer);
    }
    if (!mapping.empty())
        context->backend->bo_unmap(mapping);
    context->backend->bo_destroy(info.handle);
}

namespace {

Result<void> check_options(const DeviceInfo &device, std::uint64_t size, const BufferOptions &options) {
    if (size == 0)
        return fail(ErrorCode::invalid_argument, "a buffer of 0 bytes");
    if (options.placement == Placement::host && options.bank)
        return fail(ErrorCode::invalid_argument, "a host buffer in HBM bank {}", *options.bank);
    if (options.bank && *options.bank >= device.hbm_banks)
        return fail(ErrorCode::invalid_argument, "HBM bank {}: {} has {}", *options.bank, device.name,
                    device.hbm_banks);
    return {};
}

/** Maps a buffer of the backend in its context; it is destroyed if that fails. */
Result<std::shared_ptr<BufferState>> bound(const std::shared_ptr<ContextState> &owner, const BoInfo &bo,
                                           const BufferOptions &options, SourcePlace where) {
    auto state = std::make_shared<BufferState>(owner, bo, options);
    const std::string made = code_place(where);
    const auto va = owner->backend->bind(bo.handle, bo.size, options.read_only, {options.label, made});
    if (!va)
        return tl::unexpected(va.error());
    state->va = *va;
    owner->addresses->add({options.label, *va, bo.size, made});
    return state;
}

} // namespace
} // namespace detail

Buffer::Buffer(std::shared_ptr<detail::BufferState> state) : state_(std::move(state)) {}
Buffer::~Buffer() {
    if (state_)
        state_->destroyer = detail::CallSite::of_caller();
}
Buffer::Buffer(Buffer &&) noexcept = default;
Buffer &Buffer::operator=(Buffer &&other) noexcept {
    if (state_ && state_ != other.state_)
        state_->destroyer = detail::CallSite::of_caller();
    state_ = std::move(other.state_);
    return *this;
}

Result<Buffer> Buffer::create(const Context &context, std::uint64_t size, const BufferOptions &options,
                              SourcePlace where) {
    const auto &owner = context.state();
    if (auto checked = detail::check_options(owner->device->info(), size, options); !checked)
        return detail::forward_error(checked);
    const detail::Stopwatch watch(owner->counters.map_ns, "make buffer");
    const auto bo = owner->backend->bo_create({size, options});
    if (!bo)
        return tl::unexpected(bo.error());
    auto state = detail::bound(owner, *bo, options, where);
    if (!state)
        return detail::forward_error(state);
    return Buffer(std::move(*state));
}

Result<Buffer> Buffer::import_fd(const Context &context, int fd, const ImportOptions &options, SourcePlace where) {
    const auto &owner = context.state();
    const detail::Stopwatch watch(owner->counters.map_ns, "import buffer");
    const auto bo = owner->backend->bo_import(fd);
    if (!bo)
        return tl::unexpected(bo.error());
    auto state = detail::bound(owner, *bo,
                               {.placement = bo->placement,
                                .mappable = bo->placement == Placement::hbm && bo->mappable,
                                .read_only = options.read_only,
                                .shareable = true,
                                .label = options.label},
                               where);
    if (!state)
        return detail::forward_error(state);
    return Buffer(std::move(*state));
}

Result<Fd> Buffer::export_fd() const {
    if (!state_->options.shareable)
        return detail::fail(ErrorCode::invalid_argument, "the buffer at {:#x} was not made shareable", va());
    return state_->context->backend->bo_export(state_->info.handle);
}

std::uint64_t Buffer::va() const noexcept { return state_->va; }
std::uint64_t Buffer::size() const noexcept { return state_->info.size; }
Placement Buffer::placement() const noexcept { return state_->options.placement; }

Result<std::span<std::byte>> Buffer::map() const {
    if (placement() == Placement::hbm && !state_->options.mappable)
        return detail::fail(ErrorCode::unsupported, "the HBM buffer at {:#x} was not made mappable", va());
    const std::lock_guard guard(state_->lock);
    if (state_->mapping.empty()) {
        auto mapped = state_->context->backend->bo_map(state_->info.handle, state_->info.size);
        if (!mapped)
            return mapped;
        state_->mapping = *mapped;
    }
    return state_->mapping;
}

} // namespace neuron
