// SPDX-License-Identifier: MIT
#include <neuron/program.hpp>

#include <bit>
#include <cstring>

#include "error.hpp"
#include "kernel_place.hpp"
#include "loaded_kernel.hpp"
#include "queue_state.hpp"

namespace neuron {

using detail::fail;

namespace {

Result<void> check_device(const DeviceInfo &device, const KernelFile &file) {
    constexpr auto major = spec::field::GLOBAL_VERSION_MAJOR;
    const std::uint32_t wanted = file.isa_version();
    if (major.get(wanted) != major.get(device.spec_version) || wanted > device.spec_version)
        return fail(ErrorCode::version_mismatch, "{}: made for ISA version {}, {} speaks {}", file.name(),
                    detail::version_text(wanted), device.name, detail::version_text(device.spec_version));
    if (file.cores() > device.cores)
        return fail(ErrorCode::unsupported, "{}: needs {} cores, {} has {}", file.name(), file.cores(), device.name,
                    device.cores);
    if (file.sbuf_bytes() > device.sbuf_bytes)
        return fail(ErrorCode::unsupported, "{}: needs {} SBUF bytes per partition, {} has {}", file.name(),
                    file.sbuf_bytes(), device.name, device.sbuf_bytes);
    return {};
}

// Header first, then the streams of the engines, each where an instruction may start.
std::vector<std::byte> make_image(const KernelFile &file, std::uint64_t va) {
    static_assert(spec::ProgramHeader::BYTES % spec::INSTRUCTION_BYTES == 0, "streams follow the header without a gap");
    spec::ProgramHeader header{};
    header.magic = spec::PROGRAM_MAGIC;
    header.isa_version = file.isa_version();
    std::vector<std::byte> image(spec::ProgramHeader::BYTES);
    for (std::size_t i = 0; i < KernelFile::engines; ++i) {
        const auto stream = file.stream(static_cast<spec::Engine>(i));
        if (stream.empty())
            continue;
        header.streams[i].addr = va + image.size();
        header.streams[i].count = static_cast<std::uint32_t>(stream.size());
        const auto bytes = std::as_bytes(stream);
        image.insert(image.end(), bytes.begin(), bytes.end());
    }
    spec::pack(header, std::span(image).first<spec::ProgramHeader::BYTES>());
    return image;
}

std::uint64_t image_bytes(const KernelFile &file) {
    std::uint64_t bytes = spec::ProgramHeader::BYTES;
    for (std::size_t i = 0; i < KernelFile::engines; ++i)
        bytes += file.stream(static_cast<spec::Engine>(i)).size_bytes();
    return bytes;
}

// From here on faults, and who looks at the process, find the file by the program's address.
std::shared_ptr<const detail::LoadedKernel> loaded(const detail::ContextState &context, KernelFile file,
                                                   std::uint64_t va) {
    const auto kernel = std::make_shared<detail::LoadedKernel>(std::move(file));
    if (const auto name = context.backend->name())
        kernel->show(detail::kernel_mark(name->device, name->number, va));
    context.addresses->add_program(va, kernel);
    return kernel;
}

} // namespace

Result<Program> Program::load(const Context &context, Queue &queue, KernelFile file, const ProgramOptions &options) {
    if (auto fits = check_device(context.state()->device->info(), file); !fits)
        return detail::forward_error(fits);
    auto buffer =
        Buffer::create(context, image_bytes(file),
                       {.placement = options.placement, .bank = options.bank, .label = std::string(file.name())}, {});
    if (!buffer)
        return detail::forward_error(buffer);
    if (auto written = queue.write(*buffer, 0, make_image(file, buffer->va())); !written)
        return detail::forward_error(written);
    auto kernel = loaded(*context.state(), std::move(file), buffer->va());
    return Program(std::move(kernel), std::move(*buffer));
}

const KernelFile &Program::file() const noexcept { return kernel_->file; }

Result<void> Program::check(std::span<const Argument> args) const {
    const KernelFile &file = this->file();
    const auto params = file.params();
    if (args.size() != params.size()) {
        const std::string missing =
            args.size() < params.size() ? fmt::format(": '{}' is missing", params[args.size()].name) : "";
        return fail(ErrorCode::invalid_argument, "{}: {} arguments for {} parameters{}", file.name(), args.size(),
                    params.size(), missing);
    }
    for (std::size_t i = 0; i < params.size(); ++i) {
        if (args[i].is_tensor() != params[i].is_tensor())
            return fail(ErrorCode::invalid_argument, "{}: parameter '{}' is a {}", file.name(), params[i].name,
                        params[i].is_tensor() ? "tensor, the argument a number" : "number, the argument a tensor");
        if (args[i].is_tensor() && args[i].room() < params[i].bytes())
            return fail(ErrorCode::invalid_argument, "{}: parameter '{}' needs {} bytes, its buffer has {}",
                        file.name(), params[i].name, params[i].bytes(), args[i].room());
    }
    return {};
}

Result<Job> Program::launch(Queue &queue, std::span<const Argument> args, std::uint32_t core_mask,
                            SourcePlace where) const {
    return launch(queue, args, core_mask, SubmitOptions{}, where);
}

Result<Job> Program::launch(Queue &queue, std::span<const Argument> args, std::uint32_t core_mask,
                            const SubmitOptions &options, SourcePlace where) const {
    if (auto good = check(args); !good)
        return detail::forward_error(good);
    const KernelFile &file = this->file();
    const auto cores = static_cast<std::uint32_t>(std::popcount(core_mask));
    if (file.cores() != 0 && cores != file.cores())
        return fail(ErrorCode::invalid_argument, "{}: is for {} cores, the launch names {}", file.name(), file.cores(),
                    cores);
    auto slot = queue.state().next_argument_slot();
    if (!slot)
        return detail::forward_error(slot);
    for (std::size_t i = 0; i < args.size(); ++i) {
        for (std::size_t byte = 0; byte < sizeof(std::uint64_t); ++byte) // little-endian, as the device reads it
            slot->bytes[sizeof(std::uint64_t) * i + byte] = static_cast<std::byte>(args[i].value() >> 8 * byte);
    }
    CommandList commands;
    commands.launch(va(), slot->va, static_cast<std::uint32_t>(args.size()), core_mask);
    auto job = queue.submit(commands, options, where);
    if (job)
        queue.state().argument_slot_used(*job);
    return job;
}

} // namespace neuron
