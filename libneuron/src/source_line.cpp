// SPDX-License-Identifier: MIT
#include "source_line.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdwfl.h>

#include <fmt/format.h>

namespace neuron::detail {
namespace {

/// What is used of libdw. Few programs ever fault, so none is linked to it.
struct Libdw {
    decltype(&::dwfl_begin) begin;
    decltype(&::dwfl_end) end;
    decltype(&::dwfl_linux_proc_report) proc_report;
    decltype(&::dwfl_linux_proc_find_elf) proc_find_elf;
    decltype(&::dwfl_build_id_find_debuginfo) find_debuginfo;
    decltype(&::dwfl_report_end) report_end;
    decltype(&::dwfl_getmodules) getmodules;
    decltype(&::dwfl_addrmodule) addrmodule;
    decltype(&::dwfl_module_addrdie) addrdie;
    decltype(&::dwfl_module_getsrc) getsrc;
    decltype(&::dwfl_lineinfo) lineinfo;
    decltype(&::dwarf_getscopes) getscopes;
    decltype(&::dwarf_getscopes_die) getscopes_die;
    decltype(&::dwarf_tag) tag;
    decltype(&::dwarf_attr) attr;
    decltype(&::dwarf_formudata) formudata;
    decltype(&::dwarf_formstring) formstring;
    decltype(&::dwarf_getsrcfiles) getsrcfiles;
    decltype(&::dwarf_filesrc) filesrc;
};

std::optional<Libdw> load() {
    void *const library = ::dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        return std::nullopt;
    bool complete = true;
    const auto take = [&](auto &function, const char *name) {
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
        complete = complete && function != nullptr;
    };
    Libdw out{};
    take(out.begin, "dwfl_begin");
    take(out.end, "dwfl_end");
    take(out.proc_report, "dwfl_linux_proc_report");
    take(out.proc_find_elf, "dwfl_linux_proc_find_elf");
    take(out.find_debuginfo, "dwfl_build_id_find_debuginfo");
    take(out.report_end, "dwfl_report_end");
    take(out.getmodules, "dwfl_getmodules");
    take(out.addrmodule, "dwfl_addrmodule");
    take(out.addrdie, "dwfl_module_addrdie");
    take(out.getsrc, "dwfl_module_getsrc");
    take(out.lineinfo, "dwfl_lineinfo");
    take(out.getscopes, "dwarf_getscopes");
    take(out.getscopes_die, "dwarf_getscopes_die");
    take(out.tag, "dwarf_tag");
    take(out.attr, "dwarf_attr");
    take(out.formudata, "dwarf_formudata");
    take(out.formstring, "dwarf_formstring");
    take(out.getsrcfiles, "dwarf_getsrcfiles");
    take(out.filesrc, "dwarf_filesrc");
    return complete ? std::optional(out) : std::nullopt;
}

const std::optional<Libdw> &libdw() {
    static const std::optional<Libdw> library = load(); // stays for good: others may have it too
    return library;
}

/// As code_place() has it, below the folder of the build or beside it; or whole, if it is somewhere else.
std::string name_for_people(const std::filesystem::path &file, const std::filesystem::path &folder) {
    const auto path = file.lexically_normal();
    if (!path.is_absolute() || !folder.is_absolute())
        return std::string(below_build_folder(path.native()));
    const auto relative = path.lexically_relative(folder.lexically_normal());
    const std::string below(below_build_folder(relative.native()));
    return "/" + below == path.native() ? path.native() : below;
}

/// The modules of a process. Debug information is taken from this machine only: nobody waits for a server in an error.
class Process {
public:
    Process(const Libdw &dw, pid_t pid)
        : dw_(dw),
          callbacks_{dw.proc_find_elf, dw.find_debuginfo, nullptr, nullptr},
          dwfl_(dw.begin(&callbacks_), dw.end) {
        if (dwfl_ && (dw.proc_report(dwfl_.get(), pid) != 0 || dw.report_end(dwfl_.get(), nullptr, nullptr) != 0))
            dwfl_.reset();
    }

    /// Where the module with this file name begins.
    std::optional<Dwarf_Addr> start_of(std::string_view name) const {
        struct Search {
            std::string_view name;
            std::optional<Dwarf_Addr> start{};
        } search{name};
        const auto look = [](Dwfl_Module *, void **, const char *path, Dwarf_Addr start, void *arg) -> int {
            auto &wanted = *static_cast<Search *>(arg);
            if (std::filesystem::path(path).filename() != wanted.name)
                return DWARF_CB_OK;
            wanted.start = start;
            return DWARF_CB_ABORT;
        };
        if (dwfl_)
            dw_.getmodules(dwfl_.get(), look, &search, 0);
        return search.start;
    }

    /// The innermost place of a call that is in no header of the system; "" if there is none.
    std::string place_of(Dwarf_Addr call) const {
        Dwfl_Module *const module = dwfl_ ? dw_.addrmodule(dwfl_.get(), call) : nullptr;
        Dwfl_Line *const line = module != nullptr ? dw_.getsrc(module, call) : nullptr;
        Dwarf_Addr bias = 0;
        Dwarf_Die *const unit = line != nullptr ? dw_.addrdie(module, call, &bias) : nullptr;
        if (unit == nullptr)
            return {};
        int number = 0;
        const char *const file = dw_.lineinfo(line, nullptr, &number, nullptr, nullptr, nullptr);
        if (is_own(file) && number > 0) // 0 is what compilers have made themselves
            return text_of(unit, file, static_cast<Dwarf_Word>(number));
        return inlined_at(unit, call - bias);
    }

private:
    /// Not of the system, the standard library or this one, wherever they are installed.
    static bool is_own(const char *file) {
        if (file == nullptr)
            return false;
        const std::string path = std::filesystem::path(file).lexically_normal();
        return !path.starts_with("/usr/include/") && !path.starts_with("/usr/lib/") &&
               path.find("/include/c++/") == std::string::npos && path.find("/include/neuron/") == std::string::npos;
    }

    std::string text_of(Dwarf_Die *unit, const char *file, Dwarf_Word line) const {
        Dwarf_Attribute attribute{};
        const char *const folder = dw_.formstring(dw_.attr(unit, DW_AT_comp_dir, &attribute));
        return fmt::format("{}:{}", name_for_people(file, folder != nullptr ? folder : ""), line);
    }

    struct Scopes {
        std::unique_ptr<Dwarf_Die, decltype(&std::free)> first;
        std::span<Dwarf_Die> all;

        Scopes(Dwarf_Die *found, int count)
            : first(found, &std::free), all(found, static_cast<std::size_t>(std::max(count, 0))) {}
    };

    /// What holds a call, outwards through what is inlined there.
    Scopes scopes_of(Dwarf_Die *unit, Dwarf_Addr call) const {
        Dwarf_Die *found = nullptr;
        const int count = dw_.getscopes(unit, call, &found);
        const Scopes innermost(found, count);
        // Around what is inlined these are the scopes that it was written in.
        if (innermost.all.empty())
            return {nullptr, 0};
        Dwarf_Die *around = nullptr;
        const int depth = dw_.getscopes_die(&innermost.all[0], &around);
        return {around, depth};
    }

    std::string inlined_at(Dwarf_Die *unit, Dwarf_Addr call) const {
        Dwarf_Files *files = nullptr;
        if (dw_.getsrcfiles(unit, &files, nullptr) != 0)
            return {};
        const Scopes scopes = scopes_of(unit, call);
        for (Dwarf_Die &scope : scopes.all) {
            if (dw_.tag(&scope) != DW_TAG_inlined_subroutine)
                continue;
            const auto file = number_of(scope, DW_AT_call_file);
            const auto line = number_of(scope, DW_AT_call_line);
            const char *const name =
                file && line ? dw_.filesrc(files, static_cast<std::size_t>(*file), nullptr, nullptr) : nullptr;
            if (is_own(name))
                return text_of(unit, name, *line);
        }
        return {};
    }

    std::optional<Dwarf_Word> number_of(Dwarf_Die &die, unsigned name) const {
        Dwarf_Attribute attribute{};
        Dwarf_Word value = 0;
        if (dw_.formudata(dw_.attr(&die, name, &attribute), &value) != 0)
            return std::nullopt;
        return value;
    }

    const Libdw &dw_;
    Dwfl_Callbacks callbacks_;
    std::unique_ptr<Dwfl, decltype(&::dwfl_end)> dwfl_;
};

} // namespace

std::string source_line(pid_t pid, std::span<const std::uintptr_t> calls) {
    if (!libdw())
        return {};
    const Process process(*libdw(), pid);
    for (const std::uintptr_t call : calls)
        if (std::string place = process.place_of(call - 1); !place.empty()) // the call is before where it returns to
            return place;
    return {};
}

std::string source_line(pid_t pid, std::string_view module_place) {
    const auto plus = module_place.rfind("+0x");
    if (plus == std::string_view::npos || !libdw())
        return {};
    const std::string_view digits = module_place.substr(plus + 3);
    std::uint64_t offset = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), offset, 16);
    if (error != std::errc() || end != digits.data() + digits.size())
        return {};
    const Process process(*libdw(), pid);
    const auto start = process.start_of(module_place.substr(0, plus));
    return start ? process.place_of(*start + offset) : std::string();
}

std::string line_and_place(const std::string &line, const std::string &module_place) {
    if (line.empty() || module_place.empty())
        return line.empty() ? module_place : line;
    return fmt::format("{} ({})", line, module_place);
}

std::string_view below_build_folder(std::string_view file) {
    while (file.starts_with("../"))
        file.remove_prefix(3);
    return file;
}

} // namespace neuron::detail
