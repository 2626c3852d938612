// SPDX-License-Identifier: MIT
// Queue::write and read of HBM: large spans are DMA jobs on the memory of the program, others are staged. The driver's trace events
// tell which it was.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "share.hpp"

using namespace hal_test;

namespace {

constexpr std::uint64_t large = std::uint64_t{16} << 20;
constexpr std::uint64_t page = neuron::spec::PAGE_SIZE;

/// The driver's events of pinned memory from here on, in a buffer of their own.
class Pins {
public:
    Pins() : folder_("/sys/kernel/tracing/instances/hal-" + std::to_string(::getpid())) {
        std::filesystem::create_directory(folder_);
        std::ofstream(folder_ + "/events/neuron/neuron_dma_pin/enable") << 1;
        std::ofstream(folder_ + "/tracing_on") << 1;
    }
    ~Pins() { ::rmdir(folder_.c_str()); }
    Pins(Pins &&) = delete;

    /// What has come since the last look: "ctx=… queue=… ptr=… pages=N[ write]".
    std::vector<std::string> take() const {
        std::vector<std::string> lines;
        std::ifstream file(folder_ + "/trace");
        assert_true(file.is_open());
        for (std::string line; std::getline(file, line);)
            if (const auto at = line.find("neuron_dma_pin: "); at != std::string::npos)
                lines.push_back(line.substr(at));
        std::ofstream(folder_ + "/trace") << ""; // empties it
        return lines;
    }

private:
    std::string folder_;
};

std::vector<std::byte> pattern(std::uint64_t bytes) {
    std::vector<std::byte> out(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
        out[i] = static_cast<std::byte>(i * 7 + (i >> 12));
    return out;
}

void expect_pinned(const std::vector<std::string> &lines, bool written) {
    assert_int_equal(lines.size(), 1);
    const std::string &line = lines.front();
    const auto pages = std::stoull(line.substr(line.find("pages=") + 6));
    assert_in_range(pages, large / page, large / page + 1);
    assert_int_equal(line.ends_with(" write"), written);
}

/// Writes and reads so many bytes; both ways they arrive. Return: the events of each.
std::pair<std::vector<std::string>, std::vector<std::string>> move(Context &context, Queue &queue,
                                                                   std::uint64_t bytes) {
    const Pins pins;
    const Buffer buffer = must(Buffer::create(context, bytes, {.placement = Placement::hbm}));
    const auto sent = pattern(bytes);
    must(queue.write(buffer, 0, sent));
    auto written = pins.take();
    std::vector<std::byte> got(bytes);
    must(queue.read(buffer, 0, got));
    assert_true(sent == got);
    return {written, pins.take()};
}

void large_spans_are_dma_jobs(void **) {
    for (const neuron::SubmitPath path : {neuron::SubmitPath::uring, neuron::SubmitPath::ioctl}) {
        Tenant one;
        Queue queue = must(Queue::create(one.context, {.path = path}));
        const auto [written, read] = move(one.context, queue, large);
        expect_pinned(written, false); // the device reads it
        expect_pinned(read, true);
    }
}

void shorter_ones_are_staged(void **) {
    Tenant one;
    const auto [written, read] = move(one.context, one.queue, large - 1);
    assert_int_equal(written.size(), 0);
    assert_int_equal(read.size(), 0);
}

void doorbell_queues_stage_all(void **) {
    Tenant one;
    Queue queue = must(Queue::create(one.context, {.path = neuron::SubmitPath::doorbell}));
    const auto [written, read] = move(one.context, queue, large);
    assert_int_equal(written.size(), 0);
    assert_int_equal(read.size(), 0);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(large_spans_are_dma_jobs),
        cmocka_unit_test(shorter_ones_are_staged),
        cmocka_unit_test(doorbell_queues_stage_all),
    };
    return cmocka_run_group_tests_name("hal transfer", tests, nullptr, nullptr);
}
