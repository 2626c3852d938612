// SPDX-License-Identifier: MIT
// Finding device nodes: each way it can go wrong has an error that names the node and says what to do.
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <neuron/device.hpp>

#include "accel/device.hpp"
#include "accel/node.hpp"
#include "hal_check.hpp"

using namespace hal_test;
using neuron::ErrorCode;
namespace accel = neuron::accel;
namespace fs = std::filesystem;

namespace {

/// A made-up /sys/class/accel and /dev/accel.
struct FakeRoots {
    fs::path top;
    accel::Roots roots;

    FakeRoots() {
        std::string name = (fs::temp_directory_path() / "hal_node_test.XXXXXX").string();
        assert_non_null(::mkdtemp(name.data()));
        top = name;
        roots = {(top / "sys").string(), (top / "dev").string()};
        fs::create_directories(roots.sys);
        fs::create_directories(roots.dev);
        fs::permissions(top, fs::perms::all);
    }
    ~FakeRoots() { fs::remove_all(top); }

    void add_node(const std::string &name) const {
        fs::create_directories(fs::path(roots.sys) / name);
        fs::create_symlink("/dev/null", fs::path(roots.dev) / name);
    }
};

void no_accel_class_says_so(void **) {
    const accel::Roots nowhere{"/nonexistent/sys", "/nonexistent/dev"};
    assert_int_equal(must(accel::probe_nodes(nowhere)).size(), 0);
    must_fail(accel::find_node("", nowhere), ErrorCode::no_device, "is the device there");
}

void empty_class_asks_for_the_module(void **) {
    const FakeRoots fake;
    must_fail(accel::find_node("", fake.roots), ErrorCode::no_device, "module neuron_accel loaded?");
}

void unknown_name_is_named(void **) {
    const FakeRoots fake;
    fake.add_node("accel0");
    must_fail(accel::find_node("accel7", fake.roots), ErrorCode::no_device, "no device 'accel7' among 1");
}

void missing_path_is_named(void **) {
    must_fail(accel::find_node("/nonexistent/accel0", {}), ErrorCode::no_device,
              "/nonexistent/accel0: no such device node");
}

void node_that_is_no_drm_device_is_refused(void **) {
    const FakeRoots fake;
    fake.add_node("accel0");
    must_fail(accel::find_node("accel0", fake.roots), ErrorCode::unsupported, "not a DRM device");
    must_fail(accel::find_node("", fake.roots), ErrorCode::unsupported, "not a DRM device");
}

void nodes_come_by_number(void **) {
    const FakeRoots fake;
    for (const char *name : {"accel10", "accel2", "accel0", "card0", "accelx"})
        fake.add_node(name);
    const auto nodes = must(accel::probe_nodes(fake.roots));
    assert_int_equal(nodes.size(), 3);
    assert_string_equal(nodes[0].facts.name.c_str(), "accel0");
    assert_string_equal(nodes[1].facts.name.c_str(), "accel2");
    assert_string_equal(nodes[2].facts.name.c_str(), "accel10");
    assert_false(nodes[2].facts.problem.empty());
}

void forbidden_node_names_owner_and_mode(void **) {
    const FakeRoots fake;
    fs::create_directories(fs::path(fake.roots.sys) / "accel0");
    const std::string path = fake.roots.dev + "/accel0";
    ::close(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    constexpr uid_t nobody = 65534;
    const bool root = ::geteuid() == 0;
    if (root)
        assert_int_equal(::seteuid(nobody), 0);
    else
        assert_int_equal(::chmod(path.c_str(), 0), 0);
    const auto node = accel::find_node("accel0", fake.roots);
    if (root)
        assert_int_equal(::seteuid(0), 0);
    const auto error = must_fail(node, ErrorCode::permission_denied, path + ": permission denied: owner");
    assert_true(error.message.find(root ? "mode 0600" : "mode 0000") != std::string::npos);
}

void unknown_backend_is_named(void **) {
    must_fail(neuron::Device::open({.backend = "gpu"}), ErrorCode::invalid_argument,
              "unknown backend 'gpu': there are accel");
}

} // namespace

int main() {
    const CMUnitTest tests[] = {
        cmocka_unit_test(no_accel_class_says_so),
        cmocka_unit_test(empty_class_asks_for_the_module),
        cmocka_unit_test(unknown_name_is_named),
        cmocka_unit_test(missing_path_is_named),
        cmocka_unit_test(node_that_is_no_drm_device_is_refused),
        cmocka_unit_test(nodes_come_by_number),
        cmocka_unit_test(forbidden_node_names_owner_and_mode),
        cmocka_unit_test(unknown_backend_is_named),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("hal_node", tests, nullptr, nullptr);
}
