// SPDX-License-Identifier: MIT
// Faults: which job, which packet, what else stops, and what goes on.

#include "support.hpp"

#include <cerrno>

using namespace kmod;
using neuron::spec::Fault;
using neuron::spec::Unit;

namespace {

constexpr std::uint64_t NOWHERE = 0x7000000000;

void expect_fault(const drm_neuron_queue_query &state, Fault fault) {
    assert_int_equal(state.state, DRM_NEURON_QUEUE_FAULTED);
    assert_int_equal(state.fault_code, static_cast<unsigned>(fault));
}

void fault_names_job_packet_and_address(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    const auto va = file.bind(file.host(4096));
    std::uint64_t guilty = 0;
    std::uint64_t behind = 0;
    assert_int_equal(file.submit(id, nops(5)), 0);
    const auto packets = job_of(nop(), fill(va, 4096, 1), fill(NOWHERE + 8, 64, 1), nop());
    assert_int_equal(file.submit(id, packets, &guilty), 0);
    int status = 0;
    assert_int_equal(file.wait(id, guilty, &status, LONG), 0);
    assert_int_equal(status, -EIO);
    assert_int_equal(file.wait(id, guilty - 1, &status, NOW), 0);
    assert_int_equal(status, 0);

    const auto state = file.state(id);
    expect_fault(state, Fault::PAGE_NOT_MAPPED);
    assert_int_equal(state.fault_unit, static_cast<unsigned>(Unit::QUEUE));
    assert_int_equal(state.fault_write, 1);
    assert_int_equal(state.fault_seqno, guilty);
    assert_int_equal(state.fault_packet, 2);
    assert_int_equal(state.fault_va, NOWHERE + 8);
    assert_int_equal(file.submit(id, job_of(nop()), &behind), -EIO);
}

void jobs_behind_the_fault_are_cancelled(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    std::uint64_t seqno = 0;
    // Hold the queue up for a moment, so that all three are in the ring when it faults.
    const auto va = file.bind(file.hbm(64 << 20, 0));
    assert_int_equal(file.submit(id, job_of(fill(va, 64 << 20, 1), fill(NOWHERE, 8, 1)), &seqno), 0);
    const int second = file.submit(id, nops(2));
    int status = 0;
    assert_int_equal(file.wait(id, seqno, &status, LONG), 0);
    assert_int_equal(status, -EIO);
    if (second)
        skip(); // the fault was quicker
    assert_int_equal(file.wait(id, seqno + 1, &status, LONG), 0);
    assert_int_equal(status, -ECANCELED);
}

void other_queues_of_the_context_stop_and_others_go_on(void **) {
    const File file;
    const File bystander;
    const auto guilty = file.queue().queue_id;
    const auto sibling = file.queue().queue_id;
    const auto stranger = bystander.queue().queue_id;
    assert_int_equal(file.submit(sibling, job_of(Spinner(file).packet())), 0);
    assert_int_equal(file.run(guilty, job_of(fill(NOWHERE, 8, 1))), -EIO);
    int status = 0;
    assert_int_equal(file.wait(sibling, 1, &status, LONG), 0);
    assert_int_equal(status, -ECANCELED);
    assert_int_equal(file.state(sibling).state, DRM_NEURON_QUEUE_CANCELED);
    assert_int_equal(file.state(sibling).fault_code, 0);
    assert_int_equal(bystander.run(stranger, job_of(nop())), 0);
    assert_int_equal(file.run(file.queue().queue_id, job_of(nop())), 0);
}

void read_only_binding_refuses_writes(void **) {
    const File file;
    const auto target = file.host(4096);
    const auto source = file.bind(target, DRM_NEURON_BIND_READ_ONLY);
    const auto writable = file.bind(file.host(4096));
    const auto id = file.queue().queue_id;
    assert_int_equal(file.run(id, job_of(copy(source, writable, 4096))), 0);
    assert_int_equal(file.run(id, job_of(copy(writable, source, 4096))), -EIO);
    expect_fault(file.state(id), Fault::PAGE_READ_ONLY);
    assert_int_equal(Mapping(file, target).words()[0], 0);
}

void unknown_packet_is_refused_by_the_device(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    Packet packet{};
    packet[0] = std::byte{0xee};
    assert_int_equal(file.run(id, job_of(packet)), -EIO);
    const auto state = file.state(id);
    expect_fault(state, Fault::ILLEGAL_PACKET);
    assert_int_equal(state.fault_info, 0xee);
}

// Small pages, large pages, and both placements.
void unbound_address_faults_at_once(void **) {
    const File file;
    constexpr std::uint64_t LARGE = 4 << 20;
    for (const auto handle : {file.host(4096), file.hbm(4096), file.host(LARGE), file.hbm(LARGE)}) {
        const auto size = file.bo(handle).size;
        const auto va = file.bind(handle);
        const auto id = file.queue().queue_id;
        assert_int_equal(file.run(id, job_of(fill(va, size, 3))), 0);
        assert_int_equal(file.unbind(va, size), 0);
        assert_int_equal(file.run(id, job_of(fill(va + size - 8, 8, 4))), -EIO);
        expect_fault(file.state(id), Fault::PAGE_NOT_MAPPED);
        assert_int_equal(Mapping(file, handle).words()[size / 8 - 1], 3);
    }
}

// More faults than the event ring has records: destroying a queue must give its record back.
void faults_never_run_out(void **) {
    const File file;
    for (int i = 0; i < 600; ++i) {
        const auto id = file.queue(4).queue_id;
        assert_int_equal(file.run(id, job_of(nop(), fill(NOWHERE, 8, 1))), -EIO);
        assert_int_equal(file.state(id).fault_packet, 1);
        assert_int_equal(file.destroy(id), 0);
    }
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(fault_names_job_packet_and_address),
        cmocka_unit_test(jobs_behind_the_fault_are_cancelled),
        cmocka_unit_test(other_queues_of_the_context_stop_and_others_go_on),
        cmocka_unit_test(read_only_binding_refuses_writes),
        cmocka_unit_test(unknown_packet_is_refused_by_the_device),
        cmocka_unit_test(unbound_address_faults_at_once),
        cmocka_unit_test(faults_never_run_out),
    };
    return cmocka_run_group_tests_name("kmod fault", tests, nullptr, nullptr);
}
