// SPDX-License-Identifier: MIT
#include "usage.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "system.hpp"

namespace neuronctl {
namespace {

constexpr std::string_view driver = "neuron_accel";

// "drm-total-hbm:\t4096 KiB": bytes; "drm-engine-core: 17 ns": as it is.
std::optional<std::uint64_t> amount(const std::string &text) {
    std::istringstream words(text);
    std::uint64_t value = 0;
    std::string unit;
    if (!(words >> value))
        return std::nullopt;
    words >> unit;
    return unit == "KiB" ? value << 10 : unit == "MiB" ? value << 20 : value;
}

std::optional<Client> client_of(const std::string &fdinfo) {
    std::map<std::string, std::string> texts;
    for (const std::string &line : sys::lines(fdinfo)) {
        const std::size_t colon = line.find(':');
        const std::size_t value = colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
        if (value != std::string::npos)
            texts[line.substr(0, colon)] = line.substr(value);
    }
    if (texts["drm-driver"] != driver)
        return std::nullopt;
    Client out;
    out.address = texts["drm-pdev"];
    out.id = sys::number(texts["drm-client-id"]).value_or(0);
    for (const auto &[key, text] : texts)
        if (const auto value = amount(text); value && (key.starts_with("drm-") || key.starts_with("neuron-")))
            out.values[key] = *value;
    out.values.erase("drm-pdev");
    return out;
}

// A file that was passed on, or inherited, is in several processes: it counts once.
std::vector<Client> all_clients() {
    std::vector<Client> out;
    std::set<std::pair<std::string, std::uint64_t>> seen;
    for (const std::string &pid : sys::list("/proc")) {
        const auto number = sys::number(pid);
        if (!number)
            continue;
        const std::string folder = "/proc/" + pid;
        for (const std::string &fd : sys::list(folder + "/fd")) {
            // Reading the fdinfo of every file of a system would take long.
            if (sys::link_name(folder + "/fd/" + fd).find("accel") == std::string::npos)
                continue;
            auto client = client_of(sys::read(folder + "/fdinfo/" + fd).value_or(""));
            if (!client || !seen.insert({client->address, client->id}).second)
                continue;
            client->pid = *number;
            client->command = sys::read(folder + "/comm").value_or("");
            out.push_back(std::move(*client));
        }
    }
    return out;
}

std::map<std::string, std::uint64_t> numbers_in(const std::string &folder, std::string_view ending = "") {
    std::map<std::string, std::uint64_t> out;
    for (const std::string &name : sys::list(folder))
        if (name.ends_with(ending))
            if (const auto value = sys::number(sys::read(folder + "/" + name).value_or("")))
                out[name] = *value;
    return out;
}

DeviceUse device_use(const std::string &address) {
    const std::string folder = "/sys/bus/pci/devices/" + address;
    DeviceUse out{.address = address, .node = {}, .state = {}, .sensors = {}, .ras = {}};
    const auto nodes = sys::list(folder + "/accel");
    out.node = nodes.empty() ? "" : nodes.front();
    out.state = sys::read(folder + "/device_state").value_or("unbound");
    out.ras = numbers_in(folder + "/ras");
    for (const std::string &hwmon : sys::list(folder + "/hwmon"))
        for (const std::string_view ending : {"_input", "_average"})
            out.sensors.merge(numbers_in(folder + "/hwmon/" + hwmon, ending));
    return out;
}

void add_shares(Sample &now, const Sample &before) {
    const double spent = static_cast<double>(std::chrono::nanoseconds(now.time - before.time).count());
    for (Client &client : now.clients) {
        const auto old = std::ranges::find_if(before.clients, [&](const Client &other) {
            return other.address == client.address && other.id == client.id;
        });
        const auto share = [&](const std::string &key) {
            const std::uint64_t last = old == before.clients.end() ? 0 : old->value(key);
            const std::uint64_t value = client.value(key);
            return spent > 0 && value > last ? static_cast<double>(value - last) / spent : 0;
        };
        // What a new file has used before it was seen first is nobody's share of this interval.
        if (old == before.clients.end())
            continue;
        client.cores = share("drm-engine-core");
        client.queues = share("drm-engine-queue");
    }
    std::ranges::stable_sort(now.clients, std::greater<>(), &Client::cores);
}

std::string label(std::string_view text) {
    std::string out;
    for (const char c : text)
        out += c == '"' || c == '\\' ? fmt::format("\\{}", c) : c == '\n' ? std::string("\\n") : std::string(1, c);
    return out;
}

class Metrics {
public:
    void head(std::string_view name, std::string_view type, std::string_view help) {
        text_ += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
    }
    void value(std::string_view name, std::string_view labels, double value) {
        text_ += fmt::format("{}{{{}}} {}\n", name, labels, value);
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

} // namespace

Sample take_sample(const Sample *before) {
    Sample out{.time = std::chrono::steady_clock::now(), .unix_ns = 0, .devices = {}, .clients = all_clients()};
    out.unix_ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    for (const std::string &address : sys::pci_devices())
        out.devices.push_back(device_use(address));
    if (before != nullptr)
        add_shares(out, *before);
    return out;
}

Json sample_json(const Sample &sample) {
    Json devices = Json::array();
    for (const DeviceUse &device : sample.devices)
        devices.push_back({{"address", device.address},
                           {"node", device.node},
                           {"state", device.state},
                           {"sensors", Json(device.sensors)},
                           {"ras", Json(device.ras)}});
    Json clients = Json::array();
    for (const Client &client : sample.clients)
        clients.push_back({{"address", client.address},
                           {"client", client.id},
                           {"pid", client.pid},
                           {"command", client.command},
                           {"cores", client.cores},
                           {"queues", client.queues},
                           {"fdinfo", Json(client.values)}});
    return {{"time_ns", sample.unix_ns}, {"devices", devices}, {"clients", clients}};
}

std::string prometheus_text(const Sample &sample) {
    Metrics out;
    out.head("neuron_device_ready", "gauge", "1 if the device takes jobs (or sleeps until there are some).");
    for (const DeviceUse &device : sample.devices)
        out.value("neuron_device_ready", fmt::format("device=\"{}\",state=\"{}\"", device.address, device.state),
                  device.state == "ready" || device.state == "sleeping" ? 1 : 0);
    struct Sensor {
        std::string_view file, name, type, help;
        double scale;
    };
    constexpr Sensor sensors[] = {
        {"temp1_input", "neuron_temperature_celsius", "gauge", "Temperature of the die.", 1e-3},
        {"power1_average", "neuron_power_watts", "gauge", "Power of the device.", 1e-6},
        {"energy1_input", "neuron_energy_joules_total", "counter", "Energy since the driver was bound.", 1e-6},
    };
    for (const Sensor &sensor : sensors) {
        out.head(sensor.name, sensor.type, sensor.help);
        for (const DeviceUse &device : sample.devices)
            if (const auto found = device.sensors.find(std::string(sensor.file)); found != device.sensors.end())
                out.value(sensor.name, fmt::format("device=\"{}\"", device.address),
                          static_cast<double>(found->second) * sensor.scale);
    }
    out.head("neuron_ras_total", "counter", "Errors and resets since the driver was bound.");
    for (const DeviceUse &device : sample.devices)
        for (const auto &[name, count] : device.ras)
            out.value("neuron_ras_total", fmt::format("device=\"{}\",kind=\"{}\"", device.address, name),
                      static_cast<double>(count));
    struct Key {
        std::string_view key, name, type, help;
        double scale;
    };
    constexpr Key keys[] = {
        {"drm-engine-core", "neuron_client_core_seconds_total", "counter", "Time of NeuronCores.", 1e-9},
        {"drm-engine-queue", "neuron_client_queue_seconds_total", "counter", "Time with work in a queue.", 1e-9},
        {"drm-total-hbm", "neuron_client_hbm_bytes", "gauge", "Buffers in HBM.", 1},
        {"drm-total-system", "neuron_client_host_bytes", "gauge", "Buffers in host memory.", 1},
    };
    for (const Key &key : keys) {
        out.head(key.name, key.type, key.help);
        for (const Client &client : sample.clients)
            out.value(key.name,
                      fmt::format("device=\"{}\",client=\"{}\",pid=\"{}\",command=\"{}\"", client.address, client.id,
                                  client.pid, label(client.command)),
                      static_cast<double>(client.value(std::string(key.key))) * key.scale);
    }
    return out.take();
}

} // namespace neuronctl
