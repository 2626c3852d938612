// SPDX-License-Identifier: MIT
#include "coredump_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "../../support/files.hpp"
#include "../system.hpp"

namespace neuronctl::explain {
namespace {

constexpr std::string_view dump_magic = "neuron_accel coredump ";

} // namespace

Outcome<DumpText> kernel_coredump(const std::string &otherwise) {
    const auto entries = sys::list("/sys/class/devcoredump");
    for (const std::string &entry : entries) {
        const std::string name = "/sys/class/devcoredump/" + entry + "/data";
        if (auto text = sys::read(name); text && text->starts_with(dump_magic))
            return DumpText{name, std::move(*text)};
    }
    const bool blind = geteuid() != 0 && entries.size() > 1; // there is always one entry, "disabled"
    if (blind)
        return tl::unexpected(with_hint({Exit::failed, "permission_denied", "only root can read coredumps", {}, {}},
                                        "run as root, e.g. with sudo"));
    return tl::unexpected(
        with_hint({Exit::failed, "not_found", "there is no coredump of the device", {}, {}},
                  std::string("time-outs and resets leave one for five minutes, faults if coredump_on_fault of "
                              "the device is 1; --file reads a saved one") +
                      otherwise));
}

Outcome<DumpText> find_coredump(const std::string &file) {
    if (!file.empty()) {
        const auto bytes = neuron::support::read_file(file);
        if (!bytes)
            return tl::unexpected(input_error(bytes.error()));
        std::string text(reinterpret_cast<const char *>(bytes->data()), bytes->size());
        if (!text.starts_with(dump_magic))
            return tl::unexpected(usage_error(fmt::format("{}: not a coredump of neuron_accel", file)));
        return DumpText{file, std::move(text)};
    }
    return kernel_coredump();
}

} // namespace neuronctl::explain
