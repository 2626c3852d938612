// SPDX-License-Identifier: MIT
// neuronctl doctor
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "commands.hpp"
#include "session.hpp"
#include "system.hpp"
#include "terminal.hpp"

namespace neuronctl {
namespace {

enum class Health { ok, note, bad };

struct Check {
    std::string name;
    Health health = Health::ok;
    std::string found;
    std::string remedy; ///< What to do; empty if there is nothing to do.
};

constexpr std::string_view module_name = "neuron_accel";
/** Pinning for DMA of a job counts against it; below this, large transfers fail. */
constexpr rlim_t enough_memlock = 64 << 20;
/** The driver's first kernel. */
constexpr unsigned least_major = 6;
constexpr unsigned least_minor = 12;

Check ok(std::string name, std::string found) { return {std::move(name), Health::ok, std::move(found), {}}; }

Check check_machine() {
    const bool guest = sys::read("/proc/cpuinfo").value_or("").find(" hypervisor") != std::string::npos;
    const std::string vendor = sys::read("/sys/class/dmi/id/sys_vendor").value_or("");
    return ok("machine", fmt::format("{}{}", guest ? "a virtual machine" : "no virtual machine",
                                     vendor.empty() ? "" : fmt::format(" ({})", vendor)));
}

Check check_kernel() {
    utsname name{};
    uname(&name);
    const std::string release = sys::read("/proc/sys/kernel/osrelease").value_or(name.release);
    unsigned major = 0;
    unsigned minor = 0;
    if (std::sscanf(release.c_str(), "%u.%u", &major, &minor) == 2 &&
        (major < least_major || (major == least_major && minor < least_minor)))
        return {"kernel", Health::bad,
                fmt::format("Linux {}: the driver needs {}.{}", release, least_major, least_minor),
                "boot a newer kernel; guest/run of the source tree boots one in QEMU"};
    if (sys::exists("/sys/class/accel"))
        return ok("kernel", fmt::format("Linux {}, with DRM accel", release));
    const std::string config = sys::read("/boot/config-" + release).value_or("");
    if (config.find("CONFIG_DRM_ACCEL=y") != std::string::npos)
        return ok("kernel", fmt::format("Linux {}, with DRM accel (nothing uses it yet)", release));
    if (!config.empty())
        return {"kernel", Health::bad, fmt::format("Linux {} is built without CONFIG_DRM_ACCEL", release),
                "boot a kernel that has it: Debian's linux-image-amd64 from 6.12 on, but not its cloud flavour"};
    return {"kernel", Health::note, fmt::format("Linux {}; whether it has CONFIG_DRM_ACCEL is not known", release), ""};
}

Check check_module() {
    if (sys::exists("/sys/module/" + std::string(module_name))) {
        const auto version = sys::read("/sys/module/" + std::string(module_name) + "/version");
        return ok("module", fmt::format("{} is loaded{}", module_name, version ? ", version " + *version : ""));
    }
    utsname name{};
    uname(&name);
    const std::string modules = sys::read(fmt::format("/lib/modules/{}/modules.dep", name.release)).value_or("");
    if (modules.find(fmt::format("{}.ko", module_name)) != std::string::npos)
        return {"module", Health::bad, fmt::format("{} is installed but not loaded", module_name),
                fmt::format("modprobe {}", module_name)};
    return {"module", Health::bad, fmt::format("{} is not loaded, and not installed for this kernel", module_name),
            "dkms install neuron-accel/VERSION (after 'make install'), or insmod neuron_accel.ko"};
}

Check check_pci(const std::vector<std::string> &devices) {
    if (devices.empty())
        return {"pci", Health::bad, "no neuron device on the PCI bus",
                "start QEMU with '-device neuron', e.g. by guest/run; or use '--backend sim', which needs none"};
    std::vector<std::string> unbound;
    std::vector<std::string> foreign;
    for (const std::string &address : devices) {
        const std::string driver = sys::link_name("/sys/bus/pci/devices/" + address + "/driver");
        if (driver.empty())
            unbound.push_back(address);
        else if (driver != module_name)
            foreign.push_back(fmt::format("{} to {}", address, driver));
    }
    if (!foreign.empty())
        return {"pci", Health::bad, fmt::format("bound to another driver: {}", fmt::join(foreign, ", ")),
                "unbind it there, then: echo ADDRESS >/sys/bus/pci/drivers/neuron_accel/bind"};
    if (!unbound.empty())
        return {"pci", Health::bad, fmt::format("no driver is bound to {}", fmt::join(unbound, ", ")),
                "modprobe neuron_accel; if it is loaded, its probe has failed: dmesg | grep neuron"};
    return ok("pci", fmt::format("{}, bound to {}", fmt::join(devices, ", "), module_name));
}

Check check_state(const std::vector<std::string> &devices) {
    std::vector<std::string> states;
    for (const std::string &address : devices) {
        const std::string folder = "/sys/bus/pci/devices/" + address;
        const std::string state = sys::read(folder + "/device_state").value_or("unknown");
        if (state == "wedged")
            return {"state", Health::bad, fmt::format("{} is wedged: its last reset has failed", address),
                    fmt::format("neuronctl reset --device {0}; else: echo {0} >unbind, then >bind, in "
                                "/sys/bus/pci/drivers/neuron_accel",
                                address)};
        if (state == "gone")
            return {"state", Health::bad, fmt::format("{} does not answer", address), "plug it again, or reboot"};
        states.push_back(fmt::format("{} {}", address, state));
    }
    return ok("state", fmt::format("{}", fmt::join(states, ", ")));
}

Check check_node() {
    const auto nodes = neuron::Device::list();
    if (!nodes)
        return {"node", Health::bad, nodes.error().message, "look at the modes of /dev/accel"};
    std::vector<std::string> usable;
    std::string problem;
    for (const neuron::DeviceNode &node : *nodes) {
        if (node.problem.empty())
            usable.push_back(node.path);
        else
            problem = fmt::format("{}{}{}", problem, problem.empty() ? "" : "; ", node.problem);
    }
    if (!usable.empty())
        return ok("node", fmt::format("{} can be opened", fmt::join(usable, ", ")));
    if (nodes->empty())
        return {"node", Health::bad, "there is no node in /dev/accel", "see 'module' and 'pci' above"};
    return {"node", Health::bad, problem,
            "a udev rule opens it to a group: SUBSYSTEM==\"accel\", GROUP=\"render\", MODE=\"0660\"; then 'usermod -aG "
            "render USER' and log in again"};
}

Check check_job() {
    auto session = Session::open({});
    if (!session && session.error().code == "version_mismatch")
        return {"job", Health::bad, session.error().message,
                "module, library and device are of different versions: install module and neuronctl from one source"};
    if (!session)
        return {"job", Health::bad, session.error().message, "see what is bad above"};
    const neuron::DeviceInfo &info = session->device.info();
    const auto done = execute(session->queue, neuron::CommandList().nop());
    if (!done)
        return {"job", Health::bad, done.error().message, "neuronctl validate; dmesg | grep neuron"};
    return ok("job", fmt::format("a job ran on {} by {}; contract {}, driver {}, library {}", info.name,
                                 session->queue.path(), version_text(info.spec_version),
                                 version_text(info.driver_spec_version), version_text(neuron::spec::VERSION)));
}

Check check_iommu(const std::vector<std::string> &devices) {
    for (const std::string &address : devices) {
        const std::string group = sys::link_name("/sys/bus/pci/devices/" + address + "/iommu_group");
        if (!group.empty())
            return ok(
                "iommu",
                fmt::format(
                    "on; {} is in group {} ({})", address, group,
                    sys::read(fmt::format("/sys/kernel/iommu_groups/{}/type", group)).value_or("of unknown type")));
    }
    return ok("iommu", sys::list("/sys/class/iommu").empty()
                           ? "none: the device reaches memory without translation by the platform"
                           : "there is one, without a neuron device behind it");
}

Check check_uring() {
    const std::string disabled = sys::read("/proc/sys/kernel/io_uring_disabled").value_or("0");
    constexpr std::string_view fallback = "jobs go through ioctls, which work as well";
    if (disabled == "2" || (disabled == "1" && geteuid() != 0))
        return {"io_uring", Health::note,
                fmt::format("forbidden (kernel.io_uring_disabled={}): {}", disabled, fallback),
                "sysctl kernel.io_uring_disabled=0"};
    io_uring_params params{};
    const long ring = syscall(__NR_io_uring_setup, 1, &params);
    if (ring < 0)
        return {"io_uring", Health::note, fmt::format("{}: {}", strerrordesc_np(errno), fallback),
                errno == ENOSYS ? "a kernel with CONFIG_IO_URING" : "allow io_uring_setup in the sandbox (seccomp)"};
    close(static_cast<int>(ring));
    return ok("io_uring", "works");
}

Check check_memlock() {
    rlimit limit{};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    const std::string text = limit.rlim_cur == RLIM_INFINITY ? "unlimited" : bytes_text(limit.rlim_cur);
    if (geteuid() != 0 && limit.rlim_cur < enough_memlock)
        return {"memlock", Health::note, fmt::format("{} may be pinned; larger DMA from process memory fails", text),
                "ulimit -l, or memlock in /etc/security/limits.conf"};
    return ok("memlock", text);
}

Check check_kvm() {
    const int kvm = ::open(sys::path("/dev/kvm").c_str(), O_RDWR | O_CLOEXEC);
    if (kvm < 0)
        return ok("kvm", fmt::format("not usable ({}): guest/run uses QEMU's TCG", strerrordesc_np(errno)));
    // That it opens proves nothing.
    const int machine = ioctl(kvm, KVM_CREATE_VM, 0);
    const std::string found =
        machine >= 0 ? "usable" : fmt::format("not usable ({}): guest/run uses QEMU's TCG", strerrordesc_np(errno));
    if (machine >= 0)
        close(machine);
    close(kvm);
    return ok("kvm", found);
}

Check check_sim() {
    auto session = Session::open({.backend = "sim"});
    if (!session)
        return {"sim", Health::bad, session.error().message, "this build is broken: please report it"};
    if (const auto done = execute(session->queue, neuron::CommandList().nop()); !done)
        return {"sim", Health::bad, done.error().message, "this build is broken: please report it"};
    return ok("sim", "the simulated chip works: '--backend sim'");
}

std::string line(const Check &check) {
    const std::string_view word = check.health == Health::ok ? "ok" : check.health == Health::note ? "note" : "BAD";
    const Colour colour = check.health == Health::ok     ? Colour::good
                          : check.health == Health::note ? Colour::warning
                                                         : Colour::bad;
    std::string out = fmt::format("{}{}  {:<9} {}\n", coloured(colour, word), std::string(4 - word.size(), ' '),
                                  check.name, check.found);
    if (!check.remedy.empty())
        out += fmt::format("                -> {}\n", check.remedy);
    return out;
}

Outcome<void> diagnose(const Global &global) {
    const auto devices = sys::pci_devices();
    std::vector<Check> checks = {check_machine(), check_kernel(), check_module(), check_pci(devices)};
    if (!devices.empty())
        checks.push_back(check_state(devices));
    checks.push_back(check_node());
    if (checks.back().health == Health::ok)
        checks.push_back(check_job());
    const std::vector<Check> surroundings = {check_iommu(devices), check_uring(), check_memlock(), check_kvm(),
                                             check_sim()};
    checks.insert(checks.end(), surroundings.begin(), surroundings.end());

    Json list = Json::array();
    std::string text;
    std::string bad;
    for (const Check &check : checks) {
        const std::string_view word = check.health == Health::ok ? "ok" : check.health == Health::note ? "note" : "bad";
        Json entry = {{"name", check.name}, {"health", word}, {"found", check.found}};
        if (!check.remedy.empty())
            entry["remedy"] = check.remedy;
        list.push_back(std::move(entry));
        text += line(check);
        if (check.health == Health::bad)
            bad += (bad.empty() ? "" : ", ") + check.name;
    }
    const Json json = {{"healthy", bad.empty()}, {"checks", list}};
    if (bad.empty()) {
        print_result(global, "doctor", json,
                     text + fmt::format("{} the device is ready\n", coloured(Colour::good, "OK:")));
        return {};
    }
    if (!global.json)
        fmt::print("{}", text);
    Failure failure{Exit::mismatch, "mismatch", fmt::format("the device cannot be used: {}", bad), {}, {}};
    failure.body = json;
    failure.hint = checks.back().health == Health::ok ? "'--backend sim' works" : "";
    return tl::unexpected(std::move(failure));
}

} // namespace

void add_doctor(const CommandLine &line) {
    CLI::App *command =
        line.app.add_subcommand("doctor", "Find out why the device cannot be used here, and what to do about it");
    command->footer(R"(
Examples:
  neuronctl doctor
  neuronctl --json doctor | jq '.checks[] | select(.health == "bad")'

Looks at kernel, module, PCI bus, node, IOMMU, io_uring, limits and KVM, and runs a job. Works without a device, too, and
changes nothing. The exit code is 0 if the device can be used, 3 if not.)");
    command->callback([line] { line.action = [line] { return diagnose(line.global); }; });
}

} // namespace neuronctl
