// SPDX-License-Identifier: MIT
#include "plan_text.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include <fmt/format.h>

namespace neuronctl {
namespace {

Outcome<std::string> whole(std::istream &stream, const std::string &name) {
    std::string text(std::istreambuf_iterator<char>(stream), {});
    if (stream.bad())
        return tl::unexpected(usage_error(fmt::format("{}: cannot be read", name)));
    return text;
}

} // namespace

Outcome<std::string> plan_text(const std::string &argument) {
    if (argument == "-")
        return whole(std::cin, "standard input");
    if (!argument.starts_with('@'))
        return argument;
    const std::string name = argument.substr(1);
    std::ifstream file(name, std::ios::binary);
    if (!file)
        return tl::unexpected(usage_error(fmt::format("{}: {}", name, strerrordesc_np(errno))));
    return whole(file, name);
}

} // namespace neuronctl
