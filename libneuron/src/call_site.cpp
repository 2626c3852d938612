// SPDX-License-Identifier: MIT
#include "call_site.hpp"

#include <algorithm>
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

struct Module {
    std::string_view name;
    std::uintptr_t start = 0; ///< 0: code of no module

    static Module of(std::uintptr_t code) {
        Dl_info info{};
        if (code == 0 || ::dladdr(reinterpret_cast<const void *>(code), &info) == 0 || info.dli_fname == nullptr)
            return {};
        const std::string_view path = info.dli_fname;
        return {path.substr(path.rfind('/') + 1), reinterpret_cast<std::uintptr_t>(info.dli_fbase)};
    }
};

/// Where this library begins; 0 if it is part of the program itself.
std::uintptr_t library_start() {
    static const std::uintptr_t start = [] {
        const Module own = Module::of(reinterpret_cast<std::uintptr_t>(&library_start));
        return own.start == Module::of(::getauxval(AT_ENTRY)).start ? 0 : own.start;
    }();
    return start;
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

std::string CallSite::known_line() const {
    const auto first =
        std::ranges::find_if(calls_, [](std::uintptr_t call) { return Module::of(call).start != library_start(); });
    return source_line(::getpid(), std::span(first, std::ranges::find(first, calls_.end(), std::uintptr_t{0})));
}

std::string CallSite::line() const {
    const std::string line = known_line();
    return line.empty() ? module_place() : line;
}

std::string CallSite::text() const {
    const std::string place = module_place();
    const std::string line = known_line();
    if (line.empty() || place.empty())
        return line.empty() ? place : line;
    return fmt::format("{} ({})", line, place);
}

} // namespace neuron::detail
