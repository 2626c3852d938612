// SPDX-License-Identifier: MIT
#include "context.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "../error.hpp"
#include "queue.hpp"
#include "timeline.hpp"

namespace neuron::sim {

using detail::fail;
namespace reg = spec::reg;
namespace field = spec::field;

namespace {

constexpr std::uint64_t page = spec::PAGE_SIZE;
constexpr std::size_t max_place = sizeof(spec::BlameRecord::place) - 1;
constexpr std::uint64_t large_page = std::uint64_t{1} << spec::MMU_LARGE_PAGE_SHIFT;

template<std::size_t Size>
void copy_text(std::array<char, Size> &to, std::string_view from) {
    std::copy_n(from.begin(), std::min(from.size(), Size - 1), to.begin());
}

} // namespace

Result<std::unique_ptr<detail::ContextBackend>> Context::create(std::shared_ptr<Device> device) {
    auto table = PageTable::create(device->memory());
    if (!table)
        return detail::forward_error(table);
    const auto id = device->take_context();
    if (!id)
        return tl::unexpected(id.error());
    device->chip().write64(reg::CTX_PT_ROOT(*id), table->root());
    device->chip().write32(reg::CTX_CTRL(*id), field::CTX_CTRL_ENABLE.mask);
    std::unique_ptr<Context> context(new Context(std::move(device), *id, std::move(*table)));
    context->tell_open();
    return context;
}

// Queues, buffers and their mappings went before: only the page table is left to take away from the chip.
Context::~Context() {
    Chip &chip = device_->chip();
    chip.write32(reg::CTX_CTRL(id_), 0);
    if (!chip.poll([&] { return field::CTX_STATUS_BUSY.get(chip.read32(reg::CTX_STATUS(id_))) == 0; })) {
        device_->log()(LogLevel::error, fmt::format("sim: context {} stays busy and is lost", id_));
        // And its memory with it: the chip may be at it. NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): ends it all
        (void)new auto(std::move(bos_));
        return;
    }
    device_->give_context(id_);
}

// ---- the debug channel ----------------------------------------------------------------------------------------------

void Context::tell_open() {
    spec::DebugRecord record{.kind = spec::DebugKind::OPEN, .ctx = static_cast<std::uint16_t>(id_)};
    record.pid = static_cast<std::uint32_t>(::getpid());
    copy_text(record.comm, program_invocation_short_name);
    device_->teller().tell(record);
}

// Right before what it is the place of.
void Context::tell_place(std::uint64_t va, std::string_view place) {
    if (place.empty())
        return;
    spec::DebugRecord record{.kind = spec::DebugKind::PLACE, .ctx = static_cast<std::uint16_t>(id_), .va = va};
    // The end says which file and line.
    copy_text(record.label, place.substr(place.size() - std::min(place.size(), max_place)));
    device_->teller().tell(record);
}

void Context::tell_bind(const Bo &bo, std::uint64_t va, std::uint64_t size, bool read_only,
                        const detail::BufferName &name) {
    if (!device_->teller().on())
        return;
    tell_place(va, name.place);
    spec::DebugRecord record{.kind = spec::DebugKind::BIND, .ctx = static_cast<std::uint16_t>(id_)};
    record.flags =
        (read_only ? 0U : spec::raw(spec::DebugFlag::WRITE)) | (bo.hbm ? spec::raw(spec::DebugFlag::HBM) : 0U);
    record.pid = static_cast<std::uint32_t>(::getpid());
    record.padding = static_cast<std::uint32_t>(size - bo.bytes);
    record.buffer = bo.serial;
    record.va = va;
    record.bytes = size;
    copy_text(record.label, name.label);
    serials_[va] = bo.serial;
    device_->teller().tell(record);
}

// Before it happens, so that what is done meanwhile is known to be wrong.
void Context::tell_unbind(std::uint64_t va, std::uint64_t size, std::string_view place) {
    if (!device_->teller().on())
        return;
    tell_place(va, place);
    device_->teller().tell({.kind = spec::DebugKind::UNBIND,
                            .ctx = static_cast<std::uint16_t>(id_),
                            .pid = static_cast<std::uint32_t>(::getpid()),
                            .buffer = serials_[va],
                            .va = va,
                            .bytes = size});
    serials_.erase(va);
}

// ---------------------------------------------------------------------------------------------------------------------

Result<detail::BoInfo> Context::bo_create(const detail::BoRequest &request) {
    if (request.size > va_end)
        return fail(ErrorCode::out_of_memory, "sim: a buffer of {} bytes", request.size);
    const std::uint64_t size = (request.size + page - 1) / page * page;
    Bo bo;
    bo.bytes = request.size;
    if (request.options.placement == Placement::host) {
        HostMemory &memory = device_->memory();
        auto block = request.options.shareable ? memory.allocate_shared(size) : memory.allocate(size);
        if (!block)
            return detail::forward_error(block);
        bo.host = std::move(*block);
    } else {
        const auto range = device_->hbm_allocate(size, request.options);
        if (!range)
            return tl::unexpected(range.error());
        bo.hbm = std::make_shared<HbmBlock>(*device_, *range, request.options.mappable, device_->next_serial());
    }
    return add(std::move(bo), size);
}

detail::BoInfo Context::add(Bo bo, std::uint64_t size) {
    const std::lock_guard guard(lock_);
    const std::uint32_t handle = next_handle_++;
    const bool hbm = bo.hbm != nullptr;
    bo.serial = hbm ? bo.hbm->serial() : device_->next_serial();
    if (bo.bytes == 0)
        bo.bytes = size;
    const detail::BoInfo info{handle, size, hbm ? Placement::hbm : Placement::host, !hbm || bo.hbm->mappable()};
    bos_.emplace(handle, std::move(bo));
    return info;
}

/** Empty if the file is none of HBM. */
Result<std::optional<detail::BoInfo>> Context::import_hbm(int fd) {
    using Found = Names<HbmBlock>::Found;
    auto found = HbmBlock::names().find(fd);
    if (!found)
        return detail::forward_error(found);
    auto &[state, block] = *found;
    if (state == Found::no)
        return std::nullopt;
    if (state == Found::gone)
        return fail(ErrorCode::not_found, "sim: importing file {}, whose HBM buffer is gone", fd);
    if (&block->device() != device_.get())
        return fail(ErrorCode::unsupported, "sim: importing file {}, which is HBM of another device", fd);
    const std::uint64_t size = block->range().size;
    return add({.hbm = std::move(block)}, size);
}

Result<detail::BoInfo> Context::bo_import(int fd) {
    const auto hbm = import_hbm(fd);
    if (!hbm)
        return tl::unexpected(hbm.error());
    if (*hbm)
        return **hbm;
    auto block = device_->memory().import(fd);
    if (!block)
        return detail::forward_error(block);
    const std::uint64_t size = block->bytes().size();
    if (size > va_end)
        return fail(ErrorCode::out_of_memory, "sim: a buffer of {} bytes", size);
    return add({.host = std::move(*block)}, size);
}

Result<Fd> Context::bo_export(std::uint32_t handle) {
    const std::lock_guard guard(lock_);
    const auto bo = find(handle);
    if (!bo)
        return tl::unexpected(bo.error());
    if ((*bo)->hbm)
        return (*bo)->hbm->export_fd();
    Fd file(::fcntl((*bo)->host.file().get(), F_DUPFD_CLOEXEC, 0));
    if (!file)
        return detail::fail_errno(errno, fmt::format("sim: sharing buffer {}", handle));
    return file;
}

void Context::bo_destroy(std::uint32_t handle) {
    const std::lock_guard guard(lock_);
    const auto at = bos_.find(handle);
    if (at == bos_.end())
        return;
    device_->teller().tell({.kind = spec::DebugKind::FREE,
                            .ctx = static_cast<std::uint16_t>(id_),
                            .pid = static_cast<std::uint32_t>(::getpid()),
                            .buffer = at->second.serial});
    bos_.erase(at);
}

Result<Context::Bo *> Context::find(std::uint32_t handle) {
    const auto at = bos_.find(handle);
    if (at == bos_.end())
        return fail(ErrorCode::not_found, "sim: no buffer {}", handle);
    return &at->second;
}

Result<std::span<std::byte>> Context::bo_map(std::uint32_t handle, std::uint64_t size) {
    const std::lock_guard guard(lock_);
    const auto bo = find(handle);
    if (!bo)
        return tl::unexpected(bo.error());
    const auto &hbm = (*bo)->hbm;
    if (hbm && !hbm->mappable())
        return fail(ErrorCode::unsupported, "sim: buffer {} cannot be mapped", handle);
    if (hbm)
        return device_->chip().aperture().subspan(hbm->range().offset, size);
    return (*bo)->host.bytes().first(size);
}

Result<std::uint64_t> Context::bind(std::uint32_t handle, std::uint64_t size, bool read_only,
                                    const detail::BufferName &name) {
    const std::lock_guard guard(lock_);
    const auto bo = find(handle);
    if (!bo)
        return tl::unexpected(bo.error());
    // One page more stays unmapped: a job that runs over the end of a buffer faults instead of hitting the next one.
    const auto va = addresses_.allocate(size + page, size >= large_page ? large_page : page);
    if (!va)
        return fail(ErrorCode::out_of_memory, "sim: no addresses for {} bytes in the context", size);
    const bool hbm = (*bo)->hbm != nullptr;
    const PageTarget target{hbm ? (*bo)->hbm->range().offset : (*bo)->host.bus(), hbm, !read_only};
    if (auto mapped = table_.map(*va, size, target); !mapped) {
        addresses_.free(*va, size + page);
        return detail::forward_error(mapped);
    }
    tell_bind(**bo, *va, size, read_only, name);
    return *va;
}

void Context::unbind(std::uint64_t va, std::uint64_t size, const detail::CallSite &by) {
    // Whoever wants the sanitizer has the time that a line takes; whoever waits for the lock may not.
    const std::string place = device_->teller().on() ? by.line() : std::string();
    const std::lock_guard guard(lock_);
    tell_unbind(va, size, place);
    table_.unmap(va, size);
    Chip &chip = device_->chip();
    chip.write32(reg::CTX_TLB_FLUSH(id_), field::CTX_TLB_FLUSH_FLUSH.mask);
    if (!chip.poll([&] { return chip.read32(reg::CTX_TLB_FLUSHING(id_)) == 0; }))
        device_->log()(LogLevel::error, fmt::format("sim: a TLB flush of context {} does not end", id_));
    addresses_.free(va, size + page);
}

Result<std::shared_ptr<detail::QueuePort>> Context::queue_create(const QueueOptions &options) {
    return Queue::create(device_, id_, options);
}

Result<std::shared_ptr<detail::TimelinePort>> Context::timeline_create() {
    return std::make_shared<Timeline>(std::make_shared<FreeTimeline>(), device_, this);
}

Result<std::shared_ptr<detail::TimelinePort>> Context::timeline_import(int fd) {
    auto state = TimelineState::find(fd);
    if (!state)
        return detail::forward_error(state);
    return std::make_shared<Timeline>(std::move(*state), device_, this);
}

Result<Fd> Context::events_fd() {
    const auto sink = device_->listen(id_);
    if (!sink)
        return tl::unexpected(sink.error());
    Fd file(::fcntl((*sink)->eventfd().get(), F_DUPFD_CLOEXEC, 0));
    if (!file)
        return detail::fail_errno(errno, "sim: a file for events");
    return file;
}

Result<std::vector<DeviceEvent>> Context::read_events() {
    device_->service_events();
    const auto sink = device_->sink_of(id_);
    return sink ? sink->take() : std::vector<DeviceEvent>();
}

} // namespace neuron::sim
