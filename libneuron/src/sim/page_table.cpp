// SPDX-License-Identifier: MIT
#include "page_table.hpp"

namespace neuron::sim {
namespace {

namespace field = spec::field;

constexpr std::uint64_t page = std::uint64_t{1} << spec::MMU_PAGE_SHIFT;
constexpr std::uint64_t large_page = std::uint64_t{1} << spec::MMU_LARGE_PAGE_SHIFT;
constexpr unsigned large_level = 1;

unsigned shift_of(unsigned level) { return spec::MMU_PAGE_SHIFT + spec::MMU_INDEX_BITS * level; }

std::size_t index_of(std::uint64_t va, unsigned level) {
    return va >> shift_of(level) & ((std::uint64_t{1} << spec::MMU_INDEX_BITS) - 1);
}

std::uint64_t entry_to(std::uint64_t address) {
    return field::PTE_VALID.set(1) | field::PTE_ADDR.set(address >> spec::MMU_PAGE_SHIFT);
}

std::uint64_t leaf(const PageTarget &target, bool large) {
    return entry_to(target.address) | field::PTE_WRITE.set(target.write) | field::PTE_HBM.set(target.hbm) |
           field::PTE_LARGE.set(large);
}

} // namespace

Result<PageTable> PageTable::create(HostMemory &memory) {
    PageTable table(memory);
    auto root = table.make_table();
    if (!root)
        return tl::unexpected(root.error());
    table.root_ = std::move(*root);
    return table;
}

std::uint64_t PageTable::root() const noexcept {
    return field::PTE_ADDR.set(root_->memory.bus() >> spec::MMU_PAGE_SHIFT);
}

Result<std::unique_ptr<PageTable::Table>> PageTable::make_table() {
    auto block = memory_->allocate(entries * sizeof(std::uint64_t));
    if (!block)
        return tl::unexpected(block.error());
    auto table = std::make_unique<Table>();
    table->memory = std::move(*block);
    return table;
}

// A new table is complete, all zero, before the entry that points to it appears.
Result<PageTable::Table *> PageTable::child(Table &table, std::size_t index) {
    if (table.children[index] == nullptr) {
        auto made = make_table();
        if (!made)
            return tl::unexpected(made.error());
        table.children[index] = std::move(*made);
        HostMemory::store_word(table.memory.bytes().data() + index * sizeof(std::uint64_t),
                               entry_to(table.children[index]->memory.bus()));
    }
    return table.children[index].get();
}

Result<void> PageTable::map(std::uint64_t va, std::uint64_t bytes, const PageTarget &target) {
    for (std::uint64_t done = 0; done < bytes;) {
        const std::uint64_t at = va + done;
        const PageTarget here{target.address + done, target.hbm, target.write};
        Table *table = root_.get();
        unsigned level = spec::MMU_LEVELS - 1;
        const bool large = (at | here.address) % large_page == 0 && bytes - done >= large_page;
        for (; level > (large ? large_level : 0); --level) {
            const auto next = child(*table, index_of(at, level));
            if (!next) {
                unmap(va, done);
                return tl::unexpected(next.error());
            }
            table = *next;
        }
        // A table of small pages may be left from an earlier mapping of the same place: a large page takes its entry,
        // and the empty table goes, which the flush after the unmap made safe.
        const std::size_t index = index_of(at, level);
        HostMemory::store_word(table->memory.bytes().data() + index * sizeof(std::uint64_t), leaf(here, large));
        table->children[index].reset();
        done += large ? large_page : page;
    }
    return {};
}

void PageTable::unmap(std::uint64_t va, std::uint64_t bytes) {
    for (std::uint64_t done = 0; done < bytes;) {
        Table *table = root_.get();
        unsigned level = spec::MMU_LEVELS - 1;
        while (level > 0 && table->children[index_of(va + done, level)] != nullptr)
            table = table->children[index_of(va + done, level--)].get();
        HostMemory::store_word(table->memory.bytes().data() + index_of(va + done, level) * sizeof(std::uint64_t), 0);
        done += std::uint64_t{1} << shift_of(level);
    }
}

} // namespace neuron::sim
