// SPDX-License-Identifier: MIT
// From addresses of code to lines of source, by the debug information of a running process.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace neuron::detail {

/**
 * Where in the source of process @p pid one is that has made these calls, as "foo.cc:88", below the folder that it was
 * compiled in or beside it: the innermost call, inlined or not, that is in no header of the system or of this library. Calls of code without
 * debug information are passed over.
 *
 * @param calls Return addresses, innermost first.
 * @return "" if the process is gone or another user's, or its code has no debug information on this machine, or libdw
 *         (of elfutils), which is loaded when it is first needed, is not installed.
 *
 * Takes milliseconds. Threading: any thread.
 */
std::string source_line(pid_t pid, std::span<const std::uintptr_t> calls);

/** The same for one call, as CallSite::module_place() has it: "program+0x1234". Anything else has no line. */
std::string source_line(pid_t pid, std::string_view module_place);

/** Both for people, "foo.cc:88 (program+0x1234)"; if one is not known, and so empty, the other. */
std::string line_and_place(const std::string &line, const std::string &module_place);

/** "foo.cc" of "../../foo.cc": a file's name as compilers were given it, without the way up from where they ran. */
std::string_view below_build_folder(std::string_view file);

} // namespace neuron::detail
