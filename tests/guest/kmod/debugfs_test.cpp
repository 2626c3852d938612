// SPDX-License-Identifier: MIT
// The files of debugfs: what they say of what the test has made, who may read them, and what happens around the readers.

#include "bounce.hpp"
#include "inspect.hpp"
#include "machine.hpp"
#include "share.hpp"
#include "user.hpp"
#include "user_queue.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace kmod;

namespace {

const std::vector<std::string> FILES{"blame",  "buffers",  "clients",   "cores", "device", "dma", "hbm",
                                     "queues", "recorder", "registers", "rings", "stalls", "vm",  "vm_walk"};
constexpr std::uint64_t LARGE = 2 << 20;

/// The file's only record.
Record record_of(const std::string &name, const std::string &key, std::uint64_t value) {
    const auto found = records_with(name, key, value);
    if (found.size() != 1)
        fail_msg("%zu records with %s=%llu in %s:\n%s", found.size(), key.c_str(),
                 static_cast<unsigned long long>(value), name.c_str(), slurp(debugfs(name)).c_str());
    return found.front();
}

bool has_word(const Record &record, const std::string &word) {
    return std::ranges::find(record.words, word) != record.words.end();
}

std::string own_comm() {
    auto text = slurp("/proc/self/comm");
    text.pop_back();
    return text;
}

std::string runtime_status() { return read_file(pci_path() + "/power/runtime_status"); }

void await_sleep() {
    assert_true(wait_until([] { return runtime_status() == "suspended"; }));
}

void reset_function() { assert_int_equal(write_file(pci_path() + "/reset", "1"), 0); }

void all_files_are_there_for_root_alone(void **) {
    for (const std::string &name : FILES) {
        struct stat status {};
        assert_int_equal(::stat(debugfs(name).c_str(), &status), 0);
        assert_int_equal(status.st_uid, 0);
        assert_int_equal(status.st_mode & 0777, name == "vm_walk" ? 0600 : 0400);
    }
    struct stat plan {}; // which is written to, and wakes the device: plan_test.cpp
    assert_int_equal(::stat(debugfs("fault_plan").c_str(), &plan), 0);
    assert_int_equal(plan.st_uid, 0);
    assert_int_equal(plan.st_mode & 0777, 0600);
    const auto text = slurp(std::string(NEURON_TOP) + "/docs/reference/driver.md");
    for (const auto &entry : std::filesystem::directory_iterator(debugfs(""))) {
        const auto name = entry.path().filename().string();
        if (text.find("`" + name + "`") == std::string::npos)
            fail_msg("docs/reference/driver.md does not know %s", name.c_str());
    }
}

// ---- clients --------------------------------------------------------------------------------------------------------

void client_is_what_the_file_has(void **) {
    const File file;
    const auto host = file.host(3 * neuron::spec::PAGE_SIZE);
    file.hbm(LARGE);
    file.bind(host);
    const auto queue = file.queue();
    file.queue(0, 0, DRM_NEURON_QUEUE_POLLED);
    assert_int_equal(file.run(queue.queue_id, nops(2)), 0);

    const auto client = record_of("clients", "client", client_of(file));
    assert_int_equal(client.number("ctx"), context_of(file).context);
    assert_int_equal(client.number("pid"), ::getpid());
    assert_string_equal(client.text("comm").c_str(), own_comm().c_str());
    assert_int_equal(client.number("queues"), 2);
    assert_int_equal(client.number("active"), 0);
    assert_int_equal(client.number("buffers"), 2);
    assert_int_equal(client.number("host_bytes"), 3 * neuron::spec::PAGE_SIZE);
    assert_int_equal(client.number("hbm_bytes"), LARGE);
    assert_int_equal(client.number("mappings"), 1);
    assert_int_equal(client.number("pages"), 3);
    assert_int_equal(client.number("large_pages"), 0);
    assert_int_equal(client.number("busy_ns"), file.state(queue.queue_id).busy_ns);
    assert_true(client.number("busy_ns") > 0);
}

void client_is_gone_with_its_file(void **) {
    std::uint64_t id = 0;
    {
        const File file;
        id = client_of(file);
        record_of("clients", "client", id);
    }
    assert_true(records_with("clients", "client", id).empty());
}

// ---- buffers --------------------------------------------------------------------------------------------------------

void buffer_has_kind_size_and_users(void **) {
    const File file;
    const auto client = client_of(file);
    std::uint32_t handle = 0;
    assert_int_equal(create(file, DRM_NEURON_PLACE_HBM, LARGE, &handle, DRM_NEURON_BO_MAPPABLE, 0), 0);
    auto buffer = record_of("buffers", "client", client);
    assert_true(has_word(buffer, "hbm"));
    assert_true(has_word(buffer, "mappable"));
    assert_int_equal(buffer.number("size"), LARGE);
    assert_int_equal(buffer.number("bank"), 0);
    assert_int_equal(buffer.number("handles"), 1);
    assert_int_equal(buffer.number("bindings"), 0);
    assert_int_equal(buffer.number("pid"), ::getpid());
    assert_string_equal(buffer.text("comm").c_str(), own_comm().c_str());

    // What only a mapping keeps is still there.
    const auto va = file.bind(handle);
    assert_int_equal(file.close_bo(handle), 0);
    buffer = record_of("buffers", "client", client);
    assert_int_equal(buffer.number("handles"), 0);
    assert_int_equal(buffer.number("bindings"), 1);
    assert_int_equal(file.unbind(va, LARGE), 0);
    assert_true(records_with("buffers", "client", client).empty());
}

void buffer_in_another_bank(void **) {
    const File file;
    const auto banks = file.query().hbm_banks;
    assert_int_equal(create(file, DRM_NEURON_PLACE_HBM, LARGE, nullptr, 0, banks - 1), 0);
    assert_int_equal(record_of("buffers", "client", client_of(file)).number("bank"), banks - 1);
}

void host_buffer_is_mapped_for_the_device_once_it_is_bound(void **) {
    const File file;
    const auto handle = file.host(neuron::spec::PAGE_SIZE);
    assert_false(has_word(record_of("buffers", "client", client_of(file)), "dma"));
    file.bind(handle);
    const auto buffer = record_of("buffers", "client", client_of(file));
    assert_true(has_word(buffer, "host"));
    assert_true(has_word(buffer, "dma"));
}

void pins_and_doorbells_of_a_queue_in_user_mode(void **) {
    const File file;
    const UserQueue queue(file);
    const auto client = client_of(file);
    const auto buffers = records_with("buffers", "client", client);
    assert_int_equal(buffers.size(), 2);
    for (const Record &buffer : buffers)
        assert_int_equal(buffer.number("pins"), has_word(buffer, "doorbell") ? 0 : 3);
    assert_int_equal(file.destroy(queue.id()), 0);
    for (const Record &buffer : records_with("buffers", "client", client))
        assert_int_equal(buffer.number("pins"), 0);
}

void sharing_is_told(void **) {
    const File file;
    const auto handle = file.host(neuron::spec::PAGE_SIZE);
    assert_false(has_word(record_of("buffers", "client", client_of(file)), "exported"));
    const DmaBuf exported = export_of(file, handle);
    assert_true(has_word(record_of("buffers", "client", client_of(file)), "exported"));

    const Memfd foreign(2 * neuron::spec::PAGE_SIZE);
    const DmaBuf shared = foreign.share();
    if (bounces()) { // nothing foreign is imported there
        assert_int_equal(try_import(file, shared.fd()), -EOPNOTSUPP);
        return;
    }
    const auto imported = import_of(file, shared);
    const auto count = [] {
        return std::ranges::count_if(records("buffers"), [](const Record &r) { return has_word(r, "imported"); });
    };
    assert_int_equal(count(), 1);
    for (const Record &buffer : records("buffers"))
        if (has_word(buffer, "imported")) {
            assert_int_equal(buffer.number("size"), 2 * neuron::spec::PAGE_SIZE);
            assert_int_equal(buffer.number("pid"), ::getpid());
        }
    assert_int_equal(file.close_bo(imported), 0);
    assert_int_equal(count(), 0);
}

// ---- HBM ------------------------------------------------------------------------------------------------------------

struct Range {
    std::uint64_t start;
    std::uint64_t size;
    std::string state;
    std::uint64_t client;
};

struct Bank {
    std::uint64_t size;
    std::uint64_t free;
    std::vector<Range> ranges;
};

std::vector<Bank> hbm_map() {
    std::vector<Bank> banks;
    for (const Record &record : records("hbm")) {
        if (record.words.at(0) == "[bank") {
            banks.push_back({record.number("size"), record.number("free"), {}});
            continue;
        }
        banks.back().ranges.push_back({std::stoull(record.words.at(0), nullptr, 0),
                                       std::stoull(record.words.at(1).substr(1), nullptr, 0), record.words.at(2),
                                       record.has("client") ? record.number("client") : 0});
    }
    return banks;
}

std::uint64_t bytes_of(const std::vector<Bank> &banks, std::uint64_t client) {
    std::uint64_t sum = 0;
    for (const Bank &bank : banks)
        for (const Range &range : bank.ranges)
            if (range.state == "used" && range.client == client)
                sum += range.size;
    return sum;
}

/// The ranges of each bank follow each other from its first byte to its last, and what is free adds up.
void expect_whole(const File &file, const std::vector<Bank> &banks) {
    const auto device = file.query();
    assert_int_equal(banks.size(), device.hbm_banks);
    std::uint64_t at = 0;
    for (const Bank &bank : banks) {
        std::uint64_t free = 0;
        for (const Range &range : bank.ranges) {
            assert_int_equal(range.start, at);
            at += range.size;
            if (range.state == "free")
                free += range.size;
        }
        assert_int_equal(free, bank.free);
    }
    assert_int_equal(at, device.hbm_bytes);
}

void map_of_hbm_has_no_holes(void **) {
    const File file, other;
    const auto banks = file.query().hbm_banks;
    expect_whole(file, hbm_map());
    std::vector<std::uint32_t> handles;
    for (std::uint32_t i = 0; i < 12; ++i) {
        std::uint32_t handle = 0;
        assert_int_equal(create(i % 2 ? file : other, DRM_NEURON_PLACE_HBM, (1 + i) * 12288, &handle, 0, i % banks), 0);
        handles.push_back(handle);
    }
    auto map = hbm_map();
    expect_whole(file, map);
    assert_int_equal(bytes_of(map, client_of(file)), (2 + 4 + 6 + 8 + 10 + 12) * 12288);
    assert_int_equal(bytes_of(map, client_of(other)), (1 + 3 + 5 + 7 + 9 + 11) * 12288);

    for (std::uint32_t i = 0; i < 12; i += 3)
        assert_int_equal((i % 2 ? file : other).close_bo(handles[i]), 0);
    map = hbm_map();
    expect_whole(file, map);
    assert_int_equal(bytes_of(map, client_of(file)), (2 + 6 + 8 + 12) * 12288);
}

// ---- address spaces -------------------------------------------------------------------------------------------------

/// The lines of a context, without its heading.
std::vector<Record> vm_of(const File &file) {
    std::vector<Record> lines;
    bool mine = false;
    for (const Record &record : records("vm")) {
        if (record.words.at(0) == "[context")
            mine = record.number("client") == client_of(file);
        else if (mine)
            lines.push_back(record);
    }
    return lines;
}

/// A file description of vm_walk: a question, and its answer.
class Walker {
public:
    Walker() : fd_(::open(debugfs("vm_walk").c_str(), O_RDWR | O_CLOEXEC)) { assert_true(fd_ >= 0); }
    ~Walker() { ::close(fd_); }
    Walker(Walker &&) = delete;

    int write(const std::string &text) const { return ::write(fd_, text.data(), text.size()) < 0 ? -errno : 0; }
    std::vector<Record> read() const {
        std::string text;
        char buffer[4096];
        ssize_t got = 0;
        while ((got = ::read(fd_, buffer, sizeof(buffer))) > 0)
            text.append(buffer, static_cast<std::size_t>(got));
        assert_int_equal(got, 0);
        std::vector<Record> lines;
        for (const std::string &line : lines_of(text))
            lines.emplace_back(line);
        return lines;
    }
    std::vector<Record> ask(const File &file, std::uint64_t va) const {
        assert_int_equal(write(std::to_string(context_of(file).context) + " " + std::to_string(va) + "\n"), 0);
        return read();
    }

private:
    int fd_;
};

void vm_lists_mappings_with_their_pages(void **) {
    const File file;
    const auto small = file.host(3 * neuron::spec::PAGE_SIZE);
    const auto large = file.hbm(2 * LARGE);
    const auto small_va = file.bind(small, DRM_NEURON_BIND_READ_ONLY), large_va = file.bind(large);
    const auto lines = vm_of(file);
    assert_int_equal(lines.size(), 2);
    for (const Record &line : lines) {
        const auto va = std::stoull(line.words.at(0), nullptr, 0);
        assert_true(va == small_va || va == large_va);
        const bool is_large = va == large_va;
        assert_int_equal(std::stoull(line.words.at(1).substr(1), nullptr, 0),
                         is_large ? 2 * LARGE : 3 * neuron::spec::PAGE_SIZE);
        assert_int_equal(line.number("pages"), is_large ? 0 : 3);
        assert_int_equal(line.number("large_pages"), is_large ? 2 : 0);
        assert_true(has_word(line, is_large ? "hbm" : "host"));
        assert_true(has_word(line, is_large ? "rw" : "ro"));
        assert_int_equal(line.number("client"), client_of(file));
    }
    assert_int_equal(file.unbind(small_va, 3 * neuron::spec::PAGE_SIZE), 0);
    assert_int_equal(vm_of(file).size(), 1);
}

void walk_ends_where_the_buffer_is(void **) {
    const File file;
    const auto handle = file.hbm(LARGE);
    const auto va = file.bind(handle);
    const Walker walker;
    auto answer = walker.ask(file, va + 0x1234);
    assert_int_equal(answer.size(), neuron::spec::MMU_LEVELS); // large: one level less, and the result
    const Record &result = answer.back();
    assert_true(has_word(result, "hbm"));
    assert_true(has_word(result, "rw"));
    assert_int_equal(result.number("page"), LARGE);

    const auto at = std::stoull(result.words.at(1), nullptr, 0);
    bool found = false;
    for (const Bank &bank : hbm_map())
        for (const Range &range : bank.ranges)
            found |= range.client == client_of(file) && at == range.start + 0x1234;
    assert_true(found);

    // The same description takes the next question.
    const auto host = file.bind(file.host(neuron::spec::PAGE_SIZE), DRM_NEURON_BIND_READ_ONLY);
    answer = walker.ask(file, host);
    assert_int_equal(answer.size(), neuron::spec::MMU_LEVELS + 1);
    assert_true(has_word(answer.back(), "host"));
    assert_true(has_word(answer.back(), "ro"));
    assert_int_equal(answer.back().number("page"), neuron::spec::PAGE_SIZE);

    assert_int_equal(file.unbind(va, LARGE), 0);
    answer = walker.ask(file, va + 0x1234);
    assert_string_equal(answer.back().line.c_str(), "not mapped");
}

void walk_refuses_what_is_no_question(void **) {
    const Walker walker;
    assert_true(walker.read().front().line.starts_with("write a context and an address"));
    for (const char *text : {" ", "0", "0 x", "x 0x1000", "-1 0x1000", "0 0x1000 0", "4294967296 0"})
        assert_int_equal(walker.write(text), -EINVAL);
    assert_int_equal(walker.write(std::string(64, '0')), -EINVAL);
    assert_int_equal(walker.write("0 0x8000000000000000"), -ERANGE);
    assert_int_equal(walker.write("4711 0x200000"), 0);
    assert_string_equal(walker.read().front().line.c_str(), "no file has context 4711");
}

// ---- queues and registers -------------------------------------------------------------------------------------------

Record queue_of(const File &file, std::uint32_t id) {
    for (const Record &record : records_with("queues", "ctx", context_of(file).context))
        if (record.number("id") == id)
            return record;
    fail_msg("queue %u is not listed", id);
    std::abort();
}

void queue_is_what_it_was_asked_to_be(void **) {
    const File file;
    drm_neuron_queue_create args{};
    args.ring_log2 = 6;
    args.timeout_ms = 12000;
    args.priority = DRM_NEURON_PRIORITY_LOW;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_QUEUE_CREATE, &args), 0);
    for (int i = 0; i < 3; ++i)
        assert_int_equal(file.run(args.queue_id, nops(2)), 0);

    const auto queue = queue_of(file, args.queue_id);
    assert_string_equal(queue.text("mode").c_str(), "kernel");
    assert_string_equal(queue.text("priority").c_str(), "low");
    assert_string_equal(queue.text("state").c_str(), "ok");
    assert_int_equal(queue.number("stopped"), 0);
    assert_int_equal(queue.number("ring"), 64);
    assert_int_equal(queue.number("timeout_ms"), 12000);
    assert_int_equal(queue.number("submitted"), 3);
    assert_int_equal(queue.number("completed"), 3);
    assert_int_equal(queue.number("head"), 6);
    assert_int_equal(queue.number("tail"), 6);
    assert_int_equal(queue.number("busy_ns"), file.state(args.queue_id).busy_ns);
    assert_true(queue.number("last_start_ns") > 0);
    assert_true(queue.number("last_end_ns") >= queue.number("last_start_ns"));
    assert_int_equal(records_with("queues", "ctx", context_of(file).context).size(), 1);
}

void modes_and_states_have_names(void **) {
    const File file;
    const auto polled = file.queue(0, 0, DRM_NEURON_QUEUE_POLLED);
    assert_string_equal(queue_of(file, polled.queue_id).text("mode").c_str(), "polled");
    const UserQueue user(file);
    assert_string_equal(queue_of(file, user.id()).text("mode").c_str(), "user");
    const auto faulty = file.queue();
    assert_int_equal(file.run(faulty.queue_id, job_of(fill(file.query().va_start - 4096, 8, 0))), -EIO);
    assert_string_equal(queue_of(file, faulty.queue_id).text("state").c_str(), "faulted");
    assert_int_equal(queue_of(file, faulty.queue_id).number("stopped"), 1);
    assert_string_equal(queue_of(file, polled.queue_id).text("state").c_str(), "canceled");
}

std::string value_of(const std::string &text, const std::string &section, const std::string &name) {
    bool here = false;
    for (const std::string &line : lines_of(text)) {
        if (line.starts_with("["))
            here = line == "[" + section + "]";
        else if (here && line.starts_with(name + ": "))
            return line.substr(name.size() + 2);
    }
    return {};
}

void registers_have_the_names_of_the_contract(void **) {
    const File file;
    const auto queue = file.queue(7);
    const auto hw = queue_of(file, queue.queue_id).words.at(0);
    const auto text = slurp(debugfs("registers"));
    const std::map<std::string, std::string> sections{{"GLOBAL", "device"},
                                                      {"REC", "recorder"},
                                                      {"PLAN", "fault plan"},
                                                      {"CTX", "context " + std::to_string(context_of(file).context)},
                                                      {"QUEUE", "queue " + hw}};
    for (const auto &desc : neuron::spec::registers()) {
        if (!sections.contains(std::string(desc.block)))
            continue; // of cores: another file
        const bool readable = desc.access == neuron::spec::Access::RO || desc.access == neuron::spec::Access::RW;
        const auto value = value_of(text, sections.at(std::string(desc.block)), std::string(desc.name));
        if (value.empty() == readable)
            fail_msg("%s of %s: '%s'\n%s", std::string(desc.name).c_str(), std::string(desc.block).c_str(),
                     value.c_str(), text.c_str());
    }
    assert_int_equal(std::stoull(value_of(text, "device", "HBM_BYTES"), nullptr, 0), file.query().hbm_bytes);
    assert_int_equal(std::stoull(value_of(text, "queue " + hw, "RING_LOG2"), nullptr, 0), 7);
}

void readers_wake_nobody(void **) {
    await_sleep();
    for (const std::string &name : FILES)
        // The records are in the device.
        assert_int_equal(slurp(debugfs(name)) == "-5", name == "recorder");
    assert_string_equal(slurp(debugfs("registers")).c_str(), "the device is sleeping\n");
    assert_string_equal(slurp(debugfs("cores")).c_str(), "the device is sleeping\n");
    assert_string_equal(records("device").at(0).text("state").c_str(), "sleeping");
    assert_false(records("device").at(0).has("status"));
    assert_string_equal(runtime_status().c_str(), "suspended");
}

void device_that_is_up_says_so(void **) {
    const File file;
    const auto device = records("device").at(0);
    assert_string_equal(device.text("state").c_str(), "ready");
    assert_int_equal(device.number("status") & 1, 1);
    assert_int_equal(device.number("resets"), file.query().reset_count);
}

void lost_queue_keeps_its_numbers(void **) {
    const File file;
    const auto queue = file.queue();
    assert_int_equal(file.run(queue.queue_id, nops(1)), 0);
    const auto before = queue_of(file, queue.queue_id);
    reset_function();
    const auto after = queue_of(file, queue.queue_id);
    assert_string_equal(after.text("state").c_str(), "lost");
    assert_int_equal(after.number("busy_ns"), before.number("busy_ns"));
    assert_int_equal(after.number("completed"), 1);
}

// ---- storms ---------------------------------------------------------------------------------------------------------

/// Reads every file, over and over, until it is destroyed. There are many: who is read about comes first.
class Readers {
public:
    Readers() {
        for (const std::string &name : FILES)
            threads_.emplace_back([this, path = debugfs(name)] {
                ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
                while (!stop_) {
                    if (path.ends_with("vm_walk"))
                        walk(path);
                    else
                        slurp(path);
                    ++reads_;
                }
            });
    }
    ~Readers() {
        stop_ = true;
        for (std::thread &thread : threads_)
            thread.join();
    }
    Readers(Readers &&) = delete;
    unsigned reads() const { return reads_; }

private:
    static void walk(const std::string &path) {
        const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return;
        char buffer[1024];
        for (int i = 0; i < 8; ++i)
            if (::write(fd, "0 0x200000", 10) != 10 || ::read(fd, buffer, sizeof(buffer)) < 0)
                break;
        ::close(fd);
    }

    std::atomic<bool> stop_ = false;
    std::atomic<unsigned> reads_ = 0;
    std::vector<std::thread> threads_;
};

/// A file with buffers, mappings and queues that comes, works, and goes.
void live() {
    const File file;
    const auto host = file.bind(file.host(4 * neuron::spec::PAGE_SIZE)), hbm = file.bind(file.hbm(LARGE));
    const auto queue = file.queue();
    const UserQueue user(file);
    file.run(queue.queue_id, job_of(copy(host, hbm, 4 * neuron::spec::PAGE_SIZE)));
}

void readers_among_files_that_come_and_go(void **) {
    const Readers readers;
    for (int i = 0; i < 40 || readers.reads() < 100; ++i)
        live();
}

void readers_among_resets(void **) {
    const Readers readers;
    for (int i = 0; i < 8 || readers.reads() < 100; ++i) {
        std::thread other([] {
            const File file;
            file.host(neuron::spec::PAGE_SIZE);
            const auto queue = file.queue();
            std::uint64_t seqno = 0;
            if (!file.submit(queue.queue_id, nops(8), &seqno))
                file.wait(queue.queue_id, seqno, nullptr, LONG);
        });
        reset_function();
        other.join();
    }
    device_works();
}

void readers_when_the_device_sleeps_and_wakes(void **) {
    const Readers readers;
    for (int i = 0; i < 2; ++i) {
        device_works();
        await_sleep();
    }
}

void readers_while_the_driver_is_unbound(void **) {
    const auto name = pci_name();
    const File file;
    file.bind(file.hbm(LARGE));
    file.queue();
    const int open_before = ::open(debugfs("clients").c_str(), O_RDONLY | O_CLOEXEC);
    assert_true(open_before >= 0);
    {
        const Readers readers;
        for (int i = 0; i < 3; ++i) {
            unbind(name);
            assert_true(wait_for_node(false));
            bind_driver(name);
            assert_true(wait_for_node(true));
        }
    }
    char buffer[64];
    assert_true(::read(open_before, buffer, sizeof(buffer)) < 0);
    ::close(open_before);
    device_works();
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(all_files_are_there_for_root_alone),
        cmocka_unit_test(client_is_what_the_file_has),
        cmocka_unit_test(client_is_gone_with_its_file),
        cmocka_unit_test(buffer_has_kind_size_and_users),
        cmocka_unit_test(buffer_in_another_bank),
        cmocka_unit_test(host_buffer_is_mapped_for_the_device_once_it_is_bound),
        cmocka_unit_test(pins_and_doorbells_of_a_queue_in_user_mode),
        cmocka_unit_test(sharing_is_told),
        cmocka_unit_test(map_of_hbm_has_no_holes),
        cmocka_unit_test(vm_lists_mappings_with_their_pages),
        cmocka_unit_test(walk_ends_where_the_buffer_is),
        cmocka_unit_test(walk_refuses_what_is_no_question),
        cmocka_unit_test(queue_is_what_it_was_asked_to_be),
        cmocka_unit_test(modes_and_states_have_names),
        cmocka_unit_test(registers_have_the_names_of_the_contract),
        cmocka_unit_test(readers_wake_nobody),
        cmocka_unit_test(device_that_is_up_says_so),
        cmocka_unit_test(lost_queue_keeps_its_numbers),
        cmocka_unit_test(readers_among_files_that_come_and_go),
        cmocka_unit_test(readers_among_resets),
        cmocka_unit_test(readers_when_the_device_sleeps_and_wakes),
        cmocka_unit_test(readers_while_the_driver_is_unbound),
    };
    return cmocka_run_group_tests_name("kmod debugfs", tests, nullptr, nullptr);
}
