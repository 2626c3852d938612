// SPDX-License-Identifier: MIT
#include "execution.hpp"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "../npy/npy.hpp"
#include "device_options.hpp"

namespace neuronctl {
namespace {

class Run {
public:
    Run(const std::vector<Binding> &bindings, const RunSettings &settings) : bindings_(bindings), settings_(settings) {}

    Outcome<RunResult> run(neuron::KernelFile file) {
        auto done = step("open", [this] { return open(); })
                        .and_then([&] { return step("load", [&] { return load(std::move(file)); }); })
                        .and_then([this] { return step("upload", [this] { return upload(); }); })
                        .and_then([this] { return step("execute", [this] { return launch(); }); })
                        .and_then([this] { return step("download", [this] { return download(); }); })
                        .and_then([this] { return step("write", [this] { return write(); }); });
        if (!done)
            return tl::unexpected(done.error());
        result_.stats = context_->stats();
        result_.path = queue_->path();
        return std::move(result_);
    }

private:
    template<class F>
    Outcome<void> step(std::string_view name, F &&work) {
        moved_ = 0;
        const auto start = std::chrono::steady_clock::now();
        Outcome<void> done = work();
        result_.steps.push_back({std::string(name), std::chrono::steady_clock::now() - start, moved_});
        return done;
    }

    Outcome<void> open() {
        const auto device = DeviceChoice::open(settings_.device);
        if (!device)
            return tl::unexpected(device.error());
        if (settings_.cores > device->info().cores)
            return tl::unexpected(usage_error(fmt::format("--cores {}: {} has {} cores", settings_.cores,
                                                          device->info().name, device->info().cores)));
        auto context = neuron::Context::create(*device);
        if (!context)
            return tl::unexpected(device_error(context.error()));
        context_.emplace(std::move(*context));
        result_.device = device->info();
        auto queue = neuron::Queue::create(*context_, {.job_timeout = settings_.timeout, .path = settings_.submit});
        if (!queue)
            return tl::unexpected(device_error(queue.error()));
        queue_.emplace(std::move(*queue));
        return {};
    }

    Outcome<void> load(neuron::KernelFile file) {
        auto program = neuron::Program::load(*context_, *queue_, std::move(file), {.placement = settings_.placement});
        if (!program)
            return tl::unexpected(device_error(program.error()));
        program_.emplace(std::move(*program));
        cores_ = settings_.cores != 0 ? settings_.cores : std::max(1U, program_->file().cores());
        moved_ = result_.program_bytes = program_->bytes();
        return {};
    }

    Outcome<void> upload() {
        // Reserved at once: arguments are made from addresses, but a Buffer must not move while it is written to.
        buffers_.reserve(bindings_.size());
        for (const Binding &binding : bindings_) {
            if (!binding.param->is_tensor()) {
                arguments_.push_back(neuron::Argument::scalar(binding.scalar));
                buffers_.emplace_back();
                continue;
            }
            auto buffer = neuron::Buffer::create(*context_, binding.param->bytes(), {.placement = settings_.placement});
            if (!buffer)
                return named(binding, buffer.error());
            if (binding.input) {
                if (const auto done = queue_->write(*buffer, 0, binding.input->data()); !done)
                    return named(binding, done.error());
                moved_ += binding.input->data().size();
            }
            arguments_.push_back(neuron::Argument::tensor(*buffer));
            buffers_.emplace_back(std::move(*buffer));
        }
        return {};
    }

    Outcome<void> launch() {
        const auto job = program_->launch(*queue_, arguments_, static_cast<std::uint32_t>((1ULL << cores_) - 1));
        if (!job)
            return tl::unexpected(device_error(job.error()));
        const auto limit =
            settings_.timeout.count() != 0 ? std::chrono::nanoseconds(settings_.timeout) : neuron::forever;
        if (const auto done = queue_->wait(*job, limit); !done) {
            Failure failure = device_error(done.error());
            if (done.error().code == neuron::ErrorCode::timeout)
                failure.message =
                    fmt::format("no end after {} ms (--timeout): {}", settings_.timeout.count(), failure.message);
            return tl::unexpected(std::move(failure));
        }
        return {};
    }

    Outcome<void> download() {
        for (std::size_t i = 0; i < bindings_.size(); ++i) {
            std::vector<std::byte> &bytes = outputs_.emplace_back();
            if (bindings_[i].out_path.empty())
                continue;
            bytes.resize(bindings_[i].param->bytes());
            if (const auto done = queue_->read(*buffers_[i], 0, bytes); !done)
                return named(bindings_[i], done.error());
            moved_ += bytes.size();
        }
        return {};
    }

    Outcome<void> write() {
        for (std::size_t i = 0; i < bindings_.size(); ++i) {
            const Binding &binding = bindings_[i];
            if (binding.out_path.empty())
                continue;
            const auto done =
                neuron::npy::write(binding.out_path, binding.param->dtype, binding.param->dims, outputs_[i]);
            if (!done)
                return tl::unexpected(device_error(done.error()));
            moved_ += outputs_[i].size();
        }
        return {};
    }

    static tl::unexpected<Failure> named(const Binding &binding, const neuron::Error &error) {
        Failure failure = device_error(error);
        failure.message = binding.param->name + ": " + failure.message;
        return tl::unexpected(std::move(failure));
    }

    const std::vector<Binding> &bindings_;
    const RunSettings &settings_;
    std::uint32_t cores_ = 1; ///< Of the launch.
    RunResult result_;
    std::uint64_t moved_ = 0; ///< By the step that is running.
    // Destroyed from the bottom up: buffers must outlive the queue's jobs.
    std::optional<neuron::Context> context_;
    std::vector<std::optional<neuron::Buffer>> buffers_;
    std::optional<neuron::Program> program_;
    std::optional<neuron::Queue> queue_;
    std::vector<neuron::Argument> arguments_;
    std::vector<std::vector<std::byte>> outputs_;
};

} // namespace

Outcome<RunResult> execute(neuron::KernelFile file, const std::vector<Binding> &bindings, const RunSettings &settings) {
    return Run(bindings, settings).run(std::move(file));
}

} // namespace neuronctl
