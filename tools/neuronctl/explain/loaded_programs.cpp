// SPDX-License-Identifier: MIT
// Whose process it is may be anybody, and this is root: what is read is on tmpfs, as such memory is, never a file of some
// file system that can keep one waiting; of each program no more than fits; and as data, by the reader of kernel files.
#include "loaded_programs.hpp"

#include <cstddef>
#include <optional>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include <kernel_place.hpp>
#include <neuron/fd.hpp>

#include "../../asm/encoding.hpp"
#include "../system.hpp"
#include "launch_rules.hpp"

namespace neuronctl::explain {
namespace {

constexpr std::size_t largest = std::size_t{16} << 20;

std::vector<std::byte> contents(const neuron::Fd &memory) {
    struct stat status {};
    if (memory.get() < 0 || ::fstat(memory.get(), &status) != 0 || status.st_size <= 0 ||
        static_cast<std::size_t>(status.st_size) > largest)
        return {};
    std::vector<std::byte> out(static_cast<std::size_t>(status.st_size));
    const ssize_t got = ::pread(memory.get(), out.data(), out.size(), 0);
    out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return out;
}

// Opening a file of a user's file system may never come back: first it is seen what it is. Nor is a lease waited for.
std::vector<std::byte> read_memory(const std::string &path) {
    const neuron::Fd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
    struct statfs status {};
    if (place.get() < 0 || ::fstatfs(place.get(), &status) != 0 || status.f_type != TMPFS_MAGIC)
        return {};
    return contents(
        neuron::Fd(::open(fmt::format("/proc/self/fd/{}", place.get()).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)));
}

std::optional<ProgramView> program_of(const State &state, const Queue &queue) {
    const Packet *const launch = launch_at_head(queue);
    const auto owner = state.contexts.find(queue.ctx);
    if (launch == nullptr || owner == state.contexts.end() || owner->second.pid == 0 ||
        has_come_since(state, queue, launch->program))
        return std::nullopt;
    const std::string folder = fmt::format("/proc/{}", owner->second.pid);
    const auto maps = sys::read(folder + "/maps");
    const auto name = neuron::detail::kernel_mark(state.device, static_cast<std::uint32_t>(queue.ctx), launch->program);
    const auto ranges = mapped_memory(maps.value_or(std::string()), name);
    if (ranges.empty())
        return std::nullopt;
    const std::string label = kernel_of(state, queue);
    const auto file = neuron::KernelFile::parse(read_memory(fmt::format("{}/map_files/{}", folder, ranges.front())),
                                                label.empty() ? "the kernel" : label);
    return file ? std::optional(ProgramView(file->name(), neuron::assembler::to_image(*file))) : std::nullopt;
}

} // namespace

// "7f0000-7f1000 r--s 00000000 00:01 1026   /memfd:neuron-kernel:0000:01:00.0:0:0x200000 (deleted)"
std::vector<std::string> mapped_memory(std::string_view maps, std::string_view name) {
    const std::string end = fmt::format(" /memfd:{} (deleted)", name);
    std::vector<std::string> out;
    for (const std::string &line : sys::lines(maps))
        if (line.ends_with(end))
            out.push_back(line.substr(0, line.find(' ')));
    return out;
}

Programs loaded_programs(const State &state) {
    Programs out;
    for (const Queue &queue : state.queues)
        if (auto program = program_of(state, queue))
            out.emplace(queue.hw, std::move(*program));
    return out;
}

} // namespace neuronctl::explain
