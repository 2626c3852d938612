// SPDX-License-Identifier: MIT
// debugfs of what is at work: sequencers and semaphores, memory that the device reaches, submissions that wait.

#include "inspect.hpp"
#include "machine.hpp"
#include "program.hpp"

#include <algorithm>
#include <thread>

using namespace kmod;

namespace {

std::uint64_t hw_of(const File &file, std::uint32_t id) {
    for (const Record &record : records_with("queues", "ctx", context_of(file).context))
        if (record.number("id") == id)
            return std::stoull(record.words.at(0), nullptr, 0);
    fail_msg("queue %u is not listed", id);
    std::abort();
}

/// The lines of "[core 0]", once SP has retired instructions.
std::vector<Record> core_at_work() {
    std::vector<Record> lines;
    assert_true(wait_until([&] {
        lines.clear();
        bool here = false;
        for (const std::string &line : lines_of(slurp(debugfs("cores")))) {
            if (line.starts_with("["))
                here = line == "[core 0]";
            else if (here)
                lines.emplace_back(line);
        }
        return std::ranges::any_of(lines, [](const Record &line) {
            return line.line.starts_with("engine SP:") && line.number("retired") > 2;
        });
    }));
    return lines;
}

const Record &the_line(const std::vector<Record> &lines, const std::string &begins) {
    for (const Record &line : lines)
        if (line.line.starts_with(begins))
            return line;
    fail_msg("no line '%s'", begins.c_str());
    std::abort();
}

Packet stuck(const File &file) {
    Program program;
    program.add(Engine::SP, spec::InsnNop{.header = sync(spec::WaitOp::NONE, 0, 0, spec::UpdateOp::ADD, 5, 2)});
    program.add(Engine::SP, spec::InsnBranch{.cond = spec::Cond::ALWAYS, .target = 1});
    program.add(Engine::ACT, spec::InsnNop{});
    program.add(Engine::ACT, spec::InsnNop{.header = sync(spec::WaitOp::GE, 5, 3)}).add(Engine::ACT, spec::InsnEnd{});
    return program.launch(file, 1, {});
}

void cores_show_who_waits_and_who_runs(void **) {
    const File file;
    const auto queue = file.queue();
    assert_int_equal(file.submit(queue.queue_id, job_of(stuck(file))), 0);
    const auto lines = core_at_work();
    assert_string_equal(the_line(lines, "queue:").line.c_str(),
                        ("queue: " + std::to_string(hw_of(file, queue.queue_id))).c_str());
    assert_string_equal(the_line(lines, "busy:").line.c_str(), "busy: 1");
    const auto &act = the_line(lines, "engine ACT:");
    assert_string_equal(act.text("state").c_str(), "WAITING");
    assert_int_equal(act.number("pc"), 1);
    assert_int_equal(act.number("retired"), 1);
    assert_string_equal(act.text("wait").c_str(), "GE");
    assert_int_equal(act.number("semaphore"), 5);
    assert_int_equal(act.number("value"), 3);
    assert_int_equal(act.number("is"), 2);
    const auto &sp = the_line(lines, "engine SP:");
    assert_string_equal(sp.text("state").c_str(), "RUNNING");
    assert_false(sp.has("wait"));
    assert_string_equal(the_line(lines, "semaphore 5:").line.c_str(), "semaphore 5: 2");
    for (const Record &line : lines)
        assert_false(line.line.starts_with("engine PE"));
}

void what_a_fault_has_halted_is_shown(void **) {
    const File file;
    const auto queue = file.queue();
    Program program;
    program.add(Engine::ACT, spec::InsnNop{.header = sync(spec::WaitOp::GE, 7, 1)}).add(Engine::ACT, spec::InsnEnd{});
    assert_int_equal(file.run(queue.queue_id, job_of(program.launch(file, 1, {}))), -EIO);
    // A sequencer hears of the fault in its next step, which may come after the process has.
    assert_true(wait_until([] {
        return slurp(debugfs("cores"))
                   .find("engine ACT: state=HALTED pc=0 retired=0 transfers=0 wait=GE semaphore=7 value=1 is=0") !=
               std::string::npos;
    }));
    const auto line = records_with("queues", "ctx", context_of(file).context).at(0);
    assert_string_equal(line.text("fault").c_str(), "DEADLOCK");
    assert_string_equal(line.text("fault_unit").c_str(), "ACT");
    assert_int_equal(line.number("fault_job"), 1);
    assert_int_equal(line.number("fault_info"), 7);
    assert_int_equal(line.number("failed"), 1);
}

// ---- memory ---------------------------------------------------------------------------------------------------------

struct Piece {
    std::uint64_t bus;
    std::uint64_t size;
    std::uint64_t physical;
    Record record;
};

std::vector<Piece> pieces() {
    std::vector<Piece> out;
    for (const Record &record : records("dma"))
        out.push_back({std::stoull(record.words.at(0), nullptr, 0),
                       std::stoull(record.words.at(1).substr(1), nullptr, 0), record.number("phys"), record});
    return out;
}

bool says(const Piece &piece, const char *word) {
    return std::ranges::find(piece.record.words, word) != piece.record.words.end();
}

std::uint64_t serial_of(const File &file, const char *kind) {
    for (const Record &record : records_with("buffers", "client", client_of(file)))
        if (record.words.at(0) == kind)
            return record.number("buffer");
    fail_msg("no %s buffer", kind);
    std::abort();
}

void buffers_have_names_everywhere(void **) {
    const File file, other;
    constexpr std::uint64_t SIZE = 5 * neuron::spec::PAGE_SIZE;
    file.bind(file.host(SIZE));
    file.bind(file.hbm(SIZE));
    other.bind(other.host(SIZE));
    const auto host = serial_of(file, "host"), hbm = serial_of(file, "hbm");
    assert_true(host != 0 && hbm != 0 && host != hbm && host != serial_of(other, "host"));
    std::uint64_t bytes = 0;
    for (const Piece &piece : pieces())
        if (piece.record.has("buffer") && piece.record.number("buffer") == host) {
            assert_int_equal(piece.record.number("offset"), bytes);
            assert_int_equal(piece.record.number("pid"), ::getpid());
            bytes += piece.size;
        }
    assert_int_equal(bytes, SIZE);
    bytes = 0;
    for (const Record &record : records("hbm"))
        if (record.has("buffer") && record.number("buffer") == hbm) {
            assert_int_equal(record.number("offset"), bytes);
            bytes += std::stoull(record.words.at(1).substr(1), nullptr, 0);
        }
    assert_int_equal(bytes, SIZE);
    for (const Record &record : records("vm"))
        if (record.has("buffer") && record.number("buffer") == hbm)
            return;
    fail_msg("the mapping of buffer %d is not told", static_cast<int>(hbm));
}

// Every piece of memory that the device knows is in the file once, and belongs to somebody.
void memory_of_the_driver_is_told(void **) {
    const File file;
    const auto queue = file.queue(5);
    const auto hw = hw_of(file, queue.queue_id);
    file.bind(file.host(neuron::spec::PAGE_SIZE));
    std::uint64_t ring = 0, seqno = 0, stamps = 0, tables = 0, events = 0;
    auto all = pieces();
    for (const Piece &piece : all) {
        const bool own = piece.record.has("queue") && piece.record.number("queue") == hw;
        ring += own && says(piece, "ring") ? piece.size : 0;
        seqno += own && says(piece, "seqno") ? piece.size : 0;
        stamps += own && says(piece, "stamps") ? piece.size : 0;
        tables += says(piece, "table") && piece.record.number("ctx") == context_of(file).context;
        events += says(piece, "events") ? piece.size : 0;
    }
    assert_int_equal(ring, 32 * neuron::spec::PACKET_BYTES);
    assert_int_equal(seqno, neuron::spec::PAGE_SIZE);
    assert_int_equal(stamps, 32 * neuron::spec::Stamp::BYTES);
    assert_int_equal(tables, neuron::spec::MMU_LEVELS);
    assert_true(events >= neuron::spec::EventRecord::BYTES);
    std::ranges::sort(all, {}, &Piece::bus);
    for (std::size_t i = 1; i < all.size(); ++i)
        assert_true(all[i - 1].bus + all[i - 1].size <= all[i].bus);
    // The registers agree.
    const auto text = slurp(debugfs("registers"));
    const auto at = text.find("RING_BASE: ", text.find("[queue " + std::to_string(hw) + "]"));
    const auto base = std::stoull(text.substr(at + 11), nullptr, 0);
    assert_true(std::ranges::any_of(all, [&](const Piece &piece) { return piece.bus == base && says(piece, "ring"); }));
}

// ---- submissions ----------------------------------------------------------------------------------------------------

std::vector<Record> stalls_of(const File &file) { return records_with("stalls", "ctx", context_of(file).context); }

void submissions_that_wait_are_told(void **) {
    const File file;
    const auto first = file.queue(), second = file.queue(4);
    Gate gate(file);
    assert_int_equal(file.submit(first.queue_id, job_of(gate.packet())), 0);
    assert_true(stalls_of(file).empty());
    std::thread waits_for_fence([&] {
        file.submit(second.queue_id, nops(2), nullptr,
                    std::array{drm_neuron_sync{.flags = DRM_NEURON_SYNC_WAIT, .handle = first.syncobj, .point = 1}});
    });
    assert_true(wait_until([&] { return !stalls_of(file).empty(); }));
    const auto stall = stalls_of(file).at(0);
    gate.open();
    waits_for_fence.join();
    assert_string_equal(stall.text("waits").c_str(), "fence");
    assert_int_equal(stall.number("of"), hw_of(file, first.queue_id));
    assert_int_equal(stall.number("queue"), hw_of(file, second.queue_id));
    assert_int_equal(stall.number("seqno"), 1);
    assert_int_equal(stall.number("packets"), 2);
    assert_string_equal(stall.text("driver").c_str(), "neuron");
    assert_int_equal(stall.number("pid"), ::getpid());
    assert_true(stalls_of(file).empty());
}

void submissions_without_room_are_told(void **) {
    const File file;
    const auto queue = file.queue(4);
    Gate gate(file);
    assert_int_equal(file.submit(queue.queue_id, job_of(gate.packet())), 0);
    for (int i = 0; i < 15; ++i)
        assert_int_equal(file.submit(queue.queue_id, nops(1)), 0);
    std::thread waits_for_room([&] { file.submit(queue.queue_id, nops(3)); });
    assert_true(wait_until([&] { return !stalls_of(file).empty(); }));
    const auto stall = stalls_of(file).at(0);
    const auto line = records_with("queues", "ctx", context_of(file).context).at(0);
    gate.open();
    waits_for_room.join();
    assert_string_equal(stall.text("waits").c_str(), "room");
    assert_int_equal(stall.number("packets"), 3);
    assert_false(stall.has("of"));
    assert_int_equal(line.number("written"), 16);
    assert_int_equal(line.number("announced"), 16);
    assert_int_equal(line.number("oldest_end"), 1);
    assert_true(stalls_of(file).empty());
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(cores_show_who_waits_and_who_runs), cmocka_unit_test(what_a_fault_has_halted_is_shown),
        cmocka_unit_test(buffers_have_names_everywhere),     cmocka_unit_test(memory_of_the_driver_is_told),
        cmocka_unit_test(submissions_that_wait_are_told),    cmocka_unit_test(submissions_without_room_are_told),
    };
    return cmocka_run_group_tests_name("kmod debugfs of work", tests, nullptr, nullptr);
}
