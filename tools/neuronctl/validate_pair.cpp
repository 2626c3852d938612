// SPDX-License-Identifier: MIT
// Self tests of several at once: cores side by side, and devices that copy to each other.
#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "device_options.hpp"
#include "kernels.hpp"
#include "times.hpp"
#include "validate.hpp"

namespace neuronctl {
namespace {

using std::chrono::steady_clock;

// Long enough for the others to begin meanwhile.
constexpr std::uint32_t counted = 20'000;
constexpr std::string_view counting = R"(
        .param Y, out, u32, 1
        .engine sp
        move    r1, 0
again:  add     r1, r1, 1
        blt     r1, 20000, again
        mem_store Y.u32[0], r1
        end
)";

struct CoreWork {
    Session session;
    LoadedKernel kernel;
    neuron::Job job{};
};

Outcome<CoreWork> work_of_core(const Bench &bench) {
    auto session = bench.open();
    if (!session)
        return tl::unexpected(session.error());
    const auto file = make_kernel("validate", counting);
    if (!file)
        return tl::unexpected(file.error());
    auto kernel = LoadedKernel::load(*session, *file);
    if (!kernel)
        return tl::unexpected(kernel.error());
    return CoreWork{std::move(*session), std::move(*kernel), {}};
}

Outcome<Findings> test_cores(const Bench &bench) {
    std::vector<CoreWork> work;
    for (std::uint32_t core = 0; core < bench.info().cores; ++core) {
        auto one = work_of_core(bench);
        if (!one)
            return tl::unexpected(one.error());
        work.push_back(std::move(*one));
    }
    const auto start = steady_clock::now();
    for (std::size_t core = 0; core < work.size(); ++core) {
        const auto job = work[core].kernel.start(work[core].session, 1U << core);
        if (!job)
            return tl::unexpected(job.error());
        work[core].job = *job;
    }
    for (CoreWork &one : work)
        if (auto done = finish(one.session.queue, one.job); !done)
            return tl::unexpected(done.error());
    const std::chrono::nanoseconds spent = steady_clock::now() - start;
    for (std::size_t core = 0; core < work.size(); ++core) {
        const auto bytes = work[core].kernel.read(work[core].session, "Y");
        if (!bytes)
            return tl::unexpected(bytes.error());
        std::uint32_t seen = 0;
        std::memcpy(&seen, bytes->data(), sizeof seen);
        if (seen != counted)
            return tl::unexpected(
                wrong_answer(fmt::format("core {} has counted to {}, not to {}", core, seen, counted)));
    }
    return Findings{
        {{"cores", static_cast<double>(work.size()), ""}, {"together", static_cast<double>(spent.count()), "ns"}}, {}};
}

// Another device than the one under test; a message why there is none.
Outcome<neuron::DeviceOptions> another_device(const Bench &bench, std::string &none) {
    neuron::DeviceOptions out = bench.options;
    if (bench.simulated())
        return out; // each that is opened is a chip of its own
    const auto nodes = on_device(neuron::Device::list());
    if (!nodes)
        return tl::unexpected(nodes.error());
    const auto other = std::ranges::find_if(
        *nodes, [&](const neuron::DeviceNode &node) { return node.problem.empty() && node.path != bench.info().name; });
    if (other == nodes->end())
        none = fmt::format("{} is the only usable device here", bench.info().name);
    else
        out.node = other->path;
    return out;
}

// From HBM to shared memory, or from there to HBM.
Outcome<void> carry(Session &session, const neuron::Buffer &to, const neuron::Buffer &from, std::uint64_t bytes) {
    return execute(session.queue, neuron::CommandList().copy(to.va(), from.va(), bytes));
}

Outcome<Findings> test_devices(const Bench &bench) {
    std::string none;
    const auto options = another_device(bench, none);
    if (!options)
        return tl::unexpected(options.error());
    if (!none.empty())
        return Findings{{}, none};
    auto one = bench.open();
    if (!one)
        return tl::unexpected(one.error());
    auto two = Session::open(*options);
    if (!two)
        return tl::unexpected(two.error());

    constexpr std::uint64_t size = 1 << 20;
    const neuron::BufferOptions hbm{.placement = neuron::Placement::hbm};
    const auto source = on_device(neuron::Buffer::create(one->context, size, hbm));
    const auto ours = on_device(neuron::Buffer::create(one->context, size, {.shareable = true}));
    const auto destination = on_device(neuron::Buffer::create(two->context, size, hbm));
    for (const auto *buffer : {&source, &ours, &destination})
        if (!*buffer)
            return tl::unexpected(buffer->error());
    const auto file = on_device(ours->export_fd());
    if (!file)
        return tl::unexpected(file.error());
    const auto theirs = on_device(neuron::Buffer::import_fd(two->context, file->get()));
    if (!theirs)
        return tl::unexpected(theirs.error());

    std::vector<std::byte> sent(size);
    for (std::size_t i = 0; i < size; ++i)
        sent[i] = static_cast<std::byte>(i * 131 + (i >> 8));
    if (auto done = on_device(one->queue.write(*source, 0, sent)); !done)
        return tl::unexpected(done.error());
    const auto start = steady_clock::now();
    if (auto done = carry(*one, *ours, *source, size); !done)
        return tl::unexpected(done.error());
    if (auto done = carry(*two, *destination, *theirs, size); !done)
        return tl::unexpected(done.error());
    const std::chrono::nanoseconds spent = steady_clock::now() - start;
    std::vector<std::byte> got(size);
    if (auto done = on_device(two->queue.read(*destination, 0, got)); !done)
        return tl::unexpected(done.error());
    if (const auto at = std::ranges::mismatch(sent, got).in1; at != sent.end())
        return tl::unexpected(wrong_answer(fmt::format("what {} has sent arrives at {} with byte {} wrong",
                                                       bench.info().name, two->device.info().name, at - sent.begin())));
    return Findings{{{"bytes", static_cast<double>(size), "B"},
                     {"from HBM to HBM", rate_of(size, static_cast<std::uint64_t>(spent.count())), "B/s"}},
                    {}};
}

constexpr std::array tests = {
    SelfTest{"cores", "All cores work at once, each for a context of its own", test_cores},
    SelfTest{"devices", "What is in the HBM of one device gets to that of another", test_devices},
};

} // namespace

std::span<const SelfTest> pair_tests() { return tests; }

} // namespace neuronctl
