// SPDX-License-Identifier: MIT
#include "chip_run.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "../asm/disassembler.hpp"
#include "../npy/npy.hpp"
#include "compare.hpp"
#include "device_options.hpp"
#include "explain/program_view.hpp"

namespace neuronctl {
namespace {

tl::unexpected<Failure> named(const Binding &binding, const neuron::Error &error) {
    Failure failure = device_error(error);
    failure.message = binding.param->name + ": " + failure.message;
    return tl::unexpected(std::move(failure));
}

/// Says of a fault what the instruction is.
Failure with_instruction(Failure failure, const neuron::Error &error, const neuron::KernelFile &file) {
    if (!error.fault)
        return failure;
    const ProgramView view(file.name(), neuron::assembler::to_image(file));
    if (const auto engine = view.engine_of(*error.fault))
        failure.message += fmt::format("; {} {}", neuron::spec::name(*engine), view.place(*engine, error.fault->pc));
    return failure;
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
        auto buffer = neuron::Buffer::create(
            *context_, param.bytes(), {.placement = settings_.placement, .bank = bank_, .label = param.name}, {});
        if (!buffer)
            return named(binding, buffer.error());
        return std::move(*buffer);
    }
    if (const auto file = shared.find(param.name); file != shared.end()) {
        auto buffer = neuron::Buffer::import_fd(*context_, file->second.get(), {.label = param.name}, {});
        if (!buffer)
            return named(binding, buffer.error());
        return std::move(*buffer);
    }
    auto buffer = neuron::Buffer::create(*context_, param.bytes(), {.shareable = true, .label = param.name}, {});
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

Outcome<void> ChipRun::rewind() {
    for (std::size_t i = 0; i < bindings_.size(); ++i) {
        const Binding &binding = bindings_[i];
        if (binding.shared) {
            const auto bytes = buffers_[i]->map();
            if (!bytes)
                return named(binding, bytes.error());
            std::ranges::fill(*bytes, std::byte{0});
        } else if (binding.input && binding.param->kind == neuron::spec::ParamKind::INOUT) {
            if (const auto done = queue_->write(*buffers_[i], 0, binding.input->data()); !done)
                return named(binding, done.error());
        }
    }
    return {};
}

Outcome<void> ChipRun::launch(bool traced) {
    if (traced)
        return launch_traced();
    const auto job = program_->launch(*queue_, arguments_, core_mask_, neuron::Queue::Where());
    if (!job)
        return tl::unexpected(device_error(job.error()));
    job_ = *job;
    return {};
}

Outcome<void> ChipRun::launch_traced() {
    auto launch = neuronctl::launch_traced(*context_, *queue_, *program_, arguments_, core_mask_);
    if (!launch)
        return tl::unexpected(launch.error());
    job_ = launch->job;
    traced_.emplace(std::move(*launch));
    return {};
}

Outcome<ChipTrace> ChipRun::trace() {
    ChipTrace out{.device = device_.name, .host_minus_device_ns = 0, .records = 0, .kept = {}};
    if (!traced_)
        return out;
    auto records = records_of(*traced_);
    if (!records)
        return tl::unexpected(records.error());
    out.records = records->made;
    out.kept = std::move(records->kept);
    // Where the two clocks stand to each other: the middle of the question is when it was answered, nearly.
    const auto before = std::chrono::steady_clock::now();
    const auto info = context_->info();
    const auto after = std::chrono::steady_clock::now();
    if (!info)
        return tl::unexpected(device_error(info.error()));
    const auto middle = (before + (after - before) / 2).time_since_epoch();
    out.host_minus_device_ns = std::chrono::nanoseconds(middle).count() - static_cast<std::int64_t>(info->clock_ns);
    return out;
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
        return tl::unexpected(with_instruction(device_error(done.error()), done.error(), program_->file()));
    job_.reset();
    return true;
}

Outcome<std::uint64_t> ChipRun::download() {
    std::uint64_t moved = 0;
    for (std::size_t i = 0; i < bindings_.size(); ++i) {
        std::vector<std::byte> &bytes = outputs_.emplace_back();
        if (bindings_[i].out_path.empty() && !bindings_[i].expected)
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

Outcome<std::uint64_t> ChipRun::check() const {
    std::uint64_t elements = 0;
    for (std::size_t i = 0; i < bindings_.size(); ++i) {
        const Binding &binding = bindings_[i];
        if (!binding.expected)
            continue;
        const neuron::KernelParam &param = *binding.param;
        const auto wrong = first_mismatch(param.dtype, param.dims,
                                          std::span(outputs_[i]).first(static_cast<std::size_t>(param.bytes())),
                                          binding.expected->data(), settings_.tolerance);
        const std::uint64_t count = param.bytes() / neuron::spec::bytes(param.dtype);
        if (wrong) {
            Failure failure{Exit::mismatch, "mismatch", {}, {}, {}};
            failure.message = fmt::format("{}[{}] is {}, {} says {}; {} of {} elements differ", param.name,
                                          fmt::join(wrong->index, ", "), wrong->got, binding.check_path, wrong->want,
                                          wrong->count, count);
            failure.details = {{"param", param.name}, {"file", binding.check_path}, {"index", wrong->index},
                               {"got", wrong->got},   {"want", wrong->want},        {"differ", wrong->count},
                               {"elements", count}};
            return tl::unexpected(std::move(failure));
        }
        elements += count;
    }
    return elements;
}

} // namespace neuronctl
