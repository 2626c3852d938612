// SPDX-License-Identifier: MIT
#include "program.hpp"

#include <cstdio>

#include <unistd.h>

namespace bugs {

void stay(std::uint64_t address) {
    std::printf("stuck %#llx\n", static_cast<unsigned long long>(address));
    std::fflush(stdout);
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
}

int run(int argc, char **argv, const Programs &programs) {
    const auto bug = argc >= 2 && argc <= 3 ? programs.find(argv[1]) : programs.end();
    if (bug == programs.end()) {
        std::fprintf(stderr, "usage: %s NAME [KERNEL.nko]; there are:", argv[0]);
        for (const auto &[name, function] : programs)
            std::fprintf(stderr, " %s", name.c_str());
        std::fprintf(stderr, "\n");
        return 2;
    }
    try {
        Session session;
        session.kernel = argc == 3 ? argv[2] : "";
        bug->second(session);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 1;
    }
    return 0;
}

} // namespace bugs
