// SPDX-License-Identifier: MIT
// Prints the command line as JSON: what the parser itself knows. pages.py makes manual pages and completions of it.
#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app.hpp"

namespace neuronctl {
namespace {

/** "TEXT:{auto,uring}" is a type and what a validator says about it. */
Json type_of(const CLI::Option &option) {
    const std::string text = option.get_type_name();
    Json choices = Json::array();
    const std::size_t open = text.find('{');
    if (const std::size_t close = text.find('}', open); open != std::string::npos && close != std::string::npos)
        for (const std::string &choice : CLI::detail::split(text.substr(open + 1, close - open - 1), ','))
            choices.push_back(choice);
    const std::size_t colon = text.find(':');
    const std::string type = open == 0 ? "NAME" : text.substr(0, std::min(colon, open));
    const std::string limits = colon == std::string::npos || !choices.empty() ? "" : text.substr(colon + 1);
    return {{"type", type}, {"choices", choices}, {"limits", limits}};
}

Json option_json(const CLI::Option &option) {
    std::vector<std::string> names;
    for (const std::string &name : option.get_snames())
        names.push_back("-" + name);
    for (const std::string &name : option.get_lnames())
        names.push_back("--" + name);
    const bool flag = option.get_items_expected_max() == 0;
    Json out = {{"names", names},
                {"positional", names.empty() ? option.get_name() : ""},
                {"flag", flag},
                {"description", option.get_description()},
                {"default", option.get_default_str()},
                {"required", option.get_required()},
                {"repeatable", option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll},
                {"group", option.get_group()}};
    if (!flag)
        out.update(type_of(option));
    return out;
}

Json command_json(const CLI::App &app, const std::string &words) {
    Json options = Json::array();
    for (const CLI::Option *option : app.get_options())
        options.push_back(option_json(*option));
    Json commands = Json::array();
    for (const CLI::App *command : app.get_subcommands([](const CLI::App *) { return true; }))
        commands.push_back(command_json(*command, words + (words.empty() ? "" : " ") + command->get_name()));
    return {{"name", app.get_name()},     {"words", words},     {"description", app.get_description()},
            {"footer", app.get_footer()}, {"options", options}, {"commands", commands}};
}

} // namespace
} // namespace neuronctl

int main() {
    using namespace neuronctl;
    CLI::App app;
    Global global;
    Action action;
    build_app(app, global, action);
    Json exits = Json::array();
    for (const ExitText &entry : exit_texts)
        exits.push_back({{"code", static_cast<int>(entry.exit)}, {"text", entry.text}});
    Json out = command_json(app, "");
    out["version"] = NEURONCTL_VERSION;
    out["exit_codes"] = exits;
    fmt::print("{}\n", out.dump(1));
    return 0;
}
