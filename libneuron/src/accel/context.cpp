// SPDX-License-Identifier: MIT
#include "context.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "doorbell_queue.hpp"
#include "ioctl.hpp"
#include "queue.hpp"

namespace neuron::accel {

using detail::fail;

Result<DeviceInfo> query_device(const Fd &fd, const std::string &name) {
    drm_neuron_query_device facts{};
    drm_neuron_dev_query query{};
    query.type = DRM_NEURON_QUERY_DEVICE;
    query.size = sizeof(facts);
    query.ptr = reinterpret_cast<std::uintptr_t>(&facts);
    if (const int error = call(fd, DRM_IOCTL_NEURON_DEV_QUERY, query))
        return ioctl_error(error, fmt::format("{}: asking for facts", name));
    DeviceInfo info;
    info.backend = "accel";
    info.name = name;
    info.spec_version = facts.spec_version;
    info.driver_spec_version = facts.driver_spec_version;
    info.profile = static_cast<spec::Profile>(facts.profile);
    info.cores = facts.cores;
    info.sbuf_bytes = facts.sbuf_bytes;
    info.psum_bytes = facts.psum_bytes;
    info.hbm_banks = facts.hbm_banks;
    info.hbm_bytes = facts.hbm_bytes;
    info.hbm_free = facts.hbm_free;
    info.aperture_bytes = facts.aperture_bytes;
    info.va_start = facts.va_start;
    info.va_end = facts.va_end;
    info.page_size = facts.page_size;
    info.max_queues = facts.max_queues;
    info.reset_count = facts.reset_count;
    info.clock_ns = facts.clock_ns;
    return info;
}

std::optional<detail::ContextName> Context::name() {
    drm_neuron_query_context facts{};
    drm_neuron_dev_query query{};
    query.type = DRM_NEURON_QUERY_CONTEXT;
    query.size = sizeof(facts);
    query.ptr = reinterpret_cast<std::uintptr_t>(&facts);
    struct stat node {};
    if (call(*fd_, DRM_IOCTL_NEURON_DEV_QUERY, query) != 0 || ::fstat(fd_->get(), &node) != 0)
        return std::nullopt;
    std::error_code failed;
    const auto device = std::filesystem::read_symlink(
        fmt::format("/sys/dev/char/{}:{}/device", major(node.st_rdev), minor(node.st_rdev)), failed);
    return failed ? std::nullopt : std::optional(detail::ContextName{device.filename().native(), facts.context});
}

Result<detail::BoInfo> Context::bo_create(const detail::BoRequest &request) {
    const bool hbm = request.options.placement == Placement::hbm;
    drm_neuron_bo_create create{};
    create.size = request.size;
    create.placement = hbm ? DRM_NEURON_PLACE_HBM : DRM_NEURON_PLACE_HOST;
    create.flags = hbm && request.options.mappable ? DRM_NEURON_BO_MAPPABLE : 0;
    create.bank = hbm ? request.options.bank.value_or(DRM_NEURON_BO_ANY_BANK) : 0;
    const int error = call(*fd_, DRM_IOCTL_NEURON_BO_CREATE, create);
    const auto *where = hbm ? (request.options.mappable ? "mappable HBM" : "HBM") : "host memory";
    if (error == ENOSPC || error == ENOMEM)
        return fail(ErrorCode::out_of_memory, "{}: no room for a buffer of {} bytes in {}", name_, request.size, where);
    if (error != 0)
        return ioctl_error(error, fmt::format("{}: making a buffer of {} bytes in {}", name_, request.size, where));
    const std::lock_guard guard(lock_);
    ++uses_[create.handle];
    return detail::BoInfo{create.handle, create.size, request.options.placement};
}

void Context::bo_destroy(std::uint32_t handle) {
    const std::lock_guard guard(lock_);
    forget(handle);
}

void Context::forget(std::uint32_t handle) {
    if (--uses_[handle] != 0)
        return;
    uses_.erase(handle);
    bo_close(handle);
}

void Context::bo_close(std::uint32_t handle) {
    drm_gem_close close{};
    close.handle = handle;
    if (const int error = call(*fd_, DRM_IOCTL_GEM_CLOSE, close))
        log_(LogLevel::error, ioctl_error(error, fmt::format("{}: closing buffer {}", name_, handle)).value().message);
}

Result<Fd> Context::bo_export(std::uint32_t handle) {
    drm_prime_handle prime{};
    prime.handle = handle;
    prime.flags = DRM_CLOEXEC | DRM_RDWR;
    if (const int error = call(*fd_, DRM_IOCTL_PRIME_HANDLE_TO_FD, prime))
        return ioctl_error(error, fmt::format("{}: sharing buffer {}", name_, handle));
    return Fd(prime.fd);
}

Result<detail::BoInfo> Context::bo_import(int fd) {
    if (::fcntl(fd, F_GETFD) < 0)
        return fail(ErrorCode::invalid_argument, "{}: importing file {}, which is not open", name_, fd);
    const std::lock_guard guard(lock_);
    drm_prime_handle prime{};
    prime.fd = fd;
    const int error = call(*fd_, DRM_IOCTL_PRIME_FD_TO_HANDLE, prime);
    if (error == EINVAL)
        return fail(ErrorCode::invalid_argument, "{}: importing file {}, which is no shared buffer of this backend",
                    name_, fd);
    if (error != 0)
        return ioctl_error(error, fmt::format("{}: importing file {}", name_, fd));
    ++uses_[prime.handle];
    drm_neuron_bo_query query{};
    query.handle = prime.handle;
    if (const int failed = call(*fd_, DRM_IOCTL_NEURON_BO_QUERY, query)) {
        forget(prime.handle);
        return ioctl_error(failed, fmt::format("{}: asking about file {}", name_, fd));
    }
    const bool hbm = query.placement == DRM_NEURON_PLACE_HBM;
    return detail::BoInfo{prime.handle, query.size, hbm ? Placement::hbm : Placement::host, query.mmap_offset != 0};
}

Result<std::span<std::byte>> Context::bo_map(std::uint32_t handle, std::uint64_t size) {
    drm_neuron_bo_query query{};
    query.handle = handle;
    if (const int error = call(*fd_, DRM_IOCTL_NEURON_BO_QUERY, query))
        return ioctl_error(error, fmt::format("{}: asking about buffer {}", name_, handle));
    if (query.mmap_offset == 0)
        return fail(ErrorCode::unsupported, "{}: buffer {} cannot be mapped", name_, handle);
    void *at =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_->get(), static_cast<off_t>(query.mmap_offset));
    if (at == MAP_FAILED)
        return detail::fail_errno(errno, fmt::format("{}: mapping buffer {} of {} bytes", name_, handle, size));
    return std::span(static_cast<std::byte *>(at), size);
}

void Context::bo_unmap(std::span<std::byte> bytes) { ::munmap(bytes.data(), bytes.size()); }

namespace {

/** What the driver takes of a text. */
std::string plain(std::string_view text) {
    std::string out(text);
    std::ranges::replace_if(
        out, [](char c) { return c < ' ' || c > '~'; }, '?');
    std::ranges::replace(out, '"', '\'');
    return out;
}

std::uint64_t address_of(const std::string &text) {
    return text.empty() ? 0 : reinterpret_cast<std::uintptr_t>(text.data());
}

/** The place, whose end says which file and line. */
std::string plain_place(std::string_view place) {
    return plain(place.substr(place.size() - std::min<std::size_t>(place.size(), DRM_NEURON_PLACE_MAX)));
}

void set_place(drm_neuron_vm_bind &bind, const std::string &place) {
    bind.place = address_of(place);
    bind.place_bytes = static_cast<std::uint32_t>(place.size());
}

} // namespace

Result<std::uint64_t> Context::bind(std::uint32_t handle, std::uint64_t size, bool read_only,
                                    const detail::BufferName &name) {
    const std::string label = plain(name.label.substr(0, DRM_NEURON_LABEL_MAX));
    const std::string place = plain_place(name.place);
    drm_neuron_vm_bind bind{};
    bind.op = DRM_NEURON_BIND_MAP;
    bind.flags = read_only ? DRM_NEURON_BIND_READ_ONLY : 0;
    bind.handle = handle;
    bind.range = size;
    bind.label = address_of(label);
    bind.label_bytes = static_cast<std::uint32_t>(label.size());
    set_place(bind, place);
    if (const int error = call(*fd_, DRM_IOCTL_NEURON_VM_BIND, bind))
        return ioctl_error(error, fmt::format("{}: mapping {} bytes in the context", name_, size));
    return bind.va;
}

void Context::unbind(std::uint64_t va, std::uint64_t size, const detail::CallSite &by) {
    const std::string place = plain_place(by.module_place()); // a line would take too long for what is seldom read
    drm_neuron_vm_bind bind{};
    bind.op = DRM_NEURON_BIND_UNMAP;
    bind.range = size;
    bind.va = va;
    set_place(bind, place);
    if (const int error = call(*fd_, DRM_IOCTL_NEURON_VM_BIND, bind))
        log_(LogLevel::error, ioctl_error(error, fmt::format("{}: unmapping {:#x}", name_, va)).value().message);
}

Result<std::shared_ptr<detail::QueuePort>> Context::queue_create(const QueueOptions &options) {
    if (options.path == SubmitPath::doorbell)
        return DoorbellQueue::create(*this, fd_, name_, options);
    return create_queue(fd_, name_, options, log_);
}

} // namespace neuron::accel
