// SPDX-License-Identifier: MIT
// What a context must not do: each ends in a fault of that queue, an event and vector 0, and nothing else.
#include "support/suite.hpp"
#include "support/workload.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include <linux/pci_regs.h>

using namespace neuron;
using namespace neuron::test;

namespace {

constexpr std::uint64_t HOST = Context::HOST_VA;
constexpr std::uint64_t HBM = Context::HBM_VA;
constexpr std::uint32_t MESSAGE = 0xfa17;

/// A device with events on vector 0, one context and one queue.
struct Bench {
    Neuron device = Neuron::boot();
    Context memory{device};
    std::uint64_t word = (device.enable_msix(), device.enable_events(), device.arm_vector(0, MESSAGE));
    Queue queue{device};

    /// Submit what was pushed, and expect its last packet to fault.
    spec::EventRecord expect_fault(spec::Fault fault) {
        queue.ring();
        assert_eventually(queue.state() == spec::QueueState::FAULTED);
        assert_string_equal(spec::name(queue.fault()).data(), spec::name(fault).data());
        std::optional<spec::EventRecord> event;
        assert_eventually((event = device.next_event()).has_value());
        assert_int_equal(event->kind, spec::Event::FAULT);
        assert_int_equal(event->code, fault);
        assert_int_equal(event->queue, 0);
        assert_int_equal(event->ctx, 0);
        assert_eventually(device.machine().readl(word) == MESSAGE);
        return *event;
    }
};

void an_unmapped_address_faults_with_its_address(void **) {
    Bench bench;
    bench.queue.push(spec::PacketNop{});
    bench.queue.push(spec::PacketCopy{.src = HOST, .dst = 0x7000000, .bytes = 64});
    const spec::EventRecord event = bench.expect_fault(spec::Fault::PAGE_NOT_MAPPED);
    assert_int_equal(event.va, 0x7000000);
    assert_int_equal(event.packet, 1);
    assert_int_equal(event.write, 1);
    assert_int_equal(bench.queue.head(), 1);
}

void the_first_byte_past_a_mapping_faults(void **) {
    Bench bench;
    bench.queue.push(spec::PacketFill{.dst = HOST + Context::HOST_BYTES - 8, .bytes = 16, .pattern = 1});
    assert_int_equal(bench.expect_fault(spec::Fault::PAGE_NOT_MAPPED).va, HOST + Context::HOST_BYTES);
}

void a_write_to_a_read_only_page_faults(void **) {
    Bench bench;
    bench.memory.table.map_host(0x40000000, bench.memory.host, 4096, false);
    bench.queue.push(spec::PacketFill{.dst = 0x40000000, .bytes = 8, .pattern = 1});
    assert_int_equal(bench.expect_fault(spec::Fault::PAGE_READ_ONLY).va, 0x40000000);
    assert_int_equal(bench.device.machine().readq(bench.memory.host), 0);
}

void a_page_outside_hbm_faults(void **) {
    Bench bench;
    bench.memory.table.map_hbm(0x40000000, bench.device.reg64(spec::reg::GLOBAL_HBM_BYTES), 2 << 20);
    bench.queue.push(spec::PacketFill{.dst = 0x40000000, .bytes = 8, .pattern = 1});
    bench.expect_fault(spec::Fault::HBM_RANGE);
}

void an_unknown_packet_faults(void **) {
    Bench bench;
    bench.queue.push_raw({std::byte{0xee}});
    assert_int_equal(bench.expect_fault(spec::Fault::ILLEGAL_PACKET).info, 0xee);
}

void a_doorbell_beyond_the_ring_faults(void **) {
    Bench bench;
    const std::uint32_t too_many = (1u << spec::RING_LOG2_MIN) + 1;
    bench.device.ring(0, 0, too_many);
    assert_eventually(bench.queue.state() == spec::QueueState::FAULTED);
    assert_int_equal(bench.queue.fault(), spec::Fault::DOORBELL_RANGE);
}

void a_page_where_the_host_has_no_memory_faults_as_host_bus(void **) {
    Bench bench;
    bench.memory.table.map_host(0x40000000, 0x7000000000, 4096);
    bench.queue.push(spec::PacketFill{.dst = 0x40000000, .bytes = 8, .pattern = 1});
    const spec::EventRecord event = bench.expect_fault(spec::Fault::HOST_BUS);
    assert_int_equal(event.va, 0x40000000);
}

void a_transfer_that_runs_off_the_end_of_ram_faults(void **) {
    Bench bench;
    const std::uint64_t last = Machine::RAM_BYTES - 4096;
    bench.memory.table.map_host(0x40000000, last, 8192);
    bench.queue.push(spec::PacketFill{.dst = 0x40000000, .bytes = 8192, .pattern = 0x77});
    bench.expect_fault(spec::Fault::HOST_BUS);
}

void dma_cannot_reach_registers_its_own_included(void **) {
    Bench bench;
    bench.memory.table.map_host(0x40000000, bench.device.place().regs, 4096);
    bench.device.machine().writel(bench.memory.host, spec::field::GLOBAL_CTRL_RESET.mask);
    bench.queue.push(spec::PacketCopy{.src = HOST, .dst = 0x40000000 + spec::reg::GLOBAL_CTRL, .bytes = 4});
    bench.expect_fault(spec::Fault::HOST_BUS);
    assert_true(bench.device.ready());
}

void dma_cannot_write_to_rom(void **) {
    constexpr std::uint64_t RESET_VECTOR = 0xfffffff0; // in the firmware
    Bench bench;
    bench.memory.table.map_host(0x40000000, RESET_VECTOR & ~0xfffULL, 4096);
    const auto before = bench.device.machine().read(RESET_VECTOR, 16);
    bench.queue.push(spec::PacketCopy{.src = 0x40000ff0, .dst = HOST, .bytes = 16});
    bench.queue.push(spec::PacketFill{.dst = 0x40000ff0, .bytes = 16, .pattern = 1});
    bench.expect_fault(spec::Fault::HOST_BUS);
    assert_true(bench.device.machine().read(RESET_VECTOR, 16) == before);
    assert_true(bench.device.machine().read(bench.memory.host, 16) == before);
}

void dma_reaches_the_aperture_of_another_device(void **) {
    const auto machine = Machine::start(
        {"-device", "neuron,addr=4,hbm=256M,aperture=64M", "-device", "neuron,addr=5,hbm=256M,aperture=64M"});
    Neuron first(machine, 0, 4, Place::number(0)), second(machine, 0, 5, Place::number(1));
    Context memory(first);
    Queue queue(first);
    memory.table.map_host(0x40000000, second.place().aperture, 4096);
    queue.push(spec::PacketFill{.dst = 0x40000000, .bytes = 4096, .pattern = 0x99});
    queue.ring();
    assert_eventually(queue.done());
    assert_int_equal(machine->readq(second.place().aperture), 0x99);
}

void bus_mastering_off_refuses_dma(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    Queue queue(device);
    queue.push(spec::PacketNop{});
    device.pci().command(0, PCI_COMMAND_MASTER);
    queue.ring();
    assert_eventually(queue.state() == spec::QueueState::FAULTED);
    assert_int_equal(queue.fault(), spec::Fault::HOST_BUS);
    assert_int_equal(queue.seqno(), 0);
}

void bus_mastering_back_on_lets_the_queue_start_again(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    {
        Queue queue(device);
        device.pci().command(0, PCI_COMMAND_MASTER);
        queue.push(spec::PacketNop{});
        queue.ring();
        assert_eventually(queue.state() == spec::QueueState::FAULTED);
        queue.disable();
        assert_eventually(!queue.busy());
    }
    device.pci().command(PCI_COMMAND_MASTER);
    Queue queue(device);
    queue.push(spec::PacketNop{});
    queue.ring();
    assert_eventually(queue.done());
}

void another_context_goes_on(void **) {
    Bench bench;
    const Context other(bench.device, 1);
    Queue neighbour(bench.device, {.queue = 5, .ctx = 1, .vector = 2});
    Queue sibling(bench.device, {.queue = 6, .ctx = 0, .vector = 3, .slot = 1});
    bench.queue.push(spec::PacketCopy{.src = 0x7000000, .dst = HOST, .bytes = 64});
    bench.expect_fault(spec::Fault::PAGE_NOT_MAPPED);
    assert_eventually(sibling.state() == spec::QueueState::STOPPED);
    neighbour.push(spec::PacketFill{.dst = HBM, .bytes = 8, .pattern = 3});
    neighbour.ring();
    assert_eventually(neighbour.done());
}

void a_page_table_in_nowhere_faults(void **) {
    Neuron device = Neuron::boot();
    device.enable_context(0, 0x7000000000);
    Queue queue(device);
    queue.push(spec::PacketFill{.dst = HOST, .bytes = 8, .pattern = 1});
    queue.ring();
    assert_eventually(queue.state() == spec::QueueState::FAULTED);
    assert_true(queue.fault() == spec::Fault::PAGE_TABLE || queue.fault() == spec::Fault::HOST_BUS);
}

// ---- hazard detection ----

/// A program in guest RAM: the streams follow the header.
class Program {
public:
    template<class... Insns>
    Program &stream(spec::Engine engine, const Insns &...insns) {
        header_.streams[spec::raw(engine)] = {.addr = HOST + image_.size(), .count = sizeof...(insns) + 1};
        (append(spec::packed(insns)), ...);
        append(spec::packed(spec::InsnEnd{}));
        return *this;
    }
    /// Launches it on core 0; its only argument is the address of the context's HBM.
    void launch(Bench &bench) {
        std::ranges::copy(spec::packed(header_), image_.begin());
        bench.device.machine().write(bench.memory.host, image_);
        bench.device.machine().writeq(bench.memory.host + ARGS, HBM);
        bench.queue.push(spec::PacketLaunch{.core_mask = 1, .program = HOST, .args = HOST + ARGS, .arg_count = 1});
    }

private:
    static constexpr std::uint64_t ARGS = 1 << 16;
    void append(std::span<const std::byte> raw) { image_.insert(image_.end(), raw.begin(), raw.end()); }

    spec::ProgramHeader header_{.magic = spec::PROGRAM_MAGIC, .isa_version = spec::VERSION};
    std::vector<std::byte> image_ = std::vector<std::byte>(spec::ProgramHeader::BYTES);
};

/// Ring 3 loads a tile, DVE copies it; `wait` of what the load adds 1 to.
Program load_and_copy(spec::WaitOp wait) {
    const spec::Tile tile{.partitions = 32, .dtype = spec::Dtype::F32, .step = {1}, .num = {16, 1, 1, 1}};
    spec::Tile copy = tile;
    copy.offset = 4096;
    const spec::Mem rows{.partition_stride = 64, .stride = {4}, .num = {16, 1, 1}};
    return Program()
        .stream(spec::Engine::SP,
                spec::InsnDmaLoad{
                    .header = {.opcode = spec::Opcode::DMA_LOAD, .update_op = spec::UpdateOp::ADD, .update_value = 1},
                    .dst = tile,
                    .src = rows,
                    .ring = 3})
        .stream(spec::Engine::DVE,
                spec::InsnCopy{.header = {.opcode = spec::Opcode::COPY, .wait_op = wait, .wait_value = 1},
                               .dst = copy,
                               .src = tile});
}

void hazards_are_found_where_they_are_looked_for(void **) {
    {
        Bench bench{.device = Neuron::boot("hazards=on")};
        load_and_copy(spec::WaitOp::GE).launch(bench);
        bench.queue.ring();
        assert_eventually(bench.queue.done()); // the other program takes its place
        load_and_copy(spec::WaitOp::NONE).launch(bench);
        const spec::EventRecord event = bench.expect_fault(spec::Fault::HAZARD_ORDER);
        assert_int_equal(event.packet, 1); // the first one was good
        const bool copy_first = event.unit == spec::Unit::DMA;
        assert_true(copy_first || event.unit == spec::Unit::DVE);
        assert_int_equal(spec::field::HAZARD_OTHER_UNIT.get(event.info),
                         copy_first ? spec::Unit::DVE : spec::Unit::DMA);
    }
    Machine::stop_all();
    Bench bench;
    load_and_copy(spec::WaitOp::NONE).launch(bench);
    bench.queue.ring();
    assert_eventually(bench.queue.done());
}

// ---- the log ----

constexpr int FLOOD = 200;

void flood(Neuron &device) {
    for (int i = 0; i < FLOOD; i++) {
        Queue queue(device, {.queue = 9, .ctx = 0, .vector = 2, .slot = 9});
        queue.push_raw({std::byte{0xee}});
        queue.ring();
        assert_eventually(queue.state() == spec::QueueState::FAULTED);
        queue.disable();
        assert_eventually(!queue.busy());
    }
}

int count(const std::string &text, const std::string &what) {
    int found = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size()))
        ++found;
    return found;
}

// The next one shows that each of these faults is told to QEMU.
void a_flood_of_faults_does_not_flood_stderr(void **) {
    Neuron device = Neuron::boot();
    const Context memory(device);
    flood(device);
    assert_true(device.machine().process().errors().size() < 1000);
}

void every_fault_is_in_the_log_of_guest_errors(void **) {
    Neuron device = Neuron::boot("", {"-d", "guest_errors"});
    const Context memory(device);
    flood(device);
    const auto logged = [&] {
        const std::string text = device.machine().process().errors();
        return count(text, "n0: queue 9 of context 0 faulted: ILLEGAL_PACKET (unit QUEUE");
    };
    assert_eventually(logged() == FLOOD);
}

void the_sanitizer_reports_where_it_was_asked_for(void **) {
    const nlohmann::json which{{"path", "/machine/peripheral/n0"}, {"property", "sanitizer-reports"}};
    const auto reports = [&which](Bench &bench) {
        return bench.device.machine().qmp("qom-get", which).get<std::string>();
    };
    {
        Bench bench{.device = Neuron::boot("id=n0,sanitizer=on")};
        assert_int_equal(bench.device.reg32(spec::reg::REC_SANITIZER), spec::field::REC_SANITIZER_ON.mask);
        assert_string_equal(reports(bench).c_str(), "");
        bench.device.ring(0, 0, 1); // but there is no packet
        assert_eventually(bench.queue.state() == spec::QueueState::FAULTED);
        assert_string_equal(reports(bench).c_str(),
                            "doorbell before its packet: packet 0 of queue 0 was announced, but its "
                            "slot is empty\n");
        nlohmann::json wrong = which;
        wrong["value"] = "x";
        const std::string refused = bench.device.machine().qmp_error("qom-set", wrong);
        assert_true(refused.find("only '' can be set") != std::string::npos);
        bench.device.machine().set_property("n0", "sanitizer-reports", "");
        assert_string_equal(reports(bench).c_str(), "");
    }
    Machine::stop_all();
    Bench bench{.device = Neuron::boot("id=n0")};
    assert_int_equal(bench.device.reg32(spec::reg::REC_SANITIZER), 0);
    bench.device.ring(0, 0, 1);
    assert_eventually(bench.queue.state() == spec::QueueState::FAULTED);
    assert_string_equal(reports(bench).c_str(), "");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        device_test(an_unmapped_address_faults_with_its_address),
        device_test(the_first_byte_past_a_mapping_faults),
        device_test(a_write_to_a_read_only_page_faults),
        device_test(a_page_outside_hbm_faults),
        device_test(an_unknown_packet_faults),
        device_test(a_doorbell_beyond_the_ring_faults),
        device_test(a_page_where_the_host_has_no_memory_faults_as_host_bus),
        device_test(a_transfer_that_runs_off_the_end_of_ram_faults),
        device_test(dma_cannot_reach_registers_its_own_included),
        device_test(dma_cannot_write_to_rom),
        device_test(dma_reaches_the_aperture_of_another_device),
        device_test(bus_mastering_off_refuses_dma),
        device_test(bus_mastering_back_on_lets_the_queue_start_again),
        device_test(another_context_goes_on),
        device_test(a_page_table_in_nowhere_faults),
        device_test(hazards_are_found_where_they_are_looked_for),
        device_test(the_sanitizer_reports_where_it_was_asked_for),
        device_test(a_flood_of_faults_does_not_flood_stderr),
        device_test(every_fault_is_in_the_log_of_guest_errors),
    };
    return run_suite("device faults", tests);
}
