// SPDX-License-Identifier: MIT
#include "loaded_kernel.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include <neuron/fd.hpp>

#include "kernel_place.hpp"
#include "source_line.hpp"

namespace neuron::detail {

LoadedKernel::~LoadedKernel() {
    if (!shown_.empty())
        ::munmap(shown_.data(), shown_.size());
}

// A mapping outlasts its descriptor, of which a process may have few. Beyond the limit of files a write is a signal that
// ends the process.
void LoadedKernel::show(const std::string &mark) {
    const auto bytes = file.bytes();
    struct rlimit limit {};
    if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || bytes.size() > limit.rlim_cur)
        return;
    const Fd memory(::memfd_create(mark.c_str(), MFD_CLOEXEC));
    if (memory.get() < 0 || ::write(memory.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
        return;
    void *const at = ::mmap(nullptr, bytes.size(), PROT_READ, MAP_SHARED, memory.get(), 0);
    if (at != MAP_FAILED)
        shown_ = {static_cast<std::byte *>(at), bytes.size()};
}

std::string line_of(const FaultInfo &fault, const KernelFile &file) {
    Streams streams;
    for (const spec::Engine engine : spec::values<spec::Engine>())
        streams[spec::raw(engine)] = file.stream(engine);
    const auto engine = engine_of(fault, streams);
    const auto line = engine ? file.line(*engine, fault.pc) : std::nullopt;
    if (!line)
        return {};
    const std::string_view name = line->file.empty() ? std::string_view(file.name()) : line->file;
    return fmt::format("{}:{}", below_build_folder(name), line->line);
}

} // namespace neuron::detail
