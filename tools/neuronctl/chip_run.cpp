// SPDX-License-Identifier: MIT
#include "chip_run.hpp"

#include <utility>

#include <fmt/format.h>

#include "../npy/npy.hpp"
#include "device_options.hpp"

namespace neuronctl {
namespace {

tl::unexpected<Failure> named(const Binding &binding, const neuron::Error &error) {
    Failure failure = device_error(error);
    failure.message = binding.param->name + ": " + failure.message;
    return tl::unexpected(std::move(failure));
}

std::uint32_t first_cores(std::uint32_t count) { return static_cast<std::uint32_t>((1ULL << count) - 1); }

} // namespace

Outcome<void> ChipRun::open(const neuron::DeviceOptions &options) {
    const auto device = DeviceChoice::open(options);
    if (!device)
        return tl::unexpected(device.error());
    device_ = device->info();
    if (auto chosen = choose_cores(); !chosen)
        return chosen;
    auto context = neuron::Context::create(*device);
    if (!context)
        return tl::unexpected(device_error(context.error()));
    context_.emplace(std::move(*context));
    auto queue = neuron::Queue::create(*context_, {.job_timeout = settings_.timeout, .path = settings_.submit});
    if (!queue)
        return tl::unexpected(device_error(queue.error()));
    queue_.emplace(std::move(*queue));
    return {};
}

Outcome<void> ChipRun::choose_cores() {
    if (settings_.logical_core) {
        const auto core = neuron::logical_core(device_, *settings_.logical_core, settings_.lnc);
        if (!core)
            return tl::unexpected(usage_error(core.error().message));
        core_mask_ = core->core_mask;
        bank_ = core->bank;
    } else if (settings_.cores > device_.cores) {
        return tl::unexpected(
            usage_error(fmt::format("--cores {}: {} has {} cores", settings_.cores, device_.name, device_.cores)));
    } else {
        core_mask_ = first_cores(settings_.cores);
    }
    if (settings_.placement == neuron::Placement::host)
        bank_.reset();
    return {};
}

Outcome<std::uint64_t> ChipRun::load(const neuron::KernelFile &file) {
    auto program = neuron::Program::load(*context_, *queue_, file, {.placement = settings_.placement, .bank = bank_});
    if (!program)
        return tl::unexpected(device_error(program.error()));
    program_.emplace(std::move(*program));
    if (core_mask_ == 0)
        core_mask_ = first_cores(std::max(1U, program_->file().cores()));
    return program_->bytes();
}

Outcome<neuron::Buffer> ChipRun::make_buffer(const Binding &binding, Shared &shared) {
    const neuron::KernelParam &param = *binding.param;
    if (!binding.shared) {
        auto buffer =
            neuron::Buffer::create(*context_, param.bytes(), {.placement = settings_.placement, .bank = bank_});
        if (!buffer)
            return named(binding, buffer.error());
        return std::move(*buffer);
    }
    if (const auto file = shared.find(param.name); file != shared.end()) {
        auto buffer = neuron::Buffer::import_fd(*context_, file->second.get());
        if (!buffer)
            return named(binding, buffer.error());
        return std::move(*buffer);
    }
    auto buffer = neuron::Buffer::create(*context_, param.bytes(), {.shareable = true});
    if (!buffer)
        return named(binding, buffer.error());
    auto file = buffer->export_fd();
    if (!file)
        return named(binding, file.error());
    shared.emplace(param.name, std::move(*file));
    return std::move(*buffer);
}

Outcome<std::uint64_t> ChipRun::upload(Shared &shared) {
    std::uint64_t moved = 0;
    buffers_.reserve(bindings_.size());
    for (const Binding &binding : bindings_) {
        if (!binding.param->is_tensor()) {
            arguments_.push_back(neuron::Argument::scalar(binding.scalar));
            buffers_.emplace_back();
            continue;
        }
        auto buffer = make_buffer(binding, shared);
        if (!buffer)
            return tl::unexpected(buffer.error());
        if (binding.input) {
            if (const auto done = queue_->write(*buffer, 0, binding.input->data()); !done)
                return named(binding, done.error());
            moved += binding.input->data().size();
        }
        arguments_.push_back(neuron::Argument::tensor(*buffer));
        buffers_.emplace_back(std::move(*buffer));
    }
    return moved;
}

Outcome<void> ChipRun::launch() {
    const auto job = program_->launch(*queue_, arguments_, core_mask_);
    if (!job)
        return tl::unexpected(device_error(job.error()));
    job_ = *job;
    return {};
}

Outcome<bool> ChipRun::wait(std::chrono::nanoseconds timeout) {
    if (!job_)
        return true;
    auto done = queue_->wait(*job_, timeout);
    if (!done && done.error().code == neuron::ErrorCode::timeout) {
        if (const auto ended = queue_->done(*job_); ended && !*ended)
            return false;
        done = queue_->wait(*job_); // by now it has
    }
    if (!done)
        return tl::unexpected(device_error(done.error()));
    job_.reset();
    return true;
}

Outcome<std::uint64_t> ChipRun::download() {
    std::uint64_t moved = 0;
    for (std::size_t i = 0; i < bindings_.size(); ++i) {
        std::vector<std::byte> &bytes = outputs_.emplace_back();
        if (bindings_[i].out_path.empty())
            continue;
        bytes.resize(bindings_[i].param->bytes());
        if (const auto done = queue_->read(*buffers_[i], 0, bytes); !done)
            return named(bindings_[i], done.error());
        moved += bytes.size();
    }
    return moved;
}

Outcome<std::uint64_t> ChipRun::write() {
    std::uint64_t moved = 0;
    for (std::size_t i = 0; i < bindings_.size(); ++i) {
        const Binding &binding = bindings_[i];
        if (binding.out_path.empty())
            continue;
        const auto done = neuron::npy::write(binding.out_path, binding.param->dtype, binding.param->dims, outputs_[i]);
        if (!done)
            return tl::unexpected(device_error(done.error()));
        moved += outputs_[i].size();
    }
    return moved;
}

} // namespace neuronctl
