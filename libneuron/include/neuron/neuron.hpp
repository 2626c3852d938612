// SPDX-License-Identifier: MIT
/**
 * @file
 * The whole public interface of libneuron.
 *
 * Load a kernel and run it on the chip that lives in this process (for a real node: `.backend = "accel"`):
 *
 * @code
 * #include <neuron/neuron.hpp>
 *
 * neuron::Result<void> run(std::span<const std::byte> input, std::span<std::byte> output) {
 *     auto device = neuron::Device::open({.backend = "sim"});
 *     if (!device)
 *         return tl::unexpected(device.error()); // .message says what is wrong
 *     auto context = neuron::Context::create(*device);
 *     if (!context)
 *         return tl::unexpected(context.error());
 *     auto queue = neuron::Queue::create(*context);
 *     if (!queue)
 *         return tl::unexpected(queue.error());
 *     const neuron::BufferOptions hbm{.placement = neuron::Placement::hbm};
 *     auto in = neuron::Buffer::create(*context, input.size(), hbm);
 *     auto out = neuron::Buffer::create(*context, output.size(), hbm);
 *     auto file = neuron::KernelFile::load("scale.nk");
 *     if (!in || !out || !file)
 *         return tl::unexpected(!in ? in.error() : !out ? out.error() : file.error());
 *     auto program = neuron::Program::load(*context, *queue, std::move(*file));
 *     if (!program)
 *         return tl::unexpected(program.error());
 *     if (auto done = queue->write(*in, 0, input); !done)
 *         return done;
 *     const neuron::Argument args[] = {neuron::Argument::tensor(*in), neuron::Argument::tensor(*out)};
 *     auto job = program->launch(*queue, args);
 *     if (!job)
 *         return tl::unexpected(job.error());
 *     if (auto done = queue->wait(*job, std::chrono::seconds(10)); !done)
 *         return done; // e.g. "job 2, packet 0 (LAUNCH): core 0 PE instruction 17: PSUM_GROUP: …, bank 2"
 *     return queue->read(*out, 0, output);
 * }
 * @endcode
 *
 * Handles own what they name and may be destroyed in any order. Each class documents its threading.
 */
#pragma once

#include <neuron/buffer.hpp>
#include <neuron/command_list.hpp>
#include <neuron/context.hpp>
#include <neuron/device.hpp>
#include <neuron/device_event.hpp>
#include <neuron/error.hpp>
#include <neuron/fd.hpp>
#include <neuron/kernel_file.hpp>
#include <neuron/log.hpp>
#include <neuron/logical_core.hpp>
#include <neuron/program.hpp>
#include <neuron/queue.hpp>
#include <neuron/stats.hpp>
#include <neuron/task.hpp>
#include <neuron/timeline.hpp>
