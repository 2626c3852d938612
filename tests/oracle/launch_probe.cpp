// SPDX-License-Identifier: MIT
// Whole launches for a test in another language: memory in, a program with arguments, memory out.
//
// Reads requests from standard input until its end and answers each on standard output, raw little-endian:
//   chip PROFILE CORES THREADS STEPPED SEED SIMD HAZARDS
//                            -> one line: "ok", or "refused WHY". A new chip and context: memory is zero.
//   areas                    -> one line: for each area of the context's memory NAME ADDRESS BYTES WRITABLE
//   write ADDRESS COUNT <>   -> (nothing) COUNT bytes, into an area
//   read ADDRESS COUNT       -> COUNT bytes
//   launch CORE_MASK NOTIFY NOTIFY_LOG2 TRACE ARGS (ARG)... COUNT COUNT COUNT COUNT COUNT <instructions>
//                            -> one line: "ok", or "fault CODE UNIT CORE RING PC WRITE VA INFO"
// COUNTs are the instructions of each engine, in the order of enum engine. STEPPED and HAZARDS are 0 or 1.
// Exit status 0 at the end of the input, 1 for a request that makes no sense (told on standard error).
#include "../unit/chip_support.hpp"

#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

namespace {

using namespace chip_test;

[[noreturn]] void die(const std::string &what) {
    std::cerr << "launch_probe: " << what << '\n';
    std::exit(1);
}

template<class T>
T take() {
    T value{};
    if (!(std::cin >> value)) {
        die("input ends inside a request");
    }
    return value;
}

void take_bytes(std::span<std::byte> out) {
    if (!std::cin.read(reinterpret_cast<char *>(out.data()), static_cast<std::streamsize>(out.size()))) {
        die("input ends inside a request");
    }
}

/// Memory of the context. Small pages lie in descending order: an access that forgets to translate each page goes wrong.
struct Area {
    const char *name;
    std::uint64_t va;
    std::uint64_t bytes;
    bool hbm;
    bool large; ///< 2 MiB pages, in order
    bool writable;
    std::uint64_t phys = 0;

    std::uint64_t phys_of(std::uint64_t offset) const {
        return phys + (large ? offset : bytes - PAGE - offset / PAGE * PAGE + offset % PAGE);
    }
};

class Board {
public:
    explicit Board(const Mode &mode) : machine_(mode) {
        std::uint64_t next_hbm = 0;
        for (Area &area : areas_) {
            area.phys = area.hbm ? next_hbm : machine_.host.alloc(area.bytes);
            next_hbm += area.hbm ? area.bytes : 0;
            map(area);
        }
        code_ = context_.map_host(CODE, CODE_BYTES);
        args_ = context_.map_host(ARGS, PAGE);
    }

    void tell_areas() const {
        for (const Area &area : areas_) {
            std::cout << area.name << ' ' << area.va << ' ' << area.bytes << ' ' << area.writable << ' ';
        }
        std::cout << '\n';
    }

    void write() {
        for_pages([](std::span<std::byte> page) { take_bytes(page); });
    }
    void read() {
        for_pages([](std::span<std::byte> page) {
            std::cout.write(reinterpret_cast<const char *>(page.data()), static_cast<std::streamsize>(page.size()));
        });
    }

    void launch() {
        const spec::PacketLaunch packet = take_launch();
        const std::uint32_t before = machine_.event_count();
        if (queue_.run(packet) == spec::Fault::NONE) {
            std::cout << "ok\n";
            return;
        }
        const spec::EventRecord record = machine_.event(before);
        machine_.w32(reg::GLOBAL_EVENT_HEAD, before + 1);
        queue_.disable();
        queue_.enable();
        std::cout << "fault " << spec::name(record.code) << ' ' << spec::name(record.unit) << ' '
                  << unsigned{record.core} << ' ' << unsigned{record.ring} << ' ' << record.pc << ' '
                  << unsigned{record.write} << ' ' << record.va << ' ' << record.info << '\n';
    }

private:
    static constexpr std::uint64_t CODE = 0x1000'0000;
    static constexpr std::uint64_t CODE_BYTES = 4 * MiB;
    static constexpr std::uint64_t ARGS = 0x2000'0000;

    void map(const Area &area) {
        const std::uint64_t flags = (area.hbm ? Context::HBM : 0) | (area.writable ? Context::WRITE : 0);
        const std::uint64_t page = area.large ? LARGE_PAGE : PAGE;
        for (std::uint64_t at = 0; at < area.bytes; at += page) {
            if (area.large) {
                context_.map_large(area.va + at, area.phys_of(at), flags);
            } else {
                context_.map(area.va + at, area.phys_of(at), page, flags);
            }
        }
    }

    std::byte *at(std::uint64_t va) {
        for (const Area &area : areas_) {
            if (va >= area.va && va - area.va < area.bytes) {
                const std::uint64_t phys = area.phys_of(va - area.va);
                return area.hbm ? machine_.hbm(phys) : machine_.host.at(phys);
            }
        }
        die("no memory at " + std::to_string(va));
    }

    void for_pages(const std::function<void(std::span<std::byte>)> &visit) {
        auto va = take<std::uint64_t>(), left = take<std::uint64_t>();
        std::cin.get();
        while (left > 0) {
            const std::uint64_t bytes = std::min(left, PAGE - va % PAGE);
            visit({at(va), bytes});
            va += bytes;
            left -= bytes;
        }
    }

    spec::PacketLaunch take_launch() {
        spec::PacketLaunch packet{};
        packet.core_mask = take<std::uint32_t>();
        packet.program = CODE;
        packet.args = ARGS;
        packet.notify = take<std::uint64_t>();
        packet.notify_log2 = static_cast<std::uint8_t>(take<unsigned>());
        packet.trace = static_cast<std::uint8_t>(take<unsigned>());
        packet.arg_count = take<std::uint32_t>();
        for (std::uint32_t i = 0; i < packet.arg_count; ++i) {
            machine_.host.set_u64(args_ + std::uint64_t{8} * i, take<std::uint64_t>());
        }
        std::array<std::uint32_t, spec::ENGINE_COUNT> counts{};
        for (std::uint32_t &count : counts) {
            count = take<std::uint32_t>();
        }
        std::cin.get();
        Program program;
        for (std::size_t engine = 0; engine < counts.size(); ++engine) {
            for (std::uint32_t i = 0; i < counts[engine]; ++i) {
                std::array<std::byte, spec::INSTRUCTION_BYTES> raw;
                take_bytes(raw);
                program.add_raw(static_cast<spec::Engine>(engine), raw);
            }
        }
        if (program.bytes() > CODE_BYTES) {
            die("the program is too long");
        }
        program.write(machine_.host.at(code_, program.bytes()), CODE);
        return packet;
    }

    Machine machine_;
    Context context_{machine_, 1};
    TestQueue queue_{machine_, 0, 1};
    std::array<Area, 4> areas_{{{"HBM", 0x5000'0000, 2 * MiB, true, false, true},
                                {"HOST", 0x6000'0000, 2 * MiB, false, false, true},
                                {"READ_ONLY", 0x6800'0000, 2 * PAGE, false, false, false},
                                {"BULK", 0x7000'0000, 16 * MiB, true, true, true}}};
    std::uint64_t code_ = 0;
    std::uint64_t args_ = 0;
};

void new_chip(std::optional<Board> &board) {
    board.reset();
    const auto profile = take<std::string>();
    Mode mode{};
    mode.profile = profile.c_str();
    mode.cores = take<std::uint32_t>();
    mode.threads = take<std::uint32_t>();
    mode.stepped = take<unsigned>() != 0;
    mode.seed = take<std::uint64_t>();
    const auto simd = take<std::string>();
    mode.simd = simd.c_str();
    mode.hazards = take<unsigned>() != 0;
    try {
        board.emplace(mode);
        std::cout << "ok\n";
    } catch (const std::runtime_error &error) {
        std::cout << "refused " << error.what() << '\n';
    }
}

void serve(std::optional<Board> &board, const std::string &request) {
    if (request == "chip") {
        new_chip(board);
        return;
    }
    if (!board) {
        die("there is no chip");
    }
    if (request == "areas") {
        board->tell_areas();
    } else if (request == "write") {
        board->write();
    } else if (request == "read") {
        board->read();
    } else if (request == "launch") {
        board->launch();
    } else {
        die("unknown request " + request);
    }
}

} // namespace

int main() {
    std::ios::sync_with_stdio(false);
    try {
        std::optional<Board> board;
        std::string request;
        while (std::cin >> request) {
            serve(board, request);
            if (std::cin.rdbuf()->in_avail() == 0) {
                std::cout.flush();
            }
        }
    } catch (const std::exception &error) {
        die(error.what());
    }
    return 0;
}
