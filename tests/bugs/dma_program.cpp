// SPDX-License-Identifier: MIT
// A copy from memory of the process, which the library does not do: by the driver's own interface.
#include "../guest/kmod/memory.hpp"

#include <array>

int main() {
    static std::array<std::byte, 3 * 4096> memory{};
    const kmod::File file;
    const kmod::Target target(file, memory.size(), true);
    return file.run_dma(file.queue().queue_id, 0, memory.data(), memory.size(), target.va) == 0 ? 0 : 1;
}
