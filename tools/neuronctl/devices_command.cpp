// SPDX-License-Identifier: MIT
// neuronctl devices
#include <fmt/format.h>

#include <neuron/device.hpp>

#include "commands.hpp"

namespace neuronctl {
namespace {

Outcome<void> list_devices(const Global &global) {
    const auto nodes = neuron::Device::list();
    if (!nodes)
        return tl::unexpected(device_error(nodes.error()));
    Json list = Json::array();
    std::vector<std::vector<std::string>> rows = {{"NAME", "PATH", "DRIVER", "ADDRESS", "STATE"}};
    for (const neuron::DeviceNode &node : *nodes) {
        list.push_back({{"name", node.name},
                        {"path", node.path},
                        {"driver", node.driver},
                        {"address", node.address},
                        {"problem", node.problem}});
        const auto or_dash = [](const std::string &text) { return text.empty() ? "-" : text; };
        rows.push_back({node.name, node.path, or_dash(node.driver), or_dash(node.address),
                        node.problem.empty() ? "ok" : node.problem});
    }
    const std::string none = "No accel devices (is the module neuron_accel loaded?). '--backend sim' needs none.\n";
    print_result(global, "devices", {{"devices", list}}, nodes->empty() ? none : table(rows, "<<<<<"));
    return {};
}

} // namespace

void add_devices(const CommandLine &line) {
    CLI::App *command = line.app.add_subcommand("devices", "List the devices of the accel class, usable or not");
    command->footer(R"(
Examples:
  neuronctl devices
  neuronctl --json devices | jq -r '.devices[] | select(.problem == "") | .path')");
    command->callback([line] { line.action = [line] { return list_devices(line.global); }; });
}

} // namespace neuronctl
