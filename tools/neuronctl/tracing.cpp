// SPDX-License-Identifier: MIT
#include "tracing.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

namespace neuronctl {

Outcome<TracedLaunch> launch_traced(const neuron::Context &context, neuron::Queue &queue,
                                    const neuron::Program &program, std::span<const neuron::Argument> arguments,
                                    std::uint32_t core_mask) {
    if (const auto good = program.check(arguments); !good)
        return tl::unexpected(device_error(good.error()));
    const auto cores = static_cast<std::uint32_t>(std::popcount(core_mask));
    if (program.file().cores() != 0 && cores != program.file().cores())
        return tl::unexpected(Failure{Exit::failed,
                                      "invalid_argument",
                                      fmt::format("{}: is for {} cores, the launch names {}", program.file().name(),
                                                  program.file().cores(), cores),
                                      {},
                                      {}});
    auto records = neuron::Buffer::create(context, neuron::spec::Notification::BYTES << trace_log2);
    if (!records)
        return tl::unexpected(device_error(records.error()));
    auto words = neuron::Buffer::create(context, std::max<std::size_t>(1, arguments.size()) * sizeof(std::uint64_t));
    if (!words)
        return tl::unexpected(device_error(words.error()));
    std::vector<std::uint64_t> values;
    for (const neuron::Argument &argument : arguments)
        values.push_back(argument.value());
    if (!values.empty())
        if (const auto done = queue.write(*words, 0, std::as_bytes(std::span(values))); !done)
            return tl::unexpected(device_error(done.error()));
    neuron::spec::PacketLaunch packet{};
    packet.core_mask = core_mask;
    packet.program = program.va();
    packet.args = words->va();
    packet.arg_count = static_cast<std::uint32_t>(values.size());
    packet.notify = records->va();
    packet.notify_log2 = trace_log2;
    for (const neuron::spec::TraceFlag flag :
         {neuron::spec::TraceFlag::PE, neuron::spec::TraceFlag::ACT, neuron::spec::TraceFlag::DVE,
          neuron::spec::TraceFlag::POOL, neuron::spec::TraceFlag::SP, neuron::spec::TraceFlag::DMA})
        packet.trace |= neuron::spec::raw(flag);
    const auto job = queue.submit(neuron::CommandList().add(packet), neuron::Queue::Where());
    if (!job)
        return tl::unexpected(device_error(job.error()));
    return TracedLaunch{std::move(*records), std::move(*words), *job};
}

Outcome<Records> records_of(const TracedLaunch &launch) {
    const auto bytes = launch.records.map();
    if (!bytes)
        return tl::unexpected(device_error(bytes.error()));
    Records out;
    for (std::size_t at = 0; at < bytes->size(); at += neuron::spec::Notification::BYTES) {
        const auto record = neuron::spec::unpack<neuron::spec::Notification>(
            bytes->subspan(at).first<neuron::spec::Notification::BYTES>());
        if (record.sequence == 0)
            continue; // never written
        out.made = std::max<std::uint64_t>(out.made, record.sequence);
        out.kept.push_back(record);
    }
    std::ranges::sort(out.kept, {}, &neuron::spec::Notification::start_ns);
    return out;
}

} // namespace neuronctl
