// SPDX-License-Identifier: MIT
// Nothing of one file can be read, written, stopped or starved by another. One case for each claim.

#include "child.hpp"
#include "program.hpp"
#include "share.hpp"
#include "user.hpp"
#include "watched.hpp"

#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>

using namespace kmod;
using spec::Fault;
using spec::Space;
using spec::UpdateOp;
using spec::WaitOp;

namespace {

constexpr std::uint64_t MIB = 1 << 20;
constexpr std::uint64_t SECRET = 0x5ec4e75ec4e75ec4;
constexpr std::uint32_t SECRET_WORD = 0x5ec4e75e;
constexpr std::uint64_t VA = 0x40000000;

bool all_zero(std::span<const std::byte> bytes) {
    return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{}; });
}

void device_fills(const File &file, std::uint32_t handle, std::uint64_t pattern) {
    const auto bytes = file.bo(handle).size;
    const auto va = file.bind(handle);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va, bytes, pattern))), 0);
    assert_int_equal(file.unbind(va, bytes), 0);
}

/// What the device finds in a buffer, in a host buffer of the same size.
std::uint32_t device_copy(const File &file, std::uint32_t handle) {
    const auto bytes = file.bo(handle).size;
    const auto copied = file.host(bytes);
    assert_int_equal(file.run(file.queue().queue_id, job_of(copy(file.bind(handle), file.bind(copied), bytes))), 0);
    return copied;
}

std::uint64_t bind_at(const File &file, std::uint32_t handle, std::uint64_t va) {
    drm_neuron_vm_bind args{};
    args.flags = DRM_NEURON_BIND_FIXED_VA;
    args.handle = handle;
    args.range = file.bo(handle).size;
    args.va = va;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), 0);
    return args.va;
}

// ---- memory that somebody had before --------------------------------------------------------------------------------

void hbm_behind_the_aperture_is_zero_after_another_had_it(void **) {
    for (int round = 0; round < 3; ++round) {
        {
            const File victim;
            device_fills(victim, victim.hbm(16 * MIB), SECRET);
        }
        const File spy;
        const Mapping memory(spy, spy.hbm(16 * MIB));
        assert_true(all_zero(memory.bytes()));
    }
}

void hbm_that_no_cpu_sees_is_zero_after_another_had_it(void **) {
    for (int round = 0; round < 3; ++round) {
        {
            const File victim;
            device_fills(victim, victim.hbm(32 * MIB, 0), SECRET);
        }
        const File spy;
        const Mapping memory(spy, device_copy(spy, spy.hbm(32 * MIB, 0)));
        assert_true(all_zero(memory.bytes()));
    }
    expect_report("READ_UNWRITTEN");
}

void host_memory_is_zero_after_another_had_it(void **) {
    for (int round = 0; round < 3; ++round) {
        {
            const File victim;
            device_fills(victim, victim.host(16 * MIB), SECRET);
        }
        const File spy;
        const auto handle = spy.host(16 * MIB);
        {
            const Mapping seen(spy, device_copy(spy, handle));
            assert_true(all_zero(seen.bytes()));
        }
        const Mapping memory(spy, handle);
        assert_true(all_zero(memory.bytes()));
    }
}

void rest_of_the_last_page_is_zero(void **) {
    {
        const File victim;
        device_fills(victim, victim.hbm(MIB), SECRET);
        device_fills(victim, victim.host(MIB), SECRET);
    }
    const File spy;
    for (const auto handle : {spy.hbm(1), spy.host(1)}) {
        const Mapping memory(spy, handle);
        assert_int_equal(memory.bytes().size(), 4096);
        assert_true(all_zero(memory.bytes()));
    }
}

void memory_of_a_killed_process_is_zero_for_the_next(void **) {
    for (int round = 0; round < 3; ++round) {
        int ends[2];
        assert_int_equal(::pipe(ends), 0);
        {
            Child victim([&] {
                const File file;
                device_fills(file, file.hbm(8 * MIB), SECRET);
                const auto busy = file.bind(file.hbm(8 * MIB));
                assert_int_equal(
                    file.submit(file.queue().queue_id, job_of(fill(busy, 8 * MIB, SECRET), Spinner(file).packet())), 0);
                assert_int_equal(::write(ends[1], "!", 1), 1);
                ::pause();
            });
            char byte = 0;
            assert_int_equal(::read(ends[0], &byte, 1), 1);
        }
        ::close(ends[0]);
        ::close(ends[1]);
        const File spy;
        const Mapping memory(spy, spy.hbm(32 * MIB));
        assert_true(all_zero(memory.bytes()));
    }
}

// ---- what a core remembers ------------------------------------------------------------------------------------------

/// Rows of the whole of a core's memory.
spec::Tile whole(const File &file, Space space) {
    const auto device = file.query();
    const std::uint32_t words = (space == Space::PSUM ? device.psum_bytes : device.sbuf_bytes) / 4;
    spec::Tile all = tile(space, static_cast<std::uint16_t>(words / 8));
    all.num[1] = 8;
    all.step[1] = static_cast<std::int16_t>(words / 8);
    return all;
}

/// Fills SBUF and PSUM of the cores.
Packet filler(const File &file, std::uint32_t cores) {
    Program program;
    for (const Space space : {Space::SBUF, Space::PSUM})
        program.add(Engine::DVE, spec::InsnMemset{.dst = whole(file, space),
                                                  .value = {.value = SECRET_WORD, .dtype = spec::Dtype::U32}});
    program.add(Engine::DVE, spec::InsnEnd{});
    return program.launch(file, cores, {});
}

/// Stores every word of one of the two memories to `to`, an eighth of each partition after the other.
Packet reader(const File &file, Space space, std::uint32_t core, std::uint64_t to) {
    const spec::Tile all = whole(file, space);
    Program program;
    for (std::uint32_t part = 0; part < 8; ++part) {
        spec::Tile rows_of = all;
        rows_of.offset = part * all.num[0] * 4u;
        rows_of.num[1] = 1;
        rows_of.step[1] = 0;
        program.add(Engine::SP, spec::InsnDmaStore{.dst = rows(all.num[0], std::int64_t{part} * 128 * 4 * all.num[0]),
                                                   .src = rows_of,
                                                   .ring = static_cast<std::uint8_t>(part)});
    }
    program.add(Engine::SP, spec::InsnEnd{});
    return program.launch(file, 1u << core, std::array{to});
}

std::uint64_t bytes_of(const File &file, Space space) {
    const auto device = file.query();
    return std::uint64_t{128} * (space == Space::PSUM ? device.psum_bytes : device.sbuf_bytes);
}

void expect_clean_cores(const File &spy, std::span<const std::uint32_t> cores) {
    const auto id = spy.queue().queue_id;
    for (const Space space : {Space::SBUF, Space::PSUM}) {
        const auto handle = spy.host(bytes_of(spy, space));
        const auto to = spy.bind(handle);
        const Mapping memory(spy, handle);
        for (const std::uint32_t core : cores) {
            std::ranges::fill(memory.bytes(), std::byte{0xff});
            assert_int_equal(spy.run(id, job_of(reader(spy, space, core, to))), 0);
            assert_true(all_zero(memory.bytes()));
        }
    }
}

// Every word of both memories, of the first core and the last.
void on_chip_memory_that_another_used_reads_zero(void **) {
    const File victim;
    const std::array cores{0u, victim.query().cores - 1};
    assert_int_equal(victim.run(victim.queue().queue_id, job_of(filler(victim, 1u << cores[0] | 1u << cores[1]))), 0);
    { // It does leave something: the same job sees it in the victim's own next launch.
        const auto handle = victim.host(bytes_of(victim, Space::PSUM));
        const auto to = victim.bind(handle);
        assert_int_equal(victim.run(victim.queue().queue_id, job_of(reader(victim, Space::PSUM, cores[0], to))), 0);
        assert_int_equal(Mapping(victim, handle).words()[0], std::uint64_t{SECRET_WORD} << 32 | SECRET_WORD);
    }
    const File spy;
    expect_clean_cores(spy, cores);
}

// It says in memory when it has filled them, and runs until its file is closed.
void on_chip_memory_of_a_stopped_program_reads_zero(void **) {
    const std::array cores{0u};
    {
        const File victim;
        const auto flag = victim.host(4096);
        const Mapping memory(victim, flag);
        Program program;
        for (const Space space : {Space::SBUF, Space::PSUM})
            program.add(Engine::DVE, spec::InsnMemset{.dst = whole(victim, space),
                                                      .value = {.value = SECRET_WORD, .dtype = spec::Dtype::U32}});
        program.add(Engine::DVE, spec::InsnNop{.header = sync(WaitOp::NONE, 0, 0, UpdateOp::ADD, 0, 1)});
        program.add(Engine::DVE, spec::InsnEnd{});
        program.add(Engine::SP, spec::InsnMove{.header = sync(WaitOp::GE, 0, 1), .rd = 1, .imm = 1});
        program.add(Engine::SP, spec::InsnMemStore{.dst = rows(1), .ra = 1});
        program.add(Engine::SP, spec::InsnBranch{.cond = spec::Cond::ALWAYS, .target = 2});
        const Packet launch = program.launch(victim, 1, std::array{victim.bind(flag)});
        assert_int_equal(victim.submit(victim.queue().queue_id, job_of(launch)), 0);
        const auto end = std::chrono::steady_clock::now() + LONG;
        while (const_cast<const volatile std::uint64_t &>(memory.words()[0]) == 0) {
            assert_true(std::chrono::steady_clock::now() < end);
            std::this_thread::yield();
        }
    }
    const File spy;
    expect_clean_cores(spy, cores);
}

void registers_and_semaphores_of_another_read_zero(void **) {
    const File victim;
    const File spy;
    Program leave;
    Program look;
    for (std::uint8_t r = 1; r < spec::SEQ_REGISTERS; ++r) {
        leave.add(Engine::SP, spec::InsnMove{.rd = r, .imm = 0x5ec4e7});
        look.add(Engine::SP, spec::InsnMemStore{.dst = rows(1, r * 4), .ra = r});
    }
    for (unsigned sem = 0; sem < spec::SEMAPHORES; ++sem) {
        const auto index = static_cast<std::uint8_t>(sem);
        leave.add(Engine::SP, spec::InsnNop{.header = sync(WaitOp::NONE, 0, 0, UpdateOp::ADD, index, 1)});
        look.add(Engine::SP, spec::InsnNop{.header = sync(WaitOp::EQ, index, 0)}); // else it never ends
    }
    leave.add(Engine::SP, spec::InsnEnd{});
    look.add(Engine::SP, spec::InsnEnd{});
    const auto handle = spy.host(4096);
    const Mapping memory(spy, handle);
    std::ranges::fill(memory.bytes(), std::byte{0xff});
    assert_int_equal(victim.run(victim.queue().queue_id, job_of(leave.launch(victim, 1, {}))), 0);
    assert_int_equal(spy.run(spy.queue().queue_id, job_of(look.launch(spy, 1, std::array{spy.bind(handle)}))), 0);
    assert_true(all_zero(memory.bytes().subspan(4, (spec::SEQ_REGISTERS - 1) * 4)));
}

// ---- addresses ------------------------------------------------------------------------------------------------------

/// The packet, run by one who has nothing at VA, faults there; the owner of VA has lost nothing.
void expect_fault_at_foreign_address(const Packet &packet, std::uint64_t va) {
    const File victim;
    const auto handle = victim.host(4096);
    bind_at(victim, handle, VA);
    const Mapping memory(victim, handle);
    std::ranges::fill(memory.bytes(), std::byte{0x5e});
    const auto id = victim.queue().queue_id;
    assert_int_equal(victim.run(id, job_of(copy(VA, VA + 2048, 8))), 0); // its TLB is warm
    const File spy;
    bind_at(spy, spy.host(4096), 2 * VA);
    const auto own = spy.queue().queue_id;
    assert_int_equal(spy.run(own, job_of(packet)), -EIO);
    const auto state = spy.state(own);
    assert_int_equal(state.fault_code, static_cast<unsigned>(Fault::PAGE_NOT_MAPPED));
    assert_int_equal(state.fault_va & ~0xfffull, va & ~0xfffull);
    for (const std::byte byte : memory.bytes())
        assert_int_equal(byte, std::byte{0x5e});
    assert_int_equal(victim.run(id, job_of(nop())), 0);
}

void copy_from_a_foreign_address_faults(void **) { expect_fault_at_foreign_address(copy(VA, 2 * VA, 64), VA); }

void copy_to_a_foreign_address_faults(void **) { expect_fault_at_foreign_address(copy(2 * VA, VA, 64), VA); }

void fill_of_a_foreign_address_faults(void **) { expect_fault_at_foreign_address(fill(VA + 8, 64, 1), VA); }

void fence_at_a_foreign_address_faults(void **) {
    expect_fault_at_foreign_address(spec::packed(spec::PacketFence{.addr = VA, .value = 1}), VA);
}

void program_at_a_foreign_address_faults(void **) {
    expect_fault_at_foreign_address(spec::packed(spec::PacketLaunch{.core_mask = 1, .program = VA}), VA);
}

void program_that_stores_to_a_foreign_address_faults(void **) {
    const File victim;
    const auto handle = victim.host(4096);
    bind_at(victim, handle, VA);
    const Mapping memory(victim, handle);
    memory.words()[0] = SECRET;
    const File spy;
    Program program;
    program.add(Engine::SP, spec::InsnMove{.rd = 1, .imm = 1});
    program.add(Engine::SP, spec::InsnMemStore{.dst = rows(1), .ra = 1}).add(Engine::SP, spec::InsnEnd{});
    const auto id = spy.queue().queue_id;
    assert_int_equal(spy.run(id, job_of(program.launch(spy, 1, std::array{VA}))), -EIO);
    assert_int_equal(spy.state(id).fault_code, static_cast<unsigned>(Fault::PAGE_NOT_MAPPED));
    assert_int_equal(spy.state(id).fault_va, VA);
    assert_int_equal(memory.words()[0], SECRET);
}

// The same address in two files is two things, used at the same time.
void one_address_is_another_buffer_in_each_file(void **) {
    const File first;
    const File second;
    const auto one = first.hbm(MIB);
    const auto two = second.hbm(MIB);
    bind_at(first, one, VA);
    bind_at(second, two, VA);
    const auto a = first.queue().queue_id;
    const auto b = second.queue().queue_id;
    for (std::uint64_t round = 1; round <= 50; ++round) {
        std::uint64_t seqno = 0;
        assert_int_equal(first.submit(a, job_of(fill(VA, MIB, round))), 0);
        assert_int_equal(second.submit(b, job_of(fill(VA, MIB, ~round)), &seqno), 0);
        assert_int_equal(first.wait(a, round, nullptr, LONG), 0);
        assert_int_equal(second.wait(b, seqno, nullptr, LONG), 0);
        assert_int_equal(Mapping(first, one).words()[MIB / 8 - 1], round);
        assert_int_equal(Mapping(second, two).words()[MIB / 8 - 1], ~round);
    }
}

// Device addresses of HBM and bus addresses are no context addresses: not one of them is reachable by its number.
void physical_addresses_reach_nothing(void **) {
    const File spy;
    for (const std::uint64_t address : {4096ull, 1ull << 20, 1ull << 30, 1ull << 32, (1ull << 48) - 8, 1ull << 48,
                                        1ull << 52, 1ull << 63, ~0ull - 7}) {
        const auto id = spy.queue().queue_id;
        assert_int_equal(spy.run(id, job_of(fill(address, 8, 1))), -EIO);
        assert_int_equal(spy.destroy(id), 0);
    }
}

// ---- names ----------------------------------------------------------------------------------------------------------

void handles_of_others_name_nothing(void **) {
    const File owner;
    const File stranger;
    const auto handle = owner.host(4096);
    drm_neuron_bo_query query{};
    query.handle = handle;
    assert_int_equal(stranger.call(DRM_IOCTL_NEURON_BO_QUERY, &query), -ENOENT);
    drm_neuron_vm_bind bind{};
    bind.handle = handle;
    bind.range = 4096;
    assert_int_equal(stranger.call(DRM_IOCTL_NEURON_VM_BIND, &bind), -ENOENT);
    drm_prime_handle prime{.handle = handle, .flags = DRM_CLOEXEC, .fd = -1};
    assert_int_equal(stranger.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), -ENOENT);
    assert_int_equal(stranger.close_bo(handle), -EINVAL);
    assert_int_equal(owner.bo(handle).size, 4096);
}

void bindings_of_others_cannot_be_removed(void **) {
    const File owner;
    const File stranger;
    const auto handle = owner.host(4096);
    bind_at(owner, handle, VA);
    assert_int_equal(stranger.unbind(VA, 4096), -ENOENT);
    assert_int_equal(owner.run(owner.queue().queue_id, job_of(fill(VA, 4096, 1))), 0);
}

void queue_ids_of_others_name_nothing(void **) {
    const File owner;
    const File stranger;
    const auto id = owner.queue().queue_id;
    assert_int_equal(owner.run(id, job_of(nop())), 0);
    drm_neuron_queue_query query{};
    query.queue_id = id;
    assert_int_equal(stranger.call(DRM_IOCTL_NEURON_QUEUE_QUERY, &query), -ENOENT);
    assert_int_equal(stranger.submit(id, job_of(nop())), -ENOENT);
    assert_int_equal(stranger.wait(id, 1, nullptr, NOW), -ENOENT);
    assert_int_equal(stranger.destroy(id), -ENOENT);
    assert_int_equal(owner.state(id).submitted, 1);
    // An own queue may have the same number: then it is the own one.
    const auto own = stranger.queue().queue_id;
    assert_int_equal(own, id);
    assert_int_equal(stranger.state(own).submitted, 0);
}

void syncobjs_of_others_name_nothing(void **) {
    const File owner;
    const File stranger;
    const auto queue = owner.queue();
    assert_int_equal(owner.run(queue.queue_id, job_of(nop())), 0);
    const auto own = stranger.queue();
    std::uint32_t handle = own.syncobj + 1; // names nothing here, something there
    std::uint32_t theirs = 0;
    do
        assert_int_equal(drmSyncobjCreate(owner.fd(), 0, &theirs), 0);
    while (theirs < handle);
    const auto with = [&](std::uint32_t flags) {
        const std::array syncs{drm_neuron_sync{.flags = flags, .handle = handle, .point = 1}};
        return stranger.submit(own.queue_id, job_of(nop()), nullptr, syncs);
    };
    assert_int_equal(with(DRM_NEURON_SYNC_WAIT), -ENOENT);
    assert_int_equal(with(DRM_NEURON_SYNC_SIGNAL), -ENOENT);
    std::uint64_t point = 0;
    assert_int_not_equal(drmSyncobjDestroy(stranger.fd(), handle), 0);
    assert_int_not_equal(drmSyncobjQuery(stranger.fd(), &handle, &point, 1), 0);
    assert_int_equal(drmSyncobjQuery(owner.fd(), &handle, &point, 1), 0);
    assert_int_equal(stranger.state(own.queue_id).submitted, 0);
}

// Names for all, as old DRM drivers have them, would need no descriptor. The core keeps them for CAP_SYS_ADMIN.
void buffers_have_no_global_names_for_users(void **) {
    const File root;
    drm_gem_flink flink{.handle = root.host(4096), .name = 0};
    root.call(DRM_IOCTL_GEM_FLINK, &flink);
    const File file = open_as(ALICE);
    drm_gem_open open{};
    open.name = 1;
    assert_int_equal(file.call(DRM_IOCTL_GEM_OPEN, &open), -EACCES);
    flink.handle = file.host(4096);
    assert_int_equal(file.call(DRM_IOCTL_GEM_FLINK, &flink), -EACCES);
}

void buffers_cannot_be_imported_without_a_descriptor(void **) {
    const File owner;
    const DmaBuf buf = export_of(owner, owner.host(4096));
    in_child([&] {
        const int fd = buf.fd();
        ::close(fd);
        const File stranger;
        for (int number = 0; number < 64; ++number)
            if (number != stranger.fd())
                assert_true(try_import(stranger, number) < 0);
    });
}

void mmap_offsets_of_others_are_refused(void **) {
    const File owner;
    const File stranger;
    for (const auto handle : {owner.host(4096), owner.hbm(4096)}) {
        const auto offset = static_cast<off_t>(owner.bo(handle).mmap_offset);
        assert_ptr_equal(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, stranger.fd(), offset), MAP_FAILED);
        assert_int_equal(errno, EACCES);
    }
}

// No offset leads to rings, page tables, registers or doorbells: all there is to map are the own buffers.
void nothing_but_own_buffers_can_be_mapped(void **) {
    const File owner;
    owner.queue();
    const File spy;
    const auto id = spy.queue().queue_id;
    assert_int_equal(spy.run(id, job_of(nop())), 0);
    const auto own = spy.bo(spy.host(4096)).mmap_offset >> 12;
    const auto refused = [&](std::uint64_t page) {
        void *pointer = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, spy.fd(), static_cast<off_t>(page << 12));
        return pointer == MAP_FAILED;
    };
    for (std::uint64_t page = 0; page < 1024; ++page)
        assert_true(refused(page));
    for (std::uint64_t page = own - 1024; page < own + 1024; ++page)
        assert_int_equal(refused(page), page != own);
}

void read_gives_nothing_of_others(void **) {
    const File owner;
    const File spy;
    const auto id = owner.queue().queue_id;
    assert_int_equal(owner.run(id, job_of(fill(0x7000000000, 8, 1))), -EIO);
    const int flags = ::fcntl(spy.fd(), F_GETFL);
    assert_int_equal(::fcntl(spy.fd(), F_SETFL, flags | O_NONBLOCK), 0);
    std::array<std::byte, 4096> bytes;
    assert_int_equal(::read(spy.fd(), bytes.data(), bytes.size()), -1);
    assert_int_equal(errno, EAGAIN);
}

// ---- running side by side -------------------------------------------------------------------------------------------

void fault_of_one_leaves_the_other_running(void **) {
    const File bystander;
    const auto id = bystander.queue().queue_id;
    const auto handle = bystander.host(4096);
    const auto va = bystander.bind(handle);
    for (std::uint64_t round = 1; round <= 50; ++round) {
        const File guilty;
        const auto bad = guilty.queue().queue_id;
        std::uint64_t seqno = 0;
        assert_int_equal(guilty.submit(bad, job_of(fill(0x7000000000, 8, 1)), &seqno), 0);
        assert_int_equal(bystander.run(id, job_of(fill(va, 4096, round))), 0);
        int status = 0;
        assert_int_equal(guilty.wait(bad, seqno, &status, LONG), 0);
        assert_int_equal(status, -EIO);
        assert_int_equal(Mapping(bystander, handle).words()[0], round);
    }
    assert_int_equal(bystander.state(id).state, DRM_NEURON_QUEUE_OK);
}

void fault_of_one_leaves_a_running_program_of_the_other(void **) {
    const File bystander;
    const auto id = bystander.queue().queue_id;
    assert_int_equal(bystander.submit(id, job_of(Spinner(bystander).packet())), 0);
    for (int round = 0; round < 10; ++round) {
        const File guilty;
        assert_int_equal(guilty.run(guilty.queue().queue_id, job_of(fill(0x7000000000, 8, 1))), -EIO);
    }
    assert_int_equal(bystander.state(id).state, DRM_NEURON_QUEUE_OK);
    assert_int_equal(bystander.wait(id, 1, nullptr, NOW), -ETIME);
}

void closing_one_leaves_the_others_jobs(void **) {
    const File bystander;
    const auto id = bystander.queue().queue_id;
    const auto handle = bystander.hbm(8 * MIB);
    const auto va = bystander.bind(handle);
    for (std::uint64_t round = 1; round <= 20; ++round) {
        std::uint64_t seqno = 0;
        int status = 0;
        {
            const File other;
            assert_int_equal(other.submit(other.queue().queue_id, job_of(Spinner(other).packet())), 0);
            assert_int_equal(bystander.submit(id, job_of(fill(va, 8 * MIB, round)), &seqno), 0);
        }
        assert_int_equal(bystander.wait(id, seqno, &status, LONG), 0);
        assert_int_equal(status, 0);
        assert_int_equal(Mapping(bystander, handle).words()[MIB - 1], round);
    }
}

// All cores are taken, for as long as that queue's watchdog lets it. What needs no core goes on meanwhile.
void copies_go_on_while_another_holds_all_cores(void **) {
    const File greedy;
    const auto cores = greedy.query().cores;
    Program endless;
    endless.add(Engine::SP, spec::InsnBranch{.cond = spec::Cond::ALWAYS, .target = 0});
    const auto hog = greedy.queue().queue_id;
    assert_int_equal(greedy.submit(hog, job_of(endless.launch(greedy, (1u << cores) - 1, {}))), 0);
    const File other;
    const auto id = other.queue().queue_id;
    const auto va = other.bind(other.host(MIB));
    for (int i = 0; i < 20; ++i)
        assert_int_equal(other.run(id, job_of(fill(va, MIB, 1))), 0);
    assert_int_equal(greedy.state(hog).state, DRM_NEURON_QUEUE_OK);
}

void endless_program_starves_nobody_beyond_its_watchdog(void **) {
    const File greedy;
    const auto cores = greedy.query().cores;
    Program endless;
    endless.add(Engine::SP, spec::InsnBranch{.cond = spec::Cond::ALWAYS, .target = 0});
    const auto hog = greedy.queue(0, HANGS_AT_ONCE).queue_id;
    assert_int_equal(greedy.submit(hog, job_of(endless.launch(greedy, (1u << cores) - 1, {}))), 0);
    const File other;
    Program short_one;
    short_one.add(Engine::SP, spec::InsnEnd{});
    const auto id = other.queue().queue_id;
    assert_int_equal(other.run(id, job_of(short_one.launch(other, 1, {}))), 0);
    int status = 0;
    assert_int_equal(greedy.wait(hog, 1, &status, LONG), 0);
    assert_int_equal(status, -ETIME);
    assert_int_equal(other.state(id).state, DRM_NEURON_QUEUE_OK);
}

void full_rings_of_one_do_not_stop_the_other(void **) {
    const File greedy;
    std::vector<std::uint32_t> queues;
    for (int i = 0; i < 8; ++i) {
        queues.push_back(greedy.queue(4).queue_id);
        assert_int_equal(greedy.submit(queues.back(), job_of(Spinner(greedy).packet())), 0);
        for (int job = 0; job < 15; ++job)
            assert_int_equal(greedy.submit(queues.back(), job_of(nop())), 0);
    }
    const File other;
    const auto id = other.queue().queue_id;
    for (int i = 0; i < 50; ++i)
        assert_int_equal(other.run(id, job_of(nop())), 0);
}

// ---- another user ---------------------------------------------------------------------------------------------------

void node_is_roots_until_it_is_opened_to_others(void **) {
    assert_int_equal(::chmod(node().c_str(), 0600), 0);
    {
        const AsUser user(ALICE);
        assert_int_equal(try_open(), -EACCES);
    }
    open_as(ALICE);
}

// All of the above that a process can try, tried by a user who has nothing of root's, while root's job runs.
void user_gets_at_nothing_of_roots(void **) {
    const File owner;
    const auto handle = owner.host(4096);
    bind_at(owner, handle, VA);
    const Mapping memory(owner, handle);
    memory.words()[0] = SECRET;
    const auto id = owner.queue().queue_id;
    const auto offset = static_cast<off_t>(owner.bo(handle).mmap_offset);
    const std::string pci = pci_path();
    open_node_to_all();
    assert_int_equal(owner.submit(id, job_of(Spinner(owner).packet())), 0);
    in_child([&] {
        ::close(owner.fd());
        assert_int_equal(::setresgid(ALICE, ALICE, ALICE), 0);
        assert_int_equal(::setresuid(ALICE, ALICE, ALICE), 0);
        const File spy;
        assert_ptr_equal(::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, spy.fd(), offset), MAP_FAILED);
        assert_int_equal(spy.destroy(id), -ENOENT);
        assert_int_equal(spy.close_bo(handle), -EINVAL);
        const auto own = spy.queue().queue_id;
        assert_int_equal(spy.run(own, job_of(fill(VA, 8, 1))), -EIO);
        // Nor can it have the device reset, unbound or its limits changed.
        assert_int_equal(write_file(pci + "/reset", "1"), -EACCES);
        assert_int_equal(write_file("/sys/bus/pci/drivers/neuron_accel/unbind", pci_name()), -EACCES);
        assert_int_equal(write_file(pci + "/user_limits/contexts", "1"), -EACCES);
        assert_true(::open(("/sys/kernel/debug/accel/" + pci_name() + "/queues").c_str(), O_RDONLY) < 0);
    });
    assert_int_equal(owner.state(id).state, DRM_NEURON_QUEUE_OK);
    assert_int_equal(memory.words()[0], SECRET);
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(hbm_behind_the_aperture_is_zero_after_another_had_it),
        cmocka_unit_test(hbm_that_no_cpu_sees_is_zero_after_another_had_it),
        cmocka_unit_test(host_memory_is_zero_after_another_had_it),
        cmocka_unit_test(rest_of_the_last_page_is_zero),
        cmocka_unit_test(memory_of_a_killed_process_is_zero_for_the_next),
        cmocka_unit_test(on_chip_memory_that_another_used_reads_zero),
        cmocka_unit_test(on_chip_memory_of_a_stopped_program_reads_zero),
        cmocka_unit_test(registers_and_semaphores_of_another_read_zero),
        cmocka_unit_test(copy_from_a_foreign_address_faults),
        cmocka_unit_test(copy_to_a_foreign_address_faults),
        cmocka_unit_test(fill_of_a_foreign_address_faults),
        cmocka_unit_test(fence_at_a_foreign_address_faults),
        cmocka_unit_test(program_at_a_foreign_address_faults),
        cmocka_unit_test(program_that_stores_to_a_foreign_address_faults),
        cmocka_unit_test(one_address_is_another_buffer_in_each_file),
        cmocka_unit_test(physical_addresses_reach_nothing),
        cmocka_unit_test(handles_of_others_name_nothing),
        cmocka_unit_test(bindings_of_others_cannot_be_removed),
        cmocka_unit_test(queue_ids_of_others_name_nothing),
        cmocka_unit_test(syncobjs_of_others_name_nothing),
        cmocka_unit_test(buffers_have_no_global_names_for_users),
        cmocka_unit_test(buffers_cannot_be_imported_without_a_descriptor),
        cmocka_unit_test(mmap_offsets_of_others_are_refused),
        cmocka_unit_test(nothing_but_own_buffers_can_be_mapped),
        cmocka_unit_test(read_gives_nothing_of_others),
        cmocka_unit_test(fault_of_one_leaves_the_other_running),
        cmocka_unit_test(fault_of_one_leaves_a_running_program_of_the_other),
        cmocka_unit_test(closing_one_leaves_the_others_jobs),
        cmocka_unit_test(copies_go_on_while_another_holds_all_cores),
        cmocka_unit_test(endless_program_starves_nobody_beyond_its_watchdog),
        cmocka_unit_test(full_rings_of_one_do_not_stop_the_other),
        cmocka_unit_test(node_is_roots_until_it_is_opened_to_others),
        cmocka_unit_test(user_gets_at_nothing_of_roots),
    };
    return cmocka_run_group_tests_name("kmod isolation", tests, nullptr, nullptr);
}
