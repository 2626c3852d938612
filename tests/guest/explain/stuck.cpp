// SPDX-License-Identifier: MIT
// stuck STATE: brings the device into a state in which nothing moves, says so with a line of JSON on standard output, and
// stays there until standard input ends.

#include "../kmod/program.hpp"
#include "../kmod/support.hpp"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include <unistd.h>

using namespace kmod;

namespace {

/// What lasts as long as the state does.
struct Scene {
    std::vector<std::unique_ptr<File>> files;
    std::vector<std::unique_ptr<Gate>> gates;
    std::vector<std::thread> threads;

    File &file() { return *files.emplace_back(std::make_unique<File>()); }
};

void ready(const std::string &json = "{}") {
    std::printf("%s\n", json.c_str());
    std::fflush(stdout);
}

std::string hex(const char *name, std::uint64_t value) {
    char text[64];
    std::snprintf(text, sizeof(text), "{\"%s\": %llu}", name, static_cast<unsigned long long>(value));
    return text;
}

/// Until the job has ended, however it does.
void await(const File &file, std::uint32_t queue, std::uint64_t seqno) {
    int status = 0;
    if (file.wait(queue, seqno, &status, LONG) != 0)
        std::abort();
}

void submit(const File &file, std::uint32_t queue, const Packet &packet) {
    if (file.submit(queue, job_of(packet)) != 0)
        std::abort();
}

void idle(Scene &scene) {
    File &file = scene.file();
    const auto queue = file.queue();
    if (file.run(queue.queue_id, nops(1)) != 0)
        std::abort();
    ready();
}

void loop(Scene &scene) {
    File &file = scene.file();
    submit(file, file.queue().queue_id, Spinner(file).packet());
    ready();
}

// Two files want the same core.
void cores(Scene &scene) {
    File &first = scene.file();
    submit(first, first.queue().queue_id, Spinner(first).packet());
    File &second = scene.file();
    submit(second, second.queue().queue_id, Spinner(second).packet());
    ready();
}

void deadlock(Scene &scene) {
    File &file = scene.file();
    const auto queue = file.queue();
    const auto waits = [](std::uint8_t sem, std::uint8_t update) {
        return spec::InsnNop{.header = sync(spec::WaitOp::GE, sem, 1, spec::UpdateOp::ADD, update, 1)};
    };
    Program program;
    program.add(Engine::ACT, spec::InsnNop{}).add(Engine::ACT, waits(5, 6)).add(Engine::ACT, spec::InsnEnd{});
    program.add(Engine::DVE, waits(6, 5)).add(Engine::DVE, spec::InsnEnd{});
    std::uint64_t seqno = 0;
    if (file.submit(queue.queue_id, job_of(program.launch(file, 1, {})), &seqno) != 0)
        std::abort();
    await(file, queue.queue_id, seqno);
    ready();
}

// Writes 64 bytes behind the end of a buffer, with nothing behind it; another queue of the context goes with it.
void fault(Scene &scene) {
    File &file = scene.file();
    const auto queue = file.queue(), sibling = file.queue();
    (void)sibling;
    const auto va = file.bind(file.hbm(12288));
    std::uint64_t seqno = 0;
    if (file.submit(queue.queue_id, job_of(fill(va + 12288 + 64, 8, 0)), &seqno) != 0)
        std::abort();
    await(file, queue.queue_id, seqno);
    ready(hex("va", va + 12288 + 64));
}

// The watchdog stops what does not move, and what takes 32 time-outs: a spinner moves.
void timeout(Scene &scene) {
    File &file = scene.file();
    const auto queue = file.queue(0, 20);
    std::uint64_t seqno = 0;
    if (file.submit(queue.queue_id, job_of(Spinner(file).packet()), &seqno) != 0)
        std::abort();
    await(file, queue.queue_id, seqno);
    ready();
}

/// A thread that submits, which waits.
void submit_behind(Scene &scene, const File &file, std::uint32_t queue, std::vector<Packet> packets,
                   std::vector<drm_neuron_sync> syncs) {
    scene.threads.emplace_back([&file, queue, packets = std::move(packets), syncs = std::move(syncs)] {
        file.submit(queue, packets, nullptr, syncs);
    });
}

// A ring of 16 packets that are all in use, and one more job.
void room(Scene &scene) {
    File &file = scene.file();
    const auto queue = file.queue(4);
    Gate &gate = *scene.gates.emplace_back(std::make_unique<Gate>(file));
    submit(file, queue.queue_id, gate.packet());
    for (int i = 0; i < 15; ++i)
        submit(file, queue.queue_id, nop());
    submit_behind(scene, file, queue.queue_id, nops(3), {});
    ready();
}

// A job of another file's queue waits for the fence of a job that does not end.
void fence(Scene &scene) {
    File &file = scene.file();
    const auto first = file.queue(), second = file.queue();
    Gate &gate = *scene.gates.emplace_back(std::make_unique<Gate>(file));
    submit(file, first.queue_id, gate.packet());
    submit_behind(scene, file, second.queue_id, nops(1),
                  {{.flags = DRM_NEURON_SYNC_WAIT, .handle = first.syncobj, .point = 1}});
    ready();
}

// Buffers, bound next to each other or not.
void buffers(Scene &scene) {
    File &file = scene.file();
    const auto queue = file.queue();
    (void)queue;
    const auto hbm = file.bind(file.hbm(12288)), host = file.bind(file.host(8192), DRM_NEURON_BIND_READ_ONLY);
    std::string text = hex("hbm", hbm);
    text.pop_back();
    ready(text + ", " + hex("host", host).substr(1));
}

const std::map<std::string, std::function<void(Scene &)>> STATES{
    {"buffers", buffers}, {"cores", cores}, {"deadlock", deadlock}, {"fault", fault},     {"fence", fence},
    {"idle", idle},       {"loop", loop},   {"room", room},         {"timeout", timeout},
};

} // namespace

int main(int argc, char **argv) {
    const auto state = argc == 2 ? STATES.find(argv[1]) : STATES.end();
    if (state == STATES.end()) {
        std::fprintf(stderr, "stuck STATE, one of:");
        for (const auto &[name, make] : STATES)
            std::fprintf(stderr, " %s", name.c_str());
        std::fprintf(stderr, "\n");
        return 2;
    }
    Scene scene;
    state->second(scene);
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    for (const auto &gate : scene.gates)
        gate->open();
    for (std::thread &thread : scene.threads)
        thread.join();
    return 0;
}
