// SPDX-License-Identifier: MIT
// The chip library with something broken in it, for a replay that must find it: the linker puts these functions in place of the
// chip's own, which they call (--wrap). NEURON_BROKEN says which one does wrong, and from which of its calls on.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace {

// Whether the function `name` does wrong at this call.
class Break {
public:
    explicit Break(std::string_view name) {
        const char *const wish = std::getenv("NEURON_BROKEN");
        const std::string_view text = wish != nullptr ? wish : "";
        const std::size_t colon = text.find(':');
        if (text.substr(0, colon) == name)
            from_ = std::strtoull(text.data() + colon + 1, nullptr, 10);
    }
    bool now() { return from_ != 0 && ++calls_ >= from_; }

private:
    std::uint64_t from_ = 0; ///< 0: never
    std::uint64_t calls_ = 0;
};

} // namespace

// Names as the compiler makes them of neuron::chip's functions; `self` is their object.
#define HOST_READ(prefix) prefix##_ZNK6neuron4chip4Host4readEmSt4spanISt4byteLm18446744073709551615EE
#define HOST_WRITE(prefix) prefix##_ZNK6neuron4chip4Host5writeEmSt4spanIKSt4byteLm18446744073709551615EE
#define RAISE(prefix) prefix##_ZN6neuron4chip13InterruptGate5raiseEmj
#define REGISTER_READ(prefix) prefix##_ZN6neuron4chip9Registers4readEmj

extern "C" {

bool HOST_READ(__real_)(const void *self, std::uint64_t bus, std::span<std::byte> out);
bool HOST_READ(__wrap_)(const void *self, std::uint64_t bus, std::span<std::byte> out) {
    static Break broken("read");
    return HOST_READ(__real_)(self, broken.now() ? bus + 64 : bus, out);
}

bool HOST_WRITE(__real_)(const void *self, std::uint64_t bus, std::span<const std::byte> in);
bool HOST_WRITE(__wrap_)(const void *self, std::uint64_t bus, std::span<const std::byte> in) {
    static Break broken("write");
    std::vector<std::byte> bytes(in.begin(), in.end());
    if (broken.now())
        bytes.back() ^= std::byte{0x80};
    return HOST_WRITE(__real_)(self, bus, bytes);
}

void RAISE(__real_)(void *self, std::uint64_t epoch, std::uint32_t vector);
void RAISE(__wrap_)(void *self, std::uint64_t epoch, std::uint32_t vector) {
    static Break broken("interrupt");
    if (!broken.now())
        RAISE(__real_)(self, epoch, vector);
}

std::uint64_t REGISTER_READ(__real_)(void *self, std::uint64_t offset, unsigned size);
std::uint64_t REGISTER_READ(__wrap_)(void *self, std::uint64_t offset, unsigned size) {
    static Break broken("register");
    return REGISTER_READ(__real_)(self, offset, size) ^ (broken.now() ? 1 : 0);
}

} // extern "C"
