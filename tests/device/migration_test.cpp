// SPDX-License-Identifier: MIT
// A machine is saved with work in flight, and another QEMU goes on with it.
#include "support/suite.hpp"
#include "support/workload.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace neuron;
using namespace neuron::test;

namespace {

using nlohmann::json;

constexpr std::uint64_t HOST = Context::HOST_VA;
constexpr std::uint64_t HBM = Context::HBM_VA;
constexpr const char *SMALL = "hbm=256M,aperture=64M";

/// A file for a machine, and its end.
class StateFile {
public:
    StateFile() { close(mkstemp(path_.data())); }
    ~StateFile() { unlink(path_.c_str()); }
    StateFile(const StateFile &) = delete;
    StateFile &operator=(const StateFile &) = delete;
    std::string uri() const { return "file:" + path_; }

private:
    std::string path_ = "/tmp/neuron-state-XXXXXX";
};

std::string migration_status(Machine &machine) {
    return machine.qmp("query-migrate", json::object()).value("status", "none");
}

void save(Machine &machine, const StateFile &file) {
    machine.qmp("migrate", {{"uri", file.uri()}});
    assert_eventually(migration_status(machine) == "completed");
}

std::vector<std::string> arguments(const std::string &device, const std::vector<std::string> &more = {}) {
    std::vector<std::string> all{"-device", "neuron,addr=4," + device};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

/// A machine that has become what was saved, and runs.
std::shared_ptr<Machine> restored(const StateFile &file, const std::string &device,
                                  std::vector<std::string> more = {}) {
    more.insert(more.end(), {"-incoming", "defer"});
    auto machine = Machine::start(arguments(device, more));
    machine->qmp("migrate-incoming", {{"uri", file.uri()}});
    const auto status = [&] { return machine->qmp("query-status", json::object()).value("status", ""); };
    assert_eventually(status() == "running" || status() == "paused");
    if (status() == "paused") // as the one that was saved
        machine->qmp("cont");
    return machine;
}

/// The device of a restored machine, as its driver left it.
Neuron taken_over(const std::shared_ptr<Machine> &machine, const Neuron &before) { return Neuron(machine, before); }

// All registers that do not change by themselves.
std::vector<std::uint64_t> registers(const Neuron &device) {
    std::vector<std::uint64_t> all;
    for (const std::uint32_t offset :
         {spec::reg::GLOBAL_VERSION, spec::reg::GLOBAL_PROFILE, spec::reg::GLOBAL_CORES, spec::reg::GLOBAL_STATUS,
          spec::reg::GLOBAL_EVENT_RING_LOG2, spec::reg::GLOBAL_EVENT_HEAD, spec::reg::GLOBAL_EVENT_TAIL,
          spec::reg::GLOBAL_HBM_CORRECTED, spec::reg::GLOBAL_BAD_REGISTER})
        all.push_back(device.reg32(offset));
    all.push_back(device.reg64(spec::reg::GLOBAL_EVENT_RING_BASE));
    for (std::uint32_t i = 0; i < 3; i++) {
        all.push_back(device.reg64(spec::reg::CTX_PT_ROOT(i)));
        all.push_back(device.reg32(spec::reg::CTX_STATUS(i)));
        for (const std::uint32_t offset : {spec::reg::QUEUE_CFG(i), spec::reg::QUEUE_RING_LOG2(i),
                                           spec::reg::QUEUE_STATUS(i), spec::reg::QUEUE_COALESCE(i)})
            all.push_back(device.reg32(offset));
        for (const std::uint32_t offset : {spec::reg::QUEUE_RING_BASE(i), spec::reg::QUEUE_SEQNO_ADDR(i),
                                           spec::reg::QUEUE_HEAD(i), spec::reg::QUEUE_TAIL(i)})
            all.push_back(device.reg64(offset));
    }
    for (std::uint8_t at = 0; at < 64; at += 4)
        all.push_back(device.pci().read32(at));
    return all;
}

void an_idle_machine_is_the_same_elsewhere(void **) {
    const StateFile file;
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    device.enable_msix();
    device.enable_events();
    device.arm_vector(1, 0x11, true);
    const auto data = pattern(300000);
    device.machine().write(device.place().aperture + memory.hbm + 77, data);
    device.set32(0xf000, 1); // counted as bad
    queue.push(spec::PacketFill{.dst = HOST, .bytes = 100, .pattern = 3}, true);
    queue.ring();
    assert_eventually(queue.done());
    assert_eventually(device.vector_pending(1));
    // The packet has let go of its context a moment later.
    assert_eventually(spec::field::CTX_STATUS_BUSY.get(device.reg32(spec::reg::CTX_STATUS(0))) == 0);
    assert_eventually(!queue.busy());
    const auto before = registers(device);
    const std::uint64_t clock = device.reg64(spec::reg::GLOBAL_CLOCK_NS);
    save(device.machine(), file);

    const auto machine = restored(file, SMALL);
    Neuron next = taken_over(machine, device);
    const auto after = registers(next);
    for (std::size_t i = 0; i < before.size(); i++)
        if (before[i] != after[i])
            fail_msg("register %zu is %zx instead of %zx", i, after[i], before[i]);
    assert_true(next.reg64(spec::reg::GLOBAL_CLOCK_NS) > clock);
    assert_true(next.vector_pending(1));
    assert_true(machine->read(next.place().aperture + memory.hbm + 77, data.size()) == data);
    Queue same(next, queue);
    same.push(spec::PacketCopy{.src = HBM + 77, .dst = HOST + 4096, .bytes = data.size()}, true);
    same.ring();
    assert_eventually(same.done());
    assert_true(machine->read(memory.host + 4096, data.size()) == data);
}

/// A program that reads a word of host memory until the guest has made it something else than 0, and says what.
struct GuestWord {
    static constexpr std::uint64_t OFFSET = 3 << 20; ///< of the word in host memory; what it became is 64 bytes on
    static constexpr std::uint64_t ARGUMENTS = OFFSET + 0x1000;
    static constexpr std::uint64_t CODE = OFFSET + 0x2000;
};

void push_wait_for_guest(Queue &queue, const Context &memory, Machine &machine) {
    std::vector<std::byte> program;
    const auto add = [&](const auto &part) {
        const auto raw = spec::packed(part);
        program.insert(program.end(), raw.begin(), raw.end());
    };
    const std::uint64_t code = HOST + GuestWord::CODE;
    spec::ProgramHeader header{.magic = spec::PROGRAM_MAGIC, .isa_version = spec::VERSION};
    header.streams[spec::raw(spec::Engine::SP)] = {.addr = code + spec::ProgramHeader::BYTES, .count = 4};
    spec::Mem word{.dtype = spec::raw(spec::Dtype::U32), .num = {1, 1, 1}};
    add(header);
    add(spec::InsnMemLoad{.rd = 1, .src = word});
    add(spec::InsnBranch{.cond = spec::Cond::EQ, .ra = 1, .target = 0});
    word.offset = 64;
    add(spec::InsnMemStore{.dst = word, .ra = 1});
    add(spec::InsnEnd{});
    machine.write(memory.host + GuestWord::CODE, program);
    machine.writeq(memory.host + GuestWord::ARGUMENTS, HOST + GuestWord::OFFSET);
    queue.push(
        spec::PacketLaunch{.core_mask = 1, .program = code, .args = HOST + GuestWord::ARGUMENTS, .arg_count = 1});
}

void work_in_flight_goes_on_elsewhere(const std::string &mode, const std::vector<std::string> &more) {
    const StateFile file;
    const std::string properties = std::string(SMALL) + mode;
    const auto first = Machine::start(arguments(properties, more));
    Neuron device(first, 0, Neuron::SLOT);
    const Context memory(device);
    Queue queue(device);
    device.enable_msix();
    const std::uint64_t message = device.arm_vector(1, 0x77);
    const auto data = pattern(3 << 20, 5);
    first->write(memory.host, data);
    // The same rows many times over, and then something that shows that all of it came to its end. How long rows take
    // is the host's affair: it is the guest who lets them end.
    spec::PacketCopyStrided rows{.row_bytes = 1 << 20, .src = HOST, .dst = HBM, .count = {3, 200, 1}};
    rows.src_stride[0] = rows.dst_stride[0] = 1 << 20;
    queue.push(rows);
    push_wait_for_guest(queue, memory, *first);
    queue.push(spec::PacketFence{.addr = HOST + Context::HOST_BYTES - 8, .value = 0xabcd}, true);
    queue.ring();
    assert_eventually(queue.progress() > 20);
    first->qmp("stop"); // or it would be done before its RAM is saved
    save(*first, file);
    // In flight: the rows, as a rule, but on a busy host it may have taken that long to stop it.
    const std::uint64_t done = queue.seqno();
    assert_true(done < 2);
    assert_throughout(first->readq(memory.host + Context::HOST_BYTES - 8) == 0);

    const auto machine = restored(file, properties, more);
    Neuron next = taken_over(machine, device);
    Queue same(next, queue);
    assert_in_range(same.seqno(), done, 1);
    machine->writel(memory.host + GuestWord::OFFSET, 1);
    assert_eventually(machine->readl(message) == 0x77);
    assert_int_equal(same.seqno(), 3);
    assert_int_equal(machine->readq(memory.host + Context::HOST_BYTES - 8), 0xabcd);
    assert_true(machine->read(next.place().aperture + memory.hbm, data.size()) == data);

    // The one that was saved can go on as well.
    first->qmp("cont");
    first->writel(memory.host + GuestWord::OFFSET, 1);
    assert_eventually(queue.seqno() == 3);
    assert_eventually(first->readl(message) == 0x77);
}

void work_in_flight_goes_on(void **) { work_in_flight_goes_on_elsewhere("", {}); }
void stepped_work_in_flight_goes_on(void **) { work_in_flight_goes_on_elsewhere(",stepped=on,seed=3", {}); }

// Its DMA takes QEMU's big lock, which the one who stops the machine holds.
void work_in_flight_behind_an_iommu_goes_on(void **) {
    work_in_flight_goes_on_elsewhere("", {"-device", "intel-iommu"});
}

void run_job(Machine &machine, const char *id, const json &options) {
    machine.qmp("blockdev-create", {{"job-id", id}, {"options", options}});
    assert_eventually(machine.qmp("query-jobs", json::object())[0].value("status", "") == "concluded");
    machine.qmp("job-dismiss", {{"id", id}});
}

// The same QEMU goes back to what it was, from something else that it does meanwhile.
void a_snapshot_is_taken_and_loaded(void **) {
    const StateFile file;
    Neuron device = Neuron::boot();
    Machine &machine = device.machine();
    const std::string path = file.uri().substr(5);
    run_job(machine, "file", {{"driver", "file"}, {"filename", path}, {"size", 0}});
    machine.qmp("blockdev-add", {{"driver", "file"}, {"filename", path}, {"node-name", "f"}});
    run_job(machine, "image", {{"driver", "qcow2"}, {"file", "f"}, {"size", 1 << 20}});
    machine.qmp("blockdev-add", {{"driver", "qcow2"}, {"file", "f"}, {"node-name", "q"}});

    const Context memory(device);
    Queue queue(device);
    machine.write(device.place().aperture + memory.hbm, pattern(100000, 3));
    start_long_work(queue, Work::HOST);
    assert_string_equal(machine.monitor("savevm there").c_str(), "");
    const std::uint64_t progress = queue.progress();
    assert_eventually(queue.progress() > progress);
    queue.disable();
    device.set32(spec::reg::GLOBAL_CTRL, spec::field::GLOBAL_CTRL_RESET.mask);
    assert_eventually(device.ready());
    assert_int_equal(machine.readq(device.place().aperture + memory.hbm), 0);

    assert_string_equal(machine.monitor("loadvm there").c_str(), "");
    assert_int_equal(queue.state(), spec::QueueState::RUNNING);
    assert_true(machine.read(device.place().aperture + memory.hbm, 100000) == pattern(100000, 3));
    const std::uint64_t again = queue.progress();
    assert_eventually(queue.progress() > again);
    queue.disable();
    assert_eventually(!queue.busy());
}

// Nobody stops the machine but QEMU, for the last part.
void a_program_waits_for_the_guest_elsewhere(void **) {
    const StateFile file;
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    push_wait_for_guest(queue, memory, device.machine());
    queue.ring();
    assert_eventually(queue.progress() > 10);
    save(device.machine(), file);

    const auto machine = restored(file, SMALL);
    Neuron next = taken_over(machine, device);
    Queue same(next, queue);
    assert_eventually(same.progress() > 10);
    assert_int_equal(same.state(), spec::QueueState::RUNNING);
    machine->writel(memory.host + GuestWord::OFFSET, 4711);
    assert_eventually(same.done());
    assert_int_equal(machine->readl(memory.host + GuestWord::OFFSET + 64), 4711);
}

// Of two machines that talk, the source hears that the destination could not, and goes on by itself.
void the_source_goes_on_when_the_destination_refuses(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    start_long_work(queue, Work::HBM);
    const json on = {{{"capability", "return-path"}, {"state", true}}};
    const auto other = Machine::start(arguments("hbm=256M,aperture=64M,cores=2", {"-incoming", "defer"}));
    const std::string uri = "unix:/tmp/neuron-migrate-" + std::to_string(getpid());
    other->qmp("migrate-set-capabilities", {{"capabilities", on}});
    device.machine().qmp("migrate-set-capabilities", {{"capabilities", on}});
    other->qmp("migrate-incoming", {{"uri", uri}});
    device.machine().qmp("migrate", {{"uri", uri}});
    assert_eventually(migration_status(device.machine()) == "failed");
    unlink(uri.substr(5).c_str());
    other->process().wait();
    assert_true(other->process().errors().find("cores: the saved chip has 8, this one has 2") != std::string::npos);
    assert_true(device.machine().alive());
    const std::uint64_t progress = queue.progress();
    assert_eventually(queue.progress() > progress);
    queue.disable();
    assert_eventually(!queue.busy());
}

void a_stopped_machine_stands_still(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    start_long_work(queue, Work::HBM);
    device.machine().qmp("stop");
    const std::uint64_t progress = queue.progress();
    const std::uint64_t clock = device.reg64(spec::reg::GLOBAL_CLOCK_NS);
    assert_throughout(queue.progress() == progress);
    assert_int_equal(device.reg64(spec::reg::GLOBAL_CLOCK_NS), clock);
    device.machine().qmp("cont");
    assert_eventually(queue.progress() > progress);
    device.machine().qmp("stop");
    assert_int_equal(device.machine().quit(), 0); // whatever was in flight
}

// A reset that a test holds up is held up in the other machine, until it is let go there.
void a_stuck_reset_is_stuck_elsewhere(void **) {
    const StateFile file;
    const Neuron device = Neuron::boot();
    const auto restart = [](const Neuron &which) {
        which.set32(spec::reg::GLOBAL_CTRL, spec::field::GLOBAL_CTRL_RESET.mask);
    };
    device.machine().set_property("n0", "stuck", true);
    restart(device);
    assert_throughout(!device.ready());
    save(device.machine(), file);
    const auto machine = restored(file, std::string(SMALL) + ",id=npu0");
    const Neuron next = taken_over(machine, device);
    assert_throughout(!next.ready());
    machine->set_property("npu0", "stuck", false);
    assert_eventually(next.ready());
}

// ---- refusals -------------------------------------------------------------------------------------------------------

void assert_refused(const StateFile &file, const std::string &device, const std::string &what) {
    const auto machine = Machine::start(arguments(device, {"-incoming", "defer"}));
    machine->qmp("migrate-incoming", {{"uri", file.uri()}});
    machine->process().wait();
    const std::string errors = machine->process().errors();
    if (errors.find(what) == std::string::npos)
        fail_msg("'%s' is not in: %s", what.c_str(), errors.c_str());
}

void another_device_is_refused_by_property(void **) {
    const StateFile file;
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    save(device.machine(), file);
    assert_refused(file, "hbm=256M,aperture=64M,profile=trn1",
                   "property 'profile' of neuron: profile: the saved chip has trn2, this one has trn1");
    assert_refused(file, "hbm=512M,aperture=64M",
                   "property 'hbm' of neuron: hbm_bytes: the saved chip has 268435456, this one has 536870912");
    assert_refused(file, "hbm=256M,aperture=32M", "property 'aperture' of neuron");
    assert_refused(file, "hbm=256M,aperture=64M,cores=3",
                   "property 'cores' of neuron: cores: the saved chip has 8, this one has 3");
    assert_refused(file, "hbm=256M,aperture=64M,stepped=on",
                   "property 'stepped' of neuron: stepped: the saved chip has off, this one has on");
    // The source goes on.
    device.machine().qmp("cont");
    queue.push(spec::PacketNop{});
    queue.ring();
    assert_eventually(queue.done());
}

void the_sanitizer_is_refused(void **) {
    Neuron device = Neuron::boot("sanitizer=on");
    const std::string reply = device.machine().qmp_error("migrate", {{"uri", "file:/dev/null"}});
    assert_string_equal(reply.c_str(), "property 'sanitizer' of neuron: what it has seen is not saved");
}

void hazard_detection_is_refused_and_the_machine_goes_on(void **) {
    Neuron device = Neuron::boot("hazards=on");
    const std::string reply = device.machine().qmp_error("migrate", {{"uri", "file:/dev/null"}});
    assert_string_equal(reply.c_str(), "property 'hazards' of neuron: what hazard detection has seen is not saved");
    assert_true(device.machine().alive());
    Queue queue(device); // its context is not enabled: the device answers
    assert_int_equal(queue.state(), spec::QueueState::FAULTED);
}

void a_damaged_state_is_refused(void **) {
    const StateFile file;
    const Neuron device = Neuron::boot();
    save(device.machine(), file);
    // Beyond the RAM, which is all zero, comes the devices' part; the chip's begins with its section's name.
    const std::string path = file.uri().substr(5);
    std::FILE *const state = std::fopen(path.c_str(), "r+b");
    assert_non_null(state);
    std::string all(static_cast<std::size_t>(lseek(fileno(state), 0, SEEK_END)), 0);
    std::rewind(state);
    assert_int_equal(std::fread(all.data(), 1, all.size(), state), all.size());
    const std::size_t at = all.find(std::string("control\0\0\0\0\0\0\0\0\0", 16));
    assert_true(at != std::string::npos);
    std::fseek(state, static_cast<long>(at + 24), SEEK_SET);
    std::fputc(7, state); // READY
    std::fclose(state);
    assert_refused(file, SMALL, "control 0: READY is out of range");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        device_test(an_idle_machine_is_the_same_elsewhere),
        device_test(work_in_flight_goes_on),
        device_test(stepped_work_in_flight_goes_on),
        device_test(work_in_flight_behind_an_iommu_goes_on),
        device_test(a_program_waits_for_the_guest_elsewhere),
        device_test(a_snapshot_is_taken_and_loaded),
        device_test(the_source_goes_on_when_the_destination_refuses),
        device_test(a_stopped_machine_stands_still),
        device_test(a_stuck_reset_is_stuck_elsewhere),
        device_test(another_device_is_refused_by_property),
        device_test(hazard_detection_is_refused_and_the_machine_goes_on),
        device_test(the_sanitizer_is_refused),
        device_test(a_damaged_state_is_refused),
    };
    return run_suite("device migration", tests);
}
