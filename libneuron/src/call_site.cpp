// SPDX-License-Identifier: MIT
#include "call_site.hpp"

#include <algorithm>
#include <climits>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

#include <dlfcn.h>
#include <execinfo.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <fmt/format.h>

#include "source_line.hpp"

namespace neuron::detail {
namespace {

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// dladdr() has argv[0] instead, which may be another name of it.
std::string_view program_name() {
    static const std::string path = [] {
        char text[PATH_MAX];
        const ssize_t size = ::readlink("/proc/self/exe", text, sizeof(text));
        return std::string(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    }();
    return file_name(path);
}

std::optional<Dl_info> module_info(std::uintptr_t code) {
    Dl_info info{};
    // NOLINTNEXTLINE(performance-no-int-to-ptr): libdw, which gets them too, has addresses as numbers
    const bool found = code != 0 && ::dladdr(reinterpret_cast<const void *>(code), &info) != 0;
    return found && info.dli_fname != nullptr ? std::optional(info) : std::nullopt;
}

std::uintptr_t start_of_module(std::uintptr_t code) {
    const auto info = module_info(code);
    return info ? reinterpret_cast<std::uintptr_t>(info->dli_fbase) : 0;
}

std::uintptr_t program_start() {
    static const std::uintptr_t start = start_of_module(::getauxval(AT_ENTRY));
    return start;
}

struct Module {
    std::string_view name;
    std::uintptr_t start = 0; ///< 0: code of no module

    static Module of(std::uintptr_t code) {
        const auto info = module_info(code);
        if (!info)
            return {};
        const auto start = reinterpret_cast<std::uintptr_t>(info->dli_fbase);
        const bool is_program = start == program_start() && !program_name().empty();
        return {is_program ? program_name() : file_name(info->dli_fname), start};
    }
};

/// Where this library begins; 0 if it is part of the program itself.
std::uintptr_t library_start() {
    static const std::uintptr_t own = start_of_module(reinterpret_cast<std::uintptr_t>(&library_start));
    return own == program_start() ? 0 : own;
}

} // namespace

CallSite CallSite::of_caller() {
    constexpr std::size_t own = 2; // this function and its caller
    std::array<void *, depth + own> frames{};
    const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
    CallSite out;
    for (std::size_t i = own; i < static_cast<std::size_t>(std::max(count, 0)); ++i)
        out.calls_[i - own] = reinterpret_cast<std::uintptr_t>(frames[i]);
    return out;
}

std::string CallSite::module_place() const {
    for (const std::uintptr_t call : calls_)
        if (const Module module = Module::of(call); module.start != 0 && module.start != library_start())
            // A return address is behind the call, which may be the last thing of a function.
            return fmt::format("{}+{:#x}", module.name, call - module.start - 1);
    return {};
}

// Each job behind a fault tells of it, and a loop destroys its buffers at one place.
std::string CallSite::known_line() const {
    static std::mutex lock;
    static std::map<Calls, std::string> known;
    constexpr std::size_t enough = 4096;
    const std::lock_guard guard(lock);
    if (const auto found = known.find(calls_); found != known.end())
        return found->second;
    const auto first =
        std::ranges::find_if(calls_, [](std::uintptr_t call) { return Module::of(call).start != library_start(); });
    std::string line =
        source_line(::getpid(), std::span(first, std::ranges::find(first, calls_.end(), std::uintptr_t{0})));
    if (known.size() < enough)
        known.emplace(calls_, line);
    return line;
}

std::string CallSite::line() const {
    const std::string line = known_line();
    return line.empty() ? module_place() : line;
}

std::string CallSite::text() const { return line_and_place(known_line(), module_place()); }

} // namespace neuron::detail
