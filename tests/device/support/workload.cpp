// SPDX-License-Identifier: MIT
#include "workload.hpp"

#include "check.hpp"

namespace neuron::test {

std::vector<std::byte> pattern(std::size_t bytes, std::uint32_t seed) {
    std::vector<std::byte> data(bytes);
    std::uint32_t x = seed * 2654435761u + 1;
    for (std::byte &byte : data) {
        x = x * 1664525u + 1013904223u;
        byte = static_cast<std::byte>(x >> 24);
    }
    return data;
}

Context::Context(Neuron &device, std::uint32_t ctx)
    : table(device.machine()), host(device.machine().allocate(HOST_BYTES)), hbm(ctx * HBM_BYTES) {
    table.map_host(HOST_VA, host, HOST_BYTES);
    table.map_hbm(HBM_VA, hbm, HBM_BYTES);
    device.enable_context(ctx, table.root());
}

void start_long_work(Queue &queue, Work work) {
    constexpr std::uint32_t ROW = 1 << 20;
    // The two outer dimensions do not move: the same rows again and again.
    spec::PacketCopyStrided packet{.row_bytes = ROW, .src = Context::HBM_VA, .count = {4, 1000, 1000}};
    packet.dst = work == Work::HBM ? Context::HBM_VA + Context::HBM_BYTES / 2 : Context::HOST_VA;
    packet.src_stride[0] = packet.dst_stride[0] = ROW;
    queue.push(packet);
    queue.push(packet);
    queue.ring();
    const std::uint64_t before = queue.progress();
    assert_eventually(queue.progress() > before + 10);
}

} // namespace neuron::test
