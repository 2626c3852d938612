// SPDX-License-Identifier: MIT
// Kernel files on the in-process chip: upload, arguments, launch, and what a fault inside a kernel looks like.
#include "hal_sim.hpp"

using namespace hal_test;

namespace {

constexpr std::uint8_t rows = 4;
constexpr std::uint16_t columns = 64;
constexpr std::size_t tensor_bytes = std::size_t{rows} * columns * sizeof(float);

spec::Tile sbuf_tile(std::uint8_t partitions, std::uint16_t elements) {
    spec::Tile tile{};
    tile.partitions = partitions;
    tile.space = spec::Space::SBUF;
    tile.dtype = spec::Dtype::F32;
    tile.step = {1, 0, 0, 0};
    tile.num = {elements, 1, 1, 1};
    return tile;
}

spec::Mem rows_of(std::uint8_t arg) {
    spec::Mem mem{};
    mem.arg = arg;
    mem.partition_stride = columns * sizeof(float);
    mem.stride = {sizeof(float), 0, 0};
    mem.num = {columns, 1, 1};
    return mem;
}

/// in -> SBUF -> out, by the Sync engine's DMA.
KernelFile copy_kernel() {
    spec::InsnDmaLoad load{};
    load.header.update_op = spec::UpdateOp::ADD;
    load.header.update_sem = 1;
    load.header.update_value = 1;
    load.dst = sbuf_tile(rows, columns);
    load.src = rows_of(0);
    spec::InsnDmaStore store{};
    store.header.wait_op = spec::WaitOp::TAKE;
    store.header.wait_sem = 1;
    store.header.wait_value = 1;
    store.dst = rows_of(1);
    store.src = sbuf_tile(rows, columns);
    return kernel({{".text.sp", stream(load, store, spec::InsnEnd{})}},
                  {tensor("in", 0, {rows, columns}), tensor("out", 1, {rows, columns}, spec::ParamKind::OUT)});
}

/// Adds to a PSUM bank that no group is open on.
Bytes groupless_stream() {
    spec::InsnLdweights weights{};
    weights.src = sbuf_tile(1, 1);
    spec::InsnMatmul matmul{};
    matmul.dst = sbuf_tile(1, 1);
    matmul.dst.space = spec::Space::PSUM;
    matmul.dst.offset = 2 * spec::PSUM_BANK_BYTES;
    matmul.moving = sbuf_tile(1, 1);
    return stream(weights, matmul, spec::InsnEnd{});
}

KernelFile groupless_kernel() { return kernel({{".text.pe", groupless_stream()}}); }

/// The same with line 12 of dir/group.s for its second instruction.
KernelFile groupless_kernel_with_lines() {
    Image image;
    image.add(".text.pe", groupless_stream());
    spec::LineEntry entry;
    entry.instruction = 1;
    entry.line = 12;
    image.add(".line.pe", bytes_of(entry));
    const std::string_view name = "../dir/group.s";
    Bytes names;
    append(names, name.data(), name.size());
    names.push_back(std::byte{0});
    image.add(std::string(spec::LINE_NAMES), names, SHT_STRTAB);
    image.add_notes(isa_note());
    return must(KernelFile::parse(image.build(), "test.nk"));
}

void run_copy(Rig &rig, Placement placement) {
    const Program program = must(Program::load(rig.context, rig.queue, copy_kernel(), {.placement = placement}));
    const Buffer in = must(Buffer::create(rig.context, tensor_bytes, hbm));
    const Buffer out = must(Buffer::create(rig.context, tensor_bytes, hbm));
    must(rig.queue.write(in, 0, pattern(tensor_bytes)));
    const Argument args[] = {Argument::tensor(in), Argument::tensor(out)};
    must(rig.queue.wait(must(program.launch(rig.queue, args)), patience));
    assert_true(read_back(rig.queue, out, tensor_bytes) == pattern(tensor_bytes));
}

void kernel_runs_from_hbm(void **) {
    Rig rig;
    run_copy(rig, Placement::hbm);
}

void kernel_runs_from_host_memory(void **) {
    Rig rig;
    run_copy(rig, Placement::host);
}

void kernel_runs_on_the_stepped_chip(void **) {
    for (const std::uint64_t seed : {1, 2, 3}) {
        Rig rig(true, seed);
        run_copy(rig, Placement::hbm);
    }
}

// More launches in flight than there are slots for arguments: each must keep its own.
void launches_in_flight_keep_their_arguments(void **) {
    Rig rig;
    constexpr std::size_t launches = 200;
    const Program program = must(Program::load(rig.context, rig.queue, copy_kernel()));
    const Buffer in = must(Buffer::create(rig.context, tensor_bytes * launches));
    const Buffer out = must(Buffer::create(rig.context, tensor_bytes * launches));
    const Bytes data = pattern(tensor_bytes * launches);
    must(rig.queue.write(in, 0, data));
    for (std::size_t i = 0; i < launches; ++i) {
        const Argument args[] = {Argument::tensor(in, i * tensor_bytes), Argument::tensor(out, i * tensor_bytes)};
        must(program.launch(rig.queue, args, 1u << i % 2));
    }
    must(rig.queue.wait_idle(patience));
    assert_true(read_back(rig.queue, out, data.size()) == data);
}

void fault_in_a_kernel_names_the_instruction(void **) {
    Rig rig;
    const Program program = must(Program::load(rig.context, rig.queue, groupless_kernel()));
    const Job job = must(program.launch(rig.queue, {}, 2));
    const auto result = rig.queue.wait(job, patience);
    const auto error =
        must_fail(result, ErrorCode::device_fault, "packet 0 (LAUNCH): core 1 PE instruction 1: PSUM_GROUP: ");
    assert_true(error.message.find(", bank 2; the job was submitted at tests/unit/hal_program_test.cpp:") !=
                std::string::npos);
    assert_true(error.fault->unit == spec::Unit::PE);
    assert_int_equal(error.fault->core, 1);
    assert_int_equal(error.fault->pc, 1);
    assert_int_equal(error.fault->info, 2);
}

void fault_in_a_kernel_names_the_line(void **) {
    Rig rig;
    std::optional<Program> program = must(Program::load(rig.context, rig.queue, groupless_kernel_with_lines()));
    const Job job = must(rig.queue.submit(CommandList{}.nop().launch(program->va(), 0, 0, 2).nop()));
    const auto event = must(rig.queue.event(job));
    const auto error = must_fail(rig.queue.wait(job, patience), ErrorCode::device_fault,
                                 "packet 1 (LAUNCH): core 1 PE instruction 1 (dir/group.s:12): PSUM_GROUP: ");
    assert_string_equal(error.fault->line.c_str(), "dir/group.s:12");
    assert_string_equal(error.fault->other_line.c_str(), "");
    assert_string_equal(neuron::describe(must(rig.queue.status()).fault.value()).c_str(), error.message.c_str());
    // An event has no history of packets.
    must_fail(event.wait(patience), ErrorCode::device_fault, "core 1 PE instruction 1: PSUM_GROUP: ");
    // Nor is another kernel's line told that is where this one was.
    const std::uint64_t va = program->va();
    program.reset();
    Queue other = must(Queue::create(rig.context));
    while (!program || program->va() < va)
        program = must(Program::load(rig.context, other, groupless_kernel_with_lines()));
    must_fail(rig.queue.wait(job, patience), ErrorCode::device_fault, "core 1 PE instruction 1: PSUM_GROUP: ");
}

void tensor_outside_the_context_faults_at_its_dma(void **) {
    Rig rig;
    const Program program = must(Program::load(rig.context, rig.queue, copy_kernel()));
    std::optional<Buffer> in = must(Buffer::create(rig.context, tensor_bytes));
    const Buffer out = must(Buffer::create(rig.context, tensor_bytes));
    const Argument args[] = {Argument::tensor(*in), Argument::tensor(out)};
    const std::uint64_t va = in->va();
    in.reset();
    const auto error = must_fail(rig.queue.wait(must(program.launch(rig.queue, args)), patience),
                                 ErrorCode::device_fault, "PAGE_NOT_MAPPED");
    assert_int_equal(error.fault->va, va);
}

void missing_cores_are_refused_by_the_device(void **) {
    Rig rig;
    const Program program = must(Program::load(rig.context, rig.queue, copy_kernel()));
    const Buffer buffer = must(Buffer::create(rig.context, 2 * tensor_bytes));
    const Argument args[] = {Argument::tensor(buffer), Argument::tensor(buffer, tensor_bytes)};
    must_fail(rig.queue.wait(must(program.launch(rig.queue, args, 1u << 31)), patience), ErrorCode::device_fault,
              "ILLEGAL_PACKET");
}

void launches_must_name_as_many_cores_as_the_kernel_says(void **) {
    Rig rig;
    Image image;
    image.add(".text.sp", stream(spec::InsnEnd{}));
    image.add_notes(isa_note(spec::VERSION, 2));
    const Program program =
        must(Program::load(rig.context, rig.queue, must(KernelFile::parse(image.build(), "pair.nk"))));
    must_fail(program.launch(rig.queue, {}), ErrorCode::invalid_argument,
              "pair.nk: is for 2 cores, the launch names 1");
    must_fail(program.launch(rig.queue, {}, 0), ErrorCode::invalid_argument, "the launch names 0");
    must(rig.queue.wait(must(program.launch(rig.queue, {}, 3)), patience));
}

void kernel_for_more_cores_than_there_are_is_refused(void **) {
    Rig rig;
    Image image;
    image.add(".text.sp", stream(spec::InsnEnd{}));
    image.add_notes(isa_note(spec::VERSION, rig.device.info().cores + 1));
    must_fail(Program::load(rig.context, rig.queue, must(KernelFile::parse(image.build(), "many.nk"))),
              ErrorCode::unsupported, "many.nk: needs 3 cores");
}

void wrong_arguments_are_named(void **) {
    Rig rig;
    const Program program = must(Program::load(rig.context, rig.queue, copy_kernel()));
    const Buffer buffer = must(Buffer::create(rig.context, 4096));
    const Argument good = Argument::tensor(buffer);
    must_fail(program.launch(rig.queue, std::array{good}), ErrorCode::invalid_argument, "'out' is missing");
    must_fail(program.launch(rig.queue, std::array{good, good, good}), ErrorCode::invalid_argument,
              "3 arguments for 2");
    must_fail(program.launch(rig.queue, std::array{good, Argument::scalar(1)}), ErrorCode::invalid_argument,
              "'out' is a tensor");
    must_fail(program.launch(rig.queue, std::array{Argument::tensor(buffer, 4000), good}), ErrorCode::invalid_argument,
              "'in' needs 1024 bytes, its buffer has 96");
    must_fail(program.launch(rig.queue, std::array{Argument::tensor(buffer, 5000), good}), ErrorCode::invalid_argument,
              "has 0");
}

void kernel_that_needs_more_sbuf_is_refused(void **) {
    Rig rig;
    spec::NoteIsa isa{};
    isa.version = spec::VERSION;
    isa.sbuf_bytes = rig.device.info().sbuf_bytes + 1;
    Image image;
    image.add(".text.pe", stream(spec::InsnEnd{}));
    image.add_notes(note(spec::raw(spec::Note::ISA), bytes_of(isa)));
    must_fail(Program::load(rig.context, rig.queue, must(KernelFile::parse(image.build(), "big.nk"))),
              ErrorCode::unsupported, "big.nk: needs");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(kernel_runs_from_hbm),
        cmocka_unit_test(kernel_runs_from_host_memory),
        cmocka_unit_test(kernel_runs_on_the_stepped_chip),
        cmocka_unit_test(launches_in_flight_keep_their_arguments),
        cmocka_unit_test(fault_in_a_kernel_names_the_instruction),
        cmocka_unit_test(fault_in_a_kernel_names_the_line),
        cmocka_unit_test(tensor_outside_the_context_faults_at_its_dma),
        cmocka_unit_test(missing_cores_are_refused_by_the_device),
        cmocka_unit_test(launches_must_name_as_many_cores_as_the_kernel_says),
        cmocka_unit_test(kernel_for_more_cores_than_there_are_is_refused),
        cmocka_unit_test(wrong_arguments_are_named),
        cmocka_unit_test(kernel_that_needs_more_sbuf_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("hal_program", tests, nullptr, nullptr);
}
