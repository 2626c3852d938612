// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

#include "../error.hpp"

namespace neuron::sim {

/** A file that a chip writes its tape to, as it goes: what was written outlives a crash of the process. */
class TapeFile {
public:
    TapeFile() = default;
    ~TapeFile();
    TapeFile(const TapeFile &) = delete;
    TapeFile &operator=(const TapeFile &) = delete;

    /** Makes the file anew. */
    Result<void> open(const std::string &path);
    bool is_open() const { return fd_ >= 0; }
    /** @return 0 or a negative errno */
    int write(const void *data, std::size_t size) const;

private:
    int fd_ = -1;
};

/** Where NEURON_RECORD of the environment wants the next chip of this process recorded: FILE, then FILE.1 and so on. Empty: nowhere. */
std::string next_tape_of_environment();

} // namespace neuron::sim
