// SPDX-License-Identifier: MIT
// The file "rings" of debugfs: the packets that a queue is at, of rings of the driver's and of a process's.

#include "inspect.hpp"
#include "machine.hpp"
#include "user.hpp"
#include "user_queue.hpp"
#include "watched.hpp"

#include <algorithm>
#include <atomic>
#include <thread>

using namespace kmod;

namespace {

constexpr std::size_t MOST_PACKETS = 64; // of a queue
constexpr std::size_t MOST_JOBS = 16;
constexpr std::uint64_t BEFORE = 8; // packets before the current one

/// What the file says of a queue.
struct Ring {
    std::map<std::string, std::string> values; ///< "KEY: VALUE"
    std::vector<std::string> jobs;
    std::map<std::uint64_t, std::string> packets; ///< by number: "OPCODE: bytes in hex"

    std::uint64_t number(const std::string &key) const {
        const auto found = values.find(key);
        if (found == values.end())
            fail_msg("%s is not told", key.c_str());
        return std::stoull(found->second, nullptr, 0);
    }
};

std::vector<Ring> rings_in(const std::string &text) {
    std::vector<Ring> rings;
    for (const std::string &line : lines_of(text)) {
        const auto colon = line.find(": ");
        if (line.starts_with("[queue "))
            rings.emplace_back();
        else if (rings.empty() || colon == std::string::npos)
            continue;
        else if (line.starts_with("packet ")) {
            std::size_t end = 0;
            const auto number = std::stoull(line.substr(7), &end);
            rings.back().packets[number] = line.substr(7 + end + 1);
        } else if (line.starts_with("job "))
            rings.back().jobs.push_back(line);
        else
            rings.back().values[line.substr(0, colon)] = line.substr(colon + 2);
    }
    return rings;
}

std::vector<Ring> rings_of(const File &file) {
    auto rings = rings_in(slurp(debugfs("rings")));
    std::erase_if(rings, [&](const Ring &ring) { return ring.number("context") != context_of(file).context; });
    return rings;
}

/// The only queue of the file.
Ring ring_of(const File &file) {
    auto rings = rings_of(file);
    assert_int_equal(rings.size(), 1);
    return rings.front();
}

/// How the file prints a packet.
std::string printed(const std::string &name, Packet packet, std::uint8_t flags = 0) {
    packet[1] |= std::byte{flags};
    std::string out = name + ":";
    for (std::size_t i = 0; i < packet.size(); ++i) {
        char hex[4];
        std::snprintf(hex, sizeof(hex), "%s%02x", i % 8 == 0 ? " " : "", std::to_integer<unsigned>(packet[i]));
        out += hex;
    }
    return out;
}

void expect_packet(const Ring &ring, std::uint64_t number, const std::string &want) {
    const auto found = ring.packets.find(number);
    if (found == ring.packets.end())
        fail_msg("packet %llu is not shown", static_cast<unsigned long long>(number));
    assert_string_equal(found->second.c_str(), want.c_str());
}

void await_head(const File &file, std::uint64_t head) {
    assert_true(wait_until([&] { return ring_of(file).number("HEAD") == head; }));
}

void file_begins_with_its_version(void **) {
    assert_true(slurp(debugfs("rings")).starts_with("neuron_accel rings 1\n"));
}

void jobs_and_packets_around_the_current_one(void **) {
    needs_old_packets();
    const File file;
    const auto va = file.bind(file.host(neuron::spec::PAGE_SIZE));
    const auto queue = file.queue(5);
    const Spinner spinner(file);
    assert_int_equal(file.run(queue.queue_id, nops(3)), 0);
    assert_int_equal(file.submit(queue.queue_id, job_of(fill(va, 64, 0x1122), spinner.packet())), 0);
    assert_int_equal(file.submit(queue.queue_id, job_of(copy(va, va + 2048, 8))), 0);
    await_head(file, 4);

    const auto ring = ring_of(file);
    assert_int_equal(ring.number("id"), queue.queue_id);
    assert_string_equal(ring.values.at("state").c_str(), "ok");
    assert_int_equal(ring.number("submitted"), 3);
    assert_int_equal(ring.number("completed"), 1);
    assert_int_equal(ring.number("tail"), 6);
    assert_int_equal(ring.number("jobs"), 2);
    assert_true(ring.jobs == (std::vector<std::string>{"job 2: packets 3 to 4", "job 3: packets 5 to 5"}));
    assert_int_equal(ring.packets.size(), 6);
    expect_packet(ring, 2, printed("NOP", nop(), SEQNO_IRQ));
    expect_packet(ring, 3, printed("FILL", fill(va, 64, 0x1122)));
    expect_packet(ring, 4, printed("LAUNCH", spinner.packet(), SEQNO_IRQ));
    expect_packet(ring, 5, printed("COPY", copy(va, va + 2048, 8), SEQNO_IRQ));
}

void what_is_shown_is_bounded(void **) {
    const File file;
    const auto queue = file.queue(9);
    const Spinner spinner(file);
    assert_int_equal(file.run(queue.queue_id, nops(20)), 0);
    assert_int_equal(file.submit(queue.queue_id, job_of(spinner.packet())), 0);
    for (int i = 0; i < 100; ++i)
        assert_int_equal(file.submit(queue.queue_id, nops(2)), 0);
    await_head(file, 20);

    const auto ring = ring_of(file);
    assert_int_equal(ring.number("jobs"), 101);
    assert_int_equal(ring.jobs.size(), MOST_JOBS);
    assert_int_equal(ring.packets.size(), MOST_PACKETS);
    assert_int_equal(ring.packets.begin()->first, 20 - BEFORE);
}

void ring_that_has_gone_round_shows_what_is_left(void **) {
    const File file;
    const auto queue = file.queue(4); // 16 packets
    for (int i = 0; i < 5; ++i)
        assert_int_equal(file.run(queue.queue_id, nops(7)), 0);
    auto ring = ring_of(file);
    assert_int_equal(ring.packets.begin()->first, 35 - BEFORE);
    assert_int_equal(ring.packets.rbegin()->first, 34);

    const Spinner spinner(file);
    assert_int_equal(file.submit(queue.queue_id, job_of(spinner.packet())), 0);
    await_head(file, 35);
    for (int i = 0; i < 15; ++i)
        assert_int_equal(file.submit(queue.queue_id, nops(1)), 0);
    ring = ring_of(file);
    assert_int_equal(ring.packets.begin()->first, 35); // the ring is full, and has nothing older
    assert_int_equal(ring.packets.size(), 16);
}

void ring_of_a_process_is_found_through_its_address_space(void **) {
    needs_old_packets();
    const File file;
    const auto va = file.bind(file.host(neuron::spec::PAGE_SIZE));
    UserQueue queue(file, 8); // four pages
    const Spinner spinner(file);
    for (int i = 0; i < 3; ++i)
        queue.await(queue.submit(nops(50)));
    queue.submit(job_of(fill(va, 8, 7), spinner.packet(), copy(va, va + 8, 8)));
    queue.write(job_of(fill(va, 16, 9)), 0); // which it has not rung for
    await_head(file, 151);

    const auto ring = ring_of(file);
    assert_int_equal(ring.number("tail"), 153);
    assert_int_equal(ring.packets.begin()->first, 151 - BEFORE);
    assert_int_equal(ring.packets.rbegin()->first, 152);
    expect_packet(ring, 150, printed("FILL", fill(va, 8, 7)));
    expect_packet(ring, 151, printed("LAUNCH", spinner.packet()));
    expect_packet(ring, 152, printed("COPY", copy(va, va + 8, 8), SEQNO_IRQ));
    assert_false(ring.values.contains("ring"));
}

void ring_in_hbm_is_not_looked_at(void **) {
    const File file;
    const auto hbm = file.bind(file.hbm(neuron::spec::PAGE_SIZE));
    const UserMemory memory(file, 4);
    auto args = memory.request();
    args.ring_va = hbm;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), 0);
    assert_true(ring_of(file).packets.empty());
    assert_false(ring_of(file).values.contains("ring")); // there is nothing to look at

    DoorbellPage doorbells(file, args.doorbell_handle);
    doorbells.write(args.doorbell_offset, 1);
    assert_true(wait_until([&] { return ring_of(file).number("tail") == 1; }));
    const auto ring = ring_of(file);
    assert_true(ring.packets.empty());
    assert_string_equal(ring.values.at("ring").c_str(), "not in pages of this driver");
    expect_report("READ_UNWRITTEN"); // nothing has written the packet
}

void destroyed_queue_is_gone_and_a_lost_one_stays(void **) {
    const File file;
    const auto first = file.queue();
    const auto second = file.queue();
    assert_int_equal(file.run(second.queue_id, nops(2)), 0);
    assert_int_equal(rings_of(file).size(), 2);
    assert_int_equal(file.destroy(first.queue_id), 0);
    assert_int_equal(ring_of(file).number("id"), second.queue_id);

    assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
    const auto ring = ring_of(file);
    assert_string_equal(ring.values.at("state").c_str(), "lost, stopped");
    assert_int_equal(ring.number("HEAD"), 2);
    assert_int_equal(ring.packets.size(), 2);
}

void readers_among_queues_that_come_and_go(void **) {
    std::atomic<bool> stop = false, bounded = true;
    std::atomic<unsigned> reads = 0;
    std::thread reader([&] {
        while (!stop) {
            for (const Ring &ring : rings_in(slurp(debugfs("rings"))))
                bounded = bounded && ring.packets.size() <= MOST_PACKETS && ring.jobs.size() <= MOST_JOBS;
            ++reads;
        }
    });
    for (int i = 0; i < 30 || reads < 50; ++i) {
        const File file;
        const auto queue = file.queue();
        UserQueue user(file);
        file.submit(queue.queue_id, nops(8));
        user.submit(nops(4));
        if (i % 2)
            file.destroy(user.id());
    }
    stop = true;
    reader.join();
    assert_true(bounded);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(file_begins_with_its_version),
        cmocka_unit_test(jobs_and_packets_around_the_current_one),
        cmocka_unit_test(what_is_shown_is_bounded),
        cmocka_unit_test(ring_that_has_gone_round_shows_what_is_left),
        cmocka_unit_test(ring_of_a_process_is_found_through_its_address_space),
        cmocka_unit_test(ring_in_hbm_is_not_looked_at),
        cmocka_unit_test(destroyed_queue_is_gone_and_a_lost_one_stays),
        cmocka_unit_test(readers_among_queues_that_come_and_go),
    };
    return cmocka_run_group_tests_name("kmod rings", tests, nullptr, nullptr);
}
