// SPDX-License-Identifier: MIT
#include "context.hpp"

#include <sys/mman.h>

#include "../error.hpp"
#include "../eventfd.hpp"
#include "queue.hpp"

namespace neuron::null {

using detail::fail;

namespace {

constexpr std::uint64_t page = spec::PAGE_SIZE;
constexpr std::uint64_t large_page = std::uint64_t{1} << spec::MMU_LARGE_PAGE_SHIFT;

} // namespace

Result<detail::BoInfo> Context::bo_create(const detail::BoRequest &request) {
    const bool hbm = request.options.placement == Placement::hbm;
    const std::uint64_t most = hbm ? info_.hbm_bytes : info_.va_end - info_.va_start;
    if (request.size > most)
        return fail(ErrorCode::out_of_memory, "null: no room for a buffer of {} bytes", request.size);
    const std::lock_guard guard(lock_);
    return detail::BoInfo{next_handle_++, (request.size + page - 1) / page * page, request.options.placement,
                          !hbm || request.options.mappable};
}

Result<Fd> Context::bo_export(std::uint32_t) {
    return fail(ErrorCode::unsupported, "null: buffers of this backend are not shared");
}

Result<detail::BoInfo> Context::bo_import(int fd) {
    return fail(ErrorCode::unsupported, "null: importing file {}: buffers of this backend are not shared", fd);
}

// A buffer is mapped once in its life, so this is where its bytes come from.
Result<std::span<std::byte>> Context::bo_map(std::uint32_t, std::uint64_t size) {
    void *memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return fail(ErrorCode::out_of_memory, "null: no room to map a buffer of {} bytes", size);
    return std::span(static_cast<std::byte *>(memory), size);
}

void Context::bo_unmap(std::span<std::byte> bytes) { ::munmap(bytes.data(), bytes.size()); }

Result<std::uint64_t> Context::bind(std::uint32_t, std::uint64_t size, bool, const detail::BufferName &) {
    const std::uint64_t align = size >= large_page ? large_page : page;
    const std::lock_guard guard(lock_);
    const std::uint64_t va = (next_va_ + align - 1) & ~(align - 1);
    if (va >= info_.va_end || size > info_.va_end - va)
        return fail(ErrorCode::out_of_memory, "null: no addresses for {} bytes in the context: none is used twice",
                    size);
    next_va_ = va + size + page; // a gap, as there is on the others
    return va;
}

Result<std::shared_ptr<detail::QueuePort>> Context::queue_create(const QueueOptions &options) {
    const std::lock_guard guard(lock_);
    return std::make_shared<Queue>(next_queue_++, options.priority);
}

Result<std::shared_ptr<detail::TimelinePort>> Context::timeline_create() {
    return std::make_shared<Timeline>(this, false, 0);
}

Result<std::shared_ptr<detail::TimelinePort>> Context::timeline_import(int fd) {
    return fail(ErrorCode::unsupported, "null: importing file {}: timelines of this backend are not shared", fd);
}

Result<Fd> Context::events_fd() { return detail::make_eventfd(); } // nothing ever happens

} // namespace neuron::null
