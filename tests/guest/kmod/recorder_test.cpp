// SPDX-License-Identifier: MIT
// The flight recorder and the debug channel through the driver: records in debugfs and in a coredump, and whose memory the
// address of a fault is.

#include "inspect.hpp"
#include "machine.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <regex>

#include <fcntl.h>
#include <unistd.h>

using namespace kmod;
namespace spec = neuron::spec;
using spec::RecordKind;

namespace {

using Raw = std::array<std::byte, spec::RecordReset::BYTES>;

std::vector<Raw> recorder() {
    const int fd = ::open(debugfs("recorder").c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("recorder: %s", strerror(errno));
    std::vector<Raw> all;
    std::array<Raw, 50> some;
    ssize_t bytes = 0;
    while ((bytes = ::read(fd, some.data(), sizeof(some))) > 0) {
        assert_int_equal(bytes % sizeof(Raw), 0);
        all.insert(all.end(), some.begin(), some.begin() + bytes / static_cast<ssize_t>(sizeof(Raw)));
    }
    assert_int_equal(bytes, 0);
    ::close(fd);
    return all;
}

spec::RecordHead head_of(const Raw &raw) {
    return spec::unpack<spec::RecordHead>(std::span(raw).first<spec::RecordHead::BYTES>());
}

std::uint32_t ctx_of(const File &file) {
    return static_cast<std::uint32_t>(records_with("clients", "client", client_of(file)).at(0).number("ctx"));
}

/// The newest records of this kind and context, oldest first.
template<class R>
std::vector<R> newest(RecordKind kind, std::uint32_t ctx, std::size_t count) {
    std::vector<R> found;
    for (const Raw &raw : recorder())
        if (head_of(raw).kind == kind && head_of(raw).ctx == ctx)
            found.push_back(spec::unpack<R>(raw));
    if (found.size() < count)
        fail_msg("%zu records of the kind instead of %zu", found.size(), count);
    found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(count));
    return found;
}

void records_are_those_of_the_job(void **) {
    const File file;
    const auto id = file.queue().queue_id;
    const auto va = file.bind(file.hbm(8192));
    assert_int_equal(file.run(id, job_of(nop(), fill(va, 300, 1))), 0);
    const auto all = recorder();
    assert_true(all.size() > 3);
    for (std::size_t i = 1; i < all.size(); ++i)
        assert_true(head_of(all[i]).index > head_of(all[i - 1]).index);
    const auto packets = newest<spec::RecordPacket>(RecordKind::PACKET, ctx_of(file), 2);
    const auto &filled = packets[0].head.code == raw(spec::PacketOp::FILL) ? packets[0] : packets[1];
    assert_int_equal(filled.head.code, raw(spec::PacketOp::FILL));
    assert_int_equal(filled.dst, va);
    assert_int_equal(filled.bytes, 300);
    assert_true(filled.head.flags & spec::RecordFlag::DST_HBM);
}

void reads_are_whole_records(void **) {
    const int fd = ::open(debugfs("recorder").c_str(), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    std::array<std::byte, 200> some;
    errno = 0;
    assert_int_equal(::read(fd, some.data(), 63), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(::read(fd, some.data(), 0), 0);
    assert_int_equal(::read(fd, some.data(), 64), 64);
    assert_int_equal(::read(fd, some.data(), some.size()), 192);
    errno = 0;
    assert_int_equal(::lseek(fd, 0, SEEK_SET), -1);
    assert_int_equal(errno, ESPIPE);
    errno = 0;
    assert_int_equal(::write(fd, some.data(), 64), -1);
    ::close(fd);
}

void mappings_are_told(void **) {
    const File file;
    const auto handle = file.hbm(8192);
    const auto va = file.bind(handle, DRM_NEURON_BIND_READ_ONLY);
    assert_int_equal(file.unbind(va, 8192), 0);
    assert_int_equal(file.close_bo(handle), 0);
    const auto told = newest<spec::RecordMapping>(RecordKind::MAPPING, ctx_of(file), 3);
    assert_int_equal(told[0].head.code, raw(spec::DebugKind::BIND));
    assert_int_equal(told[1].head.code, raw(spec::DebugKind::UNBIND));
    assert_int_equal(told[2].head.code, raw(spec::DebugKind::FREE));
    for (const auto &record : told) {
        assert_int_equal(record.buffer, told[0].buffer);
        assert_int_equal(record.pid, ::getpid());
        assert_false(record.head.flags & spec::RecordFlag::WRITE);
    }
    assert_int_equal(told[1].va, va);
    assert_int_equal(told[1].bytes, 8192);
}

void a_fault_names_the_buffer(void **) {
    const File file;
    const auto handle = file.hbm(8192);
    const auto va = file.bind(handle);
    const std::uint64_t ctx = ctx_of(file);
    assert_true(records_with("blame", "ctx", ctx).empty());

    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va, 8192 + 8, 1))), -EIO);
    auto blame = records_with("blame", "ctx", ctx).at(0);
    assert_string_equal(blame.words.at(0).c_str(), "AFTER");
    assert_int_equal(blame.number("distance"), 0);
    assert_int_equal(blame.number("pid"), ::getpid());

    assert_int_equal(file.unbind(va, 8192), 0);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va + 16, 8, 1))), -EIO);
    blame = records_with("blame", "ctx", ctx).at(0);
    assert_string_equal(blame.words.at(0).c_str(), "UNBOUND");
    assert_int_equal(blame.number("distance"), 16);
    const auto buffer = blame.number("buffer");

    assert_int_equal(file.close_bo(handle), 0);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va + 16, 8, 1))), -EIO);
    blame = records_with("blame", "ctx", ctx).at(0);
    assert_string_equal(blame.words.at(0).c_str(), "FREED");
    assert_int_equal(blame.number("buffer"), buffer);
}

// ---- names ----------------------------------------------------------------------------------------------------------

std::uint64_t bind_named(const File &file, std::uint32_t handle, const std::string &label, const std::string &place) {
    drm_neuron_vm_bind args{};
    args.op = DRM_NEURON_BIND_MAP;
    args.handle = handle;
    args.range = file.bo(handle).size;
    args.label = label.empty() ? 0 : reinterpret_cast<std::uintptr_t>(label.data());
    args.label_bytes = static_cast<std::uint32_t>(label.size());
    args.place = place.empty() ? 0 : reinterpret_cast<std::uintptr_t>(place.data());
    args.place_bytes = static_cast<std::uint32_t>(place.size());
    assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), 0);
    return args.va;
}

void unbind_at(const File &file, std::uint64_t va, std::uint64_t bytes, const std::string &place) {
    drm_neuron_vm_bind args{};
    args.op = DRM_NEURON_BIND_UNMAP;
    args.range = bytes;
    args.va = va;
    args.place = reinterpret_cast<std::uintptr_t>(place.data());
    args.place_bytes = static_cast<std::uint32_t>(place.size());
    assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), 0);
}

drm_neuron_query_fault last_fault(const File &file) {
    drm_neuron_query_fault facts{};
    drm_neuron_dev_query query{};
    query.type = DRM_NEURON_QUERY_FAULT;
    query.size = sizeof(facts);
    query.ptr = reinterpret_cast<std::uintptr_t>(&facts);
    assert_int_equal(file.call(DRM_IOCTL_NEURON_DEV_QUERY, &query), 0);
    assert_int_equal(query.size, sizeof(facts));
    return facts;
}

const char *text(const __u8 *from) { return reinterpret_cast<const char *>(from); }

void contains(const std::string &text, const std::string &part) {
    if (text.find(part) == std::string::npos)
        fail_msg("\"%s\" does not have %s", text.c_str(), part.c_str());
}

void names_reach_debugfs_and_the_device(void **) {
    const File file;
    const auto handle = file.hbm(8192);
    const auto va = bind_named(file, handle, "first layer", "foo.cc:88");
    contains(read_file(debugfs("buffers")), " label=\"first layer\" made=\"foo.cc:88\" client=");
    contains(read_file(debugfs("vm")), " label=\"first layer\" made=\"foo.cc:88\"");
    assert_int_equal(last_fault(file).va, 0);

    unbind_at(file, va, 8192, "foo.cc:120");
    assert_int_equal(file.close_bo(handle), 0);
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va + 16, 8, 1))), -EIO);
    contains(read_file(debugfs("blame")), " label=\"first layer\" made=\"foo.cc:88\" gone=\"foo.cc:120\"");
    const auto facts = last_fault(file);
    assert_int_equal(facts.relation, raw(spec::BlameRelation::FREED));
    assert_int_equal(facts.va, va + 16);
    assert_int_equal(facts.start, va);
    assert_int_equal(facts.bytes, 8192);
    assert_int_equal(facts.distance, 16);
    assert_string_equal(text(facts.label), "first layer");
    assert_string_equal(text(facts.place), "foo.cc:88");
    assert_string_equal(text(facts.gone_place), "foo.cc:120");
    assert_true(facts.bound_ns != 0 && facts.bound_ns <= facts.gone_ns && facts.gone_ns <= facts.fault_ns);
}

// Each file has names of its own for what it shares; the administrator sees that of the maker.
void others_do_not_see_a_name(void **) {
    const File maker, other;
    const auto handle = maker.hbm(4096);
    bind_named(maker, handle, "secret", "alice.cc:1");
    drm_prime_handle prime{};
    prime.handle = handle;
    prime.flags = DRM_CLOEXEC | DRM_RDWR;
    assert_int_equal(maker.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
    prime.handle = 0;
    assert_int_equal(other.call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime), 0);
    ::close(prime.fd);
    const auto va = bind_named(other, prime.handle, "mine", "");
    assert_int_equal(other.unbind(va, 4096), 0);
    assert_int_equal(other.run(other.queue().queue_id, job_of(fill(va, 8, 1))), -EIO);
    const auto facts = last_fault(other);
    assert_int_equal(facts.relation, raw(spec::BlameRelation::UNBOUND));
    assert_string_equal(text(facts.label), "mine");
    assert_string_equal(text(facts.place), "");
    contains(read_file(debugfs("buffers")), " label=\"secret\" made=\"alice.cc:1\"");
    // Another file's fault is none of this one's.
    assert_int_equal(last_fault(maker).va, 0);
}

std::string ask_history(const std::string &question) {
    const int fd = ::open(debugfs("history").c_str(), O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    char room[8192];
    ssize_t got = ::write(fd, question.data(), question.size());
    if (got >= 0)
        got = ::read(fd, room, sizeof(room));
    const int error = errno;
    ::close(fd);
    return got < 0 ? std::to_string(-error) : std::string(room, static_cast<std::size_t>(got));
}

void an_address_has_a_history(void **) {
    const File file;
    const std::string ctx = std::to_string(ctx_of(file));
    const auto handle = file.hbm(4096);
    const auto va = bind_named(file, handle, "old", "old.cc:1");
    unbind_at(file, va, 4096, "old.cc:2");
    drm_neuron_vm_bind args{};
    args.flags = DRM_NEURON_BIND_FIXED_VA;
    args.handle = handle;
    args.range = 4096;
    args.va = va;
    assert_int_equal(file.call(DRM_IOCTL_NEURON_VM_BIND, &args), 0);
    const std::string text = ask_history(ctx + " " + std::to_string(va + 1));
    assert_int_equal(std::ranges::count(text, '\n'), 2);
    contains(text.substr(0, text.find('\n')), "INSIDE");
    contains(text.substr(text.find('\n')), "UNBOUND");
    contains(text.substr(text.find('\n')), " label=\"old\" made=\"old.cc:1\" gone=\"old.cc:2\"");
    assert_string_equal(ask_history(ctx + " " + std::to_string(va + (1 << 30))).c_str(), "");
    assert_string_equal(ask_history("64 0x200000").c_str(), std::to_string(-ERANGE).c_str());
}

/// Where the only block of a buffer is, from the driver's files: HBM or the bus.
std::uint64_t start_of(const std::string &text, std::uint64_t buffer) {
    const auto at = text.find(" buffer=" + std::to_string(buffer) + " ");
    assert_true(at != std::string::npos);
    const auto line = text.rfind('\n', at);
    return std::stoull(text.substr(line == std::string::npos ? 0 : line + 1), nullptr, 16);
}

std::uint64_t serial_at(const File &file, std::uint64_t va) {
    const std::string text = ask_history(std::to_string(ctx_of(file)) + " " + std::to_string(va));
    return std::stoull(text.substr(text.find(" buffer=") + 8));
}

// Though the process that had it has gone.
void hbm_has_a_history(void **) {
    std::string question;
    {
        const File file;
        const auto va = bind_named(file, file.hbm(4096), "layer", "hbm.cc:1");
        const auto buffer = serial_at(file, va);
        question = "hbm " + std::to_string(start_of(read_file(debugfs("hbm")), buffer) + 1);
        contains(ask_history(question), "space=hbm va=");
        contains(ask_history(question), " INSIDE buffer=" + std::to_string(buffer) + " ");
    }
    const std::string text = ask_history(question);
    contains(text.substr(0, text.find('\n')), " FREED buffer=");
    contains(text.substr(0, text.find('\n')), " label=\"layer\" made=\"hbm.cc:1\" comm=kmod_recorder_t");
    assert_string_equal(ask_history("hbm").c_str(), std::to_string(-EINVAL).c_str());
    assert_string_equal(ask_history("hbm x").c_str(), std::to_string(-EINVAL).c_str());
    assert_string_equal(ask_history("dram 0").c_str(), std::to_string(-EINVAL).c_str());
    assert_string_equal(ask_history(std::to_string(spec::SPACE_HBM) + " 0").c_str(), std::to_string(-ERANGE).c_str());
}

// Without an IOMMU nobody asks for it, and it costs an exit for each page.
void bus_addresses_have_a_history_behind_an_iommu(void **) {
    if (ask_history("bus 0") == std::to_string(-EOPNOTSUPP)) {
        assert_false(has_iommu());
        return;
    }
    std::string question;
    {
        const File file;
        const auto va = bind_named(file, file.host(4096), "input", "bus.cc:1");
        const auto buffer = serial_at(file, va);
        question = "bus " + std::to_string(start_of(read_file(debugfs("dma")), buffer));
        contains(ask_history(question), " INSIDE buffer=" + std::to_string(buffer) + " ");
    }
    const std::string text = ask_history(question);
    contains(text.substr(0, text.find('\n')), " UNBOUND buffer=");
    contains(text.substr(0, text.find('\n')), " label=\"input\" made=\"bus.cc:1\" comm=kmod_recorder_t");
}

void a_blame_names_nothing_of_others(void **) {
    const File file, other;
    const auto va = other.bind(other.hbm(8192));
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va, 8, 1))), -EIO);
    const auto blame = records_with("blame", "ctx", ctx_of(file)).at(0);
    assert_string_equal(blame.words.at(0).c_str(), "NOTHING");
    assert_int_equal(blame.number("buffer"), 0);
    assert_int_equal(blame.number("pid"), 0);
}

void it_survives_a_reset(void **) {
    const File file;
    const auto va = file.bind(file.hbm(8192));
    assert_int_equal(write_file(pci_path() + "/reset", "1"), 0);
    assert_false(newest<spec::RecordReset>(RecordKind::RESET, 0, 1).empty());
    // The device still knows, and listens.
    assert_int_equal(file.run(file.queue().queue_id, job_of(fill(va + 8192, 8, 1))), -EIO);
    const auto blame = records_with("blame", "ctx", ctx_of(file)).at(0);
    assert_string_equal(blame.words.at(0).c_str(), "AFTER");
    const auto more = file.bind(file.hbm(4096));
    assert_int_equal(newest<spec::RecordMapping>(RecordKind::MAPPING, ctx_of(file), 1)[0].va, more);
}

void more_is_told_than_the_channel_holds(void **) {
    const File file;
    const auto handle = file.hbm(4096);
    std::uint64_t va = 0;
    for (int i = 0; i < 200; ++i) {
        va = file.bind(handle);
        assert_int_equal(file.unbind(va, 4096), 0);
    }
    const auto told = newest<spec::RecordMapping>(RecordKind::MAPPING, ctx_of(file), 400);
    for (std::size_t i = 0; i < told.size(); ++i)
        assert_int_equal(told[i].head.code, raw(i % 2 == 0 ? spec::DebugKind::BIND : spec::DebugKind::UNBIND));
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(records_are_those_of_the_job),
        cmocka_unit_test(reads_are_whole_records),
        cmocka_unit_test(mappings_are_told),
        cmocka_unit_test(a_fault_names_the_buffer),
        cmocka_unit_test(names_reach_debugfs_and_the_device),
        cmocka_unit_test(others_do_not_see_a_name),
        cmocka_unit_test(an_address_has_a_history),
        cmocka_unit_test(hbm_has_a_history),
        cmocka_unit_test(bus_addresses_have_a_history_behind_an_iommu),
        cmocka_unit_test(a_blame_names_nothing_of_others),
        cmocka_unit_test(more_is_told_than_the_channel_holds),
        cmocka_unit_test(it_survives_a_reset),
    };
    return cmocka_run_group_tests_name("kmod recorder", tests, nullptr, nullptr);
}
