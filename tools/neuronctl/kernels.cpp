// SPDX-License-Identifier: MIT
#include "kernels.hpp"

#include <fmt/format.h>

#include "../asm/assembler.hpp"
#include "tracing.hpp"

namespace neuronctl {

Outcome<neuron::KernelFile> make_kernel(const std::string &name, std::string_view source) {
    const auto image = neuron::assembler::assemble(source);
    if (!image)
        return tl::unexpected(
            Failure{Exit::failed, "assembly", neuron::assembler::render(image.error(), name, source), {}, {}});
    const auto elf = neuron::assembler::write_elf(*image);
    if (!elf)
        return tl::unexpected(device_error(elf.error()));
    return on_device(neuron::KernelFile::parse(*elf, name));
}

Outcome<LoadedKernel> LoadedKernel::load(Session &session, const neuron::KernelFile &file,
                                         std::optional<std::uint32_t> bank) {
    auto program = neuron::Program::load(session.context, session.queue, file, {.bank = bank});
    if (!program)
        return tl::unexpected(device_error(program.error()));
    std::vector<neuron::Buffer> buffers;
    for (const neuron::KernelParam &param : file.params()) {
        auto buffer =
            neuron::Buffer::create(session.context, param.bytes(),
                                   {.placement = neuron::Placement::hbm, .bank = bank, .label = param.name}, {});
        if (!buffer)
            return tl::unexpected(device_error(buffer.error()));
        buffers.push_back(std::move(*buffer));
    }
    return LoadedKernel(std::move(*program), std::move(buffers));
}

const neuron::Buffer *LoadedKernel::buffer_of(std::string_view name) const {
    const neuron::KernelParam *param = program_.file().find_param(name);
    return param != nullptr ? &buffers_[param->index] : nullptr;
}

Outcome<void> LoadedKernel::write(Session &session, std::string_view param, std::span<const std::byte> bytes) const {
    return on_device(session.queue.write(*buffer_of(param), 0, bytes));
}

Outcome<std::vector<std::byte>> LoadedKernel::read(Session &session, std::string_view param) const {
    std::vector<std::byte> out(program_.file().find_param(param)->bytes());
    if (auto done = on_device(session.queue.read(*buffer_of(param), 0, out)); !done)
        return tl::unexpected(done.error());
    return out;
}

Outcome<neuron::Job> LoadedKernel::start(Session &session, std::uint32_t core_mask) const {
    std::vector<neuron::Argument> arguments;
    for (const neuron::Buffer &buffer : buffers_)
        arguments.push_back(neuron::Argument::tensor(buffer));
    return on_device(program_.launch(session.queue, arguments, core_mask, neuron::Queue::Where()));
}

Outcome<void> LoadedKernel::run(Session &session, std::uint32_t core_mask) const {
    const auto job = start(session, core_mask);
    if (!job)
        return tl::unexpected(job.error());
    return finish(session.queue, *job);
}

Outcome<std::vector<neuron::spec::Notification>> LoadedKernel::run_traced(Session &session,
                                                                          std::uint32_t core_mask) const {
    std::vector<neuron::Argument> arguments;
    for (const neuron::Buffer &buffer : buffers_)
        arguments.push_back(neuron::Argument::tensor(buffer));
    const auto launch = launch_traced(session.context, session.queue, program_, arguments, core_mask);
    if (!launch)
        return tl::unexpected(launch.error());
    if (auto done = finish(session.queue, launch->job); !done)
        return tl::unexpected(done.error());
    auto records = records_of(*launch);
    if (!records)
        return tl::unexpected(records.error());
    return std::move(records->kept);
}

} // namespace neuronctl
