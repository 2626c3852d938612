// SPDX-License-Identifier: MIT
// fuzz_seeds FOLDER TAPE KERNEL.s...: the corpora that fuzzing starts from, in one folder per target. Some inputs per instruction,
// packet and register of the contract, one for each kernel, some mixtures, and tapes. Equal contracts give equal seeds.
#include "addresses.hpp"
#include "judge.hpp"
#include "mmio.hpp"
#include "program_writer.hpp"
#include "programs.hpp"
#include "tape_seeds.hpp"

#include "assembler.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace fuzz;
using Input = std::vector<std::byte>;

constexpr std::uint64_t PAGE = spec::PAGE_SIZE;
constexpr unsigned VARIANTS = 3;
constexpr std::uint8_t PROFILE = 2; ///< of the programs: any
constexpr std::uint8_t NOISE_SEMAPHORE = 200;
constexpr unsigned MIXTURES = 24;
constexpr std::size_t PACKET_HEADER = 4; ///< bytes of fuzz_packets before its first packet

class Corpus {
public:
    explicit Corpus(std::filesystem::path folder) : folder_(std::move(folder)) {
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
    }
    void add(const std::string &name, const Input &input) {
        std::ofstream file(folder_ / name, std::ios::binary);
        file.write(reinterpret_cast<const char *>(input.data()), static_cast<std::streamsize>(input.size()));
        good_ = good_ && file.good();
    }
    bool good() const { return good_; }

private:
    std::filesystem::path folder_;
    bool good_ = true;
};

/// A new record at the end of the input.
std::span<std::byte> grow(Input &input, std::size_t bytes) {
    input.resize(input.size() + bytes);
    return std::span(input).last(bytes);
}

// ---- programs -------------------------------------------------------------------------------------------------------

Input program_input(std::uint8_t core_mask, std::uint8_t modes = 0) {
    Input input(ProgramOptions::BYTES);
    input[0] = std::byte{PROFILE};
    input[3] = std::byte(core_mask);
    input[4] = std::byte(modes);
    return input;
}

/// What the contract shows of an instruction: chance alone hardly ever meets all that some of them want.
struct Example {
    std::byte engine;
    std::array<std::byte, spec::INSTRUCTION_BYTES> raw;
};

std::optional<Example> example_of(const spec::InsnDesc &desc) {
    const auto engine = static_cast<spec::Engine>(std::countr_zero(desc.engines));
    const std::string text = ".engine " + std::string(spec::name(engine)) + "\n" + std::string(desc.example) + "\n";
    const auto image = neuron::assembler::assemble(text);
    if (!image || image->streams[spec::raw(engine)].empty())
        return std::nullopt;
    return Example{std::byte{spec::raw(engine)}, image->streams[spec::raw(engine)].front()};
}

std::span<std::byte> append(Input &input, const Example &example) {
    const auto record = grow(input, PROGRAM_RECORD);
    record[0] = example.engine;
    const auto raw = record.subspan(1);
    std::ranges::copy(std::as_bytes(std::span(example.raw)), raw.begin());
    return raw;
}

/// Random bits all over what the examples read.
spec::InsnRng fill_with_noise() {
    constexpr std::uint16_t ELEMENTS = 2304;
    spec::InsnRng rng{};
    rng.dst = dense_tile(spec::Space::SBUF, 0, ELEMENTS);
    return updating(rng, NOISE_SEMAPHORE);
}

Input on_noise(const Example &instruction, std::uint8_t modes = 0) {
    Input input = program_input(1, modes);
    append(input, {std::byte{spec::raw(spec::Engine::DVE)}, spec::packed(fill_with_noise())});
    const auto raw = append(input, instruction).first<spec::InstructionHeader::BYTES>();
    auto header = spec::unpack<spec::InstructionHeader>(raw);
    header.wait_op = spec::WaitOp::GE;
    header.wait_sem = NOISE_SEMAPHORE;
    header.wait_value = 1;
    std::ranges::copy(spec::packed(header), raw.begin());
    return input;
}

/// The example by itself, on random bits, and with each of its numbers as large as can be.
void add_examples(Corpus &corpus, const spec::InsnDesc &desc, const Example &example) {
    const std::string name(desc.name);
    Input plain = program_input(3); // both cores, so that the one can send to the other
    append(plain, example);
    corpus.add("example-" + name, plain);

    corpus.add("noise-" + name, on_noise(example));

    for (const spec::OperandDesc &operand : desc.operands) {
        if (operand.struct_desc != nullptr)
            continue;
        Input input = program_input(1);
        const auto large = append(input, example);
        std::ranges::fill(large.subspan(operand.offset, operand.size), std::byte{0xff}); // spec-ok: all bits
        corpus.add("max-" + name + "-" + std::string(operand.name), input);
    }
}

/// Random ones that the chip takes, by turns as they are and on random bits; none of an instruction that the judge cannot try.
void add_taken(Corpus &corpus, Random &random, Judge &judge, const spec::InsnDesc &desc) {
    constexpr unsigned TRIES = 3000;
    unsigned found = 0;
    for (unsigned i = 0; i < TRIES && found < VARIANTS; ++i) {
        Input input = program_input(1);
        const auto record = grow(input, PROGRAM_RECORD);
        write_program_record(random, desc, 1, record);
        const auto raw = record.subspan(1).first<spec::INSTRUCTION_BYTES>();
        auto header = spec::unpack<spec::InstructionHeader>(raw.first<spec::InstructionHeader::BYTES>());
        header.wait_op = spec::WaitOp::NONE; // nobody would end the wait
        std::ranges::copy(spec::packed(header), raw.begin());
        if (!judge.takes(static_cast<spec::Engine>(record[0]), raw))
            continue;
        Example taken{.engine = record[0], .raw = {}};
        std::ranges::copy(raw, taken.raw.begin());
        const std::string name = "taken-" + std::string(desc.name) + "-" + std::to_string(found);
        input[4] = std::byte(found); // by itself, with hazard detection, with notes
        corpus.add(name, found++ % 2 == 0 ? input : on_noise(taken, WITH_HAZARDS));
    }
}

bool add_instructions(Corpus &corpus, Random &random) {
    Judge judge(spec::profiles()[PROFILE]);
    for (const spec::InsnDesc &desc : spec::instructions()) {
        const auto example = example_of(desc);
        if (!example) {
            std::fprintf(stderr, "fuzz_seeds: the example of %s does not assemble\n", std::string(desc.name).c_str());
            return false;
        }
        add_examples(corpus, desc, *example);
        add_taken(corpus, random, judge, desc);
        Input input = program_input(1);
        write_program_record(random, desc, 1, grow(input, PROGRAM_RECORD));
        corpus.add("any-" + std::string(desc.name), input);
    }
    for (unsigned i = 0; i < MIXTURES; ++i) {
        Input input = program_input(static_cast<std::uint8_t>(1 + i % 3));
        input[4] = std::byte(i % 16);
        for (unsigned n = 0; n < 4 + i; ++n)
            write_program_record(random, random.pick(spec::instructions()), 4, grow(input, PROGRAM_RECORD));
        corpus.add("mix-" + std::to_string(i), input);
    }
    return true;
}

bool add_kernel(Corpus &corpus, const std::filesystem::path &path) {
    std::ifstream file(path, std::ios::binary);
    const std::string source(std::istreambuf_iterator<char>(file), {});
    const auto image = neuron::assembler::assemble(source);
    if (!file.good() && source.empty())
        return false;
    if (!image) { // a kernel that has no defaults for its options
        std::fprintf(stderr, "fuzz_seeds: %s: no seed, it does not assemble\n", path.c_str());
        return true;
    }
    Input input = program_input(1);
    input[4] = std::byte(WITH_HAZARDS | WITH_NOTES);
    for (std::size_t engine = 0; engine < image->streams.size(); ++engine)
        for (const auto &instruction : image->streams[engine]) {
            if (input.size() >= ProgramOptions::BYTES + MAX_INSTRUCTIONS * PROGRAM_RECORD)
                break;
            const auto record = grow(input, PROGRAM_RECORD);
            record[0] = static_cast<std::byte>(engine);
            std::ranges::copy(std::as_bytes(std::span(instruction)), record.begin() + 1);
        }
    corpus.add("kernel-" + path.stem().string(), input);
    return true;
}

// ---- packets --------------------------------------------------------------------------------------------------------

/// Of the options of fuzz_packets.
constexpr std::byte SPOILT{16};

void add_packets(Corpus &corpus, Random &random) {
    const auto packet = [&](Input &input, const spec::PacketDesc &desc) {
        write_packet(random, desc, va::ALL, grow(input, spec::PACKET_BYTES).first<spec::PACKET_BYTES>());
    };
    for (const spec::PacketDesc &desc : spec::packets())
        for (unsigned i = 0; i < VARIANTS; ++i) {
            Input input(PACKET_HEADER);
            input[2] = std::byte(i);
            packet(input, desc);
            corpus.add("packet-" + std::string(desc.name) + "-" + std::to_string(i), input);
        }
    // Each place that is there, or not, read and written.
    for (std::size_t i = 0; i < va::ALL.size(); ++i) {
        const auto packed = [](auto packet) {
            packet.flags = spec::raw(spec::PacketFlag::SEQNO);
            return spec::packed(packet);
        };
        const std::array both = {
            packed(spec::PacketFill{.dst = va::ALL[i], .bytes = PAGE, .pattern = ~0ULL}),
            packed(spec::PacketCopy{.src = va::ALL[i], .dst = va::LARGE_HBM + PAGE, .bytes = PAGE})};
        for (std::size_t k = 0; k < both.size(); ++k) {
            Input input(PACKET_HEADER);
            std::ranges::copy(both[k], grow(input, spec::PACKET_BYTES).begin());
            corpus.add((k == 0 ? "write-" : "read-") + std::to_string(i), input);
            input[2] = SPOILT;
            corpus.add((k == 0 ? "write-spoilt-" : "read-spoilt-") + std::to_string(i), input);
        }
    }
    for (unsigned i = 0; i < MIXTURES; ++i) {
        Input input(PACKET_HEADER);
        input[2] = std::byte(5 * i % 64);
        input[3] = std::byte(random.below(256)); // how urgent, and how chary of interrupts
        for (unsigned n = 0; n < 2 + i; ++n)
            packet(input, random.pick(spec::packets()));
        corpus.add("mix-" + std::to_string(i), input);
    }
}

// ---- registers ------------------------------------------------------------------------------------------------------

void append(Input &input, MmioAction action, std::uint32_t offset, std::uint64_t value, std::uint8_t width) {
    MmioRecord record;
    record.action = static_cast<std::uint8_t>(action);
    record.width = width;
    record.offset = offset;
    record.value = value;
    record.write(grow(input, MmioRecord::BYTES).first<MmioRecord::BYTES>());
}

/// What a driver does from power-on to the end of its first packets.
Input bring_up(bool ring_in_context, bool doorbell_register = false) {
    namespace reg = spec::reg;
    namespace field = spec::field;
    constexpr std::uint8_t WORD = 2;
    constexpr std::uint8_t LONG = 3;
    Input input(2);
    const auto write = [&](std::uint32_t offset, std::uint64_t value, std::uint8_t width) {
        append(input, MmioAction::WRITE, offset, value, width);
    };
    write(reg::GLOBAL_EVENT_RING_BASE, mmio_guest::EVENTS, LONG);
    write(reg::GLOBAL_EVENT_RING_LOG2, 4, WORD);
    write(reg::CTX_PT_ROOT(1), mmio_guest::ROOT, LONG);
    write(reg::CTX_CTRL(1), field::CTX_CTRL_ENABLE.mask, WORD);
    write(reg::QUEUE_RING_BASE(2), ring_in_context ? mmio_guest::RING_VA : mmio_guest::RING, LONG);
    write(reg::QUEUE_SEQNO_ADDR(2), ring_in_context ? mmio_guest::DATA_VA + 64 : mmio_guest::SEQNO, LONG);
    write(reg::QUEUE_RING_LOG2(2), mmio_guest::RING_LOG2, WORD);
    write(reg::QUEUE_CFG(2),
          field::QUEUE_CFG_CTX.set(1) | field::QUEUE_CFG_VECTOR.set(1) | field::QUEUE_CFG_SLOT.set(0) |
              field::QUEUE_CFG_RING_VA.set(ring_in_context) | field::QUEUE_CFG_DB_REG.set(doorbell_register),
          WORD);
    if (doorbell_register) { // a driver that uses all there is
        write(reg::QUEUE_STAMP_ADDR(2), (ring_in_context ? mmio_guest::DATA_VA : mmio_guest::SEQNO) + 128, LONG);
        write(reg::QUEUE_COALESCE(2), field::QUEUE_COALESCE_COUNT.set(3) | field::QUEUE_COALESCE_USECS.set(2), WORD);
    }
    write(reg::QUEUE_CTRL(2), field::QUEUE_CTRL_ENABLE.mask, WORD);
    constexpr std::uint64_t PACKETS = 5;
    if (doorbell_register)
        write(reg::QUEUE_DOORBELL(2), PACKETS, WORD);
    else
        append(input, MmioAction::DOORBELL, spec::doorbell(1, 0), PACKETS, WORD);
    append(input, MmioAction::RUN, 0, 200, 0);
    append(input, MmioAction::READ, reg::QUEUE_HEAD(2), 0, LONG);
    append(input, MmioAction::READ, reg::QUEUE_STATUS(2), 0, WORD);
    return input;
}

void add_registers(Corpus &corpus, Random &random) {
    corpus.add("bring-up", bring_up(false));
    corpus.add("bring-up-user", bring_up(true));
    corpus.add("bring-up-register", bring_up(false, true));
    corpus.add("bring-up-user-register", bring_up(true, true));
    for (const spec::RegisterDesc &desc : spec::registers()) {
        const auto width = static_cast<std::uint8_t>(desc.bits == 64 ? 3 : 2);
        Input input = bring_up(false);
        append(input, MmioAction::WRITE, desc.offset, register_value(random, desc, mmio_guest::VALUES), width);
        append(input, MmioAction::RUN, 0, 20, 0);
        append(input, MmioAction::READ, desc.offset, 0, width);
        append(input, MmioAction::READ, desc.offset, 0, 2);
        corpus.add("reg-" + std::string(desc.block) + "-" + std::string(desc.name), input);
    }
    for (unsigned i = 0; i < MIXTURES; ++i) {
        Input input = bring_up(i % 2 != 0, i % 4 >= 2);
        for (unsigned n = 0; n < 2 * i; ++n)
            make_mmio(random).write(grow(input, MmioRecord::BYTES).first<MmioRecord::BYTES>());
        corpus.add("mix-" + std::to_string(i), input);
    }
}

bool add_tapes(Corpus &corpus, const char *path) {
    std::ifstream file(path, std::ios::binary);
    const std::string old{std::istreambuf_iterator<char>(file), {}};
    const auto bytes = std::as_bytes(std::span(old));
    const Input whole = fuzz::recorded_tape(false), late = fuzz::recorded_tape(true);
    corpus.add("old", Input(bytes.begin(), bytes.end()));
    corpus.add("whole", whole);
    corpus.add("late", late);
    return !old.empty() && !whole.empty() && !late.empty();
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 3) {
        std::fprintf(stderr, "usage: fuzz_seeds FOLDER TAPE KERNEL.s...\n");
        return 2;
    }
    const std::filesystem::path folder = argv[1];
    Random random(1);
    Corpus mmio(folder / "mmio");
    Corpus packets(folder / "packets");
    Corpus programs(folder / "programs");
    Corpus tapes(folder / "tape");
    add_registers(mmio, random);
    add_packets(packets, random);
    if (!add_instructions(programs, random))
        return 1;
    if (!add_tapes(tapes, argv[2])) {
        std::fprintf(stderr, "fuzz_seeds: cannot make tapes, or read %s\n", argv[2]);
        return 1;
    }
    for (int i = 3; i < argc; ++i)
        if (!add_kernel(programs, argv[i])) {
            std::fprintf(stderr, "fuzz_seeds: cannot read %s\n", argv[i]);
            return 1;
        }
    if (!mmio.good() || !packets.good() || !programs.good() || !tapes.good()) {
        std::fprintf(stderr, "fuzz_seeds: cannot write below %s\n", folder.c_str());
        return 1;
    }
    return 0;
}
